//! Requests and notifications as they are written.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{Calling, Request};
use crate::foreign::case::{Outcome, cases};
use crate::foreign::site::{check, same};

cases! { CASES: Client "requests" Calling;
    Must ["E1", "K1"] a_request_has_type_envelope_and_reply_to,
    Must ["E5"] an_envelope_has_version_method_params_and_id,
    Must ["E5"] ids_are_random_uuids,
    Must ["K2"] replies_are_asked_for_under_the_prefix,
    Must ["E2", "E6", "C6"] a_notification_has_neither_id_nor_reply_to,
    Must ["E5"] params_that_are_not_given_are_an_empty_object,
    Must ["E5"] text_of_all_kinds_is_sent_unharmed,
    Must ["E12"] numbers_are_sent_unharmed,
    Must ["F10", "E17"] a_megabyte_is_sent_and_received,
    Must ["K7"] a_name_that_the_wire_does_not_allow_is_not_sent,
}

/// A call that is sent and answered with null.
fn sent(calling: &mut Calling, method: &str, params: Value) -> Outcome<Request> {
    let tag = calling.call(method, params)?;
    let request = calling.request()?;
    calling.answer(&request, r#""result":null"#)?;
    calling.result(tag)?;
    Ok(request)
}

fn a_request_has_type_envelope_and_reply_to(calling: &mut Calling) -> Outcome {
    let request = sent(calling, "add", json!({"a": 1, "b": 2}))?;
    same(
        "its fields",
        request.entry.names(),
        ["type", "envelope", "reply-to"].map(str::to_owned).to_vec(),
    )?;
    same("its type", request.entry.field("type"), Some(b"rpc".as_slice()))
}

fn an_envelope_has_version_method_params_and_id(calling: &mut Calling) -> Outcome {
    let request = sent(calling, "add", json!({"a": 1, "b": 2}))?;
    let object: serde_json::Map<String, Value> =
        serde_json::from_str(&request.envelope).map_err(|e| e.to_string())?;
    let keys: BTreeSet<&str> = object.keys().map(String::as_str).collect();
    same("its keys", keys, BTreeSet::from(["jsonrpc", "method", "params", "id"]))?;
    same("the method", request.method.as_str(), "conf.add")?;
    same("params.a", request.params["a"].as_f64(), Some(1.0))?;
    check(request.params.as_object().is_some_and(|it| it.len() == 2), || {
        format!("params are {}", request.params)
    })
}

/// `xxxxxxxx-xxxx-4xxx-[89ab]xxx-xxxxxxxxxxxx`
fn is_uuid_v4(text: &str) -> bool {
    text.len() == 36
        && text.char_indices().all(|(at, c)| match at {
            8 | 13 | 18 | 23 => c == '-',
            14 => c == '4',
            19 => "89ab".contains(c),
            _ => c.is_ascii_digit() || ('a'..='f').contains(&c),
        })
}

fn ids_are_random_uuids(calling: &mut Calling) -> Outcome {
    let mut ids = BTreeSet::new();
    for _ in 0..20 {
        let request = sent(calling, "seen", json!({}))?;
        let id: String = serde_json::from_str(request.id.as_deref().unwrap_or_default())
            .map_err(|_| format!("the id is {:?}", request.id))?;
        check(is_uuid_v4(&id), || format!("the id {id:?} is no UUID of version 4"))?;
        check(ids.insert(id.clone()), || format!("the id {id:?} was used before"))?;
    }
    Ok(())
}

fn replies_are_asked_for_under_the_prefix(calling: &mut Calling) -> Outcome {
    let beginning = format!("{}:replies:", calling.prefix);
    let reply_to = sent(calling, "seen", json!({}))?.reply_to.unwrap_or_default();
    let instance = reply_to.strip_prefix(&beginning);
    check(instance.is_some_and(|it| !it.is_empty()), || {
        format!("reply-to is {reply_to:?}; it should begin with {beginning:?}")
    })
}

fn a_notification_has_neither_id_nor_reply_to(calling: &mut Calling) -> Outcome {
    let op = json!({"op": "notify", "method": "ping", "params": {"n": 5}});
    let tag = calling.client.send(op)?;
    let request = calling.request()?;
    same("its fields", request.entry.names(), ["type", "envelope"].map(str::to_owned).to_vec())?;
    let object: Value = serde_json::from_str(&request.envelope).map_err(|e| e.to_string())?;
    let expected = json!({"jsonrpc": "2.0", "method": "conf.ping", "params": {"n": 5}});
    same("the envelope", object, expected)?;
    // Nobody answers it.
    same("ok", &calling.settled(tag)?["ok"], &json!(true))?;
    calling.works()
}

fn params_that_are_not_given_are_an_empty_object(calling: &mut Calling) -> Outcome {
    let tag = calling.client.send(json!({"op": "call", "method": "seen", "timeoutMs": 60_000}))?;
    let request = calling.request()?;
    same("params", &request.params, &json!({}))?;
    calling.answer(&request, r#""result":{"calls":0,"pings":0}"#)?;
    calling.result(tag).map(drop)
}

fn text_of_all_kinds_is_sent_unharmed(calling: &mut Calling) -> Outcome {
    let value = json!({
        "ключ": ["é", "\u{1F600}", "\u{0}", "\"\\/\u{8}\n", "\u{2028}", "", " "],
        "": {"a.b": "</script>", "__proto__": 1, "constructor": {"x": []}},
    });
    let request = sent(calling, "echo", json!({ "value": value }))?;
    same("the value", &request.params["value"], &value)
}

fn numbers_are_sent_unharmed(calling: &mut Calling) -> Outcome {
    let value = json!([0, -1, 9_007_199_254_740_991i64, 0.1, -2.5e-7, true, false, null]);
    let request = sent(calling, "echo", json!({ "value": value }))?;
    let seen = request.params["value"].as_array().cloned().unwrap_or_default();
    let numbers = |values: &[Value]| values.iter().map(Value::as_f64).collect::<Vec<_>>();
    let sent = value.as_array().cloned().unwrap_or_default();
    same("the numbers", numbers(&seen), numbers(&sent))?;
    same("what is no number", &seen[5..], &sent[5..])
}

fn a_megabyte_is_sent_and_received(calling: &mut Calling) -> Outcome {
    let value = json!("0123456789abcdé\n".repeat(1 << 16));
    let tag = calling.call("echo", json!({ "value": value }))?;
    let request = calling.request()?;
    check(request.params["value"] == value, || "it was sent different".to_owned())?;
    calling.answer(&request, &format!(r#""result":{{"value":{value}}}"#))?;
    let result = calling.result(tag)?;
    check(result["value"] == value, || "it was received different".to_owned())
}

fn a_name_that_the_wire_does_not_allow_is_not_sent(calling: &mut Calling) -> Outcome {
    for method in ["Add", "place_order", "group-cancel", "a.b", "", "1st", "ключ"] {
        let tag = calling.call(method, json!({}))?;
        let line = calling.settled(tag)?;
        same(&format!("ok for {method:?}"), &line["ok"], &json!(false))?;
        same(&format!("the kind of failure for {method:?}"), &line["kind"], &json!("protocol"))?;
    }
    // The next entry is that of a good call.
    calling.works()
}
