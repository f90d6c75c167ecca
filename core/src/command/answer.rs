//! What the store may answer, and how a command may end.

use super::{Entry, StreamId};

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

/// A successful answer. Which command gets which is said at [`Command`](super::Command).
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
    /// What [`Command::TrimDone`](super::Command::TrimDone) did.
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
