//! The program as the client: requests are read off the stream, and replies are appended by hand.

mod calls;
mod hostile;
mod lifecycle;
mod replies;
mod requests;

use std::collections::VecDeque;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::case::{Case, Outcome};
use super::process::ClientProcess;
use super::server::CONF;
use super::site::{Bench, Deadline, check, cut, same};
use super::store::{Entry, Store};

pub(crate) const CASES: &[&[Case]] = &[
    requests::CASES,
    replies::CASES,
    hostile::CASES,
    calls::CASES,
    calls::OWN,
    lifecycle::CASES,
    lifecycle::EXCLUSIVE,
];

/// A client under test, and the server that a case is to it.
#[derive(Debug)]
pub(crate) struct Calling {
    pub(crate) client: ClientProcess,
    pub(crate) store: Store,
    pub(crate) prefix: String,
    pub(crate) deadline: Deadline,
    requests: VecDeque<Entry>,
}

/// A request or notification that the client under test wrote.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) entry: Entry,
    pub(crate) envelope: String,
    pub(crate) method: String,
    pub(crate) params: Value,
    /// The JSON text of the id.
    pub(crate) id: Option<String>,
    pub(crate) reply_to: Option<String>,
}

/// What the fields of a reply are, to be appended.
pub(crate) type Fields<'a> = Vec<(&'a str, &'a [u8])>;

impl Calling {
    pub(crate) fn start(bench: &Bench) -> Outcome<Calling> {
        Calling::start_with(bench, None)
    }

    pub(crate) fn start_with(bench: &Bench, timeout_ms: Option<u64>) -> Outcome<Calling> {
        Calling::start_at(bench, bench.prefix(), timeout_ms)
    }

    pub(crate) fn start_at(
        bench: &Bench,
        prefix: String,
        timeout_ms: Option<u64>,
    ) -> Outcome<Calling> {
        let mut calling = Calling::without_server(bench, prefix, timeout_ms)?;
        calling.make_group()?;
        Ok(calling)
    }

    pub(crate) fn without_server(
        bench: &Bench,
        prefix: String,
        timeout_ms: Option<u64>,
    ) -> Outcome<Calling> {
        let store = bench.connect()?;
        let client = bench.start_client(&prefix, timeout_ms)?;
        let requests = VecDeque::new();
        Ok(Calling { client, store, prefix, deadline: bench.deadline(), requests })
    }

    /// What a server does when it starts.
    pub(crate) fn make_group(&mut self) -> Outcome {
        let stream = self.stream();
        self.store.command(&["XGROUP", "CREATE", &stream, CONF, "$", "MKSTREAM"]).map(drop)
    }

    /// What a case finds that is not the first one with this client.
    pub(crate) fn renew(&mut self, bench: &Bench) {
        self.deadline = bench.deadline();
        self.requests.clear();
    }

    pub(crate) fn stream(&self) -> String {
        format!("{}:cmds:{CONF}", self.prefix)
    }

    /// Has the client call; its timeout lies beyond the end of the case.
    pub(crate) fn call(&mut self, method: &str, params: Value) -> Outcome<u64> {
        self.call_within(method, params, 60_000)
    }

    pub(crate) fn call_within(&mut self, method: &str, params: Value, ms: u64) -> Outcome<u64> {
        let op = json!({"op": "call", "method": method, "params": params, "timeoutMs": ms});
        self.client.send(op)
    }

    /// Waits for the next request.
    pub(crate) fn request(&mut self) -> Outcome<Request> {
        match self.request_before(self.deadline)? {
            Some(request) => Ok(request),
            None => self.deadline.missed("the client's request"),
        }
    }

    /// The next request, if one comes in time.
    pub(crate) fn request_before(&mut self, deadline: Deadline) -> Outcome<Option<Request>> {
        loop {
            if let Some(entry) = self.requests.pop_front() {
                self.store.command(&["XACK", &self.stream(), CONF, &entry.id])?;
                return read_request(entry).map(Some);
            }
            let last = deadline.is_over();
            let (stream, wait) = (self.stream(), deadline.left());
            self.requests.extend(self.store.read_group(&stream, CONF, wait)?);
            if last && self.requests.is_empty() {
                return Ok(None);
            }
        }
    }

    /// Appends a reply as TypeScript writes it: `{"jsonrpc":"2.0","id":…,` and `rest`.
    pub(crate) fn answer(&mut self, request: &Request, rest: &str) -> Outcome {
        let envelope = reply(request, rest)?;
        self.append(request, &[vec![("type", b"rpc"), ("envelope", envelope.as_bytes())]])
    }

    /// Appends entries to the stream that the reply belongs to, so that the client may get them all at once.
    pub(crate) fn append(&mut self, request: &Request, entries: &[Fields<'_>]) -> Outcome {
        let reply_to = request.reply_to.clone().ok_or("the request has no reply-to")?;
        self.store.append_all(&reply_to, entries)
    }

    /// Waits for the client's line on the call with this tag.
    pub(crate) fn settled(&mut self, tag: u64) -> Outcome<Value> {
        self.client.settled(tag, self.deadline)
    }

    /// Waits until the call with this tag has its result.
    pub(crate) fn result(&mut self, tag: u64) -> Outcome<Value> {
        let mut line = self.settled(tag)?;
        check(line["ok"] == true, || format!("the call failed: {line}"))?;
        Ok(line["result"].take())
    }

    /// Waits until the call with this tag has failed with an RPC error.
    pub(crate) fn rpc_error(&mut self, tag: u64) -> Outcome<Value> {
        let line = self.settled(tag)?;
        same("ok", &line["ok"], &json!(false))?;
        same("the kind of failure", &line["kind"], &json!("rpc"))?;
        Ok(line)
    }

    /// A call that is answered and has its result: the client is unharmed.
    pub(crate) fn works(&mut self) -> Outcome {
        let tag = self.call("add", json!({"a": 1, "b": 2}))?;
        let request = self.request()?;
        self.answer(&request, r#""result":{"sum":3}"#)?;
        same("the result", self.result(tag)?, json!({"sum": 3}))
    }
}

/// The envelope of a reply.
pub(crate) fn reply(request: &Request, rest: &str) -> Outcome<String> {
    let id = request.id.as_ref().ok_or("the request has no id")?;
    Ok(format!(r#"{{"jsonrpc":"2.0","id":{id},{rest}}}"#))
}

#[derive(Deserialize)]
struct Wire<'a> {
    jsonrpc: String,
    method: String,
    #[serde(default)]
    params: Value,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
}

fn read_request(entry: Entry) -> Outcome<Request> {
    let text = |name: &str| -> Outcome<Option<String>> {
        let bytes = entry.field(name).map(<[u8]>::to_vec);
        let text = bytes.map(String::from_utf8).transpose();
        text.map_err(|_| format!("{name} of the client's entry is not UTF-8"))
    };
    let envelope = text("envelope")?.ok_or("the client's entry has no envelope")?;
    let reply_to = text("reply-to")?;
    let wire: Wire<'_> = serde_json::from_str(&envelope)
        .map_err(|e| format!("the client's envelope can't be read ({e}): {}", cut(&envelope)))?;
    same("jsonrpc", wire.jsonrpc.as_str(), "2.0")?;
    let id = wire.id.map(|id| id.get().to_owned());
    let (method, params) = (wire.method, wire.params);
    Ok(Request { entry, envelope, method, params, id, reply_to })
}
