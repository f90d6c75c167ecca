//! What can be seen in a world.

use clamator_core::{Command, Lane, Outcome, Reply, StopReport, StreamId};

/// A process: one life of a client or a server. Numbered in the order of their beginnings.
pub(crate) type LifeId = usize;
/// A call or notification, numbered in the order in which they were made.
pub(crate) type CallId = u32;
/// A run of a handler.
pub(crate) type RunId = usize;

/// How a call ended for its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Answered, with what its own handler gave: or with what another one's did.
    Answered {
        right: bool,
    },
    /// A notification that the store has.
    Queued,
    /// The handler's own error, an ordinary one or its panic.
    Failed,
    /// The request was put aside.
    GivenUp,
    Timeout,
    /// The connection was lost.
    Lost {
        may_have_executed: bool,
    },
    /// There was no stream to add it to.
    NoService,
    /// The store refuses it.
    Refused,
    /// Too many others were under way.
    TooMany,
    /// It was made by a handler that it would have to wait for.
    Reentrant,
    /// The client was stopped.
    Stopped,
    /// What nobody should ever be told here.
    Strange,
}

/// How a handler's run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    Finished,
    Failed,
    Panicked,
    /// Its future was dropped: by the end of a grace, or with its process.
    Dropped,
}

/// Something that happens.
#[derive(Debug)]
pub(crate) enum Event<'a> {
    /// A process begins.
    Born {
        life: LifeId,
    },
    /// It serves, or can call.
    Up {
        life: LifeId,
    },
    /// It was asked to stop, with this grace in nanoseconds.
    Stopping {
        life: LifeId,
        grace: u64,
    },
    Stopped {
        life: LifeId,
        report: StopReport,
    },
    /// It was killed.
    Killed {
        life: LifeId,
    },

    Called {
        life: LifeId,
        call: CallId,
    },
    Settled {
        call: CallId,
        told: Told,
    },
    /// Its caller lost interest.
    Forgotten {
        call: CallId,
    },

    Began {
        run: RunId,
        life: LifeId,
        call: CallId,
        entry: StreamId,
        deliveries: u64,
    },
    Ended {
        run: RunId,
        how: End,
    },

    /// A process asks for a connection.
    Connecting {
        life: LifeId,
        lane: Lane,
    },
    /// A command leaves a process.
    Sent {
        life: LifeId,
        lane: Lane,
        command: &'a Command,
    },
    /// The store has executed it.
    Executed {
        life: LifeId,
        lane: Lane,
        command: &'a Command,
        outcome: &'a Outcome,
        /// It came so late that its process had given up the connection.
        late: bool,
    },
    /// A process learns what became of commands.
    Answered {
        life: LifeId,
        lane: Lane,
        about: &'a About,
        outcome: &'a Outcome,
    },

    /// A process says something.
    Note {
        life: LifeId,
        what: &'a str,
    },
    /// A fault, in words.
    Fault {
        what: &'a str,
    },
    /// From here on nothing goes wrong any more.
    Calm,
}

impl Event<'_> {
    /// Whether it can mean anything to the book or to a rule. Most of what happens are reads that bring nothing.
    pub(crate) fn matters(&self) -> bool {
        match self {
            Event::Answered { about, .. } => !matches!(about, About::Other(_)),
            Event::Executed { command, outcome, .. } => match outcome {
                Outcome::Reply(Reply::Entries(entries)) => !entries.is_empty(),
                Outcome::Reply(Reply::Claimed { entries, cursor }) => {
                    !entries.is_empty() || *cursor != StreamId::MIN
                }
                Outcome::Reply(_) => !matches!(
                    command,
                    Command::Ping | Command::Expire { .. } | Command::Info { .. }
                ),
                _ => true,
            },
            _ => true,
        }
    }
}

/// What an answer is about, as far as rules ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum About {
    Other(&'static str),
    /// A reply to a call.
    Reply(CallId),
    Renewal {
        service: usize,
        ids: Vec<StreamId>,
    },
}
