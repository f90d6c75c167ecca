//! Replies that no good server sends: they harm no other, and nobody takes them for a result.

use serde_json::json;

use super::{Calling, Fields, reply};
use crate::foreign::case::{Outcome, cases};
use crate::foreign::site::{PATIENCE, check, same};

cases! { CASES: Client "hostile replies" Calling;
    Must ["C4"] a_reply_to_somebody_else_is_ignored,
    Must ["C4"] a_second_reply_is_ignored,
    Must ["C8"] an_entry_without_an_envelope_is_ignored,
    Must ["C8"] a_reply_that_is_not_json_is_ignored,
    Must ["C8"] a_reply_that_is_not_utf8_is_ignored,
    Must ["C8"] a_reply_that_is_no_object_is_ignored,
    Must ["C4"] a_reply_without_an_id_is_ignored,
    Must ["C8"] a_request_in_the_reply_stream_is_ignored,
    Must ["C8"] a_reply_with_result_and_error_is_not_a_result,
    Must ["C8"] a_reply_with_neither_is_not_a_result,
    Must ["C8"] an_error_without_a_code_is_not_a_result,
    Should ["C8"] a_reply_with_nan_fails_its_call,
    Must ["F10", "C8"] a_deeply_nested_reply_harms_no_other,
}

/// Appends these envelopes and then a good reply, all at once: the good one arrives.
fn ignored(calling: &mut Calling, envelopes: &[&[u8]]) -> Outcome {
    let tag = calling.call("echo", json!({"value": 1}))?;
    let request = calling.request()?;
    let good = reply(&request, r#""result":{"value":1}"#)?;
    let mut entries: Vec<Fields<'_>> = envelopes
        .iter()
        .map(|envelope| vec![("type", &b"rpc"[..]), ("envelope", *envelope)])
        .collect();
    entries.push(vec![("type", b"rpc"), ("envelope", good.as_bytes())]);
    calling.append(&request, &entries)?;
    let patience = calling.deadline.within(PATIENCE);
    let line = calling.client.settled(tag, patience);
    let line = line.map_err(|e| format!("the good reply beside them was lost: {e}"))?;
    same("the result", &line["result"], &json!({"value": 1}))?;
    calling.works()
}

fn a_reply_to_somebody_else_is_ignored(calling: &mut Calling) -> Outcome {
    ignored(
        calling,
        &[
            br#"{"jsonrpc":"2.0","id":"00000000-0000-4000-8000-000000000000","result":1}"#,
            br#"{"jsonrpc":"2.0","id":"x","error":{"code":1,"message":"m","data":null}}"#,
            br#"{"jsonrpc":"2.0","id":1,"result":1}"#,
            br#"{"jsonrpc":"2.0","id":"","result":1}"#,
        ],
    )
}

fn a_second_reply_is_ignored(calling: &mut Calling) -> Outcome {
    let tag = calling.call("echo", json!({"value": 1}))?;
    let request = calling.request()?;
    for value in 1..=3 {
        calling.answer(&request, &format!(r#""result":{{"value":{value}}}"#))?;
    }
    same("the result", calling.result(tag)?, json!({"value": 1}))?;
    calling.works()
}

fn an_entry_without_an_envelope_is_ignored(calling: &mut Calling) -> Outcome {
    let tag = calling.call("echo", json!({"value": 1}))?;
    let request = calling.request()?;
    let good = reply(&request, r#""result":{"value":1}"#)?;
    let entries: [Fields<'_>; 3] = [
        vec![("type", b"rpc")],
        vec![("Envelope", b"x"), ("", b"")],
        vec![("type", b"rpc"), ("envelope", good.as_bytes())],
    ];
    calling.append(&request, &entries)?;
    same("the result", calling.result(tag)?, json!({"value": 1}))?;
    calling.works()
}

fn a_reply_that_is_not_json_is_ignored(calling: &mut Calling) -> Outcome {
    ignored(calling, &[b"", b"hello", b"{", br#"{"jsonrpc":"2.0","id":"#])
}

fn a_reply_that_is_not_utf8_is_ignored(calling: &mut Calling) -> Outcome {
    ignored(calling, &[b"\xff\xfe", b"{\"jsonrpc\":\"2.0\",\"id\":\"\xff\",\"result\":1}"])
}

fn a_reply_that_is_no_object_is_ignored(calling: &mut Calling) -> Outcome {
    ignored(calling, &[b"[]", b"null", b"5", b"\"text\"", b"true"])
}

fn a_reply_without_an_id_is_ignored(calling: &mut Calling) -> Outcome {
    ignored(
        calling,
        &[
            br#"{"jsonrpc":"2.0","result":1}"#,
            br#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"m","data":null}}"#,
            br#"{"jsonrpc":"2.0","id":[1],"result":1}"#,
            br#"{"jsonrpc":"2.0","id":true,"result":1}"#,
        ],
    )
}

fn a_request_in_the_reply_stream_is_ignored(calling: &mut Calling) -> Outcome {
    ignored(
        calling,
        &[
            br#"{"jsonrpc":"2.0","method":"conf.add","params":{"a":1,"b":2},"id":"x"}"#,
            br#"{"jsonrpc":"2.0","method":"conf.ping","params":{"n":1}}"#,
        ],
    )
}

/// The call fails, with whatever kind, or waits on: it must not succeed.
fn no_result(calling: &mut Calling, rest: &str) -> Outcome {
    let tag = calling.call_within("echo", json!({"value": 1}), 1500)?;
    let request = calling.request()?;
    calling.answer(&request, rest)?;
    let line = calling.settled(tag)?;
    same("ok", &line["ok"], &json!(false))?;
    let kind = line["kind"].as_str().unwrap_or_default();
    check(kind == "protocol" || kind == "timeout", || format!("the kind of failure is {kind:?}"))?;
    calling.works()
}

fn a_reply_with_result_and_error_is_not_a_result(calling: &mut Calling) -> Outcome {
    no_result(calling, r#""result":{"value":1},"error":{"code":1,"message":"m","data":null}"#)
}

fn a_reply_with_neither_is_not_a_result(calling: &mut Calling) -> Outcome {
    no_result(calling, r#""more":1"#)
}

fn an_error_without_a_code_is_not_a_result(calling: &mut Calling) -> Outcome {
    no_result(calling, r#""error":{"message":"m"}"#)?;
    no_result(calling, r#""error":"broken""#)
}

fn a_reply_with_nan_fails_its_call(calling: &mut Calling) -> Outcome {
    // Python writes it. Nobody has to wait for the timeout to learn that the reply is of no use.
    let tag = calling.call("add", json!({"a": 1, "b": 2}))?;
    let request = calling.request()?;
    calling.answer(&request, r#""result":{"sum":NaN}"#)?;
    let patience = calling.deadline.within(PATIENCE);
    let line = calling.client.settled(tag, patience)?;
    same("ok", &line["ok"], &json!(false))?;
    same("the kind of failure", &line["kind"], &json!("protocol"))?;
    calling.works()
}

fn a_deeply_nested_reply_harms_no_other(calling: &mut Calling) -> Outcome {
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let envelope = format!(r#"{{"jsonrpc":"2.0","id":"x","result":{deep}}}"#);
    ignored(calling, &[envelope.as_bytes()])?;
    // As the reply to a call of its own it settles that call, one way or the other.
    let tag = calling.call_within("echo", json!({"value": 1}), 1500)?;
    let request = calling.request()?;
    calling.answer(&request, &format!(r#""result":{{"value":{deep}}}"#))?;
    calling.settled(tag)?;
    calling.works()
}
