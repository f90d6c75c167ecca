//! Which call a reply belongs to, and how the reply stream is read and kept.

use super::*;
use crate::error::RpcError;
use crate::testing::{ms, refused, secs, unknown};

#[test]
fn replies_find_their_calls_in_whatever_order_they_come() {
    let mut client = running();
    let (first, one) = client.accepted_call();
    let (second, two) = client.accepted_call();
    client.replies(&[&success(&two, r#"{"sum": 2}"#), &success(&one, "null")]);
    let expected = [(second, Ok(r#"{"sum": 2}"#.to_owned())), (first, Ok("null".to_owned()))];
    assert_eq!(client.settled(), expected, "the result is handed on as it came");
}

#[test]
fn a_reply_may_overtake_the_store_s_answer() {
    let mut client = running();
    let key = client.call();
    let envelope: Value = serde_json::from_slice(&client.request()[1].1).unwrap();
    client.replies(&[&success(envelope["id"].as_str().unwrap(), "1")]);
    assert_eq!(client.outcome(key), Ok("1".to_owned()));
    client.accept();
    assert_eq!(client.settled(), []);
}

#[test]
fn an_error_reply_is_the_call_s_error() {
    let mut client = running();
    let (key, id) = client.accepted_call();
    client.replies(&[&format!(
        r#"{{"jsonrpc":"2.0","id":"{id}","error":{{"code":-32001,"message":"no","data":{{"a":1}}}}}}"#
    )]);
    let error = RpcError::new(-32001, "no").with_data(json!({"a": 1}));
    assert_eq!(client.outcome(key), Err(CallError::Rpc(error)));
}

#[test]
fn a_second_reply_and_one_of_an_earlier_life_are_dropped_silently() {
    let mut client = running();
    let (key, id) = client.accepted_call();
    let foreign = success("0b5c1ff4-9d5c-4e7e-8b0a-0123456789ab", "1");
    client.replies(&[
        &foreign,
        &success(&id, "1"),
        &success(&id, "2"),
        &success("not-a-uuid", "3"),
    ]);
    assert_eq!(client.outcome(key), Ok("1".to_owned()));
    assert_eq!(client.events, []);
}

#[test]
fn a_late_reply_is_dropped_silently() {
    let mut client = running();
    let (key, id) = client.accepted_call();
    client.advance(secs(30));
    assert!(matches!(client.outcome(key), Err(CallError::Timeout { .. })));
    client.connect_all();
    client.replies(&[&success(&id, "1")]);
    assert_eq!(client.settled(), []);
}

#[test]
fn a_reply_that_belongs_to_a_call_but_can_not_be_used_is_the_call_s_error() {
    for broken in [
        r#"{"jsonrpc":"2.0","id":"ID"}"#,
        r#"{"jsonrpc":"2.0","id":"ID","result":1,"error":{"code":1,"message":"x"}}"#,
        r#"{"jsonrpc":"1.0","id":"ID","result":1}"#,
        r#"{"jsonrpc":"2.0","id":"ID","error":"no"}"#,
        r#"{"jsonrpc":"2.0","id":"ID","error":{"code":"x","message":"y"}}"#,
    ] {
        let mut client = running();
        let (key, id) = client.accepted_call();
        client.replies(&[&broken.replace("ID", &id)]);
        match client.outcome(key) {
            Err(CallError::Protocol { service, method, .. }) => {
                assert_eq!((service.as_str(), method.as_str()), ("arith", "add"));
            }
            other => panic!("{broken}: {other:?}"),
        }
    }
}

#[test]
fn a_reply_that_belongs_to_nobody_and_can_not_be_read_is_told_and_hurts_no_other() {
    let mut client = running();
    let (key, id) = client.accepted_call();
    let entries = vec![
        entry(1, &[("envelope", "{")]),
        entry(2, &[("type", "rpc")]),
        Entry { id: crate::testing::id(3), fields: None },
        entry(4, &[("envelope", r#"{"jsonrpc":"2.0","id":7}"#)]),
        entry(5, &[("more", "x"), ("envelope", &success(&id, "1"))]),
    ];
    client.answer(REPLIES, Outcome::Reply(Reply::Entries(entries)));
    assert_eq!(client.outcome(key), Ok("1".to_owned()));
    let malformed: Vec<u64> = client
        .take_events()
        .iter()
        .map(|event| match event {
            Event::ReplyMalformed { entry, .. } => entry.ms,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(malformed, [1, 4]);
}

#[test]
fn a_reply_may_have_exactly_the_limit() {
    let mut options = options();
    options.common.max_message_bytes = 200;
    for (padding, fits) in [(0, true), (1, false)] {
        let mut client = running_with(options.clone());
        let (key, id) = client.accepted_call();
        let result = format!("{:1$}1", "", 200 - success(&id, "1").len() + padding);
        client.replies(&[&success(&id, &result)]);
        match client.outcome(key) {
            Ok(_) => assert!(fits),
            Err(CallError::Protocol { reason, .. }) => {
                assert!(!fits);
                assert_eq!(reason, "it has 201 bytes, more than max_message_bytes (200)");
            }
            Err(other) => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_next_read_goes_on_after_the_last_reply() {
    let mut client = running();
    client.answer(REPLIES, Outcome::Reply(Reply::Entries(vec![])));
    assert_eq!(client.sent(REPLIES), ["read after 0-0"]);
    client.replies(&["{}", "{}"]);
    assert_eq!(client.sent(REPLIES), ["read after 2-0"]);
    let Command::Read { stream, block, .. } = client.oldest(REPLIES) else { panic!() };
    assert_eq!((stream.as_str(), *block), ("p:replies:me", secs(1)));
}

#[test]
fn it_reads_more_at_once_from_read_to_read_but_no_more_bytes_than_it_can_hold() {
    let large = format!(r#"{{"x":"{}"}}"#, "x".repeat(8 * 1024 * 1024));
    let mut client = running();
    let mut counts = Vec::new();
    for envelope in [["{}"; 11].as_slice(), &[&large, "{}"]].concat() {
        let Command::Read { count, .. } = client.oldest(REPLIES) else { panic!() };
        counts.push(*count);
        client.replies(&[envelope]);
    }
    assert_eq!(counts, [1, 2, 4, 8, 16, 32, 64, 64, 64, 64, 64, 64, 1]);
}

#[test]
fn a_refused_read_is_told_once_and_tried_again_ever_more_seldom_up_to_a_second() {
    let mut client = running();
    let mut waits = Vec::new();
    for _ in 0..6 {
        client.answer(REPLIES, refused("WRONGTYPE"));
        assert_eq!(client.sent(REPLIES), [""; 0]);
        let (wait, reason) = client.timeout().unwrap();
        assert_eq!(reason, TimerReason::Retry);
        waits.push(wait);
        client.advance(wait);
        assert_eq!(client.sent(REPLIES), ["read after 0-0"]);
    }
    assert!(waits[0] <= ms(100) && waits[2] > ms(200) - ms(1), "{waits:?}");
    assert!(waits[5] >= ms(500) && waits[5] <= secs(1), "{waits:?}");
    assert!(matches!(client.take_events()[..], [Event::ReadRefused { .. }]));
    client.replies(&[]);
    client.answer(REPLIES, refused("LOADING"));
    assert!(client.timeout().unwrap().0 <= ms(100), "it went well, so it starts over");
    assert!(matches!(client.take_events()[..], [Event::ReadRefused { .. }]));
}

#[test]
fn an_answer_of_the_wrong_kind_does_not_make_it_spin() {
    let mut client = running();
    client.answer(REPLIES, Outcome::Reply(Reply::Nil));
    assert_eq!(client.sent(REPLIES), [""; 0]);
    client.advance(ms(100));
    assert_eq!(client.sent(REPLIES), ["read after 0-0"]);
}

#[test]
fn a_stream_that_vanishes_under_a_read_is_read_on_at_once() {
    let mut client = running();
    client.answer(REPLIES, refused("UNBLOCKED"));
    assert_eq!(client.sent(REPLIES), ["read after 0-0"]);
    assert_eq!(client.events, []);
}

const EXPIRE: &str = "expire p:replies:me";

#[test]
fn the_reply_stream_gets_its_time_to_live_once_it_is_seen_and_then_regularly() {
    let mut client = running();
    client.replies(&[]);
    assert_eq!(client.sent(Lane::Commands), [""; 0], "there is no stream yet");
    client.replies(&["{}"]);
    let Command::Expire { ttl, .. } = client.oldest(Lane::Commands) else { panic!() };
    assert_eq!(*ttl, secs(3600));
    client.ok(EXPIRE, Reply::Count(1));
    client.replies(&["{}"]);
    assert_eq!(client.sent(Lane::Commands), [""; 0]);
    for _ in 0..3 {
        for _ in 0..120 {
            client.advance(secs(10) - ms(1));
            client.replies(&[]);
        }
        assert_eq!(client.sent(Lane::Commands), [""; 0]);
        client.advance(ms(120));
        client.ok(EXPIRE, Reply::Count(1));
    }
}

#[test]
fn a_time_to_live_that_may_not_have_been_set_is_set_again() {
    let mut client = running();
    client.replies(&["{}"]);
    client.answer_to(EXPIRE, unknown());
    client.replies(&["{}"]);
    client.advance(ms(100));
    client.connect(Lane::Commands);
    client.ok(EXPIRE, Reply::Count(1));
    assert_eq!(client.sent(Lane::Commands), [""; 0]);
}

#[test]
fn a_time_to_live_that_is_due_without_a_connection_is_set_with_the_next_one() {
    let mut client = running();
    client.call();
    client.lose(Lane::Commands);
    client.replies(&["{}"]);
    client.advance(ms(100));
    client.connect(Lane::Commands);
    client.ok(EXPIRE, Reply::Count(1));
}

#[test]
fn a_refused_time_to_live_is_told() {
    let mut client = running();
    client.replies(&["{}"]);
    client.take_events();
    client.answer_to(EXPIRE, refused("NOPERM"));
    assert!(matches!(client.take_events()[..], [Event::CommandRefused { .. }]));
    assert_eq!(client.sent(Lane::Commands), [""; 0]);
}
