//! Results and errors as they are read.

use serde_json::{Value, json};

use super::{Calling, Request, reply};
use crate::foreign::case::{Outcome, cases};
use crate::foreign::site::{check, same};

cases! { CASES: Client "replies" Calling;
    Must ["E7"] a_result_arrives,
    Must ["E7"] a_result_of_null_arrives,
    Must ["E11"] text_of_all_kinds_is_received_unharmed,
    Must ["E12"] numbers_are_received_unharmed,
    Must ["E11"] a_reply_with_spaces_and_escapes_is_read,
    Must ["E4", "E11"] unknown_keys_and_fields_are_ignored,
    Must ["E8", "F3"] an_error_arrives_with_code_message_and_data,
    Must ["E18"] an_error_without_data_arrives,
    Must ["E8"] codes_of_all_kinds_arrive,
    Should ["E18"] a_whole_float_is_a_code,
    Should ["E18"] a_result_beside_an_error_of_null_is_a_result,
    Must ["C4"] replies_may_come_in_another_order,
}

/// A call that is sent, to be answered.
fn asked(calling: &mut Calling) -> Outcome<(u64, Request)> {
    let tag = calling.call("echo", json!({"value": 1}))?;
    Ok((tag, calling.request()?))
}

fn a_result_arrives(calling: &mut Calling) -> Outcome {
    let (tag, request) = asked(calling)?;
    calling.answer(&request, r#""result":{"value":[1,{"a":null}]}"#)?;
    same("the result", calling.result(tag)?, json!({"value": [1, {"a": null}]}))
}

fn a_result_of_null_arrives(calling: &mut Calling) -> Outcome {
    let (tag, request) = asked(calling)?;
    calling.answer(&request, r#""result":null"#)?;
    same("the result", calling.result(tag)?, Value::Null)
}

fn text_of_all_kinds_is_received_unharmed(calling: &mut Calling) -> Outcome {
    let (tag, request) = asked(calling)?;
    calling.answer(&request, r#""result":{"value":"é\u00e9\ud83d\ude00\u0000😀\u2028\"\\\/"}"#)?;
    let expected = json!({"value": "éé\u{1F600}\u{0}\u{1F600}\u{2028}\"\\/"});
    same("the result", calling.result(tag)?, expected)
}

fn numbers_are_received_unharmed(calling: &mut Calling) -> Outcome {
    let (tag, request) = asked(calling)?;
    calling.answer(&request, r#""result":{"value":[5.0,5,-0.1,1e3,9007199254740993]}"#)?;
    let seen = calling.result(tag)?["value"].as_array().cloned().unwrap_or_default();
    let seen: Vec<_> = seen.iter().map(Value::as_f64).collect();
    let expected = [5.0, 5.0, -0.1, 1000.0, 9_007_199_254_740_993i64 as f64];
    same("the numbers", seen, expected.map(Some).to_vec())
}

fn a_reply_with_spaces_and_escapes_is_read(calling: &mut Calling) -> Outcome {
    let (tag, request) = asked(calling)?;
    let id = request.id.as_deref().unwrap_or_default().replacen('-', "\\u002d", 1);
    let envelope = format!(
        "\n{{ \"res\\u0075lt\" : {{\"value\": 1}},\t\"id\": {id}, \"jsonrpc\": \"2\\u002e0\"}} "
    );
    calling.append(&request, &[vec![("envelope", envelope.as_bytes()), ("type", b"rpc")]])?;
    same("the result", calling.result(tag)?, json!({"value": 1}))
}

fn unknown_keys_and_fields_are_ignored(calling: &mut Calling) -> Outcome {
    let (tag, request) = asked(calling)?;
    let envelope = reply(&request, r#""meta":{"a":[]},"result":{"value":1},"z":null"#)?;
    let fields: super::Fields<'_> =
        vec![("trace", b"\xff"), ("envelope", envelope.as_bytes()), ("z", b"")];
    calling.append(&request, &[fields])?;
    same("the result", calling.result(tag)?, json!({"value": 1}))
}

fn an_error_arrives_with_code_message_and_data(calling: &mut Calling) -> Outcome {
    let (tag, request) = asked(calling)?;
    let error = r#""error":{"code":-32001,"message":"division by \"zero\"","data":{"a":[1]}}"#;
    calling.answer(&request, error)?;
    let line = calling.rpc_error(tag)?;
    same("the code", line["code"].as_f64(), Some(-32001.0))?;
    same("the message", line["message"].as_str(), Some("division by \"zero\""))?;
    same("the data", &line["data"], &json!({"a": [1]}))
}

fn an_error_without_data_arrives(calling: &mut Calling) -> Outcome {
    let (tag, request) = asked(calling)?;
    calling.answer(&request, r#""error":{"code":-32601,"message":"Method not found"}"#)?;
    let line = calling.rpc_error(tag)?;
    same("the code", line["code"].as_f64(), Some(-32601.0))?;
    check(line["data"].is_null(), || format!("data is {}", line["data"]))
}

fn codes_of_all_kinds_arrive(calling: &mut Calling) -> Outcome {
    for code in [-32700, -32600, -32602, -32603, -32099, -1, 0, 42, 2_147_483_648i64] {
        let (tag, request) = asked(calling)?;
        calling
            .answer(&request, &format!(r#""error":{{"code":{code},"message":"m","data":null}}"#))?;
        let line = calling.rpc_error(tag)?;
        same("the code", line["code"].as_f64(), Some(code as f64))?;
    }
    Ok(())
}

fn a_whole_float_is_a_code(calling: &mut Calling) -> Outcome {
    let (tag, request) = asked(calling)?;
    calling.answer(&request, r#""error":{"code":-32001.0,"message":"m","data":null}"#)?;
    same("the code", calling.rpc_error(tag)?["code"].as_f64(), Some(-32001.0))
}

fn replies_may_come_in_another_order(calling: &mut Calling) -> Outcome {
    let tags = (0..10)
        .map(|n| calling.call("echo", json!({ "value": n })))
        .collect::<Outcome<Vec<_>>>()?;
    let mut requests = (0..10).map(|_| calling.request()).collect::<Outcome<Vec<_>>>()?;
    requests.reverse();
    for request in &requests {
        calling.answer(request, &format!(r#""result":{}"#, request.params))?;
    }
    for (n, tag) in tags.into_iter().enumerate() {
        same("the result", calling.result(tag)?["value"].as_f64(), Some(n as f64))?;
    }
    Ok(())
}

fn a_result_beside_an_error_of_null_is_a_result(calling: &mut Calling) -> Outcome {
    let (tag, request) = asked(calling)?;
    calling.answer(&request, r#""result":{"value":1},"error":null"#)?;
    same("the result", calling.result(tag)?, json!({"value": 1}))
}
