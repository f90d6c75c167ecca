//! The calls that wait: for a connection, for their service's stream, for their reply. Ids and deadlines, no channels.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::CallKey;
use super::call::{Call, Progress, Trouble};
use super::missing::Missing;
use super::places::Places;
use super::register::Register;
use super::room::Room;
use crate::command::{Fault, Outcome, Reply};
use crate::contract::MethodKind;
use crate::error::CallError;
use crate::machine::{Soonest, TimerReason};
use crate::names::Key;
use crate::options::ClientOptions;
use crate::random::Uuid;
use crate::time::Time;

/// The table of calls without an outcome.
#[derive(Debug)]
pub(crate) struct Pending {
    calls: Register,
    retries: BTreeSet<(Time, CallKey)>,
    /// Those that wait for a connection, a stream or a place: for each service in the order of their calls.
    waiting: BTreeMap<Key, BTreeSet<(Time, CallKey)>>,
    /// Something has changed since none of those that wait could go.
    stirred: bool,
    /// The service that was served last; the next one has its turn.
    served: Option<Key>,
    missing: Missing,
    places: Places,
    /// For the messages that the store hasn't taken yet.
    pub(crate) room: Room,
}

impl Pending {
    pub(crate) fn new(options: &ClientOptions) -> Pending {
        Pending {
            calls: Register::default(),
            retries: BTreeSet::new(),
            waiting: BTreeMap::new(),
            stirred: false,
            served: None,
            missing: Missing::default(),
            places: Places::new(options.common.reply_stream_max_len),
            room: Room::new(options.max_queued_calls, options.max_queued_bytes),
        }
    }

    /// How many calls are under way, and how many notes are kept of them.
    pub(crate) fn load(&self) -> usize {
        let waiting = self.waiting.values().map(BTreeSet::len).sum::<usize>();
        self.calls.len() + self.retries.len() + waiting
    }

    /// Whether no call is without an outcome.
    pub(crate) fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.room.has_no_line()
    }

    /// Whether a caller waits for a reply.
    pub(crate) fn awaits_replies(&self) -> bool {
        self.places.awaited() > 0
    }

    /// Whether this call waits here to be sent.
    pub(crate) fn is_unsent(&self, key: CallKey) -> bool {
        self.calls.get(key).is_some_and(Call::is_unsent)
    }

    pub(crate) fn get_mut(&mut self, key: CallKey) -> Option<&mut Call> {
        self.calls.get_mut(key)
    }

    /// Takes a new call. It waits for a connection.
    pub(crate) fn insert(&mut self, key: CallKey, call: Call) {
        self.calls.insert(key, call);
        self.wait(key);
    }

    /// Takes a new call and sends it past those that wait, if none of them is in its way: they can't go, as long as nothing
    /// has changed, and are of other services.
    pub(crate) fn insert_to_send(&mut self, key: CallKey, call: Call) -> Option<&mut Call> {
        let stream = call.stream();
        let passes = self.waiting.is_empty() || !self.stirred && !self.waiting.contains_key(stream);
        if !passes || !self.may_go(stream, call.kind) {
            self.insert(key, call);
            return None;
        }
        self.calls.insert(key, call);
        self.sent(key)
    }

    fn wait(&mut self, key: CallKey) {
        if let Some(call) = self.calls.get(key) {
            self.waiting.entry(call.stream().clone()).or_default().insert((call.started, key));
            self.stirred = true;
        }
    }

    /// Removes a call that has its outcome, or was not taken by the store: no reply to it is to come.
    pub(crate) fn remove(&mut self, key: CallKey) -> Option<Call> {
        let call = self.take_out(key)?;
        if call.has_place() {
            self.places.give_back(call.stream());
        }
        Some(call)
    }

    /// Removes a call that nobody waits for any more. A reply to it may still come.
    pub(crate) fn abandon(&mut self, now: Time, key: CallKey) -> Option<Call> {
        let call = self.take_out(key)?;
        if call.has_place() {
            self.places.leave_behind(now, call.id, call.stream().clone());
        }
        Some(call)
    }

    fn take_out(&mut self, key: CallKey) -> Option<Call> {
        let call = self.calls.remove(key)?;
        self.stirred = true;
        if let Some(queue) = self.waiting.get_mut(call.stream()) {
            queue.remove(&(call.started, key));
            if queue.is_empty() {
                self.waiting.remove(call.stream());
                self.missing.nobody_waits(call.stream());
            }
        }
        if let Some(at) = call.retry_at {
            self.retries.remove(&(at, key));
        }
        // The message of one that is on its way is held until the store has answered.
        if call.is_unsent() {
            self.room.leave(call.stream(), call.size);
        }
        Some(call)
    }

    /// The call that a reply belongs to. A late reply belongs to none, and gives its place back.
    pub(crate) fn answered(&mut self, id: Uuid) -> Answered {
        match self.calls.key_of(id).and_then(|key| Some((key, self.remove(key)?))) {
            Some((key, call)) => Answered::Call(key, call),
            None if self.places.late_reply(id) => {
                self.stirred = true;
                Answered::Late
            }
            None => Answered::Nobody,
        }
    }

    /// The next call to send, now that there is a connection: each service in turn, if it has a place.
    pub(crate) fn next_to_send(&mut self) -> Option<(CallKey, &mut Call)> {
        if self.waiting.is_empty() || !self.stirred {
            return None;
        }
        let Some((stream, key)) = self.next_in_turn() else {
            self.stirred = false;
            return None;
        };
        let queue = self.waiting.get_mut(&stream)?;
        queue.pop_first();
        if queue.is_empty() {
            self.waiting.remove(&stream);
        }
        self.sent(key).map(|call| (key, call))
    }

    /// A call leaves.
    fn sent(&mut self, key: CallKey) -> Option<&mut Call> {
        let call = self.calls.get_mut(key)?;
        call.progress = Progress::Sent;
        let stream = call.stream();
        if call.kind == MethodKind::Request {
            self.places.take(stream);
        }
        self.missing.sent(stream, key);
        if self.served.as_ref() != Some(stream) {
            self.served = Some(stream.clone());
        }
        Some(call)
    }

    /// A notification needs no place, but stays behind the requests before it.
    fn may_go(&self, stream: &Key, kind: MethodKind) -> bool {
        let has_place = kind == MethodKind::Notification || self.places.is_free(stream);
        has_place && self.missing.may_send(stream)
    }

    fn next_in_turn(&self) -> Option<(Key, CallKey)> {
        let may_go = |(stream, queue): (&Key, &BTreeSet<(Time, CallKey)>)| {
            let (_, key) = *queue.first()?;
            let kind = self.calls.get(key)?.kind;
            self.may_go(stream, kind).then(|| (stream.clone(), key))
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

    /// No server has made its stream yet: it waits at its old place until one has.
    pub(crate) fn wait_for_stream(&mut self, now: Time, key: CallKey) {
        self.not_taken(key, Progress::NoStream);
        self.wait(key);
        if let Some(call) = self.calls.get(key) {
            self.missing.not_there(now, call.stream(), key);
        }
    }

    /// What the store said to a call tells the others to the same stream whether it is there.
    pub(crate) fn probed(&mut self, stream: &Key, key: CallKey, outcome: &Outcome) {
        if self.missing.is_empty() {
            return;
        }
        self.stirred = true;
        match outcome {
            Outcome::Reply(Reply::Nil) if self.calls.contains(key) => {}
            Outcome::Reply(reply) if *reply != Reply::Nil => self.missing.forget(stream),
            _ => self.missing.says_nothing(stream, key),
        }
        if !self.waiting.contains_key(stream) && !self.calls.contains(key) {
            self.missing.forget(stream);
        }
    }

    fn not_taken(&mut self, key: CallKey, why: Progress) {
        self.stirred = true;
        if let Some(call) = self.calls.get_mut(key) {
            if call.has_place() {
                self.places.give_back(call.stream());
            }
            call.progress = why;
        }
    }

    /// It was not taken: it is tried again after a while.
    pub(crate) fn retry_later(&mut self, now: Time, key: CallKey, why: Progress) {
        self.not_taken(key, why);
        if let Some(call) = self.calls.get_mut(key) {
            let at = now + call.retry_after();
            call.retry_at = Some(at);
            self.retries.insert((at, key));
        }
    }

    /// When the next deadline or retry is due.
    pub(crate) fn timeout(&self) -> Option<(Time, TimerReason)> {
        let deadline = self.calls.first_deadline().map(|(at, _)| at);
        let place = if self.waiting.is_empty() { None } else { self.places.timeout() };
        Soonest::default()
            .of(deadline, TimerReason::CallDeadline)
            .of(self.retries.first().map(|(at, _)| *at), TimerReason::Retry)
            .of(self.missing.timeout(), TimerReason::Retry)
            .of(place, TimerReason::Retry)
            .of(self.room.timeout(), TimerReason::CallDeadline)
            .timer()
    }

    /// Puts those whose retry is due back among those to send, lets streams be tried again, and frees the places of replies that are given up.
    pub(crate) fn retry_due(&mut self, now: Time) {
        self.stirred = true;
        self.places.handle_timeout(now);
        self.missing.handle_timeout(now);
        while let Some((at, key)) = self.retries.first().copied()
            && at <= now
        {
            self.retries.remove(&(at, key));
            if let Some(call) = self.calls.get_mut(key) {
                call.retry_at = None;
                self.wait(key);
            }
        }
    }

    /// Removes a call whose deadline has come, with what its caller gets.
    pub(crate) fn expire(
        &mut self,
        now: Time,
        trouble: &Trouble<'_>,
    ) -> Option<(CallKey, CallError)> {
        if let Some(key) = self.room.expire(now) {
            return Some((key, self.no_room(trouble.commands)));
        }
        let (at, key) = self.calls.first_deadline()?;
        if at > now {
            return None;
        }
        self.tell_what_it_waits_for(key, trouble);
        let call = self.abandon(now, key)?;
        Some((key, call.timed_out(now, trouble, self.places.limit())))
    }

    /// A call that never left knows nothing of its stream, and one that came back not whether there is one by now.
    fn tell_what_it_waits_for(&mut self, key: CallKey, trouble: &Trouble<'_>) {
        let Some(call) = self.calls.get_mut(key) else { return };
        match (&call.progress, self.missing.contains(call.stream())) {
            (Progress::Waiting, true) if trouble.commands.is_none() => {
                call.progress = Progress::NoStream;
            }
            (Progress::NoStream, false) => call.progress = Progress::Waiting,
            _ => {}
        }
    }

    /// What a caller gets for whose call there was no room.
    pub(crate) fn no_room(&self, not_connected: Option<&Fault>) -> CallError {
        let (calls, bytes) = self.room.taken();
        CallError::QueueFull { calls, bytes, not_connected: not_connected.cloned() }
    }

    /// Removes all calls, and says of each whether it may have been executed.
    pub(crate) fn take_all(&mut self) -> Vec<(CallKey, bool)> {
        let executed = |call: Call| call.may_have_executed();
        let keys = self.calls.keys().into_iter();
        let mut all: Vec<_> =
            keys.filter_map(|key| Some((key, self.remove(key).map(executed)?))).collect();
        all.extend(std::iter::from_fn(|| self.room.pop().map(|key| (key, false))));
        all
    }

    /// Removes any call that hasn't left.
    pub(crate) fn pop_unsent(&mut self) -> Option<CallKey> {
        let waits = self.waiting.values().find_map(|queue| queue.first());
        match waits.or(self.retries.first()).map(|(_, key)| *key) {
            Some(key) => self.remove(key).map(|_| key),
            None => self.room.pop(),
        }
    }
}

/// Whose reply it is.
#[derive(Debug)]
pub(crate) enum Answered {
    /// This call's.
    Call(CallKey, Call),
    /// That of a call whose caller has gone.
    Late,
    /// Nobody's: it was read before, or isn't one to this client in this life.
    Nobody,
}
