//! Stopping, lost connections, lost groups.

use std::time::{Duration, Instant};

use clamator_testkit::ServerOptions;

use super::reclaim::slow_and_quick;
use super::{CONF, Served};
use crate::foreign::case::{Outcome, cases};
use crate::foreign::site::{Bench, check, same};

cases! { CASES: Server "lifecycle" Own;
    Must ["D4", "D6"] an_idle_server_stops_at_once,
    Must ["D1"] a_running_handler_may_finish,
    Should ["D1"] what_is_answered_during_a_stop_is_acked,
    Must ["D3", "D6"] a_stop_takes_no_longer_than_its_grace,
    Should ["D2"] what_was_not_begun_is_handed_back,
    Must ["D2", "R1"] what_was_not_begun_is_not_lost,
    Should ["G1", "G2"] a_group_that_was_destroyed_is_made_again,
    Should ["G1"] a_stream_that_was_deleted_is_made_again,
    Should ["D5"] a_consumer_with_nothing_to_do_is_removed,
}

// These need all connections of a Redis.
cases! { EXCLUSIVE: Server "lifecycle" Exclusive;
    Must ["U4", "U6"] a_lost_connection_is_made_again,
}

/// The grace of the peers, and what it takes to end a process.
const GRACE: Duration = Duration::from_secs(5 + 4);

fn exits_cleanly(served: &Served) -> Outcome {
    match served.server.terminate(GRACE) {
        Some(0) => Ok(()),
        Some(code) => Err(format!("the exit code is {code}")),
        None => Err(format!("it still runs {GRACE:?} after SIGTERM")),
    }
}

fn an_idle_server_stops_at_once(bench: &Bench) -> Outcome {
    let mut served = Served::start(bench)?;
    served.result("add", r#"{"a":1,"b":2}"#)?;
    served.nothing_pending()?;
    let begin = Instant::now();
    exits_cleanly(&served)?;
    // A read that blocks for a second may have to end first.
    check(begin.elapsed() < Duration::from_secs(4), || format!("it took {:?}", begin.elapsed()))
}

/// Waits until the first request is being run. What Redis has delivered the server may not have read yet, and then it would
/// hand it back: a moment later it has.
fn begun(served: &mut Served) -> Outcome {
    let (stream, deadline) = (served.stream(), served.deadline);
    deadline.until("the delivery", || {
        let words = ["XPENDING", &stream, CONF, "IDLE", "250", "-", "+", "1"];
        Ok(!served.store.command(&words)?.as_array().is_empty())
    })
}

/// A server that is stopped while a handler runs, which could be done within the grace.
fn stopped_while_it_runs(bench: &Bench) -> Outcome<(Served, String)> {
    let mut served = Served::start(bench)?;
    let id = served.request("sleep", r#"{"ms":1500}"#)?;
    begun(&mut served)?;
    exits_cleanly(&served)?;
    Ok((served, id))
}

fn a_running_handler_may_finish(bench: &Bench) -> Outcome {
    let (mut served, id) = stopped_while_it_runs(bench)?;
    let over = served.deadline.within(Duration::ZERO);
    let reply = served.reply_before(over)?.ok_or("its caller got no reply")?;
    same("the id", reply.id.as_str(), id.as_str())?;
    reply.result().map(drop)
}

fn what_is_answered_during_a_stop_is_acked(bench: &Bench) -> Outcome {
    let (mut served, _) = stopped_while_it_runs(bench)?;
    let stream = served.stream();
    let pending = served.store.pending(&stream, CONF)?;
    check(pending == 0, || "it will be run again by another server: it is still pending".into())
}

fn a_stop_takes_no_longer_than_its_grace(bench: &Bench) -> Outcome {
    let mut served = Served::start(bench)?;
    served.request("sleep", r#"{"ms":60000}"#)?;
    begun(&mut served)?;
    exits_cleanly(&served)?;
    let stream = served.stream();
    same("the request that was cut off, still pending", served.store.pending(&stream, CONF)?, 1)
}

fn what_was_not_begun_is_handed_back(bench: &Bench) -> Outcome {
    let mut served = Served::start(bench)?;
    served.requests(&slow_and_quick(r#"{"ms":60000}"#))?;
    begun(&mut served)?;
    exits_cleanly(&served)?;
    let stream = served.stream();
    let all = served.store.pending(&stream, CONF)?;
    // Those that another server may claim at once: they count as untouched for the claim idle, a minute.
    let words = ["XPENDING", &stream, CONF, "IDLE", "60000", "-", "+", "100"];
    let free = served.store.command(&words)?.as_array().len();
    check(all - free as i64 <= 1, || {
        format!("of {all} requests that were delivered, {free} may be claimed at once")
    })
}

fn what_was_not_begun_is_not_lost(bench: &Bench) -> Outcome {
    let options = || ServerOptions { claim_idle_ms: Some(2000), ..ServerOptions::default() };
    let mut served = Served::start_with(bench, &options())?;
    let ids = served.requests(&slow_and_quick(r#"{"ms":1200}"#))?;
    begun(&mut served)?;
    exits_cleanly(&served)?;
    served.server = bench.start_server(&served.prefix, &options())?;
    served.replies_to(&ids)?;
    served.settled_within(bench.limit)
}

fn a_group_that_was_destroyed_is_made_again(bench: &Bench) -> Outcome {
    heals(bench, |served| {
        let stream = served.stream();
        served.store.command(&["XGROUP", "DESTROY", &stream, CONF]).map(drop)
    })
}

fn a_stream_that_was_deleted_is_made_again(bench: &Bench) -> Outcome {
    // As FLUSHALL, an eviction, or a failover to an empty replica does.
    heals(bench, |served| {
        let stream = served.stream();
        served.store.command(&["DEL", &stream]).map(drop)
    })
}

fn heals(bench: &Bench, harm: fn(&mut Served) -> Outcome) -> Outcome {
    let mut served = Served::start(bench)?;
    served.result("add", r#"{"a":1,"b":2}"#)?;
    served.nothing_pending()?;
    harm(&mut served)?;
    let stream = served.stream();
    served.deadline.within(Duration::from_secs(6)).until("a new group", || {
        Ok(served.store.info(&["XINFO", "GROUPS", &stream]).is_ok_and(|it| !it.is_empty()))
    })?;
    let id = served.request("add", r#"{"a":1,"b":2}"#)?;
    // What is still in the stream may be run again.
    while served.reply()?.id != id {}
    served.nothing_pending()
}

fn a_consumer_with_nothing_to_do_is_removed(bench: &Bench) -> Outcome {
    let mut served = Served::start(bench)?;
    served.result("add", r#"{"a":1,"b":2}"#)?;
    served.nothing_pending()?;
    exits_cleanly(&served)?;
    let lines = served.store.info(&["XINFO", "CONSUMERS", &served.stream(), CONF])?;
    same("consumers left in the group after a clean stop", lines.len(), 0)
}

fn a_lost_connection_is_made_again(bench: &Bench) -> Outcome {
    let mut served = Served::start(bench)?;
    served.result("add", r#"{"a":1,"b":2}"#)?;
    let id = served.request("sleep", r#"{"ms":1000}"#)?;
    begun(&mut served)?;
    served.store.command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])?;
    // The handler runs on, and its reply finds its way.
    served.reply_to(&id)?.result()?;
    served.result("add", r#"{"a":1,"b":2}"#).map(drop)
}
