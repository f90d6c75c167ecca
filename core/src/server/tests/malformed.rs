//! Entries that are no requests: answered where that is possible, acked, told, and no trouble for others.

use super::*;

const TO: (&str, &str) = ("reply-to", "p:replies:c");

/// (what is wrong, the entry, the code of the answer or none)
fn malformed() -> Vec<(&'static str, Entry, Option<i64>)> {
    let with = |envelope: &str| entry(2, &[("type", "rpc"), ("envelope", envelope), TO]);
    let mut not_utf8 = with("");
    not_utf8.fields.as_mut().unwrap()[1].1 = Bytes::from_static(b"{\"id\":\"\xff\"}");
    let good = r#"{"jsonrpc":"2.0","method":"arith.add","id":1}"#;
    vec![
        ("no fields", entry(2, &[]), None),
        ("no envelope", entry(2, &[("type", "rpc"), TO]), None),
        ("not JSON", with("{"), None),
        ("not UTF-8", not_utf8, None),
        ("a batch", with(&format!("[{good}]")), None),
        ("no object", with("7"), None),
        ("an id of a wrong type", with(r#"{"jsonrpc":"2.0","method":"arith.add","id":[1]}"#), None),
        ("no jsonrpc", with(r#"{"method":"arith.add","id":1}"#), Some(-32600)),
        ("another jsonrpc", with(r#"{"jsonrpc":"1.0","method":"arith.add","id":1}"#), Some(-32600)),
        ("no method", with(r#"{"jsonrpc":"2.0","id":1}"#), Some(-32600)),
        ("no service", with(r#"{"jsonrpc":"2.0","method":"add","id":1}"#), Some(-32600)),
        ("a response", with(r#"{"jsonrpc":"2.0","id":1,"result":1}"#), Some(-32600)),
        ("no such method", with(r#"{"jsonrpc":"2.0","method":"arith.no","id":1}"#), Some(-32601)),
        ("no such notification", with(r#"{"jsonrpc":"2.0","method":"arith.no"}"#), None),
        (
            "a request to a notification",
            with(r#"{"jsonrpc":"2.0","method":"arith.ping","id":1}"#),
            Some(-32600),
        ),
        ("a key elsewhere", entry(2, &[("envelope", good), ("reply-to", "victim")]), None),
        ("no client", entry(2, &[("envelope", good), ("reply-to", "p:replies:")]), None),
        ("another prefix", entry(2, &[("envelope", good), ("reply-to", "q:replies:c")]), None),
    ]
}

#[test]
fn a_malformed_entry_is_answered_if_anybody_can_be_and_acked_and_told() {
    for (what, entry, code) in malformed() {
        let mut server = running();
        server.deliver(vec![entry]);
        assert_eq!(server.told(), [""; 0], "{what}");
        if let Some(code) = code {
            let reply = server.reply();
            assert_eq!(
                (&reply["error"]["code"], &reply["id"]),
                (&json!(code), &json!(1)),
                "{what}"
            );
            assert_eq!(server.sent(Lane::Commands), [REPLY], "{what}");
            server.ok(REPLY, Reply::Added(id(1)));
            server.ok("expire p:replies:c", Reply::Count(1));
        }
        server.ok("ack 2", Reply::Count(1));
        assert!(matches!(server.take_events()[..], [Event::Malformed { .. }]), "{what}");
        assert_eq!(server.core.services[0].held.len(), 0, "{what}");
    }
}

#[test]
fn a_malformed_entry_hurts_no_neighbour() {
    for (what, entry, code) in malformed() {
        let mut server = running();
        server.deliver(vec![add(1), entry, add(3)]);
        assert_eq!(server.told(), ["run 1"], "{what}");
        if code.is_some() {
            server.ok(REPLY, Reply::Added(id(1)));
            server.ok("expire p:replies:c", Reply::Count(1));
        }
        server.ok("ack 2", Reply::Count(1));
        server.settle(1);
        assert_eq!(server.told(), ["run 3"], "{what}");
        server.settle(3);
    }
}

#[test]
fn a_message_over_the_limit_is_answered_and_does_not_run() {
    let mut options = options();
    options.common.max_message_bytes = 100;
    let mut server = running_with(options, &["arith"]);
    let params = "x".repeat(100);
    let envelope =
        format!(r#"{{"jsonrpc":"2.0","method":"arith.add","params":{{"s":"{params}"}},"id":1}}"#);
    server.deliver(vec![entry(1, &[("envelope", &envelope), TO])]);
    assert_eq!(server.told(), [""; 0]);
    assert_eq!(server.reply()["error"]["message"], "Message too large");
}

#[test]
fn an_entry_that_was_deleted_meanwhile_is_acked_silently() {
    let mut server = running();
    server.deliver(vec![deleted(1), add(2)]);
    server.ok("ack 1", Reply::Count(1));
    assert_eq!((server.told(), server.events.len()), (vec!["run 2".to_owned()], 0));
}

#[test]
fn params_of_any_depth_are_left_to_the_handler() {
    let mut server = running();
    let params = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let envelope = format!(r#"{{"jsonrpc":"2.0","method":"arith.add","id":1,"params":{params}}}"#);
    server.deliver(vec![entry(1, &[("envelope", &envelope), TO])]);
    assert_eq!(server.told(), ["run 1"]);
    assert_eq!(server.jobs[&1].params, params.as_bytes());
}

#[test]
fn however_long_the_words_of_a_request_are_they_are_repeated_in_brief() {
    let long = "x".repeat(100_000);
    for envelope in [
        format!(r#"{{"jsonrpc":"2.0","method":"{long}","id":1}}"#),
        format!(r#"{{"jsonrpc":"2.0","method":"arith.{long}","id":1}}"#),
        format!(r#"{{"jsonrpc":"2.0","method":"X{long}.add","id":1}}"#),
        format!(r#"{{"jsonrpc":"2.0","method":"arith.{long}"}}"#),
    ] {
        let mut server = running();
        let fields = [("envelope", envelope.as_str()), ("reply-to", "p:replies:c")];
        server.deliver(vec![entry(1, &fields)]);
        for event in server.take_events() {
            assert!(event.to_string().len() < 1000, "{}", event.to_string().len());
        }
        if let Command::Append { fields, .. } = server.oldest(Lane::Commands) {
            assert!(fields[1].1.len() < 1000, "{}", fields[1].1.len());
        }
    }
}

#[test]
fn an_id_so_long_that_no_answer_fits_gets_none() {
    let mut options = options();
    options.common.max_message_bytes = 2000;
    let mut server = running_with(options, &["arith"]);
    let long = "x".repeat(1950);
    let envelope = format!(r#"{{"jsonrpc":"2.0","method":"arith.sub","id":"{long}"}}"#);
    server.deliver(vec![entry(1, &[("envelope", &envelope), ("reply-to", "p:replies:c")])]);
    assert_eq!(server.sent(Lane::Commands), ["ack 1"]);
    assert_eq!(server.take_events().len(), 1);
}
