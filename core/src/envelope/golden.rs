//! Golden vectors: what the other implementations were seen to send, and what this one must write.

use bytes::Bytes;
use serde_json::json;

use super::*;
use crate::contract::MethodKind;
use crate::error::{Misuse, RpcError, codes};
use crate::random::Random;
use crate::spare::Spare;

fn bytes(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn parsed(text: &str) -> Request<'static> {
    let envelope = bytes(text);
    let request = parse_request(&envelope);
    let request = request.unwrap_or_else(|invalid| panic!("{text}: {invalid:?}"));
    Request { method: request.method.into_owned().into(), ..request }
}

#[test]
fn requests_of_every_implementation_are_read() {
    // (envelope, id, method, params)
    let vectors = [
        (
            r#"{"jsonrpc":"2.0","method":"arith.add","params":{"a":2,"b":3},"id":"0b5c1ff4-9d5c-4e7e-8b0a-0123456789ab"}"#,
            Some(r#""0b5c1ff4-9d5c-4e7e-8b0a-0123456789ab""#),
            "add",
            r#"{"a":2,"b":3}"#,
        ),
        (
            r#"{"jsonrpc": "2.0", "method": "arith.add", "params": {"a": 2.0, "b": 3.0, "s": "\u00e9"}, "id": "x"}"#,
            Some(r#""x""#),
            "add",
            r#"{"a": 2.0, "b": 3.0, "s": "\u00e9"}"#,
        ),
        (r#"{"jsonrpc":"2.0","method":"arith.ping","params":{"n":2}}"#, None, "ping", r#"{"n":2}"#),
        (
            r#"{"jsonrpc":"2.0","method":"arith.ping","params":{"n":2},"id":null}"#,
            None,
            "ping",
            r#"{"n":2}"#,
        ),
        (r#"{"jsonrpc":"2.0","method":"arith.ping"}"#, None, "ping", "{}"),
        (
            r#"{"jsonrpc":"2.0","method":"arith.ping","params":null,"id":1}"#,
            Some("1"),
            "ping",
            "{}",
        ),
        (
            r#"{"jsonrpc":"2.0","method":"arith.group-cancel","id":1}"#,
            Some("1"),
            "group-cancel",
            "{}",
        ),
        (
            "\n {\"method\":\"a.b\",\"id\":-0.5e3,\"jsonrpc\":\"2.0\",\"more\":[]} \t",
            Some("-0.5e3"),
            "b",
            "{}",
        ),
        (
            r#"{"jsonrpc":"2\u002e0","method":"a\u002eb","id":"\u0061"}"#,
            Some(r#""\u0061""#),
            "b",
            "{}",
        ),
    ];
    for (envelope, id, method, params) in vectors {
        let request = parsed(envelope);
        assert_eq!(request.id.as_ref().map(RequestId::as_json), id, "{envelope}");
        assert_eq!((&*request.method, &request.params[..]), (method, params.as_bytes()));
    }
}

#[test]
fn ids_are_echoed_exactly_as_they_came() {
    for id in
        ["1", "\"1\"", "1.5", "123456789012345678901234567890", "\"\"", "\"\\u00e9\\n\"", "1E+2"]
    {
        let request = parsed(&format!(r#"{{"jsonrpc":"2.0","method":"a.b","id":{id}}}"#));
        let reply = success_response(&request.id.unwrap(), &json!({"sum": 5}));
        assert_eq!(reply, format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{"sum":5}}}}"#));
    }
    let shown = parsed(r#"{"jsonrpc":"2.0","method":"a.b","id":"a\"b"}"#).id.unwrap();
    assert_eq!(shown.to_string(), "a\"b");
}

#[test]
fn what_is_not_a_request_is_told_apart() {
    let deep = format!(
        r#"{{"jsonrpc":"2.0","method":1,"id":1,"params":{}{}}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    // (envelope, code, whether an id could be had)
    let vectors: Vec<(&[u8], i64, bool)> = vec![
        (b"", codes::PARSE_ERROR, false),
        (b"not json", codes::PARSE_ERROR, false),
        (b"\xff\xfe", codes::PARSE_ERROR, false),
        (br#"{"jsonrpc":"2.0","method":"a.b","id":1"#, codes::PARSE_ERROR, false),
        (br#"{"jsonrpc":"2.0","method":"a.b","id":1}x"#, codes::PARSE_ERROR, false),
        (br#"{"jsonrpc":"2.0","method":"a.b","id":NaN}"#, codes::PARSE_ERROR, false),
        (br#"[{"jsonrpc":"2.0","method":"a.b","id":1}]"#, codes::INVALID_REQUEST, false),
        (br#"["2.0","a.b",{},1]"#, codes::INVALID_REQUEST, false),
        (b"3", codes::INVALID_REQUEST, false),
        (b"null", codes::INVALID_REQUEST, false),
        (br#"{"method":"a.b","id":1}"#, codes::INVALID_REQUEST, true),
        (br#"{"jsonrpc":"1.0","method":"a.b","id":1}"#, codes::INVALID_REQUEST, true),
        (br#"{"jsonrpc":2.0,"method":"a.b","id":1}"#, codes::INVALID_REQUEST, true),
        (br#"{"jsonrpc":"2.0","id":1}"#, codes::INVALID_REQUEST, true),
        (br#"{"jsonrpc":"2.0","method":7,"id":1}"#, codes::INVALID_REQUEST, true),
        (br#"{"jsonrpc":"2.0","method":null,"id":1}"#, codes::INVALID_REQUEST, true),
        (br#"{"jsonrpc":"2.0","method":"add","id":1}"#, codes::INVALID_REQUEST, true),
        (br#"{"jsonrpc":"2.0","method":"a.B","id":1}"#, codes::INVALID_REQUEST, true),
        (br#"{"jsonrpc":"2.0","method":"a.b","id":true}"#, codes::INVALID_REQUEST, false),
        (br#"{"jsonrpc":"2.0","method":"a.b","id":[1]}"#, codes::INVALID_REQUEST, false),
        (br#"{"jsonrpc":"2.0","method":"a.b","id":{}}"#, codes::INVALID_REQUEST, false),
        (br#"{"jsonrpc":"2.0","id":1,"result":{}}"#, codes::INVALID_REQUEST, true),
        (br#"{"jsonrpc":"2.0","id":1,"method":"a.b","result":null}"#, codes::INVALID_REQUEST, true),
        (br#"{"jsonrpc":"2.0","id":1,"method":"a.b","error":{}}"#, codes::INVALID_REQUEST, true),
        (br#"{"jsonrpc":"2.0","id":1,"id":2,"method":"a.b"}"#, codes::INVALID_REQUEST, false),
        (deep.as_bytes(), codes::INVALID_REQUEST, true),
    ];
    for (envelope, code, has_id) in vectors {
        let shown = String::from_utf8_lossy(&envelope[..envelope.len().min(80)]).into_owned();
        let invalid = parse_request(&Bytes::copy_from_slice(envelope)).expect_err(&shown);
        assert_eq!(invalid.error.code, code, "{shown}");
        assert_eq!(invalid.id.is_some(), has_id, "{shown}");
        assert!(invalid.error.data.is_some(), "{shown}");
    }
}

#[test]
fn params_nested_10000_deep_are_carried_without_recursion() {
    let deep = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    let request =
        parsed(&format!(r#"{{"jsonrpc":"2.0","method":"a.b","id":1,"params":{{"v":{deep}}}}}"#));
    assert_eq!(request.params.len(), deep.len() + 6);
    let error = crate::codec::from_params::<serde_json::Value>(&request.params).unwrap_err();
    assert_eq!(error.code, codes::INVALID_PARAMS);
}

#[test]
fn params_and_ids_are_not_copied() {
    let envelope = bytes(r#"{"jsonrpc":"2.0","method":"a.b","params":{"a":1},"id":"x"}"#);
    let request = parse_request(&envelope).unwrap();
    let inside = |part: &[u8]| envelope.as_ptr_range().contains(&part.as_ptr());
    assert!(inside(&request.params));
    assert!(inside(request.id.unwrap().as_json().as_bytes()));
}

#[test]
fn requests_are_written_as_the_others_write_them() {
    let id = Random::new([1; 32]).uuid();
    let call =
        Outgoing::new(MethodKind::Request, "arith", "add", &json!({"a": 2, "b": 3.5})).unwrap();
    assert_eq!(call.service(), "arith");
    let len = call.len();
    let envelope = call.into_request(id, &mut Spare::default());
    assert_eq!(envelope.len(), len);
    assert_eq!(
        envelope,
        format!(
            r#"{{"jsonrpc":"2.0","method":"arith.add","params":{{"a":2,"b":3.5}},"id":"{id}"}}"#
        )
    );
    let ping = Outgoing::new(MethodKind::Notification, "arith", "ping", &json!({"n": 2})).unwrap();
    assert_eq!(
        ping.into_notification(&mut Spare::default()),
        r#"{"jsonrpc":"2.0","method":"arith.ping","params":{"n":2}}"#
    );
}

#[test]
fn what_cannot_be_sent_is_refused_before_it_is() {
    let new = |service, method, params: &dyn Fn() -> f64| {
        Outgoing::new(MethodKind::Request, service, method, &[params()]).unwrap_err()
    };
    assert!(matches!(new("Arith", "add", &|| 1.0), Misuse::Name(_)));
    assert!(matches!(new("arith", "place_order", &|| 1.0), Misuse::Name(_)));
    let nan = new("arith", "add", &|| f64::NAN);
    assert!(matches!(nan, Misuse::Params { .. }), "{nan}");
    assert!(nan.to_string().contains("arith.add"), "{nan}");
}

#[test]
fn entries_carry_their_fields_in_the_usual_order() {
    let names = |fields: crate::command::Fields| {
        fields
            .iter()
            .map(|(name, value)| {
                format!("{}={}", String::from_utf8_lossy(name), String::from_utf8_lossy(value))
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(fields(bytes("{}"), Some(bytes("p:replies:c")), &mut Spare::default())),
        ["type=rpc", "envelope={}", "reply-to=p:replies:c"]
    );
    assert_eq!(
        names(fields(bytes("{}"), None, &mut Spare::default())),
        ["type=rpc", "envelope={}"]
    );
}

#[test]
fn errors_always_carry_data() {
    let id = parsed(r#"{"jsonrpc":"2.0","method":"a.b","id":7}"#).id.unwrap();
    assert_eq!(
        error_response(&id, &RpcError::method_not_found()),
        r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32601,"message":"Method not found","data":null}}"#
    );
    let own = RpcError::new(-32001, "division by \"zero\"").with_data(json!({"a": 1}));
    assert_eq!(
        error_response(&id, &own),
        r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32001,"message":"division by \"zero\"","data":{"a":1}}}"#
    );
}

#[test]
fn a_result_that_is_not_json_becomes_an_error() {
    let id = parsed(r#"{"jsonrpc":"2.0","method":"a.b","id":7}"#).id.unwrap();
    let reply = success_response(&id, &[1.0, f64::NAN]);
    let reply = parse_value(&reply);
    assert_eq!(reply["error"]["code"], codes::INTERNAL_ERROR);
    assert_eq!(reply["error"]["message"], "Result validation failed");
    assert_eq!(reply["error"]["data"]["errors"][0]["loc"], json!([1]));
    assert!(reply.get("result").is_none());
}

fn parse_value(bytes: &Bytes) -> serde_json::Value {
    serde_json::from_slice(bytes).unwrap()
}

#[test]
fn replies_are_matched_and_read() {
    let id = Random::new([1; 32]).uuid();
    let ok =
        parse_response(&bytes(&format!(r#"{{"jsonrpc": "2.0", "id": "{id}", "result": null}}"#)));
    assert_eq!((ok.id, ok.body), (Some(id), Ok(Ok(bytes("null")))));
    let error = parse_response(&bytes(&format!(
        r#"{{"jsonrpc":"2.0","id":"{id}","error":{{"code":-32001.0,"message":"no","more":1}}}}"#
    )));
    assert_eq!(error.body, Ok(Err(RpcError::new(-32001, "no"))));
    let escaped = format!("{id}").replacen('-', "\\u002d", 1);
    assert_eq!(
        parse_response(&bytes(&format!(r#"{{"jsonrpc":"2.0","id":"{escaped}","result":1}}"#))).id,
        Some(id)
    );
}

#[test]
fn replies_that_cannot_be_used_say_why() {
    for (envelope, why) in [
        (r#"{"jsonrpc":"2.0","id":"x","result":1,"error":{"code":1,"message":""}}"#, "both"),
        (r#"{"jsonrpc":"2.0","id":"x"}"#, "neither"),
        (r#"{"id":"x","result":1}"#, "jsonrpc"),
        (r#"{"jsonrpc":"2.0","id":"x","error":{"code":1.5,"message":""}}"#, "whole number"),
        (r#"{"jsonrpc":"2.0","id":"x","error":{"message":""}}"#, "code"),
        (r#"{"jsonrpc":"2.0","id":"x","error":[1,"m",null]}"#, "not an object"),
        (r#"[]"#, "batches"),
        ("{", "Parse error"),
    ] {
        let reply = parse_response(&bytes(envelope));
        let reason = reply.body.unwrap_err();
        assert!(reason.contains(why), "{envelope}: {reason}");
        assert_eq!(reply.id, None);
    }
}

#[test]
fn a_reply_that_is_not_json_still_finds_its_call() {
    let id = Random::new([1; 32]).uuid();
    for envelope in [
        format!(r#"{{"jsonrpc": "2.0", "id": "{id}", "result": {{"q": NaN}}}}"#),
        format!(r#"{{"result":Infinity,"id" : "{id}"}}"#),
        format!(r#"{{"id":"no","id":"{id}","result":"#),
    ] {
        let reply = parse_response(&bytes(&envelope));
        assert_eq!(reply.id, Some(id), "{envelope}");
        assert!(reply.body.is_err(), "{envelope}");
    }
    for envelope in ["NaN", r#"{"id":NaN}"#, r#"{"id":"é"#, r#""id""#] {
        assert_eq!(parse_response(&bytes(envelope)).id, None, "{envelope}");
    }
}
