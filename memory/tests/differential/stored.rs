//! Every command on the pure store and on Redis: the same answer, and the same state after it.

use std::time::Duration;

use clamator_core::{Command, Key, Reply, StreamId};
use clamator_memory::{PendingEntry, Store};
use clamator_redis::redis::ProtocolVersion;
use clamator_testkit::{Connection, Value};
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use super::command::{LONG, Step, steps};
use super::redis::{all_entries, ask, modelled, pending_entry, stream_id};
use super::translated::Translated;

/// The time in the store. It stands still, and so, nearly, does the other one: what is idle is so for an hour or not at all.
pub(crate) const NOW: u64 = 1_000;

/// The real server: once as applications see it, and once as it is.
struct Real {
    translated: Translated,
    plain: Connection,
}

#[test]
fn the_store_does_what_redis_does() {
    compare(ProtocolVersion::RESP2);
}

#[test]
fn the_store_does_what_redis_does_in_its_newer_protocol() {
    compare(ProtocolVersion::RESP3);
}

fn compare(protocol: ProtocolVersion) {
    let Some(server) = modelled() else { return };
    let config = Config { cases: 128, failure_persistence: None, ..Config::default() };
    TestRunner::new(config)
        .run(&steps(), |steps| {
            let mut real = Real {
                translated: Translated::open(&server, protocol),
                plain: server.connect().expect("Redis takes connections"),
            };
            ask(&mut real.plain, &["FLUSHALL"]).expect("it can be emptied");
            let mut store = Store::new();
            for step in &steps {
                both(&mut store, &mut real, step)?;
                same_state(&mut store, &mut real.plain, step)?;
            }
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}

fn both(store: &mut Store, real: &mut Real, step: &Step) -> Result<(), TestCaseError> {
    let redis = &mut real.plain;
    match step {
        Step::Run(command) => run_both(store, &mut real.translated, command)?,
        Step::AppendMany(stream, count) => {
            for _ in 0..*count {
                let fields = vec![("a".into(), "1".into())];
                let append =
                    Command::Append { stream: stream.clone(), fields, max_len: None, create: true };
                run_both(store, &mut real.translated, &append)?;
            }
        }
        Step::SetString(key) => {
            store.set_string(key, "text");
            let _ = ask(redis, &["SET", key.as_str(), "text"]);
        }
        Step::DestroyGroup(key, group) => {
            store.destroy_group(key, group);
            // An error if there is no such stream.
            let _ = ask(redis, &["XGROUP", "DESTROY", key.as_str(), group]);
        }
        Step::TrimTo(key, len) => {
            store.trim_to(key, *len);
            let _ = ask(redis, &["XTRIM", key.as_str(), "MAXLEN", "=", &len.to_string()]);
        }
        Step::DeleteEntry(key, id) => {
            store.delete_entry(key, *id);
            let _ = ask(redis, &["XDEL", key.as_str(), &id.to_string()]);
        }
    }
    Ok(())
}

fn run_both(
    store: &mut Store,
    redis: &mut Translated,
    command: &Command,
) -> Result<(), TestCaseError> {
    let modelled = store.execute(NOW, command);
    let id = match modelled {
        Ok(Reply::Added(id)) => Some(id),
        _ => None,
    };
    let real = redis.execute(command, id);
    if modelled != real {
        return Err(TestCaseError::fail(format!(
            "{command:?}\nstore: {modelled:?}\nRedis: {real:?}"
        )));
    }
    Ok(())
}

/// A pending entry that is idle for long or not at all: the rest is how long the test takes.
fn roughly(mut entry: PendingEntry) -> PendingEntry {
    entry.idle = if entry.idle < LONG { Duration::ZERO } else { LONG };
    entry
}

fn same_state(store: &mut Store, redis: &mut Connection, step: &Step) -> Result<(), TestCaseError> {
    for name in ["s", "t"] {
        let (modelled, real) = (modelled_state(store, &Key::from(name)), real_state(redis, name));
        if modelled != real {
            let what = format!("after {step:?}, {name}\nstore: {modelled:#?}\nRedis: {real:#?}");
            return Err(TestCaseError::fail(what));
        }
    }
    Ok(())
}

/// What is under a key, in words and numbers that both can tell.
#[derive(Debug, Default, PartialEq)]
struct State {
    kind: &'static str,
    expires: bool,
    entries: Vec<clamator_core::Entry>,
    groups: Vec<Group>,
}

#[derive(Debug, PartialEq)]
struct Group {
    name: String,
    delivered: StreamId,
    consumers: Vec<String>,
    pending: Vec<PendingEntry>,
}

fn modelled_state(store: &mut Store, key: &Key) -> State {
    let kind = match (store.exists(key), store.string(key)) {
        (false, _) => "none",
        (true, Some(_)) => "string",
        (true, None) => "stream",
    };
    let names = store.groups(key);
    let group = |name: String| {
        let delivered = store.last_delivered(key, &name).unwrap_or_default();
        let consumers = store.consumers(key, &name);
        let pending = store.pending(key, &name).into_iter().map(roughly).collect();
        Group { name, delivered, consumers, pending }
    };
    let groups = names.into_iter().map(group).collect();
    State { kind, expires: store.ttl(key).is_some(), entries: store.entries(key), groups }
}

fn real_state(redis: &mut Connection, key: &str) -> State {
    let mut tell = |words: &[&str]| ask(redis, words).expect("Redis tells");
    let expires = tell(&["PTTL", key]).as_int() > 0;
    match tell(&["TYPE", key]).as_str() {
        "none" => return State { kind: "none", ..State::default() },
        "string" => return State { kind: "string", expires, ..State::default() },
        _ => {}
    }
    let entries = all_entries(&tell(&["XRANGE", key, "-", "+"]));
    let mut groups = Vec::new();
    for group in tell(&["XINFO", "GROUPS", key]).as_array() {
        let name = group.field("name").unwrap().as_str().to_owned();
        let delivered = stream_id(group.field("last-delivered-id").unwrap());
        let consumer = |consumer: &Value| consumer.field("name").unwrap().as_str().to_owned();
        let consumers =
            tell(&["XINFO", "CONSUMERS", key, &name]).as_array().iter().map(consumer).collect();
        let pending = tell(&["XPENDING", key, &name, "-", "+", "10000"]);
        let pending = pending.as_array().iter().map(pending_entry).map(roughly).collect();
        groups.push(Group { name, delivered, consumers, pending });
    }
    State { kind: "stream", expires, entries, groups }
}
