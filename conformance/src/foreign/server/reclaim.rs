//! At least once: what a server leaves behind, another one does; what a server is at work on, nobody else does.

use clamator_testkit::{ServerOptions, Value};

use super::{CONF, Served};
use crate::foreign::case::{Outcome, cases};
use crate::foreign::site::{Bench, same};

cases! { CASES: Server "reclaim" Own;
    Must ["R1"] a_request_outlives_its_server,
    Must ["R1"] requests_behind_it_outlive_its_server,
    Should ["R5"] a_long_handler_is_not_run_twice,
    Should ["R4"] a_long_handler_keeps_its_request_in_a_pool,
}

fn claiming_after(ms: u64) -> ServerOptions {
    ServerOptions { claim_idle_ms: Some(ms), ..ServerOptions::default() }
}

fn a_request_outlives_its_server(bench: &Bench) -> Outcome {
    let mut served = Served::start_with(bench, &claiming_after(500))?;
    let id = served.request("sleep", r#"{"ms":700}"#)?;
    let (stream, deadline) = (served.stream(), served.deadline);
    deadline.until("the delivery", || Ok(served.store.pending(&stream, CONF)? == 1))?;
    served.server.kill9();
    served.server = bench.start_server(&served.prefix, &claiming_after(500))?;
    served.reply_to(&id)?.result()?;
    served.nothing_pending()
}

/// A slow request with quick ones right behind it.
pub(super) fn slow_and_quick(slow: &'static str) -> Vec<(&'static str, &'static str)> {
    let mut requests = vec![("push", r#"{"item":7}"#); 9];
    requests[0] = ("sleep", slow);
    requests
}

fn requests_behind_it_outlive_its_server(bench: &Bench) -> Outcome {
    let mut served = Served::start_with(bench, &claiming_after(500))?;
    let ids = served.requests(&slow_and_quick(r#"{"ms":700}"#))?;
    let (stream, deadline) = (served.stream(), served.deadline);
    deadline.until("the delivery", || Ok(served.store.pending(&stream, CONF)? >= 1))?;
    served.server.kill9();
    served.server = bench.start_server(&served.prefix, &claiming_after(500))?;
    served.replies_to(&ids)?;
    served.nothing_pending()
}

/// Longer than the server below gives an entry, with the time that it may take to look for one.
const LONG: &str = r#"{"ms":2200}"#;

fn a_long_handler_is_not_run_twice(bench: &Bench) -> Outcome {
    let mut served = Served::start_with(bench, &claiming_after(400))?;
    let id = served.request("sleep", LONG)?;
    served.reply_to(&id)?.result()?;
    same("how often it was run", served.seen_after(&id)?.0, 1)
}

fn a_long_handler_keeps_its_request_in_a_pool(bench: &Bench) -> Outcome {
    let named = |name: &str| ServerOptions { instance: Some(name.into()), ..claiming_after(400) };
    let mut served = Served::start_with(bench, &named("first"))?;
    let _second = bench.start_server(&served.prefix, &named("second"))?;
    let id = served.request("sleep", LONG)?;
    let (stream, deadline, reply_to) = (served.stream(), served.deadline, served.reply_to.clone());
    let owner = |served: &mut Served| -> Outcome<Option<(String, i64)>> {
        let value = served.store.command(&["XPENDING", &stream, CONF, "-", "+", "1"])?;
        let Value::Array(lines) = value else { return Ok(None) };
        Ok(lines.first().map(|line| {
            let line = line.as_array();
            (line[1].as_str().to_owned(), line[3].as_int())
        }))
    };
    let mut first = None;
    deadline.until("the delivery", || {
        first = owner(&mut served)?;
        Ok(first.is_some())
    })?;
    deadline.until("the reply", || {
        let now = owner(&mut served)?;
        let replied = served.store.int(&["XLEN", &reply_to])? > 0;
        if now.is_some() && now != first && !replied {
            return Err("while it ran it was delivered again".to_owned());
        }
        Ok(replied)
    })?;
    served.reply_to(&id)?.result().map(drop)
}

impl Served {
    /// What is counted, past further replies to a request that was answered before.
    fn seen_after(&mut self, answered: &str) -> Outcome<(i64, i64)> {
        let id = self.request("seen", "{}")?;
        loop {
            let reply = self.reply()?;
            if reply.id == id {
                let seen = reply.result()?;
                let count = |name: &str| seen[name].as_i64().unwrap_or_default();
                return Ok((count("calls"), count("pings")));
            }
            same("a further reply", reply.id.as_str(), answered)?;
        }
    }
}
