//! What every core hands out, and what comes back for it.

use crate::command::{Command, ConnectionId, Fault, Lane, Outcome};
use crate::error::StartError;
use crate::event::Event;

/// What a core asks its driver to do. `E` is what only this role asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum Output<E> {
    /// Open a connection for this lane; answer with [`LinkInput::Opened`].
    Open(Lane),
    /// Drop this lane's connection, with all that is under way on it. No completion comes any more.
    Close(Lane),
    /// Run a command on this lane's open connection; answer with [`LinkInput::Completed`].
    Send(Lane, Command),
    /// All who wait for the start get this.
    Started(Result<(), StartError>),
    /// It is over: all who wait for the stop may go on, and nothing more will come out.
    Stopped(StopReport),
    /// Something worth telling happened.
    Event(Event),
    /// What only this role asks for.
    Role(E),
}

/// What comes back from a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LinkInput {
    /// A connection is open, under this number if the store gives one; or it couldn't be opened.
    Opened(Lane, Result<Option<ConnectionId>, Fault>),
    /// The oldest command under way on this lane ended.
    Completed(Lane, Outcome),
}

/// What a stop left behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct StopReport {
    /// Handlers that were running at the stop and finished within the grace; for a client, calls that the server
    /// or, for notifications, the store has answered.
    pub finished: u64,
    /// Entries that were not begun, or not finished, and are free for other servers at once.
    pub handed_back: u64,
    /// Handlers that were still running when the grace ran out, and were dropped; for a client, calls that failed.
    pub aborted: u64,
}
