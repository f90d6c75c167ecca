//! Without scripts: what is done instead by single commands, for a Redis that has no `EVAL`.
//!
//! Whether an entry is still the consumer's own, and what follows from that, can't be one command, but for one: a consumer that
//! reads its own pending list resets the idle time of what it reads, and of nothing that is another's. It also counts a
//! delivery, so that numbers of deliveries mean little here. `docs/versions.md` tells what is given up.

use clamator_core::{Command, GroupStart, Key, Outcome, Reply, StreamId};
use redis::{Cmd, Value};

use crate::decode::{array, count, decode, first_stream, unreadable};
use crate::encode::{idle_millis, pack};
use crate::words::{Cmds, Words};

/// The Redis commands for a command of the core; none where there is nothing to be asked.
pub fn encode_plain(command: &Command) -> Vec<Cmd> {
    let mut cmds = Cmds::default();
    let count = pack_plain(command, &mut cmds);
    debug_assert_eq!(count, cmds.0.len());
    cmds.0
}

/// Packs the Redis commands for a command of the core. How many there are.
pub(crate) fn pack_plain(command: &Command, out: &mut impl Words) -> usize {
    match command {
        Command::CreateGroup { stream, group, start } => {
            let start = match start {
                GroupStart::Beginning => "0".to_owned(),
                GroupStart::End => "$".to_owned(),
                GroupStart::After(id) => id.to_string(),
            };
            out.texts(&["XGROUP", "CREATE", stream.as_str(), group, &start, "MKSTREAM"]);
        }
        Command::ReadOwnPending { stream, group, consumer, after, count } => {
            own_after(out, stream, [group, consumer], *after, *count);
        }
        // One by one: others of its own in between are not asked for.
        Command::Renew { stream, group, consumer, ids } => {
            for id in ids {
                own_after(out, stream, [group, consumer], id.before(), 1);
            }
            return ids.len();
        }
        Command::AutoClaim { stream, group, consumer, min_idle, cursor, count } => {
            let idle = idle_millis(*min_idle).to_string();
            let (cursor, count) = (cursor.to_string(), count.to_string());
            let stream = stream.as_str();
            out.texts(&["XAUTOCLAIM", stream, group, consumer, &idle, &cursor, "COUNT", &count]);
        }
        Command::CountDelivery { stream, group, consumer, id, .. } => {
            let id = id.to_string();
            out.texts(&["XPENDING", stream.as_str(), group, &id, &id, "1", consumer]);
        }
        Command::Release { ids, .. } if ids.is_empty() => return 0,
        // The core asks for this only where nobody else can be the owner by now.
        Command::Release { stream, group, consumer, ids } => {
            out.begin(8 + ids.len());
            for word in ["XCLAIM", stream.as_str(), group, consumer, "0"] {
                out.word(word.as_bytes());
            }
            ids.iter().for_each(|id| out.id(*id));
            for word in ["IDLE", "86400000", "JUSTID"] {
                out.word(word.as_bytes());
            }
        }
        command => pack(command, out),
    }
    1
}

/// The first of those that are pending for a consumer after an id; they are touched by that.
fn own_after(
    out: &mut impl Words,
    stream: &Key,
    [group, consumer]: [&str; 2],
    after: StreamId,
    count: u32,
) {
    let (after, count) = (after.to_string(), count.to_string());
    let stream = stream.as_str();
    out.texts(&[
        "XREADGROUP",
        "GROUP",
        group,
        consumer,
        "COUNT",
        &count,
        "STREAMS",
        stream,
        &after,
    ]);
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
