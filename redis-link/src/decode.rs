//! From Redis' answers to those that the core waits for.

use std::time::Duration;

use bytes::Bytes;
use clamator_core::{Command, Entry, Fields, Outcome, PendingEntry, Refusal, Reply, StreamId};
use redis::Value;

/// The outcome of a command that Redis has answered.
pub(crate) fn decode(command: &Command, value: Value) -> Outcome {
    if let Value::ServerError(error) = &value {
        let details = error.details().unwrap_or_default().to_owned();
        return Outcome::Refused(Refusal::new(error.code(), details));
    }
    match reply(command, value) {
        Some(reply) => Outcome::Reply(reply),
        // A Redis that answers in another way than every known version does.
        None => Outcome::Refused(Refusal::new("UNREADABLE", "the answer has an unknown form")),
    }
}

fn reply(command: &Command, value: Value) -> Option<Reply> {
    Some(match command {
        Command::Append { .. } => match value {
            Value::Nil => Reply::Nil,
            value => Reply::Added(id(&value)?),
        },
        Command::CreateGroup { .. } | Command::Ping => Reply::Done,
        Command::ReadGroup { .. } | Command::ReadOwnPending { .. } | Command::Read { .. } => {
            Reply::Entries(first_stream(value)?)
        }
        Command::AutoClaim { .. } => {
            let mut parts = array(value)?.into_iter();
            let cursor = id(&parts.next()?)?;
            Reply::Claimed { cursor, entries: entries(parts.next()?)? }
        }
        Command::Pending { .. } => match array(value)?.into_iter().next() {
            None => Reply::Pending(None),
            Some(found) => Reply::Pending(Some(pending(found)?)),
        },
        Command::Renew { .. } | Command::Release { .. } => {
            Reply::Ids(array(value)?.iter().map(id).collect::<Option<_>>()?)
        }
        Command::Ack { .. }
        | Command::TrimDone { .. }
        | Command::RemoveConsumer { .. }
        | Command::Delete { .. }
        | Command::Expire { .. }
        | Command::Unblock { .. }
        | Command::Kill { .. } => Reply::Count(count(&value)?),
    })
}

/// The entries of the only stream that was asked for; none after a wait in vain.
fn first_stream(value: Value) -> Option<Vec<Entry>> {
    match value {
        Value::Nil => Some(Vec::new()),
        // RESP3
        Value::Map(streams) => match streams.into_iter().next() {
            None => Some(Vec::new()),
            Some((_, found)) => entries(found),
        },
        value => match array(value)?.into_iter().next() {
            None => Some(Vec::new()),
            Some(stream) => entries(array(stream)?.into_iter().nth(1)?),
        },
    }
}

fn entries(value: Value) -> Option<Vec<Entry>> {
    array(value)?.into_iter().map(entry).collect()
}

fn entry(value: Value) -> Option<Entry> {
    let mut parts = match value {
        // 6.2 claims a deleted entry as a bare nil, without its id: there is nothing to say about it.
        Value::Nil => return Some(Entry { id: StreamId::MIN, fields: None }),
        value => array(value)?.into_iter(),
    };
    let id = id(&parts.next()?)?;
    let fields = match parts.next()? {
        Value::Nil => None,
        value => Some(fields(value)?),
    };
    Some(Entry { id, fields })
}

fn fields(value: Value) -> Option<Fields> {
    let parts = array(value)?;
    let mut fields = Vec::with_capacity(parts.len() / 2);
    let mut parts = parts.into_iter();
    while let Some(name) = parts.next() {
        fields.push((bytes(name)?, bytes(parts.next()?)?));
    }
    Some(fields)
}

fn pending(value: Value) -> Option<PendingEntry> {
    let parts = array(value)?;
    let [entry, consumer, idle, deliveries] = &parts[..] else { return None };
    Some(PendingEntry {
        id: id(entry)?,
        consumer: String::from_utf8_lossy(text(consumer)?).into_owned(),
        idle: Duration::from_millis(count(idle)?),
        deliveries: count(deliveries)?,
    })
}

fn array(value: Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(values) | Value::Set(values) => Some(values),
        Value::Nil => Some(Vec::new()),
        _ => None,
    }
}

fn bytes(value: Value) -> Option<Bytes> {
    match value {
        Value::BulkString(bytes) => Some(bytes.into()),
        Value::SimpleString(text) => Some(text.into()),
        _ => None,
    }
}

fn text(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.as_bytes()),
        _ => None,
    }
}

fn id(value: &Value) -> Option<StreamId> {
    std::str::from_utf8(text(value)?).ok()?.parse().ok()
}

fn count(value: &Value) -> Option<u64> {
    match value {
        Value::Int(count) => u64::try_from(*count).ok(),
        // An old form of CLIENT KILL.
        Value::Okay => Some(1),
        _ => None,
    }
}
