//! What the store does, command by command. The tables read as a specification; that Redis 7.0 does the
//! same is the subject of `tests/differential.rs`.

mod append;
mod claim;
mod group;
mod keys;

use std::time::Duration;

use clamator_core::{Command, Entry, Fields, GroupStart, Key, Refusal, Reply, StreamId, Trimmed};

use super::Store;

/// The time at which tests start.
const NOW: u64 = 1_000_000;

fn key(name: &str) -> Key {
    Key::from(name)
}

/// The id `<ms>-0`.
fn id(ms: u64) -> StreamId {
    StreamId::new(ms, 0)
}

fn ids(ms: &[u64]) -> Vec<StreamId> {
    ms.iter().copied().map(id).collect()
}

fn fields() -> Fields {
    vec![("a".into(), "1".into())]
}

fn append(stream: &str) -> Command {
    Command::Append { stream: key(stream), fields: fields(), max_len: None, create: true }
}

fn create_group(stream: &str, start: GroupStart) -> Command {
    Command::CreateGroup { stream: key(stream), group: "g".into(), start }
}

fn read(stream: &str, after: u64, count: u32) -> Command {
    Command::Read { stream: key(stream), after: id(after), count, block: Duration::ZERO }
}

fn read_group(stream: &str, consumer: &str, count: u32) -> Command {
    let (stream, group, consumer) = (key(stream), "g".into(), consumer.into());
    Command::ReadGroup { stream, group, consumer, count, block: Duration::ZERO }
}

fn read_own(stream: &str, consumer: &str, after: u64, count: u32) -> Command {
    let (stream, group, consumer) = (key(stream), "g".into(), consumer.into());
    Command::ReadOwnPending { stream, group, consumer, after: id(after), count }
}

fn ack(stream: &str, entries: &[u64]) -> Command {
    Command::Ack { stream: key(stream), group: "g".into(), ids: ids(entries) }
}

fn auto_claim(stream: &str, consumer: &str, min_idle_ms: u64, cursor: u64, count: u32) -> Command {
    let (stream, group, consumer) = (key(stream), "g".into(), consumer.into());
    let min_idle = Duration::from_millis(min_idle_ms);
    Command::AutoClaim { stream, group, consumer, min_idle, cursor: id(cursor), count }
}

fn count_delivery(stream: &str, consumer: &str, entry: u64) -> Command {
    let (stream, group, consumer) = (key(stream), "g".into(), consumer.into());
    Command::CountDelivery { stream, group, consumer, id: id(entry), raise: true }
}

fn remove_idle(min_idle_ms: u64, except: &str) -> Command {
    let (min_idle, except) = (Duration::from_millis(min_idle_ms), except.to_owned());
    Command::RemoveIdleConsumers {
        stream: key("s"),
        group: "g".into(),
        min_idle,
        except: except.into(),
    }
}

fn renew(stream: &str, consumer: &str, entries: &[u64]) -> Command {
    let (stream, group, consumer) = (key(stream), "g".into(), consumer.into());
    Command::Renew { stream, group, consumer, ids: ids(entries) }
}

fn release(stream: &str, consumer: &str, entries: &[u64]) -> Command {
    let (stream, group, consumer) = (key(stream), "g".into(), consumer.into());
    Command::Release { stream, group, consumer, ids: ids(entries) }
}

fn trim_done(stream: &str) -> Command {
    Command::TrimDone { stream: key(stream) }
}

fn remove_consumer(stream: &str, consumer: &str) -> Command {
    let (stream, group, consumer) = (key(stream), "g".into(), consumer.into());
    Command::RemoveConsumer { stream, group, consumer }
}

fn delete(name: &str) -> Command {
    Command::Delete { key: key(name) }
}

fn expire(name: &str, ttl_ms: u64) -> Command {
    Command::Expire { key: key(name), ttl: Duration::from_millis(ttl_ms) }
}

/// A store whose stream `s` has the entries `1-0` to `<count>-0` and a group `g` that begins before them.
fn stream_of(count: u64) -> Store {
    let mut store = Store::new();
    for ms in 1..=count {
        assert_eq!(store.execute(ms, &append("s")), Ok(Reply::Added(id(ms))));
    }
    assert_eq!(store.execute(NOW, &create_group("s", GroupStart::Beginning)), Ok(Reply::Done));
    store
}

/// The same, with every entry delivered to consumer `c` at [`NOW`].
fn delivered(count: u64) -> Store {
    let mut store = stream_of(count);
    assert!(store.execute(NOW, &read_group("s", "c", 0)).is_ok());
    store
}

/// What a read or a claim gave: the ids, and whether each entry is still there.
fn got(reply: Result<Reply, Refusal>) -> Vec<(u64, bool)> {
    let entries = match reply {
        Ok(Reply::Entries(entries) | Reply::Claimed { entries, .. }) => entries,
        other => panic!("{other:?}"),
    };
    entries.iter().map(|entry: &Entry| (entry.id.ms, entry.fields.is_some())).collect()
}

fn got_ids(reply: Result<Reply, Refusal>) -> Vec<u64> {
    got(reply).into_iter().map(|(ms, _)| ms).collect()
}

/// What is pending in `s`, as (entry, consumer, deliveries).
fn pending_list(store: &Store) -> Vec<(u64, String, u64)> {
    store
        .pending(&key("s"), "g")
        .into_iter()
        .map(|entry| (entry.id.ms, entry.consumer, entry.deliveries))
        .collect()
}

fn refused(reply: Result<Reply, Refusal>) -> String {
    match reply {
        Err(refusal) => refusal.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_missing_key_is_refused_or_empty() {
    let no_group = "NOGROUP No such key 's' or consumer group 'g'";
    let no_group_to_read =
        "NOGROUP No such key 's' or consumer group 'g' in XREADGROUP with GROUP option";
    let refusals = [
        (read_group("s", "c", 1), no_group_to_read),
        (read_own("s", "c", 0, 1), no_group),
        (auto_claim("s", "c", 0, 0, 1), no_group),
        (count_delivery("s", "c", 1), no_group),
        (remove_idle(1, "c"), no_group),
        (renew("s", "c", &[1]), no_group),
        (release("s", "c", &[1]), no_group),
        (remove_consumer("s", "c"), no_group),
    ];
    let answers = [
        (read("s", 0, 1), Reply::Entries(Vec::new())),
        (ack("s", &[1]), Reply::Count(0)),
        (trim_done("s"), Reply::Trimmed(Trimmed::default())),
        (delete("s"), Reply::Count(0)),
        (expire("s", 1), Reply::Count(0)),
        (Command::Unblock { connection: 1 }, Reply::Count(0)),
        (Command::Kill { connection: 1 }, Reply::Count(0)),
        (Command::Ping, Reply::Done),
    ];
    let mut without_key = Store::new();
    let mut without_group = Store::new();
    assert!(without_group.execute(1, &append("s")).is_ok());
    for (command, expected) in &refusals {
        assert_eq!(refused(without_key.execute(NOW, command)), *expected, "{command:?}");
        assert_eq!(refused(without_group.execute(NOW, command)), *expected, "{command:?}");
    }
    for (command, expected) in answers {
        assert_eq!(without_key.execute(NOW, &command), Ok(expected), "{command:?}");
    }
    assert!(without_key.is_empty());
}

#[test]
fn what_is_not_a_stream_has_the_wrong_type() {
    let mut store = Store::new();
    store.set_string(&key("s"), "text");
    let commands = [
        append("s"),
        create_group("s", GroupStart::End),
        read("s", 0, 1),
        read_group("s", "c", 1),
        read_own("s", "c", 0, 1),
        ack("s", &[1]),
        auto_claim("s", "c", 0, 0, 1),
        count_delivery("s", "c", 1),
        remove_idle(1, "c"),
        renew("s", "c", &[1]),
        release("s", "c", &[1]),
        trim_done("s"),
        remove_consumer("s", "c"),
    ];
    for command in commands {
        let expected = "WRONGTYPE Operation against a key holding the wrong kind of value";
        assert_eq!(refused(store.execute(NOW, &command)), expected, "{command:?}");
    }
    assert_eq!(store.string(&key("s")), Some("text".into()));
    assert_eq!(store.execute(NOW, &expire("s", 10)), Ok(Reply::Count(1)));
    assert_eq!(store.execute(NOW, &delete("s")), Ok(Reply::Count(1)));
}

#[test]
fn malformed_commands_are_refused() {
    let mut store = stream_of(1);
    let empty =
        Command::Append { stream: key("s"), fields: Vec::new(), max_len: None, create: true };
    let table = [
        (empty, "ERR wrong number of arguments for 'xadd' command"),
        (ack("s", &[]), "ERR wrong number of arguments for 'xack' command"),
        (auto_claim("s", "c", 0, 0, 0), "ERR COUNT must be > 0"),
        (create_group("s", GroupStart::End), "BUSYGROUP Consumer Group name already exists"),
    ];
    for (command, expected) in table {
        assert_eq!(refused(store.execute(NOW, &command)), expected, "{command:?}");
    }
}

#[test]
fn extreme_values_never_panic() {
    let (s, g, c) = (key("s"), "g".to_owned(), "c".to_owned());
    let end = StreamId::new(u64::MAX, u64::MAX);
    let ids = vec![StreamId::MIN, end, end];
    for now in [0, 1, u64::MAX, 0] {
        let mut store = stream_of(3);
        store.execute(now, &read_group("s", "c", u32::MAX)).unwrap();
        let (stream, group, consumer) = (s.clone(), g.clone(), c.clone());
        let commands = [
            Command::Append {
                stream: s.clone(),
                fields: fields(),
                max_len: Some(0),
                create: false,
            },
            Command::Append {
                stream: s.clone(),
                fields: fields(),
                max_len: Some(u64::MAX),
                create: true,
            },
            Command::CreateGroup {
                stream: s.clone(),
                group: "h".into(),
                start: GroupStart::After(end),
            },
            read_own("s", "c", u64::MAX, u32::MAX),
            Command::Read { stream: s.clone(), after: end, count: u32::MAX, block: Duration::MAX },
            Command::AutoClaim {
                stream: s.clone(),
                group: g.clone().into(),
                consumer: c.clone().into(),
                min_idle: Duration::MAX,
                cursor: end,
                count: u32::MAX,
            },
            auto_claim("s", "d", u64::MAX, 0, u32::MAX),
            Command::Ack { stream: s.clone(), group: g.clone().into(), ids: ids.clone() },
            Command::Renew {
                stream: s.clone(),
                group: g.clone().into(),
                consumer: c.clone().into(),
                ids: ids.clone(),
            },
            Command::Release {
                stream,
                group: group.into(),
                consumer: consumer.into(),
                ids: ids.clone(),
            },
            Command::Expire { key: s.clone(), ttl: Duration::MAX },
            trim_done("s"),
        ];
        for command in commands {
            // Whether it is refused doesn't matter here.
            let _ = store.execute(now, &command);
        }
    }
}
