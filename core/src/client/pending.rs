//! The calls that wait: for a connection, for their service's stream, for their reply. Ids and deadlines, no channels.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::CallKey;
use crate::command::{Fault, Refusal};
use crate::contract::MethodKind;
use crate::error::CallError;
use crate::names::Key;
use crate::random::Uuid;
use crate::time::Time;

/// How far a call has come.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Progress {
    /// It waits for a connection and never left.
    Waiting,
    /// It left; the store hasn't answered yet.
    Sent,
    /// It is in the stream.
    Accepted,
    /// The connection was lost after it may have left.
    Unknown(Fault),
    /// No server has made the stream yet.
    NoStream,
    /// The store refuses it for now.
    Refused(Refusal),
}

/// A call that has no outcome yet.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) kind: MethodKind,
    /// `arith.add`
    pub(crate) method: Arc<str>,
    pub(crate) stream: Key,
    /// Kept until the store has accepted it.
    pub(crate) envelope: Bytes,
    pub(crate) started: Time,
    pub(crate) deadline: Time,
    pub(crate) progress: Progress,
    id: Uuid,
    retry_after: Duration,
    retry_at: Option<Time>,
}

impl Call {
    pub(crate) fn new(
        kind: MethodKind,
        method: Arc<str>,
        stream: Key,
        envelope: Bytes,
        id: Uuid,
        started: Time,
        timeout: Duration,
    ) -> Call {
        Call {
            kind,
            method,
            stream,
            envelope,
            started,
            deadline: started + timeout,
            progress: Progress::Waiting,
            id,
            retry_after: FIRST_RETRY,
            retry_at: None,
        }
    }

    fn names(&self) -> (String, String) {
        let (service, method) = self.method.split_once('.').unwrap_or((&self.method, ""));
        (service.to_owned(), method.to_owned())
    }

    /// Whether a server may have executed it.
    pub(crate) fn may_have_executed(&self) -> bool {
        matches!(self.progress, Progress::Sent | Progress::Accepted | Progress::Unknown(_))
    }

    /// What its caller gets when the deadline comes. `not_connected` says why there is no connection, if there is none.
    fn timed_out(&self, now: Time, address: &str, not_connected: Option<&Fault>) -> CallError {
        match &self.progress {
            Progress::Waiting => CallError::Transport {
                fault: not_connected.cloned().unwrap_or_else(|| Fault {
                    address: address.to_owned(),
                    cause: "no connection in time".to_owned(),
                }),
                may_have_executed: false,
            },
            Progress::Unknown(fault) => {
                CallError::Transport { fault: fault.clone(), may_have_executed: true }
            }
            Progress::NoStream => self.no_such_service(now),
            Progress::Refused(refusal) => CallError::Refused(refusal.clone()),
            // Nobody would answer it but the store, which hasn't.
            Progress::Sent if self.kind == MethodKind::Notification => CallError::Transport {
                fault: Fault { address: address.to_owned(), cause: "no answer in time".to_owned() },
                may_have_executed: true,
            },
            Progress::Sent | Progress::Accepted => {
                let (service, method) = self.names();
                CallError::Timeout { service, method, after: self.deadline - self.started }
            }
        }
    }

    /// What its caller gets when nobody has made the stream.
    pub(crate) fn no_such_service(&self, now: Time) -> CallError {
        CallError::NoSuchService {
            stream: self.stream.as_str().to_owned(),
            waited: now - self.started,
        }
    }

    /// What its caller gets when its reply can't be used.
    pub(crate) fn bad_reply(&self, reason: String) -> CallError {
        let (service, method) = self.names();
        CallError::Protocol { service, method, reason }
    }
}

/// The first wait before a call is tried again; doubled each time.
const FIRST_RETRY: Duration = Duration::from_millis(10);
/// The longest wait before a call is tried again.
const LAST_RETRY: Duration = Duration::from_millis(250);

/// The table of calls without an outcome.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    calls: BTreeMap<CallKey, Call>,
    by_id: BTreeMap<Uuid, CallKey>,
    deadlines: BTreeSet<(Time, CallKey)>,
    retries: BTreeSet<(Time, CallKey)>,
    /// Those that wait for a connection, in the order of their calls.
    waiting: BTreeSet<(Time, CallKey)>,
}

impl Pending {
    pub(crate) fn is_empty(&self) -> bool {
        self.calls.is_empty()
    }

    pub(crate) fn get_mut(&mut self, key: CallKey) -> Option<&mut Call> {
        self.calls.get_mut(&key)
    }

    /// Takes a new call. It waits for a connection.
    pub(crate) fn insert(&mut self, key: CallKey, call: Call) {
        if call.kind == MethodKind::Request {
            self.by_id.insert(call.id, key);
        }
        self.deadlines.insert((call.deadline, key));
        self.waiting.insert((call.started, key));
        self.calls.insert(key, call);
    }

    /// Removes a call, whatever it waits for.
    pub(crate) fn remove(&mut self, key: CallKey) -> Option<Call> {
        let call = self.calls.remove(&key)?;
        self.by_id.remove(&call.id);
        self.deadlines.remove(&(call.deadline, key));
        self.waiting.remove(&(call.started, key));
        if let Some(at) = call.retry_at {
            self.retries.remove(&(at, key));
        }
        Some(call)
    }

    /// The call that a reply belongs to.
    pub(crate) fn remove_by_id(&mut self, id: Uuid) -> Option<(CallKey, Call)> {
        let key = *self.by_id.get(&id)?;
        self.remove(key).map(|call| (key, call))
    }

    /// The next call to send, now that there is a connection.
    pub(crate) fn next_to_send(&mut self) -> Option<(CallKey, &Call)> {
        let (_, key) = self.waiting.pop_first()?;
        let call = self.calls.get_mut(&key)?;
        call.progress = Progress::Sent;
        Some((key, call))
    }

    /// It never left: it waits for a connection again, at its old place.
    pub(crate) fn wait_for_connection(&mut self, key: CallKey) {
        if let Some(call) = self.calls.get_mut(&key) {
            call.progress = Progress::Waiting;
            self.waiting.insert((call.started, key));
        }
    }

    /// It was not taken: it is tried again after a while.
    pub(crate) fn retry_later(&mut self, now: Time, key: CallKey, why: Progress) {
        if let Some(call) = self.calls.get_mut(&key) {
            call.progress = why;
            let at = now + call.retry_after;
            call.retry_after = (call.retry_after * 2).min(LAST_RETRY);
            call.retry_at = Some(at);
            self.retries.insert((at, key));
        }
    }

    /// When the next deadline or retry is due.
    pub(crate) fn timeout(&self) -> Option<(Time, bool)> {
        let deadline = self.deadlines.first().map(|(at, _)| (*at, true));
        let retry = self.retries.first().map(|(at, _)| (*at, false));
        deadline.into_iter().chain(retry).min_by_key(|(at, _)| *at)
    }

    /// Puts those whose retry is due back among those to send.
    pub(crate) fn retry_due(&mut self, now: Time) {
        while let Some((at, key)) = self.retries.first().copied()
            && at <= now
        {
            self.retries.remove(&(at, key));
            if let Some(call) = self.calls.get_mut(&key) {
                call.retry_at = None;
                self.waiting.insert((call.started, key));
            }
        }
    }

    /// Removes a call whose deadline has come, with what its caller gets.
    pub(crate) fn expire(
        &mut self,
        now: Time,
        address: &str,
        not_connected: Option<&Fault>,
    ) -> Option<(CallKey, CallError)> {
        let (at, key) = *self.deadlines.first()?;
        if at > now {
            return None;
        }
        let call = self.remove(key)?;
        Some((key, call.timed_out(now, address, not_connected)))
    }

    /// Removes any call.
    pub(crate) fn pop(&mut self) -> Option<(CallKey, Call)> {
        let key = *self.calls.first_key_value()?.0;
        self.remove(key).map(|call| (key, call))
    }
}
