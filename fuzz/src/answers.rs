//! What a store may answer: the right thing, the wrong one, and no answer at all.

use bytes::Bytes;
use clamator_core::{
    Command, Entry, Fault, Fields, Outcome, Refusal, Reply, StreamId, StreamInfo, Trimmed,
};

use crate::reader::Reader;

const CODES: [(&str, &str); 14] = [
    ("NOGROUP", "No such key or group"),
    ("UNBLOCKED", "the stream key no longer exists"),
    ("BUSYGROUP", "it exists"),
    ("ERR", "no such key"),
    ("ERR", "unknown command 'EVAL', with args beginning with:"),
    ("NOPERM", "this user has no permissions to run the 'eval' command"),
    ("LOADING", "soon"),
    ("READONLY", "not here"),
    ("OOM", "full"),
    ("WRONGTYPE", "a text"),
    ("UNREADABLE", "?"),
    ("BUSY", "a script"),
    ("MISCONF", "disk"),
    ("", ""),
];

/// What the world knows when it makes up entries.
pub(crate) trait World {
    /// The next entry of a stream.
    fn entry(&mut self, reader: &mut Reader<'_>) -> Entry;
}

pub(crate) fn id(reader: &mut Reader<'_>) -> StreamId {
    StreamId::new(reader.number(), u64::from(reader.byte() >> 6))
}

/// Up to seven.
pub(crate) fn entries(reader: &mut Reader<'_>, world: &mut impl World) -> Vec<Entry> {
    (0..reader.below(8)).map(|_| world.entry(reader)).collect()
}

/// Any fields.
pub(crate) fn fields(reader: &mut Reader<'_>) -> Fields {
    let name = |reader: &mut Reader<'_>| match reader.byte() % 4 {
        0 => Bytes::from_static(b"envelope"),
        1 => Bytes::from_static(b"reply-to"),
        2 => Bytes::from_static(b"type"),
        _ => reader.bytes(),
    };
    (0..reader.below(4)).map(|_| (name(reader), reader.bytes())).collect()
}

pub(crate) fn fault(reader: &mut Reader<'_>) -> Fault {
    let cause = if reader.bit() { reader.text() } else { "reset".to_owned() };
    Fault { address: "redis:1".to_owned(), cause }
}

pub(crate) fn refusal(reader: &mut Reader<'_>) -> Refusal {
    match reader.byte() {
        0xff => Refusal::new(reader.text(), reader.text()),
        byte => {
            let (code, message) = CODES[usize::from(byte) % CODES.len()];
            Refusal::new(code, message)
        }
    }
}

/// Any answer, whatever the command was.
pub(crate) fn any(reader: &mut Reader<'_>, world: &mut impl World) -> Outcome {
    match reader.byte() % 20 {
        0 => Outcome::Unknown(fault(reader)),
        1 => Outcome::NotSent(fault(reader)),
        2..8 => Outcome::Refused(refusal(reader)),
        _ => Outcome::Reply(any_reply(reader, world)),
    }
}

fn any_reply(reader: &mut Reader<'_>, world: &mut impl World) -> Reply {
    match reader.byte() % 10 {
        0 => Reply::Done,
        1 => Reply::Nil,
        2 => Reply::Added(id(reader)),
        3 => Reply::Count(reader.number()),
        4 => Reply::Entries(entries(reader, world)),
        5 => Reply::Stream(info(reader)),
        6 => Reply::Claimed { cursor: id(reader), entries: entries(reader, world) },
        7 => Reply::Deliveries(reader.bit().then(|| reader.number())),
        8 => {
            let kept = reader.bit().then(|| (id(reader), reader.text()));
            Reply::Trimmed(Trimmed { removed: reader.number(), len: reader.number(), kept })
        }
        _ => Reply::Ids((0..reader.below(8)).map(|_| id(reader)).collect()),
    }
}

fn info(reader: &mut Reader<'_>) -> StreamInfo {
    let added = reader.bit().then(|| reader.number());
    StreamInfo { last_id: id(reader), length: reader.number(), added }
}

/// An answer of the right kind.
pub(crate) fn right(command: &Command, reader: &mut Reader<'_>, world: &mut impl World) -> Reply {
    match command {
        Command::Append { create: false, .. } if reader.byte() % 8 == 7 => Reply::Nil,
        Command::Append { .. } => Reply::Added(id(reader)),
        Command::CreateGroup { .. } | Command::Ping => Reply::Done,
        Command::ReadGroup { .. } | Command::Read { .. } | Command::ReadOwnPending { .. } => {
            Reply::Entries(entries(reader, world))
        }
        Command::Info { .. } => Reply::Stream(info(reader)),
        Command::AutoClaim { .. } => {
            Reply::Claimed { cursor: id(reader), entries: entries(reader, world) }
        }
        Command::CountDelivery { .. } => {
            Reply::Deliveries(Some(reader.number()).filter(|count| *count > 0))
        }
        Command::Renew { ids, .. } | Command::Release { ids, .. } => {
            let lost = reader.byte();
            let kept = |at: &usize| lost >> (at % 8) & 1 == 0;
            Reply::Ids((0..ids.len()).filter(kept).map(|at| ids[at]).collect())
        }
        Command::TrimDone { .. } => {
            let kept = reader.bit().then(|| (id(reader), "other".to_owned()));
            Reply::Trimmed(Trimmed { removed: reader.number(), len: reader.number(), kept })
        }
        Command::Ack { .. }
        | Command::RemoveConsumer { .. }
        | Command::RemoveIdleConsumers { .. }
        | Command::Delete { .. }
        | Command::Expire { .. }
        | Command::Unblock { .. }
        | Command::Kill { .. } => Reply::Count(u64::from(reader.byte() % 3)),
    }
}

/// What a store answers in which nothing is.
pub(crate) fn quiet(command: &Command) -> Reply {
    struct Nothing;
    impl World for Nothing {
        fn entry(&mut self, _: &mut Reader<'_>) -> Entry {
            Entry { id: StreamId::MIN, fields: None }
        }
    }
    right(command, &mut Reader::new(&[]), &mut Nothing)
}
