//! Without scripts: what is done instead by single commands, for a Redis that has no `EVAL`.
//!
//! Whether an entry is still the consumer's own, and what follows from that, can't be one command, but for one: a consumer that
//! reads its own pending list resets the idle time of what it reads, and of nothing that is another's. It also counts a
//! delivery, so that numbers of deliveries mean little here. `docs/versions.md` tells what is given up.

use clamator_core::{Command, GroupStart, Outcome, Reply, StreamId};
use redis::{Cmd, Value, cmd};

use crate::decode::{array, count, decode, first_stream, unreadable};
use crate::encode::{all, create_group, encode, idle_millis};

/// The Redis commands for a command of the core; none where there is nothing to be asked.
pub fn encode_plain(command: &Command) -> Vec<Cmd> {
    match command {
        Command::CreateGroup { stream, group, start } => {
            let start = match start {
                GroupStart::Beginning => "0".to_owned(),
                GroupStart::End => "$".to_owned(),
                GroupStart::After(id) => id.to_string(),
            };
            vec![create_group(stream.as_str(), group, &start)]
        }
        Command::ReadOwnPending { stream, group, consumer, after, count } => {
            vec![own_after(stream.as_str(), group, consumer, *after, *count)]
        }
        // One by one: others of its own in between are not asked for.
        Command::Renew { stream, group, consumer, ids } => ids
            .iter()
            .map(|id| own_after(stream.as_str(), group, consumer, id.before(), 1))
            .collect(),
        Command::AutoClaim { stream, group, consumer, min_idle, cursor, count } => {
            let mut out = cmd("XAUTOCLAIM");
            out.arg(stream.as_str()).arg(group).arg(consumer).arg(idle_millis(*min_idle));
            out.arg(cursor.to_string()).arg("COUNT").arg(*count);
            vec![out]
        }
        Command::CountDelivery { stream, group, consumer, id, .. } => {
            let (mut out, id) = (cmd("XPENDING"), id.to_string());
            out.arg(stream.as_str()).arg(group).arg(&id).arg(&id).arg(1).arg(consumer);
            vec![out]
        }
        // The core asks for this only where nobody else can be the owner by now.
        Command::Release { stream, group, consumer, ids } => {
            let mut out = cmd("XCLAIM");
            out.arg(stream.as_str()).arg(group).arg(consumer).arg(0);
            all(&mut out, ids);
            out.arg("IDLE").arg(86_400_000).arg("JUSTID");
            if ids.is_empty() { Vec::new() } else { vec![out] }
        }
        command => vec![encode(command)],
    }
}

/// The first of those that are pending for a consumer after an id; they are touched by that.
fn own_after(stream: &str, group: &str, consumer: &str, after: StreamId, count: u32) -> Cmd {
    let mut out = cmd("XREADGROUP");
    out.arg("GROUP").arg(group).arg(consumer).arg("COUNT").arg(count);
    out.arg("STREAMS").arg(stream).arg(after.to_string());
    out
}

/// The outcome of a command that was asked in plain commands, from the answers to them.
pub fn decode_plain(command: &Command, mut values: Vec<Value>) -> Outcome {
    let refused = values.iter().position(|value| matches!(value, Value::ServerError(_)));
    if let Some(at) = refused {
        return decode(command, values.swap_remove(at));
    }
    let reply = match command {
        Command::Renew { ids, .. } => renewed(ids, values),
        Command::Release { ids, .. } if ids.is_empty() => Some(Reply::Ids(Vec::new())),
        command => {
            let Some(value) = values.pop() else { return unreadable() };
            match command {
                Command::ReadOwnPending { .. } => first_stream(value).map(Reply::Entries),
                Command::AutoClaim { .. } => return decode(command, without_nils(value)),
                Command::CountDelivery { .. } => deliveries(value),
                command => return decode(command, value),
            }
        }
    };
    reply.map_or_else(unreadable, Outcome::Reply)
}

/// Those that were read are the consumer's own. One that was trimmed is left to others, as a script leaves it.
fn renewed(ids: &[StreamId], values: Vec<Value>) -> Option<Reply> {
    let mut ours = Vec::with_capacity(ids.len());
    for (id, value) in ids.iter().zip(values) {
        let found = first_stream(value)?.into_iter().next();
        if found.is_some_and(|entry| entry.id == *id && entry.fields.is_some()) {
            ours.push(*id);
        }
    }
    Some(Reply::Ids(ours))
}

/// 6.2 gives a nil, without an id, for an entry that was trimmed while it was pending.
fn without_nils(page: Value) -> Value {
    let Value::Array(mut parts) = page else { return page };
    if let Some(Value::Array(found)) = parts.get_mut(1) {
        found.retain(|entry| *entry != Value::Nil);
    }
    Value::Array(parts)
}

/// From an entry of the pending list, if there is one: id, consumer, idle time, deliveries.
fn deliveries(value: Value) -> Option<Reply> {
    let Some(entry) = array(value)?.into_iter().next() else {
        return Some(Reply::Deliveries(None));
    };
    Some(Reply::Deliveries(Some(count(array(entry)?.get(3)?)?)))
}
