//! Every command on the pure store and on Redis: the same answer, and the same state after it.

use std::cell::RefCell;
use std::time::Duration;

use clamator_core::{Command, Key, Reply, StreamId, StreamInfo};
use clamator_memory::{PendingEntry, Store};
use clamator_redis::redis::ProtocolVersion;
use clamator_testkit::{Connection, Value};
use proptest::prelude::prop_assert_eq;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use super::command::{LONG, Step, steps};
use super::redis::{all_entries, ask, modelled, pending_entry, stream_id};
use super::translated::Translated;

/// Where the time in the store begins. It passes in large steps only, and the real server's is made to look like it.
pub(crate) const NOW: u64 = 1_000;

/// What is idle for one of these isn't idle for [`LONG`], what is idle for two is.
const WHILE: Duration = Duration::from_secs(40 * 60);

/// The model, and its time.
struct Modelled {
    store: Store,
    now: u64,
}

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

/// So many that it takes some ten seconds.
const CASES: u32 = 500;

fn compare(protocol: ProtocolVersion) {
    let Some(server) = modelled() else { return };
    let full = std::env::var_os("CLAMATOR_FULL").is_some();
    let cases = if full { 4 * CASES } else { CASES };
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let real = RefCell::new(Real {
        translated: Translated::open(&server, protocol),
        plain: server.connect().expect("Redis takes connections"),
    });
    TestRunner::new(config)
        .run(&steps(), |steps| {
            let real = &mut *real.borrow_mut();
            ask(&mut real.plain, &["FLUSHALL"]).expect("it can be emptied");
            let mut model = Modelled { store: Store::new(), now: NOW };
            let mut state = States::modelled(&mut model.store);
            for step in &steps {
                let mut before = model.store.clone();
                both(&mut model, real, step)?;
                let after = States::modelled(&mut model.store);
                same_state(&after, &mut real.plain, step)?;
                // A clone is a snapshot: nothing that happens later changes it.
                prop_assert_eq!(&state, &States::modelled(&mut before));
                state = after;
            }
            Ok(())
        })
        .unwrap_or_else(|failure| panic!("{failure}"));
}

fn both(model: &mut Modelled, real: &mut Real, step: &Step) -> Result<(), TestCaseError> {
    let (store, redis) = (&mut model.store, &mut real.plain);
    let mut many = Vec::new();
    match step {
        // Nobody can say of a real consumer that it was silent for longer.
        Step::Run(Command::RemoveIdleConsumers { min_idle: LONG, .. }) if model.now > NOW => {}
        Step::Run(command) => run_both(model, &mut real.translated, command)?,
        Step::AppendMany(stream, count) => {
            let fields = vec![("a".into(), "1".into())];
            let append =
                Command::Append { stream: stream.clone(), fields, max_len: None, create: true };
            run_both(model, &mut real.translated, &append)?;
            // The others at once, if the first one was taken.
            for _ in 1..*count {
                if let Ok(Reply::Added(id)) = model.store.execute(model.now, &append) {
                    many.extend([id.to_string(), "a".to_owned(), "1".to_owned()]);
                }
            }
            if !many.is_empty() {
                let words = ["EVAL", APPEND_MANY, "1", stream.as_str()].map(str::to_owned);
                ask(&mut real.plain, &[&words[..], &many].concat()).expect("they are appended");
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
        Step::AWhilePasses => {
            let millis = WHILE.as_millis().to_string();
            let passed = ask(redis, &["EVAL", A_WHILE_PASSES, "2", "s", "t", &millis]);
            if passed.expect("it is a script").as_int() == 1 {
                model.now += WHILE.as_millis() as u64;
                // Time passes with the next command.
                run_both(model, &mut real.translated, &Command::Ping)?;
            }
        }
    }
    Ok(())
}

fn run_both(
    model: &mut Modelled,
    redis: &mut Translated,
    command: &Command,
) -> Result<(), TestCaseError> {
    let modelled = model.store.execute(model.now, command);
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

const APPEND_MANY: &str = "
    for at = 1, #ARGV, 3 do
        redis.call('XADD', KEYS[1], ARGV[at], ARGV[at + 1], ARGV[at + 2])
    end";

/// Makes all that waits look as if it had waited for longer, and all that expires come nearer to it. Not (0) if something is
/// pending that is gone: to claim it would forget it.
const A_WHILE_PASSES: &str = "
    local pending = {}
    for _, key in ipairs(KEYS) do
        if redis.call('TYPE', key).ok == 'stream' then
            for _, group in ipairs(redis.call('XINFO', 'GROUPS', key)) do
                for _, entry in ipairs(redis.call('XPENDING', key, group[2], '-', '+', 10000)) do
                    if #redis.call('XRANGE', key, entry[1], entry[1]) == 0 then return 0 end
                    table.insert(pending, {key, group[2], entry})
                end
            end
        end
    end
    for _, it in ipairs(pending) do
        local id, consumer, idle = unpack(it[3])
        redis.call('XCLAIM', it[1], it[2], consumer, 0, id, 'IDLE', idle + ARGV[1], 'JUSTID')
    end
    for _, key in ipairs(KEYS) do
        local left = redis.call('PTTL', key)
        if left > 0 then
            redis.call('PEXPIRE', key, string.format('%.0f', left - ARGV[1]))
        end
    end
    return 1";

/// A pending entry that is idle for so many times ten minutes: the rest is how long the test takes.
fn roughly(mut entry: PendingEntry) -> PendingEntry {
    entry.idle = Duration::from_secs(entry.idle.as_secs() / 600 * 600);
    entry
}

fn same_state(modelled: &States, redis: &mut Connection, step: &Step) -> Result<(), TestCaseError> {
    let real = States::real(redis);
    if *modelled != real {
        let what = format!("after {step:?}\nstore: {modelled:#?}\nRedis: {real:#?}");
        return Err(TestCaseError::fail(what));
    }
    Ok(())
}

/// What is under the keys.
#[derive(Debug, PartialEq)]
struct States([State; 2]);

impl States {
    fn modelled(store: &mut Store) -> States {
        States(["s", "t"].map(|name| modelled_state(store, &Key::from(name))))
    }

    fn real(redis: &mut Connection) -> States {
        let states = ask(redis, &["EVAL", TELL, "2", "s", "t"]).expect("Redis tells");
        let [s, t] = states.as_array() else { panic!("{states:?}") };
        States([s, t].map(real_state))
    }
}

/// What is under a key, in words and numbers that both can tell.
#[derive(Debug, Default, PartialEq)]
struct State {
    kind: String,
    expires: bool,
    entries: Vec<clamator_core::Entry>,
    info: Option<StreamInfo>,
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
    let (expires, entries) = (store.ttl(key).is_some(), store.entries(key));
    let info = match store.execute(store.now_ms(), &Command::Info { stream: key.clone() }) {
        Ok(Reply::Stream(info)) => Some(info),
        _ => None,
    };
    State { kind: kind.to_owned(), expires, entries, info, groups }
}

/// All that is known of the keys, at once: kind, time to live, entries, what `XINFO STREAM` says of them, and for each group
/// what it is, its consumers and its pending list.
const TELL: &str = "
    local states = {}
    for _, key in ipairs(KEYS) do
        local kind = redis.call('TYPE', key).ok
        local state = {kind, redis.call('PTTL', key)}
        if kind == 'stream' then
            local groups = {}
            for _, group in ipairs(redis.call('XINFO', 'GROUPS', key)) do
                table.insert(groups, {
                    group,
                    redis.call('XINFO', 'CONSUMERS', key, group[2]),
                    redis.call('XPENDING', key, group[2], '-', '+', 10000),
                })
            end
            table.insert(state, redis.call('XRANGE', key, '-', '+'))
            table.insert(state, redis.call('XINFO', 'STREAM', key))
            table.insert(state, groups)
        end
        table.insert(states, state)
    end
    return states";

fn real_state(told: &Value) -> State {
    let told = told.as_array();
    let (kind, expires) = (told[0].as_str().to_owned(), told[1].as_int() > 0);
    let [_, _, entries, info, groups] = told else {
        return State { kind, expires, ..State::default() };
    };
    let number = |name: &str| info.field(name).unwrap().as_int().unsigned_abs();
    let info = StreamInfo {
        last_id: stream_id(info.field("last-generated-id").unwrap()),
        length: number("length"),
        added: Some(number("entries-added")),
    };
    let group = |group: &Value| {
        let [about, consumers, pending] = group.as_array() else { panic!("{group:?}") };
        let consumer = |consumer: &Value| consumer.field("name").unwrap().as_str().to_owned();
        Group {
            name: about.field("name").unwrap().as_str().to_owned(),
            delivered: stream_id(about.field("last-delivered-id").unwrap()),
            consumers: consumers.as_array().iter().map(consumer).collect(),
            pending: pending.as_array().iter().map(pending_entry).map(roughly).collect(),
        }
    };
    let groups = groups.as_array().iter().map(group).collect();
    State { kind, expires, entries: all_entries(entries), info: Some(info), groups }
}
