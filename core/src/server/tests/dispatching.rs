//! Which entry runs when.

use super::*;
use crate::testing::{ms, refused, secs};

#[test]
fn entries_of_a_service_run_one_at_a_time_in_their_order() {
    let mut server = running();
    server.deliver(vec![add(1), ping(2), add(3)]);
    assert_eq!(server.told(), ["run 1"]);
    server.finish(1);
    assert_eq!(server.told(), ["run 2"], "it doesn't wait for the reply to be accepted");
    server.finish(2);
    assert_eq!(server.told(), ["run 3"]);
    server.finish(3);
    assert_eq!(server.told(), [""; 0]);
}

#[test]
fn services_run_next_to_each_other() {
    let mut server = running_with(options(), &["arith", "other"]);
    server.deliver(vec![add(1), add(2)]);
    server.answer(Lane::Reader(1), Outcome::Reply(Reply::Entries(vec![add(5), add(6)])));
    assert_eq!(server.told(), ["run 1", "run 5"]);
    assert_eq!((server.jobs[&1].service, server.jobs[&5].service), (0, 1));
    server.finish(5);
    assert_eq!(server.told(), ["run 6"]);
}

#[test]
fn a_handler_gets_what_the_entry_says() {
    let mut server = running();
    let envelope = r#"{"id": "é", "params": {"b": [1]}, "method": "arith.add", "jsonrpc": "2.0"}"#;
    server.deliver(vec![entry(7, &[("reply-to", "p:replies:c"), ("envelope", envelope)])]);
    server.told();
    let job = &server.jobs[&7];
    assert_eq!((job.method.as_str(), job.entry, job.kind), ("add", id(7), MethodKind::Request));
    assert_eq!(job.request_id.as_ref().unwrap().as_json(), "\"é\"");
    assert_eq!((&job.params[..], job.deliveries), (&br#"{"b": [1]}"#[..], 1));

    let mut server = running();
    server.deliver(vec![ping(8)]);
    server.told();
    let job = &server.jobs[&8];
    assert_eq!((job.kind, job.request_id.is_none()), (MethodKind::Notification, true));
}

#[test]
fn a_request_without_an_id_or_a_place_for_the_reply_runs_and_is_acked() {
    let mut server = running();
    let without_id = r#"{"jsonrpc":"2.0","method":"arith.add"}"#;
    let without_place = r#"{"jsonrpc":"2.0","method":"arith.add","id":1}"#;
    let fields = [("envelope", without_id), ("reply-to", "p:replies:c")];
    server.deliver(vec![entry(1, &fields), entry(2, &[("envelope", without_place)])]);
    server.finish(1);
    server.ok("ack 1", Reply::Count(1));
    server.finish(2);
    server.ok("ack 2", Reply::Count(1));
    assert_eq!(server.events, []);
}

#[test]
fn an_entry_that_is_held_is_never_run_a_second_time() {
    let mut server = running();
    // After a lost group, what the stream still has is delivered again.
    server.deliver(vec![add(1), add(2)]);
    assert_eq!(server.told(), ["run 1"]);
    server.advance(ms(1));
    server.finish(1);
    assert_eq!(server.told(), ["run 2"]);
    server.finish(2);
    for stage in ["replying", "acking"] {
        assert_eq!(server.sent(ARITH).len(), 1, "{stage}");
        server.deliver(vec![add(1), add(2)]);
        assert_eq!(server.told(), [""; 0], "{stage}");
        if stage == "replying" {
            server.ok(REPLY, Reply::Added(id(1)));
            server.ok(REPLY, Reply::Added(id(2)));
        }
    }

    let mut server = running();
    server.deliver(vec![add(1), add(2), add(1), add(2), ping(3)]);
    assert_eq!(server.told(), ["run 1"]);
    server.finish(1);
    assert_eq!(server.told(), ["run 2"], "queued once");
    server.finish(2);
    assert_eq!(server.told(), ["run 3"]);
}

#[test]
fn once_acked_an_entry_may_come_again() {
    let mut server = running();
    server.deliver(vec![add(1)]);
    server.settle(1);
    server.deliver(vec![add(1)]);
    assert_eq!(server.told(), ["run 1"]);
}

#[test]
fn outcomes_of_handlers_that_are_not_known_change_nothing() {
    let mut server = running();
    server.input(ServerInput::Finished(JobId(77), JobOutcome::Done(None)));
    server.deliver(vec![add(1)]);
    server.finish(1);
    server.finish(1);
    assert_eq!(server.sent(Lane::Commands), [REPLY]);
    server.ok(REPLY, Reply::Added(id(1)));
    assert_eq!(server.sent(Lane::Commands), ["expire p:replies:c", "ack 1"]);
}

#[test]
fn what_is_held_is_bounded_even_if_the_store_takes_no_replies() {
    let options = ServerOptions { consumer_claim_idle: secs(4), ..options() };
    let mut server = running_with(options, &["arith"]);
    let mut next = 0;
    for _ in 0..2000 {
        if server.sent(ARITH).is_empty() {
            break;
        }
        let Command::ReadGroup { count, .. } = server.oldest(ARITH) else { panic!() };
        let entries = (0..*count).map(|n| add(next + u64::from(n))).collect::<Vec<_>>();
        next += u64::from(*count);
        server.deliver(entries);
        while let Some(told) = server.told().first() {
            let entry = told.strip_prefix("run ").unwrap().parse().unwrap();
            server.finish(entry);
            while !server.sent(Lane::Commands).is_empty() {
                server.answer(Lane::Commands, refused("OOM"));
            }
        }
    }
    assert_eq!((next, server.sent(ARITH).len()), (1024, 0));
    // Nor is anything taken over from others meanwhile.
    while server.timeout().unwrap().1 != TimerReason::Reclaim {
        let (wait, _) = server.timeout().unwrap();
        server.advance(wait);
        while !server.sent(Lane::Commands).is_empty() {
            server.answer(Lane::Commands, refused("OOM"));
        }
    }
    let (wait, _) = server.timeout().unwrap();
    server.advance(wait);
    assert!(!server.sent(Lane::Commands).iter().any(|sent| sent.starts_with("claim")));
}
