//! The reply first, then the ack.

use super::*;
use crate::testing::{ms, not_sent, refused, secs, unknown};

fn text(bytes: &Bytes) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn an_entry_is_acked_only_once_its_reply_was_accepted() {
    let mut server = running();
    server.deliver(vec![add(1)]);
    server.finish(1);
    assert_eq!(server.sent(Lane::Commands), [REPLY]);
    server.advance(secs(5));
    assert_eq!(server.sent(Lane::Commands)[0], REPLY);
    assert!(!server.sent(Lane::Commands).contains(&"ack 1".to_owned()));
    server.ok(REPLY, Reply::Added(id(1)));
    assert!(server.sent(Lane::Commands).contains(&"ack 1".to_owned()));
}

#[test]
fn a_reply_is_type_and_envelope_in_a_stream_of_bounded_length() {
    let mut server = running();
    server.deliver(vec![add(1)]);
    server.finish(1);
    let Command::Append { fields, max_len, create, .. } = server.oldest(Lane::Commands) else {
        panic!()
    };
    let fields: Vec<_> = fields.iter().map(|(n, v)| (text(n), text(v))).collect();
    assert_eq!(fields, [("type", "rpc"), ("envelope", r#"{"jsonrpc":"2.0","id":1,"result":1}"#)]);
    assert_eq!((*max_len, *create), (Some(1024), true));
}

#[test]
fn acks_of_replies_that_were_accepted_together_leave_as_one_command() {
    let mut server = running_with(options(), &["arith", "other"]);
    server.deliver(vec![add(1), add(2), add(3)]);
    for entry in 1..=3 {
        server.finish(entry);
    }
    server.answer(Lane::Reader(1), Outcome::Reply(Reply::Entries(vec![add(9)])));
    server.finish(9);
    let accepted = Outcome::Reply(Reply::Added(id(1)));
    server.answer_together(Lane::Commands, vec![accepted; 4]);
    server.ok("expire p:replies:c", Reply::Count(1));
    assert_eq!(server.sent(Lane::Commands), ["ack 1 2 3", "ack 9"], "one for each service");
}

#[test]
fn a_long_list_of_acks_leaves_in_several_commands() {
    let mut server = running();
    server.deliver((1..=1000).map(deleted).collect());
    let acks: Vec<usize> = [0, 0]
        .iter()
        .map(|_| {
            let Command::Ack { ids, .. } = server.oldest(Lane::Commands) else { panic!() };
            let len = ids.len();
            server.answer(Lane::Commands, Outcome::Reply(Reply::Count(1)));
            len
        })
        .collect();
    assert_eq!(acks, [512, 488]);
    assert!(server.core.services[0].held.is_empty());
}

#[test]
fn a_reply_that_may_not_have_arrived_is_sent_again_and_then_acked() {
    for outcome in [unknown(), not_sent()] {
        let mut server = running();
        server.deliver(vec![add(1), add(2)]);
        server.finish(1);
        server.finish(2);
        server.answer_to(REPLY, outcome.clone());
        server.answer_to(REPLY, outcome);
        server.advance(ms(100));
        server.connect(Lane::Commands);
        assert_eq!(server.sent(Lane::Commands), [REPLY, REPLY]);
        assert_eq!(server.reply()["id"], 1, "in the old order");
        server.ok(REPLY, Reply::Added(id(1)));
        server.ok(REPLY, Reply::Added(id(2)));
        server.ok("expire p:replies:c", Reply::Count(1));
        assert_eq!(server.sent(Lane::Commands), ["ack 1", "ack 2"]);
    }
}

#[test]
fn an_ack_that_may_not_have_arrived_is_repeated_without_another_reply() {
    for outcome in [unknown(), not_sent()] {
        let mut server = running();
        server.deliver(vec![ping(1)]);
        server.finish(1);
        server.answer_to("ack 1", outcome);
        server.advance(ms(100));
        server.connect(Lane::Commands);
        server.ok("ack 1", Reply::Count(0));
        assert_eq!(server.sent(Lane::Commands), [""; 0]);
        assert!(server.core.services[0].held.is_empty());
    }
}

#[test]
fn handlers_go_on_without_a_commands_connection_and_their_replies_leave_with_the_next_one() {
    let mut server = running();
    server.deliver(vec![add(1), add(2)]);
    server.finish(1);
    server.lose(Lane::Commands);
    server.finish(2);
    server.advance(ms(100));
    server.connect(Lane::Commands);
    assert_eq!(server.sent(Lane::Commands), [REPLY, REPLY]);
}

#[test]
fn a_reply_that_can_not_be_delivered_is_told_and_its_entry_acked() {
    for code in ["WRONGTYPE", "NOPERM"] {
        let mut server = running();
        server.deliver(vec![add(1)]);
        server.finish(1);
        server.answer_to(REPLY, refused(code));
        server.ok("ack 1", Reply::Count(1));
        match &server.take_events()[..] {
            [Event::ReplyUndeliverable { entry, reply_to, .. }] => {
                assert_eq!((*entry, reply_to.as_str()), (id(1), "p:replies:c"));
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn replies_that_are_refused_for_now_are_told_once_and_tried_again_together() {
    let mut server = undisturbed();
    server.deliver((1..=20).map(add).collect());
    for entry in 1..=20 {
        server.finish(entry);
    }
    let mut waits = Vec::new();
    for _ in 0..5 {
        assert_eq!(server.sent(Lane::Commands), [REPLY; 20]);
        while !server.sent(Lane::Commands).is_empty() {
            server.answer_to(REPLY, refused("OOM"));
        }
        let since = server.now;
        while server.sent(Lane::Commands).is_empty() {
            let (wait, _) = server.timeout().unwrap();
            server.advance(wait);
        }
        waits.push(server.now - since);
    }
    for (wait, whole) in waits.iter().zip([100, 200, 400, 800, 1000]) {
        assert!(*wait <= ms(whole) && *wait >= ms(whole) / 2, "twenty count once: {waits:?}");
    }
    assert!(matches!(server.take_events()[..], [Event::CommandRefused { what: "a reply", .. }]));
    server.ok(REPLY, Reply::Added(id(1)));
    server.answer_to(REPLY, refused("OOM"));
    assert!(matches!(server.take_events()[..], [Event::CommandRefused { .. }]), "a change");
}

#[test]
fn acks_that_are_refused_for_now_are_told_once_and_tried_again_after_a_while() {
    let mut server = running();
    server.deliver(vec![ping(1)]);
    server.finish(1);
    server.answer_to("ack 1", refused("MISCONF"));
    assert_eq!(server.sent(Lane::Commands), [""; 0], "not as fast as the store refuses");
    server.advance(ms(100));
    server.answer_to("ack 1", refused("MISCONF"));
    assert!(matches!(server.take_events()[..], [Event::CommandRefused { what: "an ack", .. }]));
    server.advance(ms(200));
    server.ok("ack 1", Reply::Count(1));
    assert!(server.core.services[0].held.is_empty());
}

#[test]
fn an_ack_that_is_refused_for_good_is_given_up_and_the_group_looked_after() {
    let mut server = running();
    server.deliver(vec![ping(1)]);
    server.finish(1);
    server.answer_to("ack 1", refused("WRONGTYPE"));
    assert!(server.core.services[0].held.is_empty());
    server.advance(ms(100));
    assert_eq!(server.sent(Lane::Commands), ["create arith at 0"]);
}

#[test]
fn a_handler_s_error_is_the_reply() {
    let mut server = running();
    server.deliver(vec![add(1)]);
    let error = RpcError::new(-32001, "division by zero").with_data(json!({"a": 1}));
    server.end(1, JobOutcome::Failed(error));
    let error = json!({"code": -32001, "message": "division by zero", "data": {"a": 1}});
    assert_eq!(server.reply(), json!({"jsonrpc": "2.0", "id": 1, "error": error}));
    assert_eq!(server.events, []);
}

#[test]
fn a_panic_is_an_internal_error_for_the_caller_and_told() {
    let mut server = running();
    server.deliver(vec![add(1), add(2)]);
    server.end(1, JobOutcome::Panicked("index out of bounds".to_owned()));
    let data = json!({"name": "panic", "message": "index out of bounds"});
    let error = json!({"code": -32603, "message": "Internal error", "data": data});
    assert_eq!(server.reply()["error"], error);
    let (service, method) = ("arith".to_owned(), "add".to_owned());
    let message = "index out of bounds".to_owned();
    assert_eq!(server.take_events(), [Event::HandlerPanicked { service, method, message }]);
    assert_eq!(server.told(), ["run 2"], "the server goes on");
}

#[test]
fn a_notification_that_fails_is_told_and_acked() {
    let mut server = running();
    server.deliver(vec![ping(1)]);
    server.end(1, JobOutcome::Failed(RpcError::new(7, "no")));
    let (service, method) = ("arith".to_owned(), "ping".to_owned());
    let reason = "no (7)".to_owned();
    assert_eq!(server.take_events(), [Event::NotificationFailed { service, method, reason }]);
    server.ok("ack 1", Reply::Count(1));
}

#[test]
fn a_reply_over_the_limit_becomes_the_error_that_says_so() {
    let reply = |size: usize| Bytes::from(vec![b'x'; size]);
    let talkative = RpcError::new(1, "x".repeat(1000));
    let laden = RpcError::new(1, "too much").with_data("x".repeat(1000));
    for (outcome, becomes) in [
        (JobOutcome::Done(Some(reply(300))), None),
        (JobOutcome::Done(Some(reply(301))), Some((-32603, "Reply too large".to_owned()))),
        (JobOutcome::Failed(talkative), Some((1, format!("{}…", "x".repeat(200))))),
        (JobOutcome::Failed(laden), Some((1, "too much".to_owned()))),
    ] {
        let mut options = options();
        options.common.max_message_bytes = 300;
        let mut server = running_with(options, &["arith"]);
        server.deliver(vec![add(1)]);
        server.end(1, outcome);
        let Command::Append { fields, .. } = server.oldest(Lane::Commands) else { panic!() };
        assert!(fields[1].1.len() <= 300);
        if let Some((code, message)) = becomes {
            let error = &server.reply()["error"];
            assert_eq!((&error["code"], &error["message"]), (&json!(code), &json!(message)));
        }
    }
}
