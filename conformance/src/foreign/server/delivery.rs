//! Order, one at a time, one server for each request, and the ack after the reply.

use std::collections::BTreeSet;

use clamator_testkit::ServerOptions;

use super::reclaim::slow_and_quick;
use super::{CONF, Served};
use crate::foreign::case::{Outcome, cases};
use crate::foreign::site::{Bench, check, same};

cases! { CASES: Server "delivery" Own;
    Must ["S4"] requests_are_run_in_order,
    Must ["S4"] one_request_is_run_at_a_time,
    Must ["S6"] a_request_is_pending_until_its_reply_is_there,
    Must ["S3"] a_pool_answers_each_request_once,
    Must ["S3"] a_hundred_requests_at_once_are_all_answered,
    Should ["S8"] a_busy_server_leaves_requests_to_the_pool,
}

fn requests_are_run_in_order(bench: &Bench) -> Outcome {
    let mut served = Served::start(bench)?;
    let ids = (0..40).map(|n| served.request("push", &format!(r#"{{"item":{n}}}"#)));
    let ids = ids.collect::<Outcome<Vec<_>>>()?;
    for (n, id) in ids.iter().enumerate() {
        let reply = served.reply_to(id)?;
        let items: Vec<_> =
            reply.result()?["items"].as_array().into_iter().flatten().cloned().collect();
        let expected: Vec<_> = (0..=n).map(serde_json::Value::from).collect();
        same(&format!("the items after push {n}"), items, expected)?;
    }
    Ok(())
}

fn one_request_is_run_at_a_time(bench: &Bench) -> Outcome {
    let mut served = Served::start(bench)?;
    let slow = served.request("sleep", r#"{"ms":300}"#)?;
    let slower = served.request("sleep", r#"{"ms":100}"#)?;
    let quick = served.request("push", r#"{"item":1}"#)?;
    for id in [slow, slower, quick] {
        served.reply_to(&id)?.result()?;
    }
    Ok(())
}

/// Both numbers at one moment: how many are pending, and how many replies are there.
const LOOK: &str =
    "return {redis.call('XPENDING', KEYS[1], ARGV[1])[1], redis.call('XLEN', KEYS[2])}";

fn a_request_is_pending_until_its_reply_is_there(bench: &Bench) -> Outcome {
    let mut served = Served::start(bench)?;
    let (stream, reply_to, deadline) = (served.stream(), served.reply_to.clone(), served.deadline);
    let id = served.request("sleep", r#"{"ms":300}"#)?;
    deadline.until("the delivery of the request", || {
        Ok(served.store.pending(&stream, CONF)? == 1 || served.store.int(&["XLEN", &reply_to])? > 0)
    })?;
    deadline.until("the ack of the request", || {
        let words = ["EVAL", LOOK, "2", &stream, &reply_to, CONF];
        let look = served.store.command(&words)?;
        let (pending, replies) = (look.as_array()[0].as_int(), look.as_array()[1].as_int());
        check(pending == 1 || replies == 1, || "it was acked before its reply was there".into())?;
        Ok(pending == 0)
    })?;
    served.reply_to(&id)?.result().map(drop)
}

/// Sends as many and waits for exactly one reply to each.
fn answers_each_once(served: &mut Served, count: usize) -> Outcome {
    let mut missing = BTreeSet::new();
    for n in 0..count {
        missing.insert(served.request("add", &format!(r#"{{"a":{n},"b":1}}"#))?);
    }
    while !missing.is_empty() {
        let reply =
            served.reply().map_err(|e| format!("{} of {count} left: {e}", missing.len()))?;
        reply.result()?;
        check(missing.remove(&reply.id), || format!("a second reply to {}", reply.id))?;
    }
    served.nothing_pending()?;
    let reply_to = served.reply_to.clone();
    let replies = served.store.int(&["XLEN", &reply_to])?;
    same("replies", replies, count as i64)
}

fn a_pool_answers_each_request_once(bench: &Bench) -> Outcome {
    let mut served = Served::start(bench)?;
    let _second = bench.start_server(&served.prefix, &ServerOptions::default())?;
    let _third = bench.start_server(&served.prefix, &ServerOptions::default())?;
    answers_each_once(&mut served, 150)
}

fn a_hundred_requests_at_once_are_all_answered(bench: &Bench) -> Outcome {
    let mut served = Served::start(bench)?;
    answers_each_once(&mut served, 100)
}

fn a_busy_server_leaves_requests_to_the_pool(bench: &Bench) -> Outcome {
    let mut served = Served::start(bench)?;
    let _second = bench.start_server(&served.prefix, &ServerOptions::default())?;
    // Both have seen that requests may take their time.
    let warm_up = served.requests(&[("sleep", r#"{"ms":60}"#); 8])?;
    served.replies_to(&warm_up)?;
    served.nothing_pending()?;
    let ids = served.requests(&slow_and_quick(r#"{"ms":2000}"#))?;
    for answered in 0..ids.len() {
        let reply = served.reply()?;
        let waited = ids.len() - 1 - answered;
        check(reply.id != ids[0] || waited == 0, || {
            format!("{waited} quick requests waited for a slow one while another server was idle")
        })?;
    }
    Ok(())
}
