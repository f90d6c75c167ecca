//! How much may wait in this client: the calls that the store hasn't taken yet, by number and by bytes. And who waits for
//! room, where callers wait for it instead of getting an error.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::CallKey;
use crate::time::Time;

/// A caller that waits for room: its message stays with it until then.
#[derive(Debug)]
struct Ticket {
    bytes: usize,
    started: Time,
    deadline: Time,
    /// Room is kept for it.
    admitted: bool,
}

/// The room for calls that the store hasn't taken yet.
#[derive(Debug)]
pub(crate) struct Room {
    max_calls: usize,
    max_bytes: usize,
    calls: usize,
    bytes: usize,
    tickets: BTreeMap<CallKey, Ticket>,
    deadlines: BTreeSet<(Time, CallKey)>,
    /// In the order of their calls; those that gave up are skipped.
    line: VecDeque<CallKey>,
}

impl Room {
    pub(crate) fn new(max_calls: usize, max_bytes: usize) -> Room {
        Room {
            max_calls,
            max_bytes,
            calls: 0,
            bytes: 0,
            tickets: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            line: VecDeque::new(),
        }
    }

    /// How many calls it holds, and how many bytes they have.
    pub(crate) fn taken(&self) -> (usize, usize) {
        (self.calls, self.bytes)
    }

    /// One call always fits, however large.
    fn fits(&self, bytes: usize) -> bool {
        self.calls == 0
            || (self.calls < self.max_calls && self.bytes.saturating_add(bytes) <= self.max_bytes)
    }

    fn take(&mut self, bytes: usize) {
        self.calls += 1;
        self.bytes += bytes;
    }

    /// Takes a call in, if there is room and nobody has waited for it longer.
    pub(crate) fn enter(&mut self, bytes: usize) -> bool {
        let enters = self.line.is_empty() && self.fits(bytes);
        if enters {
            self.take(bytes);
        }
        enters
    }

    /// A call's message is in the store, lost, or given up.
    pub(crate) fn leave(&mut self, bytes: usize) {
        self.calls = self.calls.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub(bytes);
    }

    /// The caller waits for room behind all others.
    pub(crate) fn stand(&mut self, key: CallKey, bytes: usize, started: Time, deadline: Time) {
        self.tickets.insert(key, Ticket { bytes, started, deadline, admitted: false });
        self.deadlines.insert((deadline, key));
        self.line.push_back(key);
    }

    /// The next caller there is room for, which is kept for it from now on.
    pub(crate) fn admit(&mut self) -> Option<CallKey> {
        while let Some(key) = self.line.front().copied() {
            match self.tickets.get_mut(&key) {
                Some(ticket) if !ticket.admitted => {
                    let bytes = ticket.bytes;
                    if !self.fits(bytes) {
                        return None;
                    }
                    self.line.pop_front();
                    self.take(bytes);
                    if let Some(ticket) = self.tickets.get_mut(&key) {
                        ticket.admitted = true;
                    }
                    return Some(key);
                }
                _ => {
                    self.line.pop_front();
                }
            }
        }
        None
    }

    /// Whether room is kept for this caller.
    pub(crate) fn is_admitted(&self, key: CallKey) -> bool {
        self.tickets.get(&key).is_some_and(|ticket| ticket.admitted)
    }

    /// The caller comes with its message: when its call began and when it ends, if room was kept for it.
    pub(crate) fn claim(&mut self, key: CallKey) -> Option<(Time, Time)> {
        if !self.is_admitted(key) {
            return None;
        }
        let ticket = self.tickets.remove(&key)?;
        self.deadlines.remove(&(ticket.deadline, key));
        Some((ticket.started, ticket.deadline))
    }

    /// The caller doesn't wait for room any more. Whether it did.
    pub(crate) fn give_up(&mut self, key: CallKey) -> bool {
        let Some(ticket) = self.tickets.remove(&key) else { return false };
        self.deadlines.remove(&(ticket.deadline, key));
        if ticket.admitted {
            self.leave(ticket.bytes);
        }
        // Those that gave up stay in the line until its head is looked at: never more than those that wait.
        if self.line.len() > 2 * self.tickets.len() {
            self.line.retain(|key| self.tickets.get(key).is_some_and(|ticket| !ticket.admitted));
        }
        true
    }

    /// Removes a caller whose deadline has come.
    pub(crate) fn expire(&mut self, now: Time) -> Option<CallKey> {
        let (at, key) = *self.deadlines.first()?;
        (at <= now && self.give_up(key)).then_some(key)
    }

    /// Removes any caller that waits for room.
    pub(crate) fn pop(&mut self) -> Option<CallKey> {
        let key = *self.tickets.first_key_value()?.0;
        self.give_up(key).then_some(key)
    }

    /// Whether nobody waits for room.
    pub(crate) fn has_no_line(&self) -> bool {
        self.tickets.is_empty()
    }

    /// When the first of those that wait gives up.
    pub(crate) fn timeout(&self) -> Option<Time> {
        self.deadlines.first().map(|(at, _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::secs;

    fn room(calls: usize, bytes: usize) -> Room {
        Room::new(calls, bytes)
    }

    fn stand(room: &mut Room, key: u64, bytes: usize) {
        room.stand(CallKey(key), bytes, Time::ZERO, Time::ZERO + secs(key));
    }

    #[test]
    fn calls_enter_up_to_a_number_and_up_to_a_size_and_one_always_does() {
        for (calls, bytes, sizes, enter) in [
            (2, 100, [1, 1, 1], [true, true, false]),
            (9, 100, [50, 50, 1], [true, true, false]),
            (9, 100, [50, 51, 50], [true, false, true]),
            (9, 100, [500, 0, 1], [true, false, false]),
            (0, 0, [500, 1, 1], [true, false, false]),
        ] {
            let mut room = room(calls, bytes);
            assert_eq!(sizes.map(|size| room.enter(size)), enter, "{calls} calls, {bytes} bytes");
        }
    }

    #[test]
    fn what_leaves_makes_room() {
        let mut room = room(1, 100);
        assert!(room.enter(10) && !room.enter(10));
        assert_eq!(room.taken(), (1, 10));
        room.leave(10);
        assert_eq!(room.taken(), (0, 0));
        assert!(room.enter(10));
    }

    #[test]
    fn who_waits_is_let_in_first_come_first_served_and_before_any_newcomer() {
        let mut room = room(2, 100);
        assert!(room.enter(60));
        for (key, bytes) in [(1, 50), (2, 1)] {
            stand(&mut room, key, bytes);
        }
        assert_eq!(room.admit(), None, "the first is too large, and nobody passes it");
        assert!(!room.enter(1), "nor does a newcomer");
        room.leave(60);
        assert_eq!(
            [room.admit(), room.admit(), room.admit()].map(|key| key.map(|key| key.0)),
            [Some(1), Some(2), None]
        );
        assert_eq!(room.claim(CallKey(1)), Some((Time::ZERO, Time::ZERO + secs(1))));
        assert_eq!(room.claim(CallKey(1)), None);
        assert_eq!(room.taken(), (2, 51), "claimed or not, it is kept");
    }

    #[test]
    fn who_gives_up_gives_back_what_was_kept_for_it() {
        let mut room = room(1, 100);
        assert!(room.enter(1));
        for key in 1..=3 {
            stand(&mut room, key, key as usize);
        }
        assert!(room.give_up(CallKey(1)) && !room.give_up(CallKey(1)));
        room.leave(1);
        assert_eq!(room.admit(), Some(CallKey(2)));
        assert_eq!(room.taken(), (1, 2));
        assert!(room.give_up(CallKey(2)));
        assert_eq!(room.claim(CallKey(2)), None);
        assert_eq!(room.admit(), Some(CallKey(3)));
        room.claim(CallKey(3));
        assert!(room.has_no_line() && room.timeout().is_none());
    }

    #[test]
    fn the_line_doesn_t_grow_with_those_that_gave_up() {
        let mut room = room(1, 100);
        assert!(room.enter(1));
        for key in 1..=1000 {
            stand(&mut room, key, 1);
            assert!(room.give_up(CallKey(key)));
        }
        assert_eq!((room.line.len(), room.tickets.len(), room.deadlines.len()), (0, 0, 0));
    }

    #[test]
    fn deadlines_run_while_one_waits() {
        let mut room = room(1, 100);
        assert!(room.enter(1));
        stand(&mut room, 2, 1);
        stand(&mut room, 1, 1);
        assert_eq!(room.timeout(), Some(Time::ZERO + secs(1)));
        assert_eq!(room.expire(Time::ZERO), None);
        assert_eq!(room.expire(Time::ZERO + secs(1)), Some(CallKey(1)));
        assert_eq!(room.expire(Time::ZERO + secs(1)), None);
        assert_eq!(room.pop(), Some(CallKey(2)));
        assert!(room.has_no_line());
    }
}
