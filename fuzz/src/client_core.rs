//! A client's core, fed anything in any order.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use clamator_core::{
    CallKey, Caller, ClientCore, ClientInput, ClientOptions, ClientOutput, Command, Disconnected,
    Entry, InstanceId, Key, KeyPrefix, Lane, LinkInput, MethodKind, MissingService, Outcome,
    Outgoing, QueueFull, StreamId, Time,
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
pub fn run_bent(data: &[u8], bend: Bend<ClientOutput>) {
    within(512 * 1024 + 4096 * data.len(), || live(&mut Reader::new(data), bend));
}

/// Where a call is.
#[derive(Debug)]
enum Call {
    /// In the core.
    Made,
    /// With its caller, who waits for room.
    HandedBack(Outgoing),
    /// With its caller, who is to come again.
    Admitted(Outgoing),
    /// Nobody waits for it any more.
    Cancelled,
}

/// The callers.
#[derive(Debug, Default)]
struct Callers {
    last: u64,
    /// Those without an outcome.
    calls: BTreeMap<CallKey, Call>,
}

impl Role<ClientOutput> for Callers {
    fn take(&mut self, effect: ClientOutput, lawful: bool) {
        match effect {
            ClientOutput::Settle(key, _) => {
                let call = self.calls.remove(&key);
                let waits = call.is_some_and(|call| !matches!(call, Call::Cancelled));
                assert!(waits || !lawful, "{key:?} has no caller, or had its outcome");
            }
            ClientOutput::HandBack(key, outgoing) => {
                let call = self.calls.insert(key, Call::HandedBack(outgoing));
                assert!(matches!(call, Some(Call::Made)) || !lawful, "{call:?}");
            }
            ClientOutput::Admit(key) => match self.calls.remove(&key) {
                Some(Call::HandedBack(outgoing)) => {
                    self.calls.insert(key, Call::Admitted(outgoing));
                }
                call => assert!(!lawful, "{call:?} is let in"),
            },
        }
    }
}

impl Callers {
    fn keys(&self, are: impl Fn(&Call) -> bool) -> Vec<CallKey> {
        self.calls.iter().filter(|(_, call)| are(call)).map(|(key, _)| *key).collect()
    }
}

/// A reply stream, with what was asked for last.
#[derive(Default)]
struct Replies {
    newest: u64,
    ids: VecDeque<String>,
}

impl Replies {
    /// Remembers the ids of requests that leave.
    fn see(&mut self, command: &Command) {
        if let Command::Append { fields, .. } = command
            && let Some((_, envelope)) = fields.iter().find(|(name, _)| name == "envelope")
            && let Ok(envelope) = serde_json::from_slice::<serde_json::Value>(envelope)
            && let Some(id) = envelope["id"].as_str()
        {
            self.ids.push_back(id.to_owned());
            self.ids.truncate(16);
        }
    }
}

impl World for Replies {
    fn entry(&mut self, reader: &mut Reader<'_>) -> Entry {
        self.newest += 1;
        let newest = StreamId::new(self.newest, 0);
        let id = match reader.byte() % 4 {
            0 => "0b5c1ff4-9d5c-4e7e-8b0a-0123456789ab".to_owned(),
            1 => self.ids.back().cloned().unwrap_or_default(),
            _ => self.ids.pop_front().unwrap_or_default(),
        };
        let envelope = match reader.byte() % 10 {
            0 => return Entry { id: newest, fields: None },
            1 => return Entry { id: newest, fields: Some(answers::fields(reader)) },
            2 => format!(r#"{{"jsonrpc":"2.0","id":"{id}","error":{{"code":1,"message":"no"}}}}"#),
            3 => format!(r#"{{"jsonrpc": "2.0", "id": "{id}", "result": NaN}}"#),
            4 => format!(r#"{{"id":"{id}","result":1}}"#),
            5 => format!(r#"{{"jsonrpc":"2.0","id":"{id}","result":1,"error":{{}}}}"#),
            _ => format!(r#"{{"jsonrpc":"2.0","id":"{id}","result":1}}"#),
        };
        let at = if reader.byte() % 8 == 7 { answers::id(reader) } else { newest };
        Entry { id: at, fields: Some(vec![(Bytes::from_static(b"envelope"), envelope.into())]) }
    }
}

fn options(reader: &mut Reader<'_>) -> ClientOptions {
    let prefix = KeyPrefix::new("p").expect("it isn't empty");
    let mut options = ClientOptions::new(prefix, InstanceId::from_seed([1; 32]));
    let flags = reader.byte();
    if flags & 1 == 1 {
        options.queue_full = QueueFull::Wait;
    }
    if flags & 2 == 2 {
        options.missing_service = MissingService::Fail;
    }
    if flags & 4 == 4 {
        options.disconnected = Disconnected::Fail;
    }
    if flags & 8 == 8 {
        options.max_queued_calls = reader.below(20);
    }
    if flags & 16 == 16 {
        options.max_queued_bytes = usize::from(reader.byte()) * 8;
    }
    if flags & 32 == 32 {
        options.common.reply_stream_max_len = reader.number();
    }
    if flags & 64 == 64 {
        options.common.reply_stream_ttl = reader.duration();
        options.common.max_message_bytes = 200;
    }
    options
}

fn live(reader: &mut Reader<'_>, bend: Bend<ClientOutput>) {
    let core = ClientCore::new(options(reader), [7; 32], Time::ZERO);
    let mut bench = Bench::new(core, Callers::default(), bend);
    let mut replies = Replies::default();
    if !reader.bit() {
        bench.input(ClientInput::Start, 4);
    }
    while !reader.is_over() {
        step(reader, &mut bench, &mut replies);
    }
    if bench.lawful {
        end(&mut bench);
    }
}

type Client = Bench<ClientCore, Callers>;

fn outgoing(reader: &mut Reader<'_>) -> Outgoing {
    let kind = if reader.bit() { MethodKind::Notification } else { MethodKind::Request };
    let service = reader.pick(&SERVICES).unwrap_or(SERVICES[0]);
    let params: Vec<u8> = if reader.bit() { reader.bytes().into() } else { Vec::new() };
    Outgoing::new(kind, service, "add", &params).expect("these are names and numbers")
}

fn call(reader: &mut Reader<'_>, bench: &mut Client) {
    bench.role.last += 1;
    let key = CallKey(bench.role.last);
    let outgoing = outgoing(reader);
    let flags = reader.byte();
    let timeout = (flags & 1 == 1).then(|| reader.duration());
    let caller = (flags & 6 == 6).then(|| Caller {
        stream: Key::from("p:cmds:arith"),
        address: "the store".to_owned(),
        serial: flags & 8 == 8,
    });
    bench.role.calls.insert(key, Call::Made);
    bench.input(ClientInput::Call { key, outgoing, timeout, caller }, 2);
}

fn step(reader: &mut Reader<'_>, bench: &mut Client, replies: &mut Replies) {
    match reader.byte() % 32 {
        0 => bench.input(ClientInput::Start, 4),
        1 => bench.input(ClientInput::Stop { wait: reader.duration() }, 4),
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
        5..14 => {
            if let Some(lane) = reader.pick(&bench.busy())
                && let Some(command) = bench.oldest(lane).cloned()
            {
                replies.see(&command);
                let reply = answers::right(&command, reader, replies);
                bench.complete(lane, Outcome::Reply(reply), 8);
            }
        }
        14..16 => {
            if let Some(lane) = reader.pick(&bench.busy()) {
                bench.complete(lane, answers::any(reader, replies), 8);
            }
        }
        16 => {
            if let Some(lane) = reader.pick(&bench.busy()) {
                let fault = answers::fault(reader);
                let outcome =
                    if reader.bit() { Outcome::NotSent(fault) } else { Outcome::Unknown(fault) };
                bench.lose(lane, &outcome);
            }
        }
        17..22 => call(reader, bench),
        22 => {
            let waiting = bench.role.keys(|call| !matches!(call, Call::Cancelled));
            if let Some(key) = reader.pick(&waiting) {
                bench.role.calls.insert(key, Call::Cancelled);
                bench.input(ClientInput::Cancel(key), 1);
            }
        }
        23 => {
            let admitted = bench.role.keys(|call| matches!(call, Call::Admitted(_)));
            if let Some(key) = reader.pick(&admitted)
                && let Some(Call::Admitted(outgoing)) = bench.role.calls.insert(key, Call::Made)
            {
                bench.input(ClientInput::Call { key, outgoing, timeout: None, caller: None }, 2);
            }
        }
        24..27 => {
            bench.tick();
        }
        27 => bench.sleep(reader.duration()),
        28 => bench.serve_timer(),
        29 => {
            let earlier = Time::from_nanos(reader.number());
            bench.input_at(earlier.min(bench.now), ClientInput::Timeout, 1);
        }
        30 => {
            for _ in 0..reader.byte() {
                call(reader, bench);
            }
        }
        _ => unlawful(reader, bench, replies),
    }
}

/// What no driver does. Nothing is promised then, but that it neither panics nor runs away.
fn unlawful(reader: &mut Reader<'_>, bench: &mut Client, replies: &mut Replies) {
    let lane = match reader.byte() {
        0xff => Lane::Reader(u16::MAX),
        byte if byte % 2 == 0 => Lane::Commands,
        byte => Lane::Reader(u16::from(byte % 4 / 2)),
    };
    match reader.byte() % 6 {
        0 => bench.opened(lane, Ok(Some(reader.number()))),
        1 => bench.opened(lane, Err(answers::fault(reader))),
        2 => bench.complete(lane, answers::any(reader, replies), 8),
        3 => {
            bench.lawful = false;
            let input = LinkInput::Completed(lane, answers::any(reader, replies));
            bench.input(ClientInput::Link(input), 8);
        }
        4 => {
            // A name that is taken.
            bench.lawful = false;
            let (key, outgoing) = (CallKey(reader.number()), outgoing(reader));
            bench.input(ClientInput::Call { key, outgoing, timeout: None, caller: None }, 2);
        }
        _ => {
            // Nobody has it, which is allowed: it may have had its outcome in the meantime.
            let key = CallKey(reader.number());
            if !bench.role.calls.contains_key(&key) {
                bench.input(ClientInput::Cancel(key), 1);
            }
        }
    }
}

/// Whatever happened: with a store that answers, a stop ends in time, and no caller waits any more.
fn end(bench: &mut Client) {
    bench.input(ClientInput::Stop { wait: Duration::from_secs(5) }, 4);
    let since = bench.now;
    while !bench.stopped {
        for lane in bench.opening() {
            bench.opened(lane, Ok(None));
        }
        while let Some(command) = bench.oldest(Lane::Commands).cloned() {
            bench.complete(Lane::Commands, Outcome::Reply(answers::quiet(&command)), 1);
        }
        if !bench.stopped {
            assert!(bench.tick(), "it waits for nothing");
        }
        assert!(bench.now - since <= Duration::from_secs(30), "a stop takes too long");
    }
    let waiting = bench.role.keys(|call| !matches!(call, Call::Cancelled));
    assert!(waiting.is_empty(), "{waiting:?} never get an outcome");
}
