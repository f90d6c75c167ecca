//! The commands of the core as a real server executes them.

use std::time::Duration;

use clamator_core::{Command, Entry, GroupStart, PendingEntry, Refusal, Reply, StreamId};
use clamator_testkit::{Connection, Value};

/// Runs a command. `id` is what an append must call its entry.
///
/// What the core wants to be atomic is several commands here, since nobody else is connected.
pub(crate) fn execute(
    redis: &mut Connection,
    command: &Command,
    id: Option<StreamId>,
) -> Result<Reply, Refusal> {
    match command {
        Command::Append { stream, fields, max_len, create } => {
            let mut words = vec!["XADD".to_owned(), stream.to_string()];
            if !create {
                words.push("NOMKSTREAM".to_owned());
            }
            if let Some(max_len) = max_len {
                words.extend(["MAXLEN".to_owned(), "~".to_owned(), max_len.to_string()]);
            }
            // Without an id the append must be refused or change nothing: any id will do.
            words.push(id.map_or_else(|| "*".to_owned(), |id| id.to_string()));
            for (name, value) in fields {
                words.extend([text(name), text(value)]);
            }
            Ok(match ask(redis, &words)? {
                Value::Nil => Reply::Nil,
                added => Reply::Added(stream_id(&added)),
            })
        }
        Command::CreateGroup { stream, group, start } => {
            let start = match start {
                GroupStart::Beginning => "0".to_owned(),
                GroupStart::End => "$".to_owned(),
                GroupStart::After(id) => id.to_string(),
            };
            ask(redis, &["XGROUP", "CREATE", stream.as_str(), group, &start, "MKSTREAM"])?;
            Ok(Reply::Done)
        }
        Command::ReadGroup { stream, group, consumer, count, .. } => entries_of_read(&ask(
            redis,
            &read_group(stream.as_str(), group, consumer, *count, ">", None),
        )?),
        Command::ReadOwnPending { stream, group, consumer, after, count } => {
            let after = after.to_string();
            entries_of_read(&ask(
                redis,
                &read_group(stream.as_str(), group, consumer, *count, &after, None),
            )?)
        }
        Command::Read { stream, after, count, .. } => {
            entries_of_read(&ask(redis, &read(stream.as_str(), *after, *count, None))?)
        }
        Command::Ack { stream, group, ids } => {
            let mut words = vec!["XACK".to_owned(), stream.to_string(), group.clone()];
            words.extend(ids.iter().map(StreamId::to_string));
            number(ask(redis, &words)?)
        }
        Command::AutoClaim { stream, group, consumer, min_idle, cursor, count } => {
            let (idle, cursor) = (min_idle.as_millis().to_string(), cursor.to_string());
            let count = count.to_string();
            let words =
                ["XAUTOCLAIM", stream.as_str(), group, consumer, &idle, &cursor, "COUNT", &count];
            let answer = ask(redis, &words)?;
            let [cursor, entries, ..] = answer.as_array() else { panic!("{answer:?}") };
            Ok(Reply::Claimed { cursor: stream_id(cursor), entries: all_entries(entries) })
        }
        Command::Pending { stream, group, id } => {
            let id = id.to_string();
            let answer = ask(redis, &["XPENDING", stream.as_str(), group, &id, &id, "1"])?;
            Ok(Reply::Pending(answer.as_array().first().map(pending_entry)))
        }
        Command::Renew { stream, group, consumer, ids } => {
            touch_owned(redis, [stream.as_str(), group, consumer], ids, &[])
        }
        Command::Release { stream, group, consumer, ids } => {
            touch_owned(redis, [stream.as_str(), group, consumer], ids, &["IDLE", "86400000"])
        }
        Command::TrimDone { stream } => {
            let mut needed_from = None;
            if ask(redis, &["EXISTS", stream.as_str()])?.as_int() == 0 {
                return Ok(Reply::Count(0));
            }
            for group in ask(redis, &["XINFO", "GROUPS", stream.as_str()])?.as_array() {
                let name = group.field("name").unwrap().as_str();
                let pending = ask(redis, &["XPENDING", stream.as_str(), name])?;
                let from = match &pending.as_array()[1] {
                    Value::Nil => {
                        let last = stream_id(group.field("last-delivered-id").unwrap());
                        StreamId::new(last.ms, last.seq + 1)
                    }
                    oldest => stream_id(oldest),
                };
                needed_from = Some(needed_from.map_or(from, |least: StreamId| least.min(from)));
            }
            let Some(from) = needed_from else { return Ok(Reply::Count(0)) };
            number(ask(redis, &["XTRIM", stream.as_str(), "MINID", "=", &from.to_string()])?)
        }
        Command::RemoveConsumer { stream, group, consumer } => {
            let (stream, group) = (stream.as_str(), group.as_str());
            let pending = ask(redis, &["XPENDING", stream, group, "-", "+", "1", consumer])?;
            if !pending.as_array().is_empty() {
                return Ok(Reply::Count(0));
            }
            let consumers = ask(redis, &["XINFO", "CONSUMERS", stream, group])?;
            let known = |found: &Value| found.field("name").unwrap().as_str() == consumer;
            let existed = consumers.as_array().iter().any(known);
            ask(redis, &["XGROUP", "DELCONSUMER", stream, group, consumer])?;
            Ok(Reply::Count(u64::from(existed)))
        }
        Command::Delete { key } => number(ask(redis, &["DEL", key.as_str()])?),
        Command::Expire { key, ttl } => {
            number(ask(redis, &["PEXPIRE", key.as_str(), &ttl.as_millis().to_string()])?)
        }
        Command::Unblock { connection } => {
            number(ask(redis, &["CLIENT", "UNBLOCK", &connection.to_string()])?)
        }
        Command::Kill { connection } => {
            number(ask(redis, &["CLIENT", "KILL", "ID", &connection.to_string()])?)
        }
        Command::Ping => ask(redis, &["PING"]).map(|_| Reply::Done),
    }
}

/// Asks, and takes an error apart.
pub(crate) fn ask<A: AsRef<[u8]>>(redis: &mut Connection, words: &[A]) -> Result<Value, Refusal> {
    refused(redis.command(words).expect("Redis answers"))
}

/// An answer, or the refusal that it is.
pub(crate) fn refused(answer: Value) -> Result<Value, Refusal> {
    match answer.as_error().and_then(|error| error.split_once(' ')) {
        Some((code, message)) => Err(Refusal::new(code, message)),
        None => Ok(answer),
    }
}

/// `XREAD`, as words.
pub(crate) fn read(
    stream: &str,
    after: StreamId,
    count: u32,
    block: Option<Duration>,
) -> Vec<String> {
    let mut words = vec!["XREAD".to_owned(), "COUNT".to_owned(), count.to_string()];
    words.extend(
        block.into_iter().flat_map(|block| ["BLOCK".to_owned(), block.as_millis().to_string()]),
    );
    words.extend(["STREAMS".to_owned(), stream.to_owned(), after.to_string()]);
    words
}

/// `XREADGROUP`, as words.
pub(crate) fn read_group(
    stream: &str,
    group: &str,
    consumer: &str,
    count: u32,
    after: &str,
    block: Option<Duration>,
) -> Vec<String> {
    let mut words = ["XREADGROUP", "GROUP", group, consumer, "COUNT"].map(str::to_owned).to_vec();
    words.push(count.to_string());
    words.extend(
        block.into_iter().flat_map(|block| ["BLOCK".to_owned(), block.as_millis().to_string()]),
    );
    words.extend(["STREAMS", stream, after].map(str::to_owned));
    words
}

/// What a read of one stream gave.
pub(crate) fn entries_of_read(answer: &Value) -> Result<Reply, Refusal> {
    let entries = answer
        .as_array()
        .first()
        .map_or_else(Vec::new, |stream| all_entries(&stream.as_array()[1]));
    Ok(Reply::Entries(entries))
}

pub(crate) fn all_entries(answer: &Value) -> Vec<Entry> {
    answer.as_array().iter().map(entry).collect()
}

pub(crate) fn stream_id(answer: &Value) -> StreamId {
    answer.as_str().parse().expect("a stream id")
}

fn entry(answer: &Value) -> Entry {
    let [id, fields] = answer.as_array() else { panic!("{answer:?}") };
    let pair =
        |pair: &[Value]| (pair[0].as_bytes().to_vec().into(), pair[1].as_bytes().to_vec().into());
    let fields = match fields {
        Value::Nil => None,
        fields => Some(fields.as_array().chunks_exact(2).map(pair).collect()),
    };
    Entry { id: stream_id(id), fields }
}

pub(crate) fn pending_entry(answer: &Value) -> PendingEntry {
    let [id, consumer, idle, deliveries] = answer.as_array() else { panic!("{answer:?}") };
    PendingEntry {
        id: stream_id(id),
        consumer: consumer.as_str().to_owned(),
        idle: Duration::from_millis(idle.as_int().unsigned_abs()),
        deliveries: deliveries.as_int().unsigned_abs(),
    }
}

fn touch_owned(
    redis: &mut Connection,
    [stream, group, consumer]: [&str; 3],
    ids: &[StreamId],
    options: &[&str],
) -> Result<Reply, Refusal> {
    // Also for no ids at all the group must exist.
    ask(redis, &["XPENDING", stream, group])?;
    let mut touched = Vec::new();
    for id in ids {
        let text = id.to_string();
        let owned = ask(redis, &["XPENDING", stream, group, &text, &text, "1", consumer])?;
        if owned.as_array().is_empty() {
            continue;
        }
        let mut words = vec!["XCLAIM", stream, group, consumer, "0", &text];
        words.extend(options);
        words.push("JUSTID");
        touched.extend(ask(redis, &words)?.as_array().iter().map(stream_id));
    }
    Ok(Reply::Ids(touched))
}

fn number(answer: Value) -> Result<Reply, Refusal> {
    Ok(Reply::Count(answer.as_int().unsigned_abs()))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
