//! What a core tells the operator. The driver logs it.

use std::fmt;

use crate::command::{Fault, Lane, Refusal, StreamId};
use crate::refusal::advice;

/// Something worth telling. Its [`Display`](fmt::Display) form is a log line; [`level`](Event::level) says how loud.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A connection is open again after a loss.
    Reconnected {
        /// Which one.
        lane: Lane,
    },
    /// A connection was lost, or couldn't be opened; attempts go on silently until it is back.
    Disconnected {
        /// Which one.
        lane: Lane,
        /// Why.
        fault: Fault,
    },
    /// A server was started without a service: it has nothing to do.
    NoServices,
    /// A service's group was gone (FLUSHALL, failover, eviction) and was made anew.
    GroupRecreated {
        /// The service.
        service: String,
    },
    /// The store refuses reads; they are tried again.
    ReadRefused {
        /// The stream.
        stream: String,
        /// What the store said.
        refusal: Refusal,
    },
    /// A command in the background was refused.
    CommandRefused {
        /// What it was for.
        what: &'static str,
        /// What the store said.
        refusal: Refusal,
    },
    /// An entry that isn't a valid request; it was answered where that was possible, and acked.
    Malformed {
        /// The stream.
        stream: String,
        /// The entry.
        entry: StreamId,
        /// What is wrong with it.
        reason: String,
    },
    /// A notification couldn't be handled; nobody waits for an answer.
    NotificationFailed {
        /// The service.
        service: String,
        /// The method.
        method: String,
        /// Why.
        reason: String,
    },
    /// A handler panicked; its caller got an internal error.
    HandlerPanicked {
        /// The service.
        service: String,
        /// The method.
        method: String,
        /// The panic's message.
        message: String,
    },
    /// A reply couldn't be written; its entry was acked.
    ReplyUndeliverable {
        /// The entry.
        entry: StreamId,
        /// Where the reply was to go.
        reply_to: String,
        /// Why.
        reason: String,
    },
    /// An entry that was held here belongs to another consumer by now. If it was running, it may run twice.
    LeaseLost {
        /// The service.
        service: String,
        /// The entry.
        entry: StreamId,
        /// Whether its handler was running.
        running: bool,
    },
    /// An entry was begun as often as `max_deliveries` allows and never ended. It was put aside, and its caller got an error.
    DeadLettered {
        /// The service.
        service: String,
        /// The entry.
        entry: StreamId,
        /// How often it was begun.
        deliveries: u64,
        /// Where it is now.
        stream: String,
    },
    /// A command stream can't be trimmed: a group has not been done with one entry for long, and more come behind it.
    StreamPinned {
        /// The stream.
        stream: String,
        /// The group.
        group: String,
        /// The first entry that it isn't done with.
        entry: StreamId,
        /// How many entries the stream has.
        len: u64,
    },
    /// The reply stream was gone or made anew under a client (FLUSHALL, failover), which reads it from its start.
    ReplyStreamAnew {
        /// The stream.
        stream: String,
    },
    /// Replies were removed from a client's stream before it had read them.
    RepliesTrimmed {
        /// The stream.
        stream: String,
        /// How many.
        replies: u64,
    },
    /// A reply that can't be read, and belongs to no call that can be told.
    ReplyMalformed {
        /// The entry.
        entry: StreamId,
        /// What is wrong with it.
        reason: String,
    },
}

/// How loud an [`Event`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Worth knowing.
    Info,
    /// Somebody should look at it.
    Warn,
    /// Somebody must.
    Error,
}

impl Event {
    /// How loud it is.
    #[must_use]
    pub fn level(&self) -> Level {
        match self {
            Event::Reconnected { .. } => Level::Info,
            Event::HandlerPanicked { .. }
            | Event::GroupRecreated { .. }
            | Event::DeadLettered { .. } => Level::Error,
            _ => Level::Warn,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::Reconnected { lane } => write!(f, "connected again ({lane})"),
            Event::Disconnected { lane, fault } => {
                write!(f, "not connected ({lane}), trying again: {fault}")
            }
            Event::NoServices => f.write_str(
                "the server has no service and nothing to do: register services before the start",
            ),
            Event::GroupRecreated { service } => write!(
                f,
                "the group of service {service} was gone and was made anew: requests may be lost, and those still in the stream may run again"
            ),
            Event::ReadRefused { stream, refusal } => {
                write!(
                    f,
                    "the store refuses to read {stream:?}, trying again: {refusal}{}",
                    advice(refusal)
                )
            }
            Event::CommandRefused { what, refusal } => {
                write!(f, "{what} was refused: {refusal}{}", advice(refusal))
            }
            Event::Malformed { stream, entry, reason } => {
                write!(f, "entry {entry} of {stream:?} is not a valid request: {reason}")
            }
            Event::NotificationFailed { service, method, reason } => {
                write!(f, "notification {service}.{method} failed: {reason}")
            }
            Event::HandlerPanicked { service, method, message } => {
                write!(f, "the handler of {service}.{method} panicked: {message}")
            }
            Event::ReplyUndeliverable { entry, reply_to, reason } => {
                write!(f, "the reply to entry {entry} can't be written to {reply_to:?}: {reason}")
            }
            Event::LeaseLost { service, entry, running } => write!(
                f,
                "entry {entry} of service {service} was taken over by another server{}",
                if *running { " while it ran here: it may run twice" } else { "" }
            ),
            Event::DeadLettered { service, entry, deliveries, stream } => write!(
                f,
                "entry {entry} of service {service} was begun {deliveries} times and never ended: it is in {stream:?} now"
            ),
            Event::StreamPinned { stream, group, entry, len } => write!(
                f,
                "{stream:?} has {len} entries and can't be trimmed: group {group:?} is not done with {entry}"
            ),
            Event::ReplyStreamAnew { stream } => {
                write!(f, "{stream:?} was gone or made anew: replies may be lost")
            }
            Event::RepliesTrimmed { stream, replies } => write!(
                f,
                "{replies} replies in {stream:?} were trimmed before they were read, and their calls time out: raise reply_stream_max_len on the servers to that of the client"
            ),
            Event::ReplyMalformed { entry, reason } => {
                write!(f, "reply {entry} can't be read: {reason}")
            }
        }
    }
}
