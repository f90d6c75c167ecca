//! Every error with its code, its message and its data.

use serde_json::{Value, json};

use super::{Served, answered, notification, request};
use crate::foreign::case::{Outcome, cases};
use crate::foreign::envelope::Failure;
use crate::foreign::site::{check, same};

cases! { CASES: Server "errors" Served;
    Must ["F1"] an_unknown_method_is_not_found,
    Should ["F1"] a_method_name_with_a_hyphen_is_not_found,
    Must ["F2"] params_that_do_not_fit_are_invalid,
    Must ["F2"] params_that_are_missing_are_invalid,
    Must ["F2"] params_that_are_no_object_are_invalid,
    Should ["F2"] invalid_params_say_where,
    Should ["E13"] a_text_is_not_taken_for_a_number,
    Must ["F3"] an_error_of_the_application_comes_as_it_is,
    Must ["F4"] an_ordinary_error_is_internal_with_its_name_and_message,
    Must ["F5"] a_result_that_does_not_fit_is_internal,
    Must ["E8"] data_is_always_there,
    Should ["F6"] a_request_to_a_notification_is_answered,
    Must ["F7"] a_notification_that_fails_is_not_answered,
}

fn error_of(served: &mut Served, method: &str, params: &str) -> Outcome<Failure> {
    let reply = served.exchange(request(method, params, "\"x\""))?;
    Ok(answered(reply)?.failure()?.clone())
}

fn an_unknown_method_is_not_found(served: &mut Served) -> Outcome {
    let error = error_of(served, "nothing", "{}")?;
    same("the code", error.code, -32601)?;
    same("the message", error.message.as_str(), "Method not found")?;
    same("data", error.data, Some(Value::Null))
}

fn a_method_name_with_a_hyphen_is_not_found(served: &mut Served) -> Outcome {
    // The oldest TypeScript lets it through.
    same("the code", error_of(served, "group-cancel", "{}")?.code, -32601)
}

fn params_that_do_not_fit_are_invalid(served: &mut Served) -> Outcome {
    let before = served.seen()?;
    for params in [r#"{"a":"two","b":3}"#, r#"{"a":[],"b":3}"#, r#"{"a":null,"b":3}"#] {
        let error = error_of(served, "add", params)?;
        same(&format!("the code for {params}"), error.code, -32602)?;
        same("the message", error.message.as_str(), "Invalid params")?;
        check(error.data.is_some_and(|data| data.is_object()), || "data is no object".into())?;
    }
    same("calls that were run", served.seen()?.0 - before.0 - 3, 0)
}

fn params_that_are_missing_are_invalid(served: &mut Served) -> Outcome {
    same("the code", error_of(served, "add", "{}")?.code, -32602)?;
    same("the code", error_of(served, "add", r#"{"a":1}"#)?.code, -32602)
}

fn params_that_are_no_object_are_invalid(served: &mut Served) -> Outcome {
    for params in ["[1,2]", "3", "\"text\"", "true"] {
        same(&format!("the code for {params}"), error_of(served, "add", params)?.code, -32602)?;
    }
    Ok(())
}

fn invalid_params_say_where(served: &mut Served) -> Outcome {
    let data = error_of(served, "add", r#"{"a":1,"b":"two"}"#)?.data.unwrap_or_default();
    same("data.errors[0].loc", &data["errors"][0]["loc"], &json!(["b"]))?;
    check(data["errors"][0]["msg"].is_string(), || format!("no msg in {data}"))
}

fn a_text_is_not_taken_for_a_number(served: &mut Served) -> Outcome {
    same("the code for \"1\"", error_of(served, "add", r#"{"a":"1","b":2}"#)?.code, -32602)?;
    same("the code for true", error_of(served, "add", r#"{"a":true,"b":2}"#)?.code, -32602)
}

fn an_error_of_the_application_comes_as_it_is(served: &mut Served) -> Outcome {
    let error = error_of(served, "divide", r#"{"a":7,"b":0}"#)?;
    same("the code", error.code, -32001)?;
    same("the message", error.message.as_str(), "division by zero")?;
    same("data.a", error.data.unwrap_or_default()["a"].as_f64(), Some(7.0))
}

fn an_ordinary_error_is_internal_with_its_name_and_message(served: &mut Served) -> Outcome {
    let error = error_of(served, "fail", r#"{"message":"böse"}"#)?;
    same("the code", error.code, -32603)?;
    same("the message", error.message.as_str(), "Internal error")?;
    let data = error.data.unwrap_or_default();
    same("data.message", &data["message"], &json!("böse"))?;
    check(data["name"].is_string(), || format!("no name in {data}"))
}

fn a_result_that_does_not_fit_is_internal(served: &mut Served) -> Outcome {
    let error = error_of(served, "badResult", "{}")?;
    same("the code", error.code, -32603)?;
    same("the message", error.message.as_str(), "Result validation failed")
}

fn data_is_always_there(served: &mut Served) -> Outcome {
    for (method, params) in [
        ("nothing", "{}"),
        ("add", "{}"),
        ("divide", r#"{"a":1,"b":0}"#),
        ("fail", r#"{"message":""}"#),
        ("badResult", "{}"),
    ] {
        let error = error_of(served, method, params)?;
        check(error.data.is_some(), || format!("the error of {method} has no data: {error:?}"))?;
    }
    Ok(())
}

fn a_request_to_a_notification_is_answered(served: &mut Served) -> Outcome {
    let error = error_of(served, "ping", r#"{"n":1}"#)?;
    check((-32700..=-32600).contains(&error.code), || format!("the code is {}", error.code))
}

fn a_notification_that_fails_is_not_answered(served: &mut Served) -> Outcome {
    let envelopes = [
        notification("ping", r#"{"n":"many"}"#),
        notification("nothing", "{}"),
        notification("fail", r#"{"message":"x"}"#),
        notification("badResult", "{}"),
        notification("divide", r#"{"a":1,"b":0}"#),
    ];
    for envelope in envelopes {
        let reply = served.exchange(&envelope)?;
        check(reply.is_none(), || format!("{envelope} was answered: {reply:?}"))?;
    }
    Ok(())
}
