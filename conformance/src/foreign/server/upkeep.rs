//! What stays in Redis.

use std::time::Duration;

use clamator_testkit::ServerOptions;

use super::Served;
use crate::foreign::case::{Outcome, cases};
use crate::foreign::site::{Bench, check, same};

cases! { CASES: Server "upkeep" Own;
    Must ["P2"] a_reply_stream_keeps_no_more_than_its_length,
    Should ["P4"] a_reply_stream_that_nobody_reads_vanishes_some_day,
    Should ["T1"] requests_that_are_done_are_removed,
}

fn a_reply_stream_keeps_no_more_than_its_length(bench: &Bench) -> Outcome {
    let options = ServerOptions { reply_maxlen: Some(50), ..ServerOptions::default() };
    let mut served = Served::start_with(bench, &options)?;
    for n in 0..500 {
        served.send(super::request("add", r#"{"a":1,"b":2}"#, &n.to_string()))?;
    }
    let (stream, deadline) = (served.stream(), served.deadline);
    let last = "499";
    let newest = |served: &mut Served| -> Outcome<bool> {
        let words = ["XREVRANGE", &served.reply_to, "+", "-", "COUNT", "1"];
        let value = served.store.command(&words)?;
        Ok(value.as_array().first().is_some_and(|entry| {
            let fields = entry.as_array()[1].as_array();
            fields.iter().any(|it| String::from_utf8_lossy(it.as_bytes()).contains(last))
        }))
    };
    deadline.until("the last of 500 replies", || newest(&mut served))?;
    served.nothing_pending()?;
    let length = served.store.int(&["XLEN", &served.reply_to])?;
    // Trimming is approximate: whole nodes of a hundred entries go.
    check((1..=250).contains(&length), || {
        format!("{length} of 500 replies are kept; asked for 50")
    })?;
    check(served.store.int(&["EXISTS", &stream])? == 1, || "the requests' stream is gone".into())
}

fn a_reply_stream_that_nobody_reads_vanishes_some_day(bench: &Bench) -> Outcome {
    let mut served = Served::start(bench)?;
    served.result("add", r#"{"a":1,"b":2}"#)?;
    served.nothing_pending()?;
    let reply_to = served.reply_to.clone();
    served
        .deadline
        .within(Duration::from_secs(5))
        .until("a time to live", || Ok(served.store.int(&["PTTL", &reply_to])? > 0))
}

fn requests_that_are_done_are_removed(bench: &Bench) -> Outcome {
    let mut served = Served::start(bench)?;
    for _ in 0..20 {
        served.result("add", r#"{"a":1,"b":2}"#)?;
    }
    served.nothing_pending()?;
    let stream = served.stream();
    let trimmed = served
        .deadline
        .within(Duration::from_secs(15))
        .until("an empty stream", || Ok(served.store.int(&["XLEN", &stream])? == 0));
    let left = served.store.int(&["XLEN", &stream])?;
    trimmed.or_else(|_| same("requests that are done and still there", left, 0))?;
    served.result("add", r#"{"a":1,"b":2}"#).map(drop)
}
