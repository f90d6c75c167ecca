//! The program as the server: requests are appended by hand, and replies are read off the stream.

mod delivery;
mod envelopes;
mod errors;
mod hostile;
mod ids;
mod keys;
mod lifecycle;
mod reclaim;
mod upkeep;

use std::time::Duration;

use clamator_testkit::{PeerServer, ServerOptions, unique_prefix};
use serde_json::Value;

use super::case::{Case, Outcome};
use super::envelope::{Reply, read_reply, same_id};
use super::site::{Bench, Deadline, PATIENCE, check};
use super::store::Store;

pub(crate) const CASES: &[&[Case]] = &[
    envelopes::CASES,
    ids::CASES,
    errors::CASES,
    hostile::CASES,
    keys::CASES,
    delivery::CASES,
    reclaim::CASES,
    lifecycle::CASES,
    lifecycle::EXCLUSIVE,
    upkeep::CASES,
];

/// The name of the service that every driver program serves, and of its group.
pub(crate) const CONF: &str = "conf";

/// A server under test, and the client that a case is to it.
#[derive(Debug)]
pub(crate) struct Served {
    pub(crate) server: PeerServer,
    pub(crate) store: Store,
    pub(crate) prefix: String,
    pub(crate) reply_to: String,
    pub(crate) deadline: Deadline,
    last: String,
    next: u64,
}

impl Served {
    pub(crate) fn start(bench: &Bench) -> Outcome<Served> {
        Served::start_with(bench, &ServerOptions::default())
    }

    pub(crate) fn start_with(bench: &Bench, options: &ServerOptions) -> Outcome<Served> {
        Served::start_at(bench, bench.prefix(), options)
    }

    pub(crate) fn start_at(
        bench: &Bench,
        prefix: String,
        options: &ServerOptions,
    ) -> Outcome<Served> {
        let server = bench.start_server(&prefix, options)?;
        Served::with(bench, prefix, server)
    }

    fn with(bench: &Bench, prefix: String, server: PeerServer) -> Outcome<Served> {
        let reply_to = format!("{prefix}:replies:{}", unique_prefix("case"));
        Ok(Served {
            server,
            store: bench.connect()?,
            prefix,
            reply_to,
            deadline: bench.deadline(),
            last: "0-0".into(),
            next: 0,
        })
    }

    /// What a case finds that is not the first one on this server.
    pub(crate) fn renew(&mut self, bench: &Bench) {
        self.reply_to = format!("{}:replies:{}", self.prefix, unique_prefix("case"));
        self.deadline = bench.deadline();
        self.last = "0-0".into();
    }

    pub(crate) fn stream(&self) -> String {
        format!("{}:cmds:{CONF}", self.prefix)
    }

    /// Appends a request with the usual fields.
    pub(crate) fn send(&mut self, envelope: impl AsRef<[u8]>) -> Outcome<String> {
        let (stream, reply_to) = (self.stream(), self.reply_to.clone());
        self.store.append(&stream, &usual(envelope.as_ref(), reply_to.as_bytes()))
    }

    /// Appends a request to `method` and gives the JSON text of its id.
    pub(crate) fn request(&mut self, method: &str, params: &str) -> Outcome<String> {
        self.next += 1;
        let id = format!("\"{method}-{}\"", self.next);
        self.send(request(method, params, &id))?;
        Ok(id)
    }

    /// Waits for the next reply.
    pub(crate) fn reply(&mut self) -> Outcome<Reply> {
        let deadline = self.deadline;
        match self.reply_before(deadline)? {
            Some(reply) => Ok(reply),
            None => deadline.missed("a reply"),
        }
    }

    /// The next reply, if one comes in time.
    pub(crate) fn reply_before(&mut self, deadline: Deadline) -> Outcome<Option<Reply>> {
        loop {
            let last = deadline.is_over();
            // One at a time: what comes after it is read the next time.
            let entries = self.store.read(&self.reply_to, &self.last, deadline.left())?;
            if let Some(entry) = entries.into_iter().next() {
                self.last.clone_from(&entry.id);
                return read_reply(entry).map(Some);
            }
            if last {
                return Ok(None);
            }
        }
    }

    /// Waits for a reply that must be the one with this id.
    pub(crate) fn reply_to(&mut self, id: &str) -> Outcome<Reply> {
        let reply = self.reply()?;
        check(same_id(&reply.id, id), || {
            format!("expected the reply to {id}, got one to {}", reply.id)
        })?;
        Ok(reply)
    }

    /// Calls `method` and gives what it answers.
    pub(crate) fn call(&mut self, method: &str, params: &str) -> Outcome<Reply> {
        let id = self.request(method, params)?;
        self.reply_to(&id)
    }

    /// Calls `method` and gives its result.
    pub(crate) fn result(&mut self, method: &str, params: &str) -> Outcome<Value> {
        Ok(self.call(method, params)?.result()?.clone())
    }

    /// Appends several requests at once, so that a server may be given all of them together. Gives the texts of their ids.
    pub(crate) fn requests(&mut self, requests: &[(&str, &str)]) -> Outcome<Vec<String>> {
        let (mut ids, mut envelopes) = (Vec::new(), Vec::new());
        for (method, params) in requests {
            self.next += 1;
            let id = format!("\"{method}-{}\"", self.next);
            envelopes.push(request(method, params, &id));
            ids.push(id);
        }
        let (stream, reply_to) = (self.stream(), self.reply_to.clone());
        let entries: Vec<_> =
            envelopes.iter().map(|it| usual(it.as_bytes(), reply_to.as_bytes())).collect();
        self.store.append_all(&stream, &entries)?;
        Ok(ids)
    }

    /// Waits for one reply to each, in whatever order; there may be more than one.
    pub(crate) fn replies_to(&mut self, ids: &[String]) -> Outcome {
        let mut missing = ids.to_vec();
        while !missing.is_empty() {
            let (left, all) = (missing.len(), ids.len());
            let reply = self.reply().map_err(|e| format!("{left} of {all} replies: {e}"))?;
            reply.result()?;
            missing.retain(|id| *id != reply.id);
        }
        Ok(())
    }

    /// Appends a request that may be hostile and gives its reply, if there is one. A good request that comes right behind it
    /// must be answered in any case, and nothing may stay pending.
    pub(crate) fn exchange(&mut self, envelope: impl AsRef<[u8]>) -> Outcome<Option<Reply>> {
        let reply_to = self.reply_to.clone();
        self.exchange_fields(&usual(envelope.as_ref(), reply_to.as_bytes()))
    }

    /// Like [`exchange`](Self::exchange), with fields of one's own.
    pub(crate) fn exchange_fields(&mut self, fields: &[(&str, &[u8])]) -> Outcome<Option<Reply>> {
        self.next += 1;
        let id = format!("\"neighbour-{}\"", self.next);
        let (stream, reply_to) = (self.stream(), self.reply_to.clone());
        let good = request("add", r#"{"a":1,"b":1}"#, &id);
        let entries = [fields.to_vec(), usual(good.as_bytes(), reply_to.as_bytes())];
        self.store.append_all(&stream, &entries)?;
        let patience = self.deadline.within(PATIENCE);
        let mut other = None;
        loop {
            let Some(reply) = self.reply_before(patience)? else {
                return patience.missed("the reply to a good request right behind it");
            };
            if same_id(&reply.id, &id) {
                reply.result()?;
                break;
            }
            check(other.is_none(), || format!("two replies to one request: {reply:?}"))?;
            other = Some(reply);
        }
        if other.is_none() {
            other = self.reply_in_time_to_settle()?;
        }
        self.nothing_pending()?;
        Ok(other)
    }

    /// A serial server has answered what came before by now; one that isn't gets a moment. What is acked isn't answered any
    /// more.
    fn reply_in_time_to_settle(&mut self) -> Outcome<Option<Reply>> {
        let patience = self.deadline.within(PATIENCE);
        loop {
            let settled = self.store.pending(&self.stream(), CONF)? == 0;
            let over = settled || patience.is_over();
            let reply = self.reply_before(self.deadline.within(Duration::ZERO))?;
            if reply.is_some() || over {
                return Ok(reply);
            }
        }
    }

    /// Waits until everything that was delivered is acked.
    pub(crate) fn nothing_pending(&mut self) -> Outcome {
        self.settled_within(PATIENCE)
    }

    /// The same, with more patience.
    pub(crate) fn settled_within(&mut self, patience: Duration) -> Outcome {
        let (stream, deadline) = (self.stream(), self.deadline.within(patience));
        deadline.until("an ack of all that was delivered", || {
            Ok(self.store.pending(&stream, CONF)? == 0)
        })
    }

    /// How many calls and pings the server has counted.
    pub(crate) fn seen(&mut self) -> Outcome<(i64, i64)> {
        let seen = self.result("seen", "{}")?;
        match (seen["calls"].as_i64(), seen["pings"].as_i64()) {
            (Some(calls), Some(pings)) => Ok((calls, pings)),
            _ => Err(format!("`seen` gave {seen}")),
        }
    }
}

/// The fields of a request.
fn usual<'a>(envelope: &'a [u8], reply_to: &'a [u8]) -> Vec<(&'static str, &'a [u8])> {
    vec![("type", b"rpc"), ("envelope", envelope), ("reply-to", reply_to)]
}

/// A request in compact JSON.
pub(crate) fn request(method: &str, params: &str, id: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","method":"conf.{method}","params":{params},"id":{id}}}"#)
}

/// A notification in compact JSON.
pub(crate) fn notification(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","method":"conf.{method}","params":{params}}}"#)
}

/// The reply, where there must be one.
pub(crate) fn answered(reply: Option<Reply>) -> Outcome<Reply> {
    reply.ok_or_else(|| "no reply".to_owned())
}
