//! One call without an outcome: how far it has come, and what its caller is told when its time is over.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::targets::Target;
use crate::command::{Fault, Refusal};
use crate::contract::MethodKind;
use crate::error::{CallError, NoReply};
use crate::names::Key;
use crate::random::Uuid;
use crate::time::Time;

/// The first wait before a call is tried again; doubled each time.
pub(super) const FIRST_RETRY: Duration = Duration::from_millis(10);
/// The longest one.
pub(super) const LAST_RETRY: Duration = Duration::from_millis(250);

/// How far a call has come.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Progress {
    /// It waits for a connection, or for a place, and never left.
    Waiting,
    /// It left; the store hasn't answered yet.
    Sent,
    /// It is in the stream.
    Accepted,
    /// The connection was lost after it may have left.
    Unknown(Fault),
    /// No server had made the stream: it waits for a try that finds one.
    NoStream,
    /// The store refuses it for now.
    Refused(Refusal),
}

/// A call that has no outcome yet.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) kind: MethodKind,
    target: Arc<Target>,
    /// Kept until the store has accepted it.
    pub(crate) envelope: Bytes,
    /// How many bytes it takes of the room for what wait.
    pub(crate) size: usize,
    pub(crate) started: Time,
    pub(crate) deadline: Time,
    pub(crate) progress: Progress,
    pub(super) id: Uuid,
    pub(super) retry_after: Duration,
    pub(super) retry_at: Option<Time>,
}

impl Call {
    pub(crate) fn new(
        kind: MethodKind,
        target: Arc<Target>,
        envelope: Bytes,
        size: usize,
        id: Uuid,
        (started, deadline): (Time, Time),
    ) -> Call {
        Call {
            kind,
            target,
            envelope,
            size,
            started,
            deadline,
            progress: Progress::Waiting,
            id,
            retry_after: FIRST_RETRY,
            retry_at: None,
        }
    }

    fn names(&self) -> (String, String) {
        let name = &self.target.name;
        (name.service().to_owned(), name.method().to_owned())
    }

    /// Where it goes.
    pub(crate) fn stream(&self) -> &Key {
        &self.target.stream
    }

    /// Whether it keeps a place in the reply stream: a reply to it may come.
    pub(super) fn has_place(&self) -> bool {
        self.kind == MethodKind::Request && self.may_have_executed()
    }

    /// Whether it waits here: its message hasn't left, or came back.
    pub(super) fn is_unsent(&self) -> bool {
        !self.may_have_executed()
    }

    /// Whether a server may have executed it.
    pub(crate) fn may_have_executed(&self) -> bool {
        matches!(self.progress, Progress::Sent | Progress::Accepted | Progress::Unknown(_))
    }

    /// What its caller gets when the deadline comes.
    pub(super) fn timed_out(&self, now: Time, trouble: &Trouble<'_>, limit: usize) -> CallError {
        match &self.progress {
            Progress::Waiting => match trouble.commands {
                Some(fault) => {
                    CallError::Transport { fault: fault.clone(), may_have_executed: false }
                }
                None => CallError::TooManyCalls { service: self.names().0, limit },
            },
            Progress::Unknown(fault) => {
                CallError::Transport { fault: fault.clone(), may_have_executed: true }
            }
            Progress::NoStream => self.no_such_service(now),
            Progress::Refused(refusal) => CallError::Refused(refusal.clone()),
            // Nobody would answer it but the store, which hasn't.
            Progress::Sent if self.kind == MethodKind::Notification => CallError::Transport {
                fault: Fault {
                    address: trouble.address.to_owned(),
                    cause: "no answer in time".to_owned(),
                },
                may_have_executed: true,
            },
            Progress::Sent | Progress::Accepted => {
                let (service, method) = self.names();
                let why = match trouble.replies {
                    Some(fault) => NoReply::NotConnected(fault.clone()),
                    None if trouble.gap.is_some_and(|at| self.started <= at) => NoReply::Trimmed,
                    None => NoReply::Unknown,
                };
                CallError::Timeout { service, method, after: self.deadline - self.started, why }
            }
        }
    }

    /// What its caller gets when nobody has made the stream.
    pub(crate) fn no_such_service(&self, now: Time) -> CallError {
        CallError::NoSuchService {
            stream: self.stream().as_str().to_owned(),
            waited: now - self.started,
        }
    }

    /// What its caller gets when its reply can't be used.
    pub(crate) fn bad_reply(&self, reason: String) -> CallError {
        let (service, method) = self.names();
        CallError::Protocol { service, method, reason }
    }
}

/// What is known to be wrong, for the errors of calls that run out of time.
#[derive(Debug)]
pub(crate) struct Trouble<'c> {
    /// Where the store is.
    pub(crate) address: &'c str,
    /// Why there is no connection for commands, if there is none.
    pub(crate) commands: Option<&'c Fault>,
    /// Why there is no connection for replies, if there is none.
    pub(crate) replies: Option<&'c Fault>,
    /// When replies were last found to be trimmed unread.
    pub(crate) gap: Option<Time>,
}
