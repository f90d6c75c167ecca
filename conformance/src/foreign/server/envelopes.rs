//! Requests and replies as they are written.

use serde_json::json;

use super::{Served, answered, notification, request};
use crate::foreign::case::{Outcome, cases};
use crate::foreign::site::{check, same};

cases! { CASES: Server "envelopes" Served;
    Must ["E5", "E7"] a_compact_request_is_answered,
    Must ["E11"] a_request_with_spaces_and_escapes_is_answered,
    Must ["E11"] the_keys_of_an_envelope_may_come_in_any_order,
    Must ["E4"] the_fields_of_an_entry_may_come_in_any_order,
    Must ["E11"] unknown_keys_of_an_envelope_are_ignored,
    Must ["E4"] unknown_fields_of_an_entry_are_ignored,
    Must ["E4"] the_field_type_is_ignored,
    Must ["E10"] params_that_are_missing_are_an_empty_object,
    Should ["E10"] params_that_are_null_are_an_empty_object,
    Must ["E3"] a_reply_has_a_type_and_an_envelope,
    Must ["E2", "E6"] a_notification_is_run_and_not_answered,
    Must ["F7"] a_method_without_an_id_is_run_and_not_answered,
    Must ["E4"] a_request_without_a_reply_to_is_run,
    Must ["E11"] text_of_all_kinds_comes_back_unharmed,
    Must ["E12"] numbers_come_back_unharmed,
    Must ["F10", "E17"] a_megabyte_comes_back_unharmed,
    Must ["E12"] a_whole_float_is_an_integer,
    Must ["E12"] an_integer_is_a_float,
    Should ["E14"] params_that_the_contract_does_not_know_are_ignored,
    Must ["E19"] the_service_in_the_method_is_not_compared,
}

fn a_compact_request_is_answered(served: &mut Served) -> Outcome {
    served.send(request("add", r#"{"a":2,"b":3.5}"#, "\"id\""))?;
    same("the result", served.reply_to("\"id\"")?.result()?, &json!({"sum": 5.5}))
}

fn a_request_with_spaces_and_escapes_is_answered(served: &mut Served) -> Outcome {
    served.send(
        "\n{\"jsonrpc\": \"2.0\", \"method\": \"conf\\u002eecho\",\t\"params\": {\"val\\u0075e\": \"\\u00e9\"} , \"id\": \"\\u0061\"} ",
    )?;
    same("the result", served.reply_to("\"a\"")?.result()?, &json!({"value": "é"}))
}

fn the_keys_of_an_envelope_may_come_in_any_order(served: &mut Served) -> Outcome {
    served.send(r#"{"id":"x","params":{"b":1,"a":5},"method":"conf.add","jsonrpc":"2.0"}"#)?;
    same("the sum", served.reply_to("\"x\"")?.result()?["sum"].as_f64(), Some(6.0))
}

fn the_fields_of_an_entry_may_come_in_any_order(served: &mut Served) -> Outcome {
    let (stream, reply_to) = (served.stream(), served.reply_to.clone());
    let envelope = request("add", r#"{"a":5,"b":1}"#, "\"x\"");
    served.store.append(
        &stream,
        &[("reply-to", reply_to.as_bytes()), ("envelope", envelope.as_bytes()), ("type", b"rpc")],
    )?;
    served.reply_to("\"x\"")?.result().map(drop)
}

fn unknown_keys_of_an_envelope_are_ignored(served: &mut Served) -> Outcome {
    served.send(
        r#"{"jsonrpc":"2.0","meta":{"a":[null]},"method":"conf.add","params":{"a":5,"b":1},"id":"x","z":1}"#,
    )?;
    served.reply_to("\"x\"")?.result().map(drop)
}

fn unknown_fields_of_an_entry_are_ignored(served: &mut Served) -> Outcome {
    let (stream, reply_to) = (served.stream(), served.reply_to.clone());
    let envelope = request("add", r#"{"a":5,"b":1}"#, "\"x\"");
    served.store.append(
        &stream,
        &[
            ("trace", b"\xff\x00"),
            ("type", b"rpc"),
            ("envelope", envelope.as_bytes()),
            ("", b""),
            ("reply-to", reply_to.as_bytes()),
        ],
    )?;
    served.reply_to("\"x\"")?.result().map(drop)
}

fn the_field_type_is_ignored(served: &mut Served) -> Outcome {
    let (stream, reply_to) = (served.stream(), served.reply_to.clone());
    let envelope = request("add", r#"{"a":5,"b":1}"#, "\"x\"");
    let fields: [(&str, &[u8]); 3] = [
        ("type", b"something"),
        ("envelope", envelope.as_bytes()),
        ("reply-to", reply_to.as_bytes()),
    ];
    served.store.append(&stream, &fields)?;
    served.reply_to("\"x\"")?.result()?;
    served.store.append(&stream, &fields[1..])?;
    served.reply_to("\"x\"")?.result().map(drop)
}

fn params_that_are_missing_are_an_empty_object(served: &mut Served) -> Outcome {
    served.send(r#"{"jsonrpc":"2.0","method":"conf.seen","id":"x"}"#)?;
    served.reply_to("\"x\"")?.result().map(drop)
}

fn params_that_are_null_are_an_empty_object(served: &mut Served) -> Outcome {
    served.send(request("seen", "null", "\"x\""))?;
    served.reply_to("\"x\"")?.result().map(drop)
}

fn a_reply_has_a_type_and_an_envelope(served: &mut Served) -> Outcome {
    let entry = served.call("add", r#"{"a":1,"b":2}"#)?.entry;
    same("its fields", entry.names(), vec!["type".to_owned(), "envelope".to_owned()])?;
    same("its type", entry.field("type"), Some(b"rpc".as_slice()))
}

fn a_notification_is_run_and_not_answered(served: &mut Served) -> Outcome {
    let before = served.seen()?;
    let reply = served.exchange(notification("ping", r#"{"n":1}"#))?;
    check(reply.is_none(), || format!("it was answered: {reply:?}"))?;
    same("pings", served.seen()?.1, before.1 + 1)?;
    // With null for an id it is one, too.
    let envelope = r#"{"jsonrpc":"2.0","method":"conf.ping","params":{"n":2},"id":null}"#;
    let reply = served.exchange(envelope)?;
    check(reply.is_none(), || format!("with a null id it was answered: {reply:?}"))?;
    same("pings", served.seen()?.1, before.1 + 2)
}

fn a_method_without_an_id_is_run_and_not_answered(served: &mut Served) -> Outcome {
    let before = served.seen()?;
    let reply = served.exchange(notification("echo", r#"{"value":1}"#))?;
    check(reply.is_none(), || format!("it was answered: {reply:?}"))?;
    // The neighbour is counted, too.
    same("calls", served.seen()?.0, before.0 + 2)
}

fn a_request_without_a_reply_to_is_run(served: &mut Served) -> Outcome {
    let before = served.seen()?;
    let envelope = request("echo", r#"{"value":1}"#, "\"x\"");
    let reply = served.exchange_fields(&[("type", b"rpc"), ("envelope", envelope.as_bytes())])?;
    check(reply.is_none(), || format!("a reply came from nowhere: {reply:?}"))?;
    same("calls", served.seen()?.0, before.0 + 2)
}

fn text_of_all_kinds_comes_back_unharmed(served: &mut Served) -> Outcome {
    let value = json!({
        "ключ": ["é", "\u{1F600}", "\u{0}", "\"\\/\u{8}\n", "\u{2028}", "", " "],
        "": {"a.b": "</script>", "__proto__": 1, "constructor": {"x": []}},
    });
    let params = json!({ "value": value }).to_string();
    same("the value", &served.result("echo", &params)?["value"], &value)?;
    // As Python writes it: nothing but ASCII, pairs of surrogates for what is beyond 16 bits.
    let escaped = r#"{"value": "\u00e9\ud83d\ude00\u0000"}"#;
    same("the value", &served.result("echo", escaped)?["value"], &json!("é\u{1F600}\u{0}"))
}

fn numbers_come_back_unharmed(served: &mut Served) -> Outcome {
    let value =
        json!([0, -1, 9_007_199_254_740_991i64, 0.1, -2.5e-7, 1e21, true, false, null, {}, []]);
    let params = json!({ "value": value }).to_string();
    let seen = served.result("echo", &params)?["value"].clone();
    // A whole number may come back with a point or without.
    let number = |value: &serde_json::Value| value.as_f64();
    let alike = value.as_array().zip(seen.as_array()).is_some_and(|(sent, seen)| {
        sent.len() == seen.len()
            && sent
                .iter()
                .zip(seen)
                .all(|(a, b)| a == b || (a.is_number() && number(a) == number(b)))
    });
    check(alike, || format!("sent {value}, got {seen}"))
}

fn a_megabyte_comes_back_unharmed(served: &mut Served) -> Outcome {
    let value = json!("0123456789abcdé\n".repeat(1 << 16));
    let params = json!({ "value": value }).to_string();
    let seen = served.result("echo", &params)?["value"].clone();
    check(seen == value, || "it came back different".to_owned())
}

fn a_whole_float_is_an_integer(served: &mut Served) -> Outcome {
    let items = served.result("push", r#"{"item":5.0}"#)?["items"].clone();
    same("the last item", items.as_array().and_then(|it| it.last()?.as_f64()), Some(5.0))?;
    let reply = answered(served.exchange(request("push", r#"{"item":5.5}"#, "\"x\""))?)?;
    same("the code of one that isn't whole", reply.failure()?.code, -32602)
}

fn an_integer_is_a_float(served: &mut Served) -> Outcome {
    same("the sum", served.result("add", r#"{"a":-2,"b":3}"#)?["sum"].as_f64(), Some(1.0))?;
    same("the sum", served.result("add", r#"{"a":2.0,"b":3e0}"#)?["sum"].as_f64(), Some(5.0))
}

fn params_that_the_contract_does_not_know_are_ignored(served: &mut Served) -> Outcome {
    served.result("add", r#"{"a":1,"b":2,"more":{"c":[]}}"#).map(drop)
}

fn the_service_in_the_method_is_not_compared(served: &mut Served) -> Outcome {
    served.send(r#"{"jsonrpc":"2.0","method":"other.add","params":{"a":1,"b":2},"id":"x"}"#)?;
    served.reply_to("\"x\"")?.result().map(drop)
}
