//! What a driver tells a [`ClientCore`](crate::ClientCore)(super::ClientCore), and what only a client asks for.

use std::time::Duration;

use bytes::Bytes;

use crate::envelope::Outgoing;
use crate::error::CallError;
use crate::names::Key;
use crate::output::LinkInput;

/// The driver's name for a call. No two calls without an outcome may share one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallKey(pub u64);

/// The service whose handler makes a call, where the driver knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// The command stream that the handler's server reads.
    pub stream: Key,
    /// Where the server's store is.
    pub address: String,
    /// Whether the service runs one handler at a time.
    pub serial: bool,
}

/// What a driver tells a [`ClientCore`](crate::ClientCore).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientInput {
    /// Connect. Answered by [`Output::Started`](crate::Output::Started).
    Start,
    /// Stop; with `wait`, let calls under way finish for that long. Answered by [`Output::Stopped`](crate::Output::Stopped).
    Stop {
        /// How long calls under way may take.
        wait: Duration,
    },
    /// A new call or notification. Answered by [`ClientOutput::Settle`].
    Call {
        /// The driver's name for it.
        key: CallKey,
        /// What to send.
        outgoing: Outgoing,
        /// Its timeout, if not the default one.
        timeout: Option<Duration>,
        /// The handler that makes it, if it is one.
        caller: Option<Caller>,
    },
    /// Nobody waits for this call any more.
    Cancel(CallKey),
    /// Something came back from the link.
    Link(LinkInput),
    /// The time that [`Machine::poll_timeout`](crate::Machine::poll_timeout) gave has come.
    Timeout,
}

/// What only a client asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientOutput {
    /// The outcome of a call: the result as JSON; for a notification, nothing.
    Settle(CallKey, Result<Bytes, CallError>),
    /// There is no room for this call yet: its caller keeps the message, until it is told to come again or has an outcome.
    HandBack(CallKey, Outgoing),
    /// There is room now, and it is kept: the caller gives the same [`ClientInput::Call`] again.
    Admit(CallKey),
}
