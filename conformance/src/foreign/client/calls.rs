//! Many calls at once, and calls that nobody answers.

use std::time::{Duration, Instant};

use serde_json::json;

use super::{Calling, Fields, Request, reply};
use crate::foreign::case::{Outcome, cases};
use crate::foreign::site::{Bench, check, same};

cases! { CASES: Client "calls" Calling;
    Must ["C3"] a_call_that_nobody_answers_times_out,
    Must ["C4"] a_late_reply_is_ignored,
    Must ["C7"] two_hundred_calls_wait_at_once,
}

// These need a client of their own.
cases! { OWN: Client "calls" Own;
    Must ["C3"] a_default_timeout_is_kept,
    Should ["P6"] three_thousand_calls_lose_no_reply,
}

/// The call fails as timed out, after about this long.
fn times_out(calling: &mut Calling, tag: u64, begin: Instant, after: Duration) -> Outcome {
    let line = calling.settled(tag)?;
    let took = begin.elapsed();
    same("ok", &line["ok"], &json!(false))?;
    same("the kind of failure", &line["kind"], &json!("timeout"))?;
    check(took >= after, || format!("it timed out after {took:?}, before its {after:?}"))?;
    check(took < after + Duration::from_secs(3), || format!("it timed out after {took:?}"))
}

fn a_call_that_nobody_answers_times_out(calling: &mut Calling) -> Outcome {
    let begin = Instant::now();
    let tag = calling.call_within("echo", json!({"value": 1}), 400)?;
    calling.request()?;
    times_out(calling, tag, begin, Duration::from_millis(400))?;
    calling.works()
}

fn a_late_reply_is_ignored(calling: &mut Calling) -> Outcome {
    let tag = calling.call_within("echo", json!({"value": 1}), 300)?;
    let late = calling.request()?;
    same("the kind of failure", &calling.settled(tag)?["kind"], &json!("timeout"))?;
    calling.answer(&late, r#""result":{"value":1}"#)?;
    calling.works()?;
    check(!calling.client.is_settled(tag), || "it settled twice".to_owned())
}

fn a_default_timeout_is_kept(bench: &Bench) -> Outcome {
    let mut calling = Calling::start_with(bench, Some(600))?;
    // A call of its own timeout, so that the client has started before the clock does.
    calling.works()?;
    let begin = Instant::now();
    let tag = calling.client.send(json!({"op": "call", "method": "seen", "params": {}}))?;
    times_out(&mut calling, tag, begin, Duration::from_millis(600))
}

fn two_hundred_calls_wait_at_once(calling: &mut Calling) -> Outcome {
    let mut tags = Vec::new();
    for n in 0..200 {
        tags.push(calling.call("echo", json!({ "value": n }))?);
    }
    // None is answered before all are there.
    let mut requests = Vec::new();
    for n in 0..200 {
        requests.push(calling.request().map_err(|e| format!("{n} of 200 calls: {e}"))?);
    }
    requests.reverse();
    for request in &requests {
        calling.answer(request, &format!(r#""result":{}"#, request.params))?;
    }
    for (n, tag) in tags.into_iter().enumerate() {
        same("the result", calling.result(tag)?["value"].as_f64(), Some(n as f64))?;
    }
    Ok(())
}

/// A server that is faster than the client: all that is there is answered at once, with the usual bound on the stream.
fn three_thousand_calls_lose_no_reply(bench: &Bench) -> Outcome {
    const CALLS: usize = 3000;
    let mut calling = Calling::start(bench)?;
    calling.works()?;
    let mut tags = Vec::new();
    for n in 0..CALLS {
        tags.push(calling.call_within("echo", json!({ "value": n }), 8000)?);
    }
    let mut answered = 0;
    while answered < CALLS {
        let mut batch: Vec<Request> = Vec::new();
        // Until nothing more comes: a client that is careful waits for replies then.
        while let Some(request) =
            calling.request_before(calling.deadline.within(Duration::from_millis(300)))?
        {
            batch.push(request);
        }
        check(!calling.deadline.is_over(), || {
            format!("only {answered} of {CALLS} calls were sent")
        })?;
        answered += batch.len();
        calling.answer_at_once(&batch)?;
    }
    let mut lost = 0;
    for tag in tags {
        let line = calling.settled(tag)?;
        if line["ok"] != true {
            same("the kind of failure", &line["kind"], &json!("timeout"))?;
            lost += 1;
        }
    }
    check(lost == 0, || {
        format!("{lost} of {CALLS} replies were trimmed before the client read them")
    })
}

impl Calling {
    /// Appends the replies in one transaction, each with `MAXLEN ~ 1024`, as servers do.
    fn answer_at_once(&mut self, requests: &[Request]) -> Outcome {
        self.store.command(&["MULTI"])?;
        for request in requests {
            let reply_to = request.reply_to.clone().unwrap_or_default();
            let envelope = reply(request, &format!(r#""result":{}"#, request.params))?;
            let fields: Fields<'_> = vec![("type", b"rpc"), ("envelope", envelope.as_bytes())];
            let mut words: Vec<&[u8]> =
                vec![b"XADD", reply_to.as_bytes(), b"MAXLEN", b"~", b"1024", b"*"];
            words.extend(fields.iter().flat_map(|(name, value)| [name.as_bytes(), *value]));
            self.store.command(&words)?;
        }
        self.store.command(&["EXEC"]).map(drop)
    }
}
