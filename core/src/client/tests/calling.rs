//! What goes out, and what may.

use super::*;
use crate::error::Misuse;
use crate::names::ServiceName;
use crate::testing::secs;

fn text(bytes: &Bytes) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[test]
fn a_request_is_type_envelope_and_reply_to_and_makes_no_stream() {
    let mut client = running();
    client.call();
    let Command::Append { stream, fields, max_len, create } = client.oldest(Lane::Commands) else {
        panic!()
    };
    assert_eq!((stream.as_str(), *max_len, *create), ("p:cmds:arith", None, false));
    let names: Vec<&str> = fields.iter().map(|(name, _)| text(name)).collect();
    assert_eq!(names, ["type", "envelope", "reply-to"]);
    assert_eq!((text(&fields[0].1), text(&fields[2].1)), ("rpc", "p:replies:me"));
    let envelope: Value = serde_json::from_slice(&fields[1].1).unwrap();
    let id = envelope["id"].as_str().unwrap();
    assert_eq!(
        text(&fields[1].1),
        format!(r#"{{"jsonrpc":"2.0","method":"arith.add","params":{{"a":1}},"id":"{id}"}}"#)
    );
    assert_eq!((id.len(), &id[14..15]), (36, "4"));
}

#[test]
fn a_notification_has_neither_an_id_nor_a_reply_to() {
    let mut client = running();
    client.notify();
    let Command::Append { fields, create, .. } = client.oldest(Lane::Commands) else { panic!() };
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (text(n), text(v))).collect();
    let envelope = r#"{"jsonrpc":"2.0","method":"arith.ping","params":{"n":2}}"#;
    assert_eq!(fields, [("type", "rpc"), ("envelope", envelope)]);
    assert!(!create);
}

#[test]
fn no_two_calls_share_an_id() {
    let mut client = running();
    let ids: std::collections::BTreeSet<String> =
        (0..100).map(|_| client.accepted_call().1).collect();
    assert_eq!(ids.len(), 100);
}

#[test]
fn a_notification_is_over_once_the_store_has_it() {
    let mut client = running();
    let key = client.notify();
    assert_eq!(client.settled(), []);
    client.accept();
    assert_eq!(client.outcome(key), Ok(String::new()));
}

#[test]
fn calls_go_out_without_waiting_for_each_other() {
    let mut client = running();
    for _ in 0..3 {
        client.call();
    }
    assert_eq!(client.sent(Lane::Commands), [ADD; 3]);
}

#[test]
fn a_message_may_have_exactly_the_limit() {
    let size = |outgoing: Outgoing| {
        let mut client = running();
        client.send(outgoing, None, None);
        client.request()[1].1.len()
    };
    let notification =
        || outgoing(MethodKind::Notification, "arith", "ping", &json!({"text": "some text"}));
    for make in [&notification as &dyn Fn() -> Outgoing, &|| request("arith")] {
        let exactly = size(make());
        let mut options = options();
        options.common.max_message_bytes = exactly;
        let mut client = running_with(options.clone());
        client.send(make(), None, None);
        assert_eq!(client.request()[1].1.len(), exactly);

        options.common.max_message_bytes = exactly - 1;
        let mut client = running_with(options);
        let key = client.send(make(), None, None);
        let error = Misuse::TooLarge { bytes: exactly, limit: exactly - 1 };
        assert_eq!(client.outcome(key), Err(error.into()));
        assert_eq!(client.sent(Lane::Commands), [""; 0]);
    }
}

fn caller(stream: &str, address: &str, serial: bool) -> Option<Caller> {
    Some(Caller { stream: Key::from(stream), address: address.to_owned(), serial })
}

#[test]
fn a_serial_handler_may_not_wait_for_its_own_service() {
    let mut client = running();
    let key = client.send(request("arith"), None, caller("p:cmds:arith", "redis:1", true));
    let service = ServiceName::new("arith").unwrap();
    assert_eq!(client.outcome(key), Err(Misuse::Reentrant { service }.into()));
    assert_eq!(client.sent(Lane::Commands), [""; 0]);
}

#[test]
fn every_other_call_of_a_handler_is_allowed() {
    let notification = outgoing(MethodKind::Notification, "arith", "ping", &json!({}));
    for (outgoing, caller) in [
        (notification, caller("p:cmds:arith", "redis:1", true)),
        (request("other"), caller("p:cmds:arith", "redis:1", true)),
        (request("arith"), caller("q:cmds:arith", "redis:1", true)),
        (request("arith"), caller("p:cmds:arith", "redis:2", true)),
        (request("arith"), caller("p:cmds:arith", "redis:1", false)),
        (request("arith"), None),
    ] {
        let mut client = running();
        client.send(outgoing, None, caller.clone());
        assert_eq!(client.sent(Lane::Commands).len(), 1, "{caller:?}");
        assert_eq!(client.settled(), []);
    }
}

#[test]
fn a_call_that_nobody_waits_for_any_more_is_forgotten_at_once() {
    let mut client = running();
    let (key, request) = client.accepted_call();
    let sent = client.call();
    client.input(ClientInput::Cancel(key));
    client.input(ClientInput::Cancel(sent));
    client.input(ClientInput::Cancel(CallKey(99)));
    client.accept();
    client.replies(&[&success(&request, "1")]);
    assert!(client.core.pending.is_empty());
    assert_eq!(client.core.pending.timeout(), None, "and so are their deadlines");
    client.advance(secs(60));
    assert_eq!(client.settled(), []);
}

#[test]
fn a_call_cancelled_while_there_is_no_connection_never_leaves() {
    let mut client = running();
    client.call();
    client.lose(Lane::Commands);
    let waiting = client.call();
    let other = client.notify();
    client.input(ClientInput::Cancel(waiting));
    client.advance(secs(1));
    client.connect(Lane::Commands);
    assert_eq!(client.sent(Lane::Commands), [ADD]);
    client.accept();
    assert_eq!(client.outcome(other), Ok(String::new()));
}
