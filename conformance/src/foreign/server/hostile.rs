//! What no good client sends: it is got rid of, its neighbours are answered, and where it can be answered it is.

use super::{CONF, Served, answered, request};
use crate::foreign::case::{Outcome, cases};
use crate::foreign::envelope::{Reply, same_id};
use crate::foreign::site::{PATIENCE, check, same};

cases! { CASES: Server "hostile input" Served;
    Must ["F9"] an_entry_without_an_envelope_is_dropped,
    Must ["F9"] an_empty_envelope_is_dropped,
    Must ["F9"] what_is_not_json_is_dropped,
    Must ["F9"] what_is_not_utf8_is_dropped,
    Must ["F9"] a_batch_is_not_run,
    Must ["F8"] a_response_is_dropped,
    Must ["F10", "S7"] a_value_nested_10000_deep_harms_nobody,
    Should ["F10"] a_value_nested_10000_deep_is_answered,
    Must ["F10"] a_lone_surrogate_harms_nobody,
    Should ["E16"] what_is_not_json_is_never_written,
    Should ["F8"] a_wrong_version_is_answered,
    Should ["F8"] a_missing_method_is_answered,
    Should ["F8", "K7"] a_method_that_is_no_name_is_answered,
    Must ["S7"] good_requests_between_hostile_ones_are_answered,
    Should ["S7"] good_requests_between_ones_that_are_not_utf8_are_answered,
    Should ["P3", "S7"] a_reply_to_of_another_type_harms_nobody,
    Should ["P1"] a_reply_to_elsewhere_is_not_written,
    Should ["P1", "S7"] a_reply_to_that_is_not_utf8_harms_nobody,
}

fn no_result(what: &str, reply: Option<Reply>) -> Outcome {
    match reply {
        Some(reply) => check(reply.body.is_err(), || format!("{what} has a result: {reply:?}")),
        None => Ok(()),
    }
}

/// It is answered with an error under its id.
fn invalid(served: &mut Served, envelope: &str, id: &str) -> Outcome {
    let reply = answered(served.exchange(envelope)?)?;
    check(same_id(&reply.id, id), || format!("the reply to {id} has the id {}", reply.id))?;
    same("the code", reply.failure()?.code, -32600)
}

fn an_entry_without_an_envelope_is_dropped(served: &mut Served) -> Outcome {
    let reply_to = served.reply_to.clone();
    no_result("it", served.exchange_fields(&[("type", b"rpc")])?)?;
    no_result("it", served.exchange_fields(&[("reply-to", reply_to.as_bytes())])?)
}

fn an_empty_envelope_is_dropped(served: &mut Served) -> Outcome {
    no_result("it", served.exchange("")?)?;
    no_result("it", served.exchange(" ")?)
}

fn what_is_not_json_is_dropped(served: &mut Served) -> Outcome {
    for envelope in ["hello", "{\"jsonrpc\":", "{'a':1}", "\u{FEFF}{}", "{}{}"] {
        no_result(envelope, served.exchange(envelope)?)?;
    }
    Ok(())
}

fn what_is_not_utf8_is_dropped(served: &mut Served) -> Outcome {
    no_result("it", served.exchange(b"\xff\xfe\x00")?)?;
    let mut envelope = request("echo", r#"{"value":"?"}"#, "\"x\"").into_bytes();
    let at = envelope.iter().position(|byte| *byte == b'?').unwrap_or_default();
    envelope[at] = 0xE9;
    no_result("it", served.exchange(envelope)?)
}

fn a_batch_is_not_run(served: &mut Served) -> Outcome {
    let before = served.seen()?;
    let one = request("add", r#"{"a":1,"b":2}"#, "\"x\"");
    no_result("a batch of one", served.exchange(format!("[{one}]"))?)?;
    no_result("a batch of two", served.exchange(format!("[{one},{one}]"))?)?;
    no_result("an empty batch", served.exchange("[]")?)?;
    same("calls that were run", served.seen()?.0 - before.0 - 3, 0)
}

fn a_response_is_dropped(served: &mut Served) -> Outcome {
    no_result("it", served.exchange(r#"{"jsonrpc":"2.0","id":"x","result":{"sum":5}}"#)?)?;
    let error = r#"{"jsonrpc":"2.0","id":"x","error":{"code":1,"message":"m","data":null}}"#;
    no_result("it", served.exchange(error)?)
}

fn deep() -> String {
    let value = format!("{}1{}", "[".repeat(10_000), "]".repeat(10_000));
    request("echo", &format!(r#"{{"value":{value}}}"#), "\"deep\"")
}

fn a_value_nested_10000_deep_harms_nobody(served: &mut Served) -> Outcome {
    served.send(deep())?;
    for n in 0..15 {
        served.send(request("add", r#"{"a":1,"b":2}"#, &n.to_string()))?;
    }
    let mut good = 0;
    while good < 15 {
        // Deep replies aren't looked into.
        match served.reply() {
            Ok(reply) if same_id(&reply.id, "\"deep\"") => {}
            Ok(reply) => {
                same("the id", reply.id.as_str(), good.to_string().as_str())?;
                good += 1;
            }
            Err(error) if error.contains("recursion limit") => {}
            Err(error) => return Err(format!("after {good} of 15 neighbours: {error}")),
        }
    }
    served.nothing_pending()
}

fn a_value_nested_10000_deep_is_answered(served: &mut Served) -> Outcome {
    match served.exchange(deep()) {
        Ok(reply) => answered(reply).map(drop),
        // It came back whole.
        Err(error) if error.contains("recursion limit") => Ok(()),
        Err(error) => Err(error),
    }
}

fn a_lone_surrogate_harms_nobody(served: &mut Served) -> Outcome {
    // It is JSON by its grammar, but no text.
    let envelope = request("echo", r#"{"value":"\ud800"}"#, "\"x\"");
    match served.exchange(envelope) {
        Err(error) if error.contains("surrogate") || error.contains("hex escape") => Ok(()),
        other => other.map(drop),
    }
}

fn what_is_not_json_is_never_written(served: &mut Served) -> Outcome {
    // A reply that is no JSON is an error.
    for value in ["NaN", "Infinity", "-Infinity"] {
        served.exchange(request("echo", &format!(r#"{{"value":{value}}}"#), "\"x\""))?;
    }
    for value in ["NaN", "Infinity", "1e999"] {
        served.exchange(request("add", &format!(r#"{{"a":1,"b":{value}}}"#), "\"x\""))?;
    }
    Ok(())
}

fn a_wrong_version_is_answered(served: &mut Served) -> Outcome {
    for version in ["\"1.0\"", "2.0", "null"] {
        let envelope = format!(
            r#"{{"jsonrpc":{version},"method":"conf.add","params":{{"a":1,"b":2}},"id":"x"}}"#
        );
        invalid(served, &envelope, "\"x\"")?;
    }
    invalid(served, r#"{"method":"conf.add","params":{"a":1,"b":2},"id":"x"}"#, "\"x\"")
}

fn a_missing_method_is_answered(served: &mut Served) -> Outcome {
    invalid(served, r#"{"jsonrpc":"2.0","params":{},"id":7}"#, "7")?;
    invalid(served, r#"{"jsonrpc":"2.0","method":null,"params":{},"id":7}"#, "7")?;
    invalid(served, r#"{"jsonrpc":"2.0","method":["conf.add"],"id":7}"#, "7")
}

fn a_method_that_is_no_name_is_answered(served: &mut Served) -> Outcome {
    for method in ["add", "conf.", ".add", "conf.Add", "Conf.add", "conf.a.b", "conf.a_b", ""] {
        let envelope = format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{{}},"id":"x"}}"#);
        invalid(served, &envelope, "\"x\"").map_err(|error| format!("{method:?}: {error}"))?;
    }
    Ok(())
}

/// Sends good requests with others between them, all at once, and waits for the good ones' replies, in order.
fn good_ones_between(served: &mut Served, others: &[&[u8]]) -> Outcome {
    let reply_to = served.reply_to.clone().into_bytes();
    let good: Vec<String> = (0..others.len())
        .map(|n| request("echo", &format!(r#"{{"value":{n}}}"#), &format!("\"good-{n}\"")))
        .collect();
    let entries = others.iter().zip(&good).flat_map(|(other, good)| [*other, good.as_bytes()]);
    let entries: Vec<_> = entries
        .map(|it| vec![("type", &b"rpc"[..]), ("envelope", it), ("reply-to", &reply_to)])
        .collect();
    let stream = served.stream();
    served.store.append_all(&stream, &entries)?;
    for n in 0..others.len() {
        loop {
            let patience = served.deadline.within(PATIENCE);
            let Some(reply) = served.reply_before(patience)? else {
                return patience.missed(format!("the reply to good request {n} of {}", good.len()));
            };
            if same_id(&reply.id, &format!("\"good-{n}\"")) {
                reply.result()?;
                break;
            }
            check(reply.body.is_err(), || format!("a hostile one has a result: {reply:?}"))?;
        }
    }
    served.nothing_pending()
}

fn good_requests_between_hostile_ones_are_answered(served: &mut Served) -> Outcome {
    good_ones_between(
        served,
        &[
            b"",
            b"null",
            b"[]",
            b"{}",
            b"not json",
            b"\"text\"",
            br#"{"jsonrpc":"2.0"}"#,
            br#"{"jsonrpc":"2.0","method":5,"id":1}"#,
            br#"{"jsonrpc":"2.0","method":"conf.add","params":[],"id":2}"#,
            br#"{"jsonrpc":"2.0","method":"conf.add","id":{}}"#,
            br#"{"jsonrpc":"2.0","id":3,"result":1,"error":2}"#,
        ],
    )
}

fn good_requests_between_ones_that_are_not_utf8_are_answered(served: &mut Served) -> Outcome {
    good_ones_between(served, &[b"\xff", b"\xc3(", b"{\"jsonrpc\":\"\xed\xa0\x80\"}"])
}

fn a_reply_to_of_another_type_harms_nobody(served: &mut Served) -> Outcome {
    let key = format!("{}:replies:text", served.prefix);
    served.store.command(&["SET", &key, "text"])?;
    let envelope = request("add", r#"{"a":1,"b":2}"#, "\"x\"");
    let fields = [("envelope", envelope.as_bytes()), ("reply-to", key.as_bytes())];
    served.exchange_fields(&fields).map(drop)
}

fn a_reply_to_elsewhere_is_not_written(served: &mut Served) -> Outcome {
    let others = [
        format!("{}:elsewhere", served.prefix),
        format!("{}:cmds:other", served.prefix),
        format!("x{}:replies:a", served.prefix),
    ];
    for key in others {
        let envelope = request("add", r#"{"a":1,"b":2}"#, "\"x\"");
        let fields = [("envelope", envelope.as_bytes()), ("reply-to", key.as_bytes())];
        let reply = served.exchange_fields(&fields)?;
        let written = served.store.int(&["EXISTS", &key])?;
        served.store.command(&["DEL", &key])?;
        same(&format!("keys at {key:?} that a reply was written to"), written, 0)?;
        check(reply.is_none(), || format!("the reply went elsewhere: {reply:?}"))?;
    }
    let stream = served.stream();
    same("entries left pending", served.store.pending(&stream, CONF)?, 0)
}

fn a_reply_to_that_is_not_utf8_harms_nobody(served: &mut Served) -> Outcome {
    let envelope = request("add", r#"{"a":1,"b":2}"#, "\"x\"");
    let fields: [(&str, &[u8]); 2] = [("envelope", envelope.as_bytes()), ("reply-to", b"\xff\xfe")];
    served.exchange_fields(&fields)?;
    served.store.command(&[&b"DEL"[..], b"\xff\xfe"]).map(drop)
}
