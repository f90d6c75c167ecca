//! A store that lost its last entries and whose clock went back gives their ids again.

use super::*;
use crate::testing::{refused, unknown};

/// Another request than [`add`] makes, under an id that was given before.
fn other(at: u64) -> Entry {
    let envelope = r#"{"jsonrpc":"2.0","method":"arith.add","params":{"a":2},"id":"other"}"#;
    entry(at, &[("type", "rpc"), ("envelope", envelope), ("reply-to", "p:replies:c")])
}

/// What the handlers that begin are given.
fn begun(server: &mut Server) -> Vec<String> {
    let told = server.told();
    let params = |_| String::from_utf8_lossy(&server.jobs[&1].params).into_owned();
    told.iter().map(params).collect()
}

const FIRST: &str = r#"{"a":1}"#;
const OTHER: &str = r#"{"a":2}"#;

#[test]
fn another_request_under_the_id_of_one_that_runs_has_its_turn_once_that_is_answered() {
    let mut server = undisturbed();
    server.deliver(vec![add(1), other(1)]);
    assert_eq!(begun(&mut server), [FIRST]);
    server.finish(1);
    server.ok(REPLY, Reply::Added(id(1)));
    assert_eq!(begun(&mut server), [OTHER]);
    server.ok("expire p:replies:c", Reply::Count(1));
    assert!(server.sent(Lane::Commands).is_empty(), "an ack would end it");
    server.finish(1);
    server.ok(REPLY, Reply::Added(id(2)));
    assert!(server.sent(Lane::Commands).contains(&"ack 1".to_owned()));
}

#[test]
fn an_ack_that_must_be_repeated_is_not_once_its_id_is_another_s() {
    for outcome in [refused("OOM"), unknown()] {
        let mut server = undisturbed();
        server.deliver(vec![add(1)]);
        server.finish(1);
        server.ok(REPLY, Reply::Added(id(1)));
        server.ok("expire p:replies:c", Reply::Count(1));
        assert_eq!(server.sent(Lane::Commands), ["ack 1"]);
        begun(&mut server);
        server.deliver(vec![other(1)]);
        assert!(begun(&mut server).is_empty(), "what became of the ack isn't known yet");
        server.answer(Lane::Commands, outcome.clone());
        assert_eq!(begun(&mut server), [OTHER], "{outcome:?}");
        assert!(!server.sent(Lane::Commands).contains(&"ack 1".to_owned()));
    }
}

#[test]
fn the_same_request_delivered_again_is_not_another_one() {
    let mut server = undisturbed();
    server.deliver(vec![add(1), add(1), deleted(1)]);
    server.finish(1);
    server.ok(REPLY, Reply::Added(id(1)));
    assert!(server.sent(Lane::Commands).contains(&"ack 1".to_owned()));
    assert!(begun(&mut server).is_empty());
}
