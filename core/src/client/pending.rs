//! The calls that wait: for a connection, for their service's stream, for their reply. Ids and deadlines, no channels.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use super::CallKey;
use super::places::Places;
use crate::command::{Fault, Refusal};
use crate::contract::MethodKind;
use crate::error::CallError;
use crate::names::Key;
use crate::random::Uuid;
use crate::time::Time;

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

    /// Whether it keeps a place in the reply stream: a reply to it may come.
    fn has_place(&self) -> bool {
        self.kind == MethodKind::Request && self.may_have_executed()
    }

    /// Whether a server may have executed it.
    pub(crate) fn may_have_executed(&self) -> bool {
        matches!(self.progress, Progress::Sent | Progress::Accepted | Progress::Unknown(_))
    }

    /// What its caller gets when the deadline comes. `not_connected` says why there is no connection, if there is none.
    fn timed_out(
        &self,
        now: Time,
        address: &str,
        not_connected: Option<&Fault>,
        limit: usize,
    ) -> CallError {
        match &self.progress {
            Progress::Waiting => match not_connected {
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
#[derive(Debug)]
pub(crate) struct Pending {
    calls: BTreeMap<CallKey, Call>,
    by_id: BTreeMap<Uuid, CallKey>,
    deadlines: BTreeSet<(Time, CallKey)>,
    retries: BTreeSet<(Time, CallKey)>,
    /// Those that wait for a connection or a place: for each service in the order of their calls.
    waiting: BTreeMap<Key, BTreeSet<(Time, CallKey)>>,
    /// The service that was served last; the next one has its turn.
    served: Option<Key>,
    places: Places,
}

impl Pending {
    /// Replies to at most `limit` requests may be under way at the same time.
    pub(crate) fn new(limit: u64) -> Pending {
        Pending {
            calls: BTreeMap::new(),
            by_id: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            retries: BTreeSet::new(),
            waiting: BTreeMap::new(),
            served: None,
            places: Places::new(limit),
        }
    }

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
        self.calls.insert(key, call);
        self.wait(key);
    }

    fn wait(&mut self, key: CallKey) {
        if let Some(call) = self.calls.get(&key) {
            self.waiting.entry(call.stream.clone()).or_default().insert((call.started, key));
        }
    }

    /// Removes a call that has its outcome, or was not taken by the store: no reply to it is to come.
    pub(crate) fn remove(&mut self, key: CallKey) -> Option<Call> {
        let call = self.take_out(key)?;
        if call.has_place() {
            self.places.give_back(&call.stream);
        }
        Some(call)
    }

    /// Removes a call that nobody waits for any more. A reply to it may still come.
    pub(crate) fn abandon(&mut self, now: Time, key: CallKey) -> Option<Call> {
        let call = self.take_out(key)?;
        if call.has_place() {
            self.places.leave_behind(now, call.id, call.stream.clone());
        }
        Some(call)
    }

    fn take_out(&mut self, key: CallKey) -> Option<Call> {
        let call = self.calls.remove(&key)?;
        self.by_id.remove(&call.id);
        self.deadlines.remove(&(call.deadline, key));
        if let Some(queue) = self.waiting.get_mut(&call.stream) {
            queue.remove(&(call.started, key));
            if queue.is_empty() {
                self.waiting.remove(&call.stream);
            }
        }
        if let Some(at) = call.retry_at {
            self.retries.remove(&(at, key));
        }
        Some(call)
    }

    /// The call that a reply belongs to. A late reply belongs to none, and gives its place back.
    pub(crate) fn answered(&mut self, id: Uuid) -> Option<(CallKey, Call)> {
        match self.by_id.get(&id).copied() {
            Some(key) => self.remove(key).map(|call| (key, call)),
            None => {
                self.places.late_reply(id);
                None
            }
        }
    }

    /// The next call to send, now that there is a connection: each service in turn, if it has a place.
    pub(crate) fn next_to_send(&mut self) -> Option<(CallKey, &Call)> {
        let (stream, key) = self.next_in_turn()?;
        let queue = self.waiting.get_mut(&stream)?;
        queue.pop_first();
        if queue.is_empty() {
            self.waiting.remove(&stream);
        }
        let call = self.calls.get_mut(&key)?;
        call.progress = Progress::Sent;
        if call.kind == MethodKind::Request {
            self.places.take(&stream);
        }
        self.served = Some(stream);
        Some((key, call))
    }

    fn next_in_turn(&self) -> Option<(Key, CallKey)> {
        let may_go = |(stream, queue): (&Key, &BTreeSet<(Time, CallKey)>)| {
            let (_, key) = *queue.first()?;
            // A notification needs no place, but stays behind the requests before it.
            let notification = self.calls.get(&key)?.kind == MethodKind::Notification;
            (notification || self.places.is_free(stream)).then(|| (stream.clone(), key))
        };
        let Some(served) = &self.served else { return self.waiting.iter().find_map(may_go) };
        let after = (Bound::Excluded(served), Bound::Unbounded);
        let up_to = (Bound::Unbounded, Bound::Included(served));
        let turns = self.waiting.range::<Key, _>(after).chain(self.waiting.range::<Key, _>(up_to));
        turns.into_iter().find_map(may_go)
    }

    /// It never left: it waits for a connection again, at its old place.
    pub(crate) fn wait_for_connection(&mut self, key: CallKey) {
        self.not_taken(key, Progress::Waiting);
        self.wait(key);
    }

    fn not_taken(&mut self, key: CallKey, why: Progress) {
        if let Some(call) = self.calls.get_mut(&key) {
            if call.has_place() {
                self.places.give_back(&call.stream);
            }
            call.progress = why;
        }
    }

    /// It was not taken: it is tried again after a while.
    pub(crate) fn retry_later(&mut self, now: Time, key: CallKey, why: Progress) {
        self.not_taken(key, why);
        if let Some(call) = self.calls.get_mut(&key) {
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
        let place = if self.waiting.is_empty() { None } else { self.places.timeout() };
        let place = place.map(|at| (at, false));
        deadline.into_iter().chain(retry).chain(place).min_by_key(|(at, _)| *at)
    }

    /// Puts those whose retry is due back among those to send, and frees the places of replies that are given up.
    pub(crate) fn retry_due(&mut self, now: Time) {
        self.places.handle_timeout(now);
        while let Some((at, key)) = self.retries.first().copied()
            && at <= now
        {
            self.retries.remove(&(at, key));
            if let Some(call) = self.calls.get_mut(&key) {
                call.retry_at = None;
                self.wait(key);
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
        let call = self.abandon(now, key)?;
        Some((key, call.timed_out(now, address, not_connected, self.places.limit())))
    }

    /// Removes any call.
    pub(crate) fn pop(&mut self) -> Option<(CallKey, Call)> {
        let key = *self.calls.first_key_value()?.0;
        self.remove(key).map(|call| (key, call))
    }
}
