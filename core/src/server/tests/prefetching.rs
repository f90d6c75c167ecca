//! How much is read, and for how long a read waits.

use super::*;
use crate::testing::{ms, secs};

#[test]
fn fast_handlers_get_more_and_more_at_a_time() {
    let mut server = running();
    let mut asked = Vec::new();
    for at in 0..10 {
        asked.extend(server.sent(ARITH));
        server.deliver(vec![add(at)]);
        server.settle(at);
    }
    // The next read leaves while the entry runs: what is held counts.
    let expected = ["1", "2", "3", "7", "15", "31", "63", "127", "255", "255"];
    assert_eq!(asked, expected.map(|count| format!("read {count}")));
}

#[test]
fn a_slow_handler_gets_one_at_a_time_and_nothing_is_read_while_it_runs() {
    let mut server = running();
    for at in 0..5 {
        assert_eq!(server.sent(ARITH), ["read 1"]);
        server.deliver(vec![add(at)]);
        server.advance(ms(100));
        assert_eq!(server.sent(ARITH), [""; 0], "a neighbour may have it meanwhile");
        server.settle(at);
    }
}

#[test]
fn no_second_read_is_sent_while_one_is_under_way() {
    let mut server = running();
    server.advance(secs(1));
    assert_eq!(server.sent(ARITH), ["read 1"]);
    server.deliver(vec![]);
    assert_eq!(server.sent(ARITH), ["read 1"]);
}

#[test]
fn a_read_waits_a_second_at_most_and_less_where_entries_are_claimed_early() {
    for (claim_idle, expected) in
        [(secs(60), secs(1)), (secs(4), secs(1)), (ms(400), ms(100)), (ms(1), ms(1))]
    {
        let options = ServerOptions { consumer_claim_idle: claim_idle, ..options() };
        let server = running_with(options, &["arith"]);
        let Command::ReadGroup { block, .. } = server.oldest(ARITH) else { panic!() };
        assert_eq!(*block, expected);
    }
}

#[test]
fn fast_as_they_may_have_been_nothing_more_is_read_behind_a_handler_that_takes_long() {
    let mut server = running();
    for at in 0..10 {
        server.deliver(vec![add(at)]);
        server.settle(at);
    }
    server.deliver(vec![add(10)]);
    assert_eq!(server.sent(ARITH), ["read 255"]);
    server.advance(ms(11));
    server.deliver(vec![add(11)]);
    assert_eq!(server.sent(ARITH), [""; 0], "it would wait behind 10");
    server.settle(10);
    server.settle(11);
    assert_eq!(server.sent(ARITH).len(), 1);
}

#[test]
fn fast_as_handlers_may_be_no_more_bytes_are_read_or_held_than_fit() {
    let large = |at: u64| {
        let text = "x".repeat(6 * 1024 * 1024);
        let envelope = format!(
            r#"{{"jsonrpc":"2.0","method":"arith.add","params":{{"a":"{text}"}},"id":{at}}}"#
        );
        entry(at, &[("type", "rpc"), ("envelope", &envelope), ("reply-to", "p:replies:c")])
    };
    let mut server = running();
    for at in 0..10 {
        server.deliver(vec![add(at)]);
        server.settle(at);
    }
    assert_eq!(server.sent(ARITH), ["read 255"], "nobody has said yet that they are large");
    server.deliver(vec![large(10)]);
    assert_eq!(server.sent(ARITH), ["read 2"]);
    server.deliver(vec![large(11), large(12)]);
    assert_eq!(server.sent(ARITH), [""; 0], "18 MiB are here");
    server.settle(10);
    assert_eq!(server.sent(ARITH), ["read 2"], "and now 12");
}
