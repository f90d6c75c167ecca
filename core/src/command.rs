//! What the core asks of a stream store, and what the store may answer.
//!
//! Commands are in stream terms, not in those of a Redis library. Each leaves on one [`Lane`] and gets
//! exactly one [`Outcome`], in order within its lane. What must happen atomically is one command here
//! and one script in Redis.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use bytes::Bytes;

use crate::names::Key;

/// One of the connections that a core asks its driver for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// The pipelined connection: everything that doesn't block.
    Commands,
    /// A connection of its own for blocking reads, numbered from 0.
    Reader(u16),
}

impl Lane {
    /// A dense number: 0 for the commands lane, then the readers.
    #[must_use]
    pub fn index(self) -> usize {
        match self {
            Lane::Commands => 0,
            Lane::Reader(reader) => usize::from(reader) + 1,
        }
    }
}

impl fmt::Display for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lane::Commands => f.write_str("commands"),
            Lane::Reader(reader) => write!(f, "reader {reader}"),
        }
    }
}

/// The id of a stream entry: milliseconds and a sequence number, ordered as Redis orders them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId {
    /// The milliseconds part.
    pub ms: u64,
    /// The sequence part.
    pub seq: u64,
}

impl StreamId {
    /// `0-0`, below every entry.
    pub const MIN: StreamId = StreamId { ms: 0, seq: 0 };

    /// An id from its two parts.
    #[must_use]
    pub const fn new(ms: u64, seq: u64) -> StreamId {
        StreamId { ms, seq }
    }

    /// The greatest id below this one; `0-0` has none, and stays.
    #[must_use]
    pub const fn before(self) -> StreamId {
        match (self.ms, self.seq) {
            (0, 0) => self,
            (ms, 0) => StreamId { ms: ms - 1, seq: u64::MAX },
            (ms, seq) => StreamId { ms, seq: seq - 1 },
        }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.ms, self.seq)
    }
}

/// A text that is not a stream id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a stream id of the form \"<ms>-<seq>\"")]
pub struct StreamIdError(String);

impl FromStr for StreamId {
    type Err = StreamIdError;

    fn from_str(text: &str) -> Result<StreamId, StreamIdError> {
        let parse = || {
            let (ms, seq) = text.split_once('-')?;
            Some(StreamId::new(ms.parse().ok()?, seq.parse().ok()?))
        };
        parse().ok_or_else(|| StreamIdError(text.to_owned()))
    }
}

/// The fields of an entry, in the order in which they were written.
pub type Fields = Vec<(Bytes, Bytes)>;

/// An entry of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: StreamId,
    /// Its fields; `None` when the entry is still pending but was trimmed or deleted from the stream.
    pub fields: Option<Fields>,
}

/// Where a new group begins to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupStart {
    /// At the first entry that the stream still has (`0`): nothing that is there is skipped.
    #[default]
    Beginning,
    /// After the last entry (`$`), as the TypeScript and Python implementations do.
    End,
    /// After this entry; at the beginning if the stream's ids don't reach it (any more).
    After(StreamId),
}

/// A number that tells a connection from every other one of its link, for [`Command::Unblock`] and [`Command::Kill`].
pub type ConnectionId = u64;

/// A command to the stream store. Each variant says which [`Reply`] it gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Adds an entry (`XADD`). [`Reply::Added`], or [`Reply::Nil`] when `create` is off and there is no such stream.
    Append {
        /// The stream.
        stream: Key,
        /// What is added.
        fields: Fields,
        /// Keep about this many entries (`MAXLEN ~`).
        max_len: Option<u64>,
        /// Whether a missing stream is made (otherwise `NOMKSTREAM`).
        create: bool,
    },
    /// Makes a group, and the stream if it is missing (`XGROUP CREATE … MKSTREAM`; with [`GroupStart::After`] one script).
    /// [`Reply::Done`], or `BUSYGROUP`.
    CreateGroup {
        /// The stream.
        stream: Key,
        /// The group.
        group: String,
        /// Where it begins.
        start: GroupStart,
    },
    /// Takes new entries for a consumer (`XREADGROUP … >`), waiting up to `block`. [`Reply::Entries`], empty after the wait.
    ReadGroup {
        /// The stream.
        stream: Key,
        /// The group.
        group: String,
        /// The consumer, made if it is missing.
        consumer: String,
        /// At most this many.
        count: u32,
        /// Wait at most this long; a millisecond at least.
        block: Duration,
    },
    /// Reads what this consumer has pending after an id, and resets its idle time, without counting a delivery.
    /// One script. [`Reply::Entries`].
    ReadOwnPending {
        /// The stream.
        stream: Key,
        /// The group.
        group: String,
        /// The consumer.
        consumer: String,
        /// Begin after this id.
        after: StreamId,
        /// At most this many.
        count: u32,
    },
    /// Reads a stream after an id (`XREAD`), waiting up to `block`. [`Reply::Entries`], empty after the wait.
    Read {
        /// The stream.
        stream: Key,
        /// Begin after this id.
        after: StreamId,
        /// At most this many.
        count: u32,
        /// Wait at most this long; a millisecond at least.
        block: Duration,
    },
    /// Asks about a stream (`XINFO STREAM`). [`Reply::Stream`], or `ERR no such key`.
    Info {
        /// The stream.
        stream: Key,
    },
    /// Acknowledges entries (`XACK`). [`Reply::Count`] of those that were pending.
    Ack {
        /// The stream.
        stream: Key,
        /// The group.
        group: String,
        /// The entries.
        ids: Vec<StreamId>,
    },
    /// Takes over entries that were pending for at least `min_idle` (`XAUTOCLAIM`), without counting a delivery: of many
    /// that are taken over together, none has begun yet. One script. [`Reply::Claimed`].
    AutoClaim {
        /// The stream.
        stream: Key,
        /// The group.
        group: String,
        /// Who takes them over.
        consumer: String,
        /// For how long nobody may have touched them.
        min_idle: Duration,
        /// Where to go on looking; `0-0` begins anew.
        cursor: StreamId,
        /// At most this many.
        count: u32,
    },
    /// Counts one more delivery of an entry that this consumer still owns, and resets its idle time. One script.
    /// [`Reply::Deliveries`].
    CountDelivery {
        /// The stream.
        stream: Key,
        /// The group.
        group: String,
        /// The consumer.
        consumer: String,
        /// The entry.
        id: StreamId,
    },
    /// Resets the idle time of those entries that this consumer still owns, without counting a delivery.
    /// One script. [`Reply::Ids`] of the entries that it still owns.
    Renew {
        /// The stream.
        stream: Key,
        /// The group.
        group: String,
        /// The consumer.
        consumer: String,
        /// The entries.
        ids: Vec<StreamId>,
    },
    /// Makes those entries that this consumer still owns claimable by others at once, without counting a delivery: their
    /// idle time becomes a day. They stay in the consumer's pending list until somebody claims them.
    /// One script. [`Reply::Ids`] of the entries that were released.
    Release {
        /// The stream.
        stream: Key,
        /// The group.
        group: String,
        /// The consumer.
        consumer: String,
        /// The entries.
        ids: Vec<StreamId>,
    },
    /// Trims what every group on the stream is done with: below each group's oldest pending entry, or, where it has none,
    /// up to its last delivered one. Without a group nothing is trimmed. One script. [`Reply::Trimmed`].
    TrimDone {
        /// The stream.
        stream: Key,
    },
    /// Removes a consumer from its group if nothing is pending for it. One script. [`Reply::Count`]: 1 if it was removed, else 0.
    RemoveConsumer {
        /// The stream.
        stream: Key,
        /// The group.
        group: String,
        /// The consumer.
        consumer: String,
    },
    /// Removes those consumers from a group for which nothing is pending and of which nobody has heard for `min_idle`, but not
    /// `except`. One script. [`Reply::Count`] of those removed.
    RemoveIdleConsumers {
        /// The stream.
        stream: Key,
        /// The group.
        group: String,
        /// For how long they must have been idle.
        min_idle: Duration,
        /// The consumer that stays.
        except: String,
    },
    /// Deletes a key (`DEL`). [`Reply::Count`].
    Delete {
        /// The key.
        key: Key,
    },
    /// Lets a key vanish after a time (`PEXPIRE`). [`Reply::Count`]: 1, or 0 when there is no such key.
    Expire {
        /// The key.
        key: Key,
        /// After this long.
        ttl: Duration,
    },
    /// Ends another connection's blocking read with an empty answer (`CLIENT UNBLOCK`). [`Reply::Count`]: 1 if it was blocked.
    Unblock {
        /// The other connection.
        connection: ConnectionId,
    },
    /// Closes another connection (`CLIENT KILL ID`). [`Reply::Count`]: 1 if there was one.
    Kill {
        /// The other connection.
        connection: ConnectionId,
    },
    /// Asks whether the connection is alive (`PING`). [`Reply::Done`].
    Ping,
}

impl Command {
    /// For how long the store may keep this command waiting on purpose.
    #[must_use]
    pub fn block(&self) -> Option<Duration> {
        match self {
            Command::ReadGroup { block, .. } | Command::Read { block, .. } => Some(*block),
            _ => None,
        }
    }
}

/// What the store knows of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamInfo {
    /// The highest id that was ever given, even if that entry is gone.
    pub last_id: StreamId,
    /// How many entries there are.
    pub length: u64,
    /// How many were ever added. Redis before 7.0 doesn't know.
    pub added: Option<u64>,
}

/// A successful answer. Which command gets which is said at [`Command`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// It was done, and there is nothing more to say.
    Done,
    /// There is nothing.
    Nil,
    /// The id of the entry that was added.
    Added(StreamId),
    /// A number.
    Count(u64),
    /// Entries in stream order.
    Entries(Vec<Entry>),
    /// What the stream is like.
    Stream(StreamInfo),
    /// What was claimed.
    Claimed {
        /// Where to go on looking; `0-0` when all was seen.
        cursor: StreamId,
        /// The entries. On Redis 6.2 a deleted one shows up here without fields, and stays pending until it is acked.
        entries: Vec<Entry>,
    },
    /// How often the entry was delivered by now; `None` if it isn't the consumer's own any more.
    Deliveries(Option<u64>),
    /// What [`Command::TrimDone`] did.
    Trimmed(Trimmed),
    /// Ids, in the order in which they were asked for.
    Ids(Vec<StreamId>),
}

/// What was trimmed from a stream, and what wasn't.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trimmed {
    /// How many entries were removed.
    pub removed: u64,
    /// How many entries the stream has now.
    pub len: u64,
    /// From where on entries were kept, and the group that isn't done with them; `None` for a stream without groups.
    pub kept: Option<(StreamId, String)>,
}

/// An error that the store gave for one command. The command had no effect.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code} {message}")]
pub struct Refusal {
    /// The first word of the error, such as `WRONGTYPE`.
    pub code: String,
    /// The rest.
    pub message: String,
}

impl Refusal {
    /// A refusal from its parts.
    #[must_use]
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Refusal {
        Refusal { code: code.into(), message: message.into() }
    }
}

/// Why a connection failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{cause} ({address})")]
pub struct Fault {
    /// Where the store is, without credentials.
    pub address: String,
    /// What went wrong, in the words of whoever noticed it.
    pub cause: String,
}

/// How a command ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It was executed.
    Reply(Reply),
    /// It was refused; it had no effect.
    Refused(Refusal),
    /// The connection is lost after the bytes may have left: it may or may not have been executed.
    Unknown(Fault),
    /// The connection is lost, and the command certainly never left.
    NotSent(Fault),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stream_ids_are_ordered_and_read_as_redis_does() {
        let ids: Vec<StreamId> =
            ["1-2", "1-10", "2-0", "10-0"].iter().map(|id| id.parse().unwrap()).collect();
        assert!(ids.is_sorted());
        assert_eq!(ids[1].to_string(), "1-10");
        assert_eq!("18446744073709551615-0".parse(), Ok(StreamId::new(u64::MAX, 0)));
        for bad in ["", "1", "-", "1-", "-1", "a-1", "1-2-3", "18446744073709551616-0"] {
            assert!(bad.parse::<StreamId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn every_id_but_the_least_has_one_before_it() {
        assert_eq!(StreamId::new(5, 3).before(), StreamId::new(5, 2));
        assert_eq!(StreamId::new(5, 0).before(), StreamId::new(4, u64::MAX));
        assert_eq!(StreamId::MIN.before(), StreamId::MIN);
    }

    #[test]
    fn lanes_are_numbered_densely() {
        assert_eq!([Lane::Commands, Lane::Reader(0), Lane::Reader(7)].map(Lane::index), [0, 1, 8]);
        assert_eq!(Lane::Reader(3).to_string(), "reader 3");
        assert_eq!(Lane::Commands.to_string(), "commands");
    }

    #[test]
    fn only_reads_block() {
        let read = Command::Read {
            stream: Key::from("s"),
            after: StreamId::MIN,
            count: 1,
            block: Duration::from_secs(1),
        };
        assert_eq!(read.block(), Some(Duration::from_secs(1)));
        assert_eq!(Command::Ping.block(), None);
    }
}
