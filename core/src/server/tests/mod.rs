//! What a server does, as a list of sentences. The test plays the store and the handlers.

mod anything;
mod concurrency;
mod dispatching;
mod giving_up;
mod leasing;
mod malformed;
mod namesakes;
mod prefetching;
mod reclaiming;
mod reconnecting;
mod regrouping;
mod settling;
mod starting;
mod stopping;
mod upkeep;
mod without_scripts;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Deref, DerefMut};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::*;
use crate::command::{Command, Entry, Reply, StreamId, Trimmed};
use crate::contract::MethodKind;
use crate::envelope::success_response;
use crate::error::RpcError;
use crate::event::Event;
use crate::names::{InstanceId, KeyPrefix};
use crate::testing::{Bench, SEED, id};

/// The reader of `arith`, the first service.
const ARITH: Lane = Lane::Reader(0);
const REPLY: &str = "append to p:replies:c";

/// A server on the bench, and which handlers run.
struct Server {
    bench: Bench<ServerCore>,
    /// By their entries.
    jobs: BTreeMap<u64, Job>,
    /// The same, where entries of several services may share their ids.
    running: BTreeSet<JobId>,
    /// Requests whose key is asked for.
    keyings: Vec<Keying>,
}

impl Deref for Server {
    type Target = Bench<ServerCore>;
    fn deref(&self) -> &Self::Target {
        &self.bench
    }
}

impl DerefMut for Server {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.bench
    }
}

fn options() -> ServerOptions {
    let prefix = KeyPrefix::new("p").unwrap();
    let mut options = ServerOptions::new(prefix, InstanceId::new("me").unwrap());
    options.common.address = "redis:1".to_owned();
    options
}

fn contract(service: &str) -> Contract {
    Contract::new(service)
        .and_then(|contract| contract.with_method("add", MethodKind::Request))
        .and_then(|contract| contract.with_method("ping", MethodKind::Notification))
        .unwrap()
}

/// One that was not started.
fn idle(options: ServerOptions, services: &[&str]) -> Server {
    let services: Vec<_> = services.iter().map(|name| (*name, Concurrency::Serial)).collect();
    idle_at_once(options, &services)
}

/// One that was not started, with services that may run several requests at once.
fn idle_at_once(options: ServerOptions, services: &[(&str, Concurrency)]) -> Server {
    let mut core = ServerCore::new(options, SEED, Time::ZERO);
    for (at, (service, concurrency)) in services.iter().enumerate() {
        assert_eq!(core.register_with(contract(service), *concurrency), Ok(at));
    }
    let (jobs, running, keyings) = (BTreeMap::new(), BTreeSet::new(), Vec::new());
    Server { bench: Bench::new(core), jobs, running, keyings }
}

/// One that runs, with a first read under way for each service.
fn running_with(options: ServerOptions, services: &[&str]) -> Server {
    let services: Vec<_> = services.iter().map(|name| (*name, Concurrency::Serial)).collect();
    running_at_once(options, &services)
}

fn running_at_once(options: ServerOptions, services: &[(&str, Concurrency)]) -> Server {
    let limited = options.max_deliveries.is_some();
    let mut server = idle_at_once(options, services);
    server.start();
    assert_eq!(server.started, [Ok(())]);
    for (service, concurrency) in services {
        let claim = server.sent(Lane::Commands);
        let count = if limited { 1 } else { concurrency.slots().min(16) };
        let expected = format!("claim {count} from 0-0");
        assert_eq!(claim[0], expected, "{service} looks at once: {claim:?}");
        server.answer(Lane::Commands, Outcome::Reply(claimed(0, vec![])));
    }
    assert_eq!(server.sent(ARITH), [format!("read {}", services[0].1.slots().min(16))]);
    server.started.clear();
    server
}

fn running() -> Server {
    running_with(options(), &["arith"])
}

/// One that does nothing in the background but renew: what is tested is all that it does.
fn undisturbed() -> Server {
    let mut server = running();
    for service in &mut server.core.services {
        service.claim_at = None;
        service.removal.never();
    }
    server
}

impl Server {
    fn start(&mut self) {
        self.input(ServerInput::Start);
        self.connect(Lane::Commands);
        while !self.sent(Lane::Commands).is_empty() {
            self.answer(Lane::Commands, Outcome::Reply(Reply::Done));
        }
        self.connect_all();
    }

    /// The answer to a read of `arith`.
    fn deliver(&mut self, entries: Vec<Entry>) {
        self.answer(ARITH, Outcome::Reply(Reply::Entries(entries)));
    }

    /// What the handlers are told, since the last time, by their entries.
    fn told(&mut self) -> Vec<String> {
        let effects: Vec<ServerOutput> = self.effects.drain(..).collect();
        let told = effects.into_iter().map(|effect| match effect {
            ServerOutput::Run(job) => {
                let told = format!("run {}", job.entry.ms);
                self.jobs.insert(job.entry.ms, job);
                told
            }
            ServerOutput::Key(keying) => {
                let told = format!("key {}", keying.entry.ms);
                self.keyings.push(keying);
                told
            }
            ServerOutput::Abort(job) => format!("abort {}", self.entry_of(job)),
            ServerOutput::LeaseLost(job) => format!("lost {}", self.entry_of(job)),
        });
        told.collect()
    }

    fn entry_of(&self, job: JobId) -> u64 {
        *self.jobs.iter().find(|(_, running)| running.id == job).expect("no such job").0
    }

    fn end(&mut self, entry: u64, outcome: JobOutcome) {
        self.told();
        let job = self.jobs.get(&entry).unwrap_or_else(|| panic!("{entry} never ran")).id;
        self.input(ServerInput::Finished(job, outcome));
    }

    /// The handler of an entry ends well.
    fn finish(&mut self, entry: u64) {
        self.told();
        let outcome = match &self.jobs[&entry].request_id {
            Some(id) => JobOutcome::Done(Some(success_response(id, &json!(entry)))),
            None => JobOutcome::Done(None),
        };
        self.end(entry, outcome);
    }

    /// The handler of an entry ends well; its reply is taken, and its ack.
    fn settle(&mut self, entry: u64) {
        self.finish(entry);
        self.ok(REPLY, Reply::Added(id(1)));
        if self.sent(Lane::Commands).first().is_some_and(|sent| sent.starts_with("expire")) {
            self.answer(Lane::Commands, Outcome::Reply(Reply::Count(1)));
        }
        self.ok(&format!("ack {entry}"), Reply::Count(1));
    }

    /// The envelope of the reply that the store is to answer next.
    fn reply(&self) -> Value {
        match self.oldest(Lane::Commands) {
            Command::Append { fields, .. } => serde_json::from_slice(&fields[1].1).unwrap(),
            other => panic!("{other:?} is no reply"),
        }
    }

    fn stop(&mut self, grace: Duration) {
        self.input(ServerInput::Stop { grace: Some(grace) });
    }

    /// A healthy store with nothing new answers all that is under way, until `during` has passed.
    fn idle_for(&mut self, during: Duration) {
        let until = self.now + during;
        loop {
            for lane in self.open_lanes() {
                while self.sent(lane).first().is_some_and(|sent| !sent.starts_with("append")) {
                    let answer = healthy_answer(self.oldest(lane));
                    self.answer(lane, Outcome::Reply(answer));
                    if lane != Lane::Commands {
                        break;
                    }
                }
            }
            match self.timeout() {
                _ if self.now >= until => return,
                Some((wait, _)) => {
                    let wait = wait.min(until - self.now).min(Duration::from_secs(1));
                    self.advance(wait);
                }
                None => self.now = until,
            }
        }
    }
}

/// What a store answers that has nothing new.
fn healthy_answer(command: &Command) -> Reply {
    match command {
        Command::ReadGroup { .. } | Command::ReadOwnPending { .. } | Command::Read { .. } => {
            Reply::Entries(vec![])
        }
        Command::AutoClaim { .. } => Reply::Claimed { cursor: StreamId::MIN, entries: vec![] },
        Command::Renew { ids, .. } | Command::Release { ids, .. } => Reply::Ids(ids.clone()),
        Command::CountDelivery { .. } => counted(2),
        Command::TrimDone { .. } => Reply::Trimmed(Trimmed::default()),
        Command::Append { .. } => Reply::Added(id(1)),
        Command::CreateGroup { .. } | Command::Ping => Reply::Done,
        _ => Reply::Count(1),
    }
}

/// What the store says of an entry that is still the server's own.
fn counted(deliveries: u64) -> Reply {
    Reply::Deliveries(Some(deliveries))
}

fn entry(at: u64, fields: &[(&str, &str)]) -> Entry {
    let bytes = |text: &str| Bytes::copy_from_slice(text.as_bytes());
    let fields = fields.iter().map(|(name, value)| (bytes(name), bytes(value))).collect();
    Entry { id: id(at), fields: Some(fields) }
}

/// A request whose id is that of its entry.
fn add(at: u64) -> Entry {
    let envelope =
        format!(r#"{{"jsonrpc":"2.0","method":"arith.add","params":{{"a":1}},"id":{at}}}"#);
    entry(at, &[("type", "rpc"), ("envelope", &envelope), ("reply-to", "p:replies:c")])
}

fn ping(at: u64) -> Entry {
    entry(at, &[("envelope", r#"{"jsonrpc":"2.0","method":"arith.ping","params":{"n":1}}"#)])
}

/// One that was deleted from the stream while it was pending.
fn deleted(at: u64) -> Entry {
    Entry { id: id(at), fields: None }
}

fn claimed(cursor: u64, entries: Vec<Entry>) -> Reply {
    Reply::Claimed { cursor: id(cursor), entries }
}
