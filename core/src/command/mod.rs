//! What the core asks of a stream store, and what the store may answer.
//!
//! Commands are in stream terms, not in those of a Redis library. Each leaves on one [`Lane`] and gets
//! exactly one [`Outcome`], in order within its lane. What must happen atomically is one command here
//! and one script in Redis.

mod answer;
mod stream_id;

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::names::{Key, Name};
pub use answer::{Fault, Outcome, Refusal, Reply, StreamInfo, Trimmed};
pub use stream_id::{StreamId, StreamIdError};

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
        group: Name,
        /// Where it begins.
        start: GroupStart,
    },
    /// Takes new entries for a consumer (`XREADGROUP … >`), waiting up to `block`. [`Reply::Entries`], empty after the wait.
    ReadGroup {
        /// The stream.
        stream: Key,
        /// The group.
        group: Name,
        /// The consumer, made if it is missing.
        consumer: Name,
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
        group: Name,
        /// The consumer.
        consumer: Name,
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
        group: Name,
        /// The entries.
        ids: Vec<StreamId>,
    },
    /// Takes over entries that were pending for at least `min_idle` (`XAUTOCLAIM`), without counting a delivery: of many
    /// that are taken over together, none has begun yet. One script. [`Reply::Claimed`].
    AutoClaim {
        /// The stream.
        stream: Key,
        /// The group.
        group: Name,
        /// Who takes them over.
        consumer: Name,
        /// For how long nobody may have touched them.
        min_idle: Duration,
        /// Where to go on looking; `0-0` begins anew.
        cursor: StreamId,
        /// At most this many.
        count: u32,
    },
    /// Says how often an entry was delivered that this consumer still owns, and resets its idle time. One script.
    /// [`Reply::Deliveries`].
    CountDelivery {
        /// The stream.
        stream: Key,
        /// The group.
        group: Name,
        /// The consumer.
        consumer: Name,
        /// The entry.
        id: StreamId,
        /// Whether one more is counted.
        raise: bool,
    },
    /// Resets the idle time of those entries that this consumer still owns, without counting a delivery.
    /// One script. [`Reply::Ids`] of the entries that it still owns.
    Renew {
        /// The stream.
        stream: Key,
        /// The group.
        group: Name,
        /// The consumer.
        consumer: Name,
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
        group: Name,
        /// The consumer.
        consumer: Name,
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
        group: Name,
        /// The consumer.
        consumer: Name,
    },
    /// Removes those consumers from a group for which nothing is pending and of which nobody has heard for `min_idle`, but not
    /// `except`. One script. [`Reply::Count`] of those removed.
    RemoveIdleConsumers {
        /// The stream.
        stream: Key,
        /// The group.
        group: Name,
        /// For how long they must have been idle.
        min_idle: Duration,
        /// The consumer that stays.
        except: Name,
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

    /// Whether only a primary executes it.
    pub(crate) fn writes(&self) -> bool {
        !matches!(
            self,
            Command::Read { .. }
                | Command::Info { .. }
                | Command::Unblock { .. }
                | Command::Kill { .. }
                | Command::Ping
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
