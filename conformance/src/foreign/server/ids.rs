//! Ids come back exactly as they came.

use super::{Served, answered, request};
use crate::foreign::case::{Outcome, cases};
use crate::foreign::envelope::same_id;
use crate::foreign::site::{check, same};

cases! { CASES: Server "ids" Served;
    Must ["E9"] a_text_comes_back,
    Must ["E9"] a_text_that_looks_like_a_number_stays_a_text,
    Must ["E9"] a_whole_number_comes_back,
    Must ["E9"] a_negative_number_comes_back,
    Must ["E9"] a_number_beyond_53_bits_comes_back,
    Must ["E9"] a_number_beyond_64_bits_comes_back,
    Must ["E9"] a_fraction_comes_back,
    Must ["E9"] the_same_id_twice_is_answered_twice,
    Must ["F9"] what_is_neither_text_nor_number_is_not_run,
}

fn comes_back(served: &mut Served, id: &str) -> Outcome {
    let reply = served.exchange(request("add", r#"{"a":1,"b":2}"#, id))?;
    let reply = reply.ok_or_else(|| format!("a request with id {id} got no reply"))?;
    check(same_id(&reply.id, id), || format!("id {id} came back as {}", reply.id))?;
    reply.result().map(drop)
}

fn a_text_comes_back(served: &mut Served) -> Outcome {
    comes_back(served, "\"0b5c1ff4-9d5c-4e7e-8b0a-0123456789ab\"")?;
    comes_back(served, "\"\"")?;
    comes_back(served, "\"ключ \u{1F600} \\\"\\\\\"")?;
    comes_back(served, r#""\u00e9\u0000\n""#)?;
    comes_back(served, &format!("\"{}\"", "x".repeat(10_000)))
}

fn a_text_that_looks_like_a_number_stays_a_text(served: &mut Served) -> Outcome {
    comes_back(served, "\"1\"")?;
    comes_back(served, "\"1.5\"")?;
    comes_back(served, "\"null\"")
}

fn a_whole_number_comes_back(served: &mut Served) -> Outcome {
    comes_back(served, "1")?;
    comes_back(served, "0")
}

fn a_negative_number_comes_back(served: &mut Served) -> Outcome {
    comes_back(served, "-7")
}

fn a_number_beyond_53_bits_comes_back(served: &mut Served) -> Outcome {
    comes_back(served, "9007199254740993")
}

fn a_number_beyond_64_bits_comes_back(served: &mut Served) -> Outcome {
    comes_back(served, "123456789012345678901234567890")
}

fn a_fraction_comes_back(served: &mut Served) -> Outcome {
    comes_back(served, "1.5")
}

fn the_same_id_twice_is_answered_twice(served: &mut Served) -> Outcome {
    served.send(request("echo", r#"{"value":1}"#, "\"x\""))?;
    served.send(request("echo", r#"{"value":2}"#, "\"x\""))?;
    same("the first value", served.reply_to("\"x\"")?.result()?["value"].as_i64(), Some(1))?;
    same("the second value", served.reply_to("\"x\"")?.result()?["value"].as_i64(), Some(2))
}

fn what_is_neither_text_nor_number_is_not_run(served: &mut Served) -> Outcome {
    for id in ["true", "false", "[1]", "{\"a\":1}"] {
        let before = served.seen()?;
        let reply = served.exchange(request("add", r#"{"a":1,"b":2}"#, id))?;
        if let Some(reply) = reply {
            // No id can be had, so that a reply helps nobody; an error is allowed, though.
            same("the code", answered(Some(reply))?.failure()?.code, -32600)?;
        }
        same(&format!("calls that were run with id {id}"), served.seen()?.0 - before.0 - 1, 0)?;
    }
    Ok(())
}
