//! A server's core, fed anything in any order.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use clamator_core::{
    Concurrency, Contract, Entry, GroupStart, InstanceId, JobId, JobOutcome, KeyPrefix, Keyed,
    Lane, LinkInput, MethodKind, Outcome, Phase, Retention, RpcError, ServerCore, ServerInput,
    ServerOptions, ServerOutput, StreamId,
};

use crate::answers::{self, World};
use crate::bench::{Bench, Bend, Role, straight};
use crate::memory::within;
use crate::reader::Reader;

const SERVICES: [&str; 3] = ["arith", "other", "third"];

/// The target.
pub fn run(data: &[u8]) {
    run_bent(data, straight);
}

/// The same with a core whose outputs are bent.
pub fn run_bent(data: &[u8], bend: Bend<ServerOutput>) {
    within(256 * 1024 + 2048 * data.len(), || live(&mut Reader::new(data), bend));
}

/// Handlers, and requests whose keys are asked for.
#[derive(Default)]
struct Handlers {
    running: BTreeMap<JobId, (usize, StreamId)>,
    slots: Vec<usize>,
    keyings: BTreeSet<(usize, StreamId)>,
}

impl Role<ServerOutput> for Handlers {
    fn take(&mut self, effect: ServerOutput, lawful: bool) {
        match effect {
            ServerOutput::Run(job) => {
                let (service, entry) = (job.service, job.entry);
                let twice = self.running.values().any(|running| *running == (service, entry));
                assert!(!twice || !lawful, "{entry} runs next to itself");
                assert!(self.running.insert(job.id, (service, entry)).is_none() || !lawful);
                let count = self.running.values().filter(|(of, _)| *of == service).count();
                assert!(count <= self.slots[service] || !lawful, "{count} run at once");
            }
            ServerOutput::Key(keying) => {
                self.keyings.insert((keying.service, keying.entry));
            }
            ServerOutput::Abort(job) => {
                assert!(self.running.remove(&job).is_some() || !lawful, "it doesn't run");
            }
            ServerOutput::LeaseLost(job) => {
                assert!(self.running.contains_key(&job) || !lawful, "it doesn't run");
            }
        }
    }
}

/// New entries, old ones, and what is no request.
#[derive(Default)]
struct Streams {
    newest: u64,
}

impl World for Streams {
    fn entry(&mut self, reader: &mut Reader<'_>) -> Entry {
        self.newest += 1;
        let newest = StreamId::new(self.newest, 0);
        let fields = |envelope: &'static [u8]| {
            let field = |name: &'static [u8], value| (Bytes::from_static(name), value);
            let envelope = field(b"envelope", Bytes::from_static(envelope));
            let reply_to = field(b"reply-to", Bytes::from_static(b"p:replies:c"));
            Some(vec![envelope, reply_to])
        };
        let add = || fields(br#"{"jsonrpc":"2.0","method":"arith.add","params":{},"id":"x"}"#);
        match reader.byte() % 12 {
            0 => Entry { id: newest, fields: None },
            1 => Entry { id: newest, fields: Some(answers::fields(reader)) },
            2 => Entry { id: answers::id(reader), fields: add() },
            3 => Entry { id: answers::id(reader), fields: None },
            4 => {
                Entry { id: newest, fields: fields(br#"{"jsonrpc":"2.0","method":"arith.ping"}"#) }
            }
            5 => Entry { id: newest, fields: fields(b"{") },
            _ => Entry { id: newest, fields: add() },
        }
    }
}

fn options(reader: &mut Reader<'_>) -> ServerOptions {
    let prefix = KeyPrefix::new("p").expect("it isn't empty");
    let mut options = ServerOptions::new(prefix, InstanceId::from_seed([1; 32]));
    let flags = reader.byte();
    options.max_deliveries = (flags & 1 == 1).then_some(2);
    options.scripts = flags & 2 == 0;
    options.retention = if flags & 4 == 0 { Retention::TrimDone } else { Retention::KeepAll };
    if flags & 8 == 8 {
        options.group_start = GroupStart::End;
    }
    if flags & 16 == 16 {
        options.consumer_claim_idle = Duration::from_millis(200);
        options.common.max_message_bytes = 40;
    }
    options
}

fn server(reader: &mut Reader<'_>, bend: Bend<ServerOutput>) -> Bench<ServerCore, Handlers> {
    let now = clamator_core::Time::ZERO;
    let mut core = ServerCore::new(options(reader), [7; 32], now);
    let mut slots = Vec::new();
    for name in SERVICES.into_iter().take(1 + reader.below(3)) {
        let concurrency = match reader.byte() % 5 {
            0 => Concurrency::Concurrent(3),
            1 => Concurrency::Ordered(3),
            2 => Concurrency::Concurrent(Concurrency::MOST),
            _ => Concurrency::Serial,
        };
        slots.push(concurrency.slots());
        core.register_with(contract(name), concurrency).expect("it is the first of this name");
    }
    Bench::new(core, Handlers { slots, ..Handlers::default() }, bend)
}

fn contract(name: &str) -> Contract {
    Contract::new(name)
        .and_then(|it| it.with_method("add", MethodKind::Request))
        .and_then(|it| it.with_method("ping", MethodKind::Notification))
        .expect("these are names")
}

fn live(reader: &mut Reader<'_>, bend: Bend<ServerOutput>) {
    let mut bench = server(reader, bend);
    let mut streams = Streams::default();
    // Most begin at once.
    if !reader.bit() {
        bench.input(ServerInput::Start, 4);
    }
    while !reader.is_over() {
        step(reader, &mut bench, &mut streams);
    }
    if bench.lawful {
        end(&mut bench);
    }
}

fn step(reader: &mut Reader<'_>, bench: &mut Bench<ServerCore, Handlers>, streams: &mut Streams) {
    match reader.byte() % 32 {
        0 => bench.input(ServerInput::Start, 4),
        1 => {
            let grace = reader.bit().then(|| reader.duration());
            bench.input(ServerInput::Stop { grace }, 4);
        }
        2..5 => {
            if let Some(lane) = reader.pick(&bench.opening()) {
                let result = match reader.byte() % 4 {
                    0 => Err(answers::fault(reader)),
                    1 => Ok(None),
                    _ => Ok(Some(reader.number())),
                };
                bench.opened(lane, result);
            }
        }
        5..16 => {
            if let Some(lane) = reader.pick(&bench.busy())
                && let Some(command) = bench.oldest(lane).cloned()
            {
                let reply = answers::right(&command, reader, streams);
                bench.complete(lane, Outcome::Reply(reply), 8);
            }
        }
        16..18 => {
            if let Some(lane) = reader.pick(&bench.busy()) {
                bench.complete(lane, answers::any(reader, streams), 8);
            }
        }
        18 => {
            if let Some(lane) = reader.pick(&bench.busy()) {
                let fault = answers::fault(reader);
                let outcome =
                    if reader.bit() { Outcome::NotSent(fault) } else { Outcome::Unknown(fault) };
                bench.lose(lane, &outcome);
            }
        }
        19..23 => {
            let running: Vec<JobId> = bench.role.running.keys().copied().collect();
            if let Some(job) = reader.pick(&running) {
                bench.role.running.remove(&job);
                let outcome = job_outcome(reader);
                bench.input(ServerInput::Finished(job, outcome), 2);
            }
        }
        23..25 => {
            let keyings: Vec<_> = bench.role.keyings.iter().copied().collect();
            if let Some((service, entry)) = reader.pick(&keyings) {
                bench.role.keyings.remove(&(service, entry));
                let key = key(reader);
                bench.input(ServerInput::Keyed { service, entry, key }, 2);
            }
        }
        25..28 => {
            bench.tick();
        }
        28 => bench.sleep(reader.duration()),
        29 => bench.serve_timer(),
        30 => {
            let earlier = clamator_core::Time::from_nanos(reader.number());
            bench.input_at(earlier.min(bench.now), ServerInput::Timeout, 1);
        }
        _ => unlawful(reader, bench, streams),
    }
}

fn job_outcome(reader: &mut Reader<'_>) -> JobOutcome {
    match reader.byte() % 5 {
        0 => JobOutcome::Failed(RpcError::new(1, reader.text())),
        1 => JobOutcome::Panicked(reader.text()),
        2 => JobOutcome::Done(None),
        3 => JobOutcome::Done(Some(reader.bytes())),
        _ => JobOutcome::Done(Some(Bytes::from_static(b"{}"))),
    }
}

fn key(reader: &mut Reader<'_>) -> Keyed {
    match reader.byte() % 8 {
        0 => Keyed::Panicked(reader.text()),
        1 => Keyed::Free,
        2 => Keyed::Key(reader.bytes()),
        key => Keyed::Key(Bytes::copy_from_slice(&[key])),
    }
}

/// What no driver does. Nothing is promised then, but that it neither panics nor runs away.
fn unlawful(
    reader: &mut Reader<'_>,
    bench: &mut Bench<ServerCore, Handlers>,
    streams: &mut Streams,
) {
    let lane = match reader.byte() {
        0xff => Lane::Reader(u16::MAX),
        byte if byte % 4 == 0 => Lane::Commands,
        byte => Lane::Reader(u16::from(byte % 4 - 1)),
    };
    match reader.byte() % 6 {
        0 => bench.opened(lane, Ok(Some(reader.number()))),
        1 => bench.opened(lane, Err(answers::fault(reader))),
        2 => bench.complete(lane, answers::any(reader, streams), 8),
        3 => {
            bench.lawful = false;
            let input = LinkInput::Completed(lane, answers::any(reader, streams));
            bench.input(ServerInput::Link(input), 8);
        }
        4 => {
            bench.lawful = false;
            let outcome = job_outcome(reader);
            bench.input(ServerInput::Finished(JobId(reader.number()), outcome), 2);
        }
        _ => {
            bench.lawful = false;
            let (service, entry) = (usize::from(reader.byte()), answers::id(reader));
            let key = key(reader);
            bench.input(ServerInput::Keyed { service, entry, key }, 2);
            // Too late for another one, unless it never began.
            let is_idle = bench.core.phase() == Phase::Idle;
            match bench.core.register(contract("late")) {
                Ok(_) => bench.role.slots.push(1),
                Err(_) => return,
            }
            assert!(is_idle, "it was registered after the start");
        }
    }
}

/// Whatever happened: with a store that answers, a stop ends in time.
fn end(bench: &mut Bench<ServerCore, Handlers>) {
    bench.input(ServerInput::Stop { grace: Some(Duration::from_secs(5)) }, 4);
    let since = bench.now;
    while !bench.stopped {
        for lane in bench.opening() {
            bench.opened(lane, Ok(None));
        }
        while let Some(lane) = bench.busy().first().copied()
            && let Some(command) = bench.oldest(lane).cloned()
        {
            bench.complete(lane, Outcome::Reply(answers::quiet(&command)), 1);
        }
        if let Some((job, _)) = bench.role.running.pop_first() {
            bench.input(ServerInput::Finished(job, JobOutcome::Done(None)), 1);
        } else if !bench.stopped {
            assert!(bench.tick(), "it waits for nothing");
        }
        assert!(bench.now - since <= Duration::from_secs(30), "a stop takes too long");
    }
}
