//! What a client does, as a list of sentences. The test plays the store.

mod anything;
mod calling;
mod crowding;
mod deciding;
mod disconnected;
mod queueing;
mod reading;
mod reconnecting;
mod starting;
mod stopping;
mod watching;

use std::collections::BTreeSet;
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::*;
use crate::command::{Entry, Fields, Reply};
use crate::contract::MethodKind;
use crate::envelope::Outgoing;
use crate::names::{InstanceId, KeyPrefix};
use crate::testing::{Bench, SEED, id};

const REPLIES: Lane = Lane::Reader(0);
const ADD: &str = "append if there is p:cmds:arith";

/// A client on the bench, and how its calls ended.
struct Client {
    bench: Bench<ClientCore>,
    last_key: u64,
    cancelled: BTreeSet<CallKey>,
    last_reply: u64,
}

impl Deref for Client {
    type Target = Bench<ClientCore>;
    fn deref(&self) -> &Self::Target {
        &self.bench
    }
}

impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.bench
    }
}

fn options() -> ClientOptions {
    let prefix = KeyPrefix::new("p").unwrap();
    let mut options = ClientOptions::new(prefix, InstanceId::new("me").unwrap());
    options.common.address = "redis:1".to_owned();
    options
}

/// One that was not started.
fn idle(options: ClientOptions) -> Client {
    let core = ClientCore::new(options, SEED, Time::ZERO);
    Client { bench: Bench::new(core), last_key: 0, cancelled: BTreeSet::new(), last_reply: 0 }
}

/// One that runs, with its first read under way.
fn running_with(options: ClientOptions) -> Client {
    let mut client = idle(options);
    client.input(ClientInput::Start);
    client.connect_all();
    assert_eq!(client.started, [Ok(())]);
    client.started.clear();
    client
}

fn running() -> Client {
    running_with(options())
}

fn outgoing(kind: MethodKind, service: &str, method: &str, params: &Value) -> Outgoing {
    Outgoing::new(kind, service, method, params).unwrap()
}

fn request(service: &str) -> Outgoing {
    outgoing(MethodKind::Request, service, "add", &json!({"a": 1}))
}

impl Client {
    fn send(
        &mut self,
        outgoing: Outgoing,
        timeout: Option<Duration>,
        caller: Option<Caller>,
    ) -> CallKey {
        self.last_key += 1;
        let key = CallKey(self.last_key);
        self.input(ClientInput::Call { key, outgoing, timeout, caller });
        key
    }

    /// Calls `arith.add`, with the default timeout of 30 s.
    fn call(&mut self) -> CallKey {
        self.send(request("arith"), None, None)
    }

    fn call_within(&mut self, timeout: Duration) -> CallKey {
        self.send(request("arith"), Some(timeout), None)
    }

    fn notify(&mut self) -> CallKey {
        self.send(outgoing(MethodKind::Notification, "arith", "ping", &json!({"n": 2})), None, None)
    }

    /// The fields of the request that the store is to answer next.
    fn request(&self) -> Fields {
        match self.oldest(Lane::Commands) {
            Command::Append { fields, .. } => fields.clone(),
            other => panic!("{other:?} is no request"),
        }
    }

    /// The store takes the next request. Its id.
    fn accept(&mut self) -> String {
        let fields = self.request();
        let envelope: Value = serde_json::from_slice(&fields[1].1).unwrap();
        self.answer(Lane::Commands, Outcome::Reply(Reply::Added(id(1))));
        envelope["id"].as_str().unwrap_or_default().to_owned()
    }

    /// Calls, and the store takes the request.
    fn accepted_call(&mut self) -> (CallKey, String) {
        let key = self.call();
        (key, self.accept())
    }

    /// The answer to a read: replies with these envelopes.
    fn replies(&mut self, envelopes: &[&str]) {
        let entries = envelopes.iter().map(|envelope| {
            self.last_reply += 1;
            entry(self.last_reply, &[("type", "rpc"), ("envelope", envelope)])
        });
        let entries = entries.collect();
        self.answer(REPLIES, Outcome::Reply(Reply::Entries(entries)));
    }

    /// How calls ended since the last time.
    fn settled(&mut self) -> Vec<(CallKey, Result<String, CallError>)> {
        let text = |bytes: Bytes| String::from_utf8(bytes.to_vec()).unwrap();
        let (settled, others) =
            self.effects.drain(..).partition(|effect| matches!(effect, ClientOutput::Settle(..)));
        self.effects = others;
        let settled: VecDeque<_> = settled;
        let outcome = |effect| match effect {
            ClientOutput::Settle(key, result) => (key, result.map(text)),
            other => panic!("{other:?}"),
        };
        settled.into_iter().map(outcome).collect()
    }

    /// How the only call that ended since the last time did.
    fn outcome(&mut self, of: CallKey) -> Result<String, CallError> {
        let mut settled = self.settled();
        assert_eq!(settled.len(), 1, "{settled:?}");
        let (key, result) = settled.remove(0);
        assert_eq!(key, of);
        result
    }

    fn stop(&mut self, wait: Duration) {
        self.input(ClientInput::Stop { wait });
    }
}

fn entry(at: u64, fields: &[(&str, &str)]) -> Entry {
    let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    let fields = fields.iter().map(|(name, value)| (bytes(name), bytes(value))).collect();
    Entry { id: id(at), fields: Some(fields) }
}

fn success(id: &str, result: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":"{id}","result":{result}}}"#)
}
