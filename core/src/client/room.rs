//! How much may wait in this client: the calls that the store hasn't taken yet, by number and by bytes. And who waits for
//! room, where callers wait for it instead of getting an error.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::CallKey;
use crate::names::Key;
use crate::time::Time;

/// One in so many parts of the room isn't given to whoever comes first: there a service gets only what leaves as much to the
/// others. So one that doesn't take its calls can't fill the room, and one that is alone still has nearly all of it.
const SHARED: usize = 8;

/// One in so many is kept for services that have nothing here.
const FIRST: usize = 256;

/// A caller that waits for room: its message stays with it until then.
#[derive(Debug)]
struct Ticket {
    stream: Key,
    /// Its place in the line of its service.
    turn: u64,
    bytes: usize,
    started: Time,
    deadline: Time,
    /// Room is kept for it.
    admitted: bool,
}

/// What is taken of a room, or how large it is.
#[derive(Clone, Copy, Debug, Default)]
struct Extent {
    calls: usize,
    bytes: usize,
}

impl Extent {
    /// All but one in so many parts of it.
    fn without_one_in(self, parts: usize) -> Extent {
        Extent { calls: self.calls - self.calls / parts, bytes: self.bytes - self.bytes / parts }
    }

    fn is_below(self, other: Extent) -> bool {
        self.calls < other.calls && self.bytes < other.bytes
    }

    /// With another call of this size.
    fn and(self, bytes: usize) -> Extent {
        Extent { calls: self.calls + 1, bytes: self.bytes.saturating_add(bytes) }
    }

    /// With the bytes of another call.
    fn and_bytes(self, bytes: usize) -> Extent {
        Extent { bytes: self.bytes.saturating_add(bytes), ..self }
    }

    fn without(self, other: Extent) -> Extent {
        Extent {
            calls: self.calls.saturating_sub(other.calls),
            bytes: self.bytes.saturating_sub(other.bytes),
        }
    }

    fn fits_into(self, other: Extent) -> bool {
        self.calls <= other.calls && self.bytes <= other.bytes
    }
}

/// The room for calls that the store hasn't taken yet.
#[derive(Debug)]
pub(crate) struct Room {
    max: Extent,
    taken: Extent,
    by_stream: BTreeMap<Key, Extent>,
    tickets: BTreeMap<CallKey, Ticket>,
    deadlines: BTreeSet<(Time, CallKey)>,
    /// Those that wait: for each service in the order of their calls.
    lines: BTreeMap<Key, BTreeMap<u64, CallKey>>,
    /// How many have ever stood in a line.
    turns: u64,
    /// The service whose caller was let in last; the next one has its turn.
    served: Option<Key>,
    /// Something has changed since nobody who waits could be let in.
    stirred: bool,
}

impl Room {
    pub(crate) fn new(max_calls: usize, max_bytes: usize) -> Room {
        Room {
            max: Extent { calls: max_calls, bytes: max_bytes },
            taken: Extent::default(),
            by_stream: BTreeMap::new(),
            tickets: BTreeMap::new(),
            deadlines: BTreeSet::new(),
            lines: BTreeMap::new(),
            turns: 0,
            served: None,
            stirred: false,
        }
    }

    /// How many calls it holds, and how many bytes they have.
    pub(crate) fn taken(&self) -> (usize, usize) {
        (self.taken.calls, self.taken.bytes)
    }

    /// One call always fits, however large.
    fn fits(&self, stream: &Key, bytes: usize) -> bool {
        let then = self.taken.and(bytes);
        if self.taken.calls == 0 || !then.fits_into(self.max) {
            return self.taken.calls == 0;
        }
        if self.taken.is_below(self.max.without_one_in(SHARED)) {
            return true;
        }
        let own = self.by_stream.get(stream).copied().unwrap_or_default();
        let leaves_as_much =
            own.and(bytes).fits_into(self.max.without(self.taken.and_bytes(bytes)));
        leaves_as_much && (own.calls == 0 || then.fits_into(self.max.without_one_in(FIRST)))
    }

    fn take(&mut self, stream: &Key, bytes: usize) {
        self.taken = self.taken.and(bytes);
        match self.by_stream.get_mut(stream) {
            Some(own) => *own = own.and(bytes),
            None => drop(self.by_stream.insert(stream.clone(), Extent { calls: 1, bytes })),
        }
    }

    /// Takes a call in, if there is room for its service and nobody has waited for that longer.
    pub(crate) fn enter(&mut self, stream: &Key, bytes: usize) -> bool {
        let enters = !self.lines.contains_key(stream) && self.fits(stream, bytes);
        if enters {
            self.take(stream, bytes);
        }
        enters
    }

    /// A call's message is in the store, lost, or given up.
    pub(crate) fn leave(&mut self, stream: &Key, bytes: usize) {
        let gone = Extent { calls: 1, bytes };
        self.stirred = true;
        self.taken = self.taken.without(gone);
        if let Some(own) = self.by_stream.get_mut(stream) {
            *own = own.without(gone);
            if own.calls == 0 {
                self.by_stream.remove(stream);
            }
        }
    }

    /// The caller waits for room behind all others to its service.
    pub(crate) fn stand(
        &mut self,
        key: CallKey,
        stream: Key,
        bytes: usize,
        (started, deadline): (Time, Time),
    ) {
        let turn = self.turns;
        self.turns += 1;
        self.stirred = true;
        self.deadlines.insert((deadline, key));
        self.lines.entry(stream.clone()).or_default().insert(turn, key);
        let ticket = Ticket { stream, turn, bytes, started, deadline, admitted: false };
        self.tickets.insert(key, ticket);
    }

    /// The next caller there is room for, which is kept for it from now on: each service in turn.
    pub(crate) fn admit(&mut self) -> Option<CallKey> {
        if self.lines.is_empty() || !self.stirred {
            return None;
        }
        let Some(key) = self.next_in_turn() else {
            self.stirred = false;
            return None;
        };
        let ticket = self.tickets.get_mut(&key)?;
        ticket.admitted = true;
        let (stream, turn, bytes) = (ticket.stream.clone(), ticket.turn, ticket.bytes);
        self.leave_line(&stream, turn);
        self.take(&stream, bytes);
        self.served = Some(stream);
        Some(key)
    }

    fn next_in_turn(&self) -> Option<CallKey> {
        let may_come = |(stream, line): (&Key, &BTreeMap<u64, CallKey>)| {
            let (_, key) = line.first_key_value()?;
            self.fits(stream, self.tickets.get(key)?.bytes).then_some(*key)
        };
        let Some(served) = &self.served else { return self.lines.iter().find_map(may_come) };
        let after = (Bound::Excluded(served), Bound::Unbounded);
        let up_to = (Bound::Unbounded, Bound::Included(served));
        let turns = self.lines.range::<Key, _>(after).chain(self.lines.range::<Key, _>(up_to));
        turns.into_iter().find_map(may_come)
    }

    fn leave_line(&mut self, stream: &Key, turn: u64) {
        self.stirred = true;
        if let Some(line) = self.lines.get_mut(stream) {
            line.remove(&turn);
            if line.is_empty() {
                self.lines.remove(stream);
            }
        }
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
            self.leave(&ticket.stream, ticket.bytes);
        } else {
            self.leave_line(&ticket.stream, ticket.turn);
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

    const MIB: usize = 1024 * 1024;
    /// With the defaults.
    const DEFAULT: (usize, usize) = (128 * 1024, 256 * MIB);

    fn service(name: impl std::fmt::Display) -> Key {
        Key::from(name.to_string().as_str())
    }

    /// Lets so many calls of this size in, or as many as fit. How many came in.
    fn fill(room: &mut Room, name: impl std::fmt::Display, most: usize, bytes: usize) -> usize {
        let stream = service(name);
        (0..most).take_while(|_| room.enter(&stream, bytes)).count()
    }

    fn room(calls: usize, bytes: usize) -> Room {
        Room::new(calls, bytes)
    }

    fn stand(room: &mut Room, key: u64, bytes: usize) {
        stand_for(room, "a", key, bytes);
    }

    fn stand_for(room: &mut Room, name: &str, key: u64, bytes: usize) {
        room.stand(CallKey(key), service(name), bytes, (Time::ZERO, Time::ZERO + secs(key)));
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
            assert_eq!(
                sizes.map(|size| room.enter(&service("a"), size)),
                enter,
                "{calls} calls, {bytes} bytes"
            );
        }
    }

    #[test]
    fn what_leaves_makes_room() {
        let mut room = room(1, 100);
        assert!(room.enter(&service("a"), 10) && !room.enter(&service("a"), 10));
        assert_eq!(room.taken(), (1, 10));
        room.leave(&service("a"), 10);
        assert_eq!(room.taken(), (0, 0));
        assert!(room.enter(&service("a"), 10));
    }

    #[test]
    fn who_waits_is_let_in_first_come_first_served_and_before_any_newcomer() {
        let mut room = room(2, 100);
        assert!(room.enter(&service("a"), 60));
        for (key, bytes) in [(1, 50), (2, 1)] {
            stand(&mut room, key, bytes);
        }
        assert_eq!(room.admit(), None, "the first is too large, and nobody passes it");
        assert!(!room.enter(&service("a"), 1), "nor does a newcomer");
        room.leave(&service("a"), 60);
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
        assert!(room.enter(&service("a"), 1));
        for key in 1..=3 {
            stand(&mut room, key, key as usize);
        }
        assert!(room.give_up(CallKey(1)) && !room.give_up(CallKey(1)));
        room.leave(&service("a"), 1);
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
        assert!(room.enter(&service("a"), 1));
        for key in 1..=1000 {
            stand(&mut room, key, 1);
            assert!(room.give_up(CallKey(key)));
        }
        assert_eq!((room.lines.len(), room.tickets.len(), room.deadlines.len()), (0, 0, 0));
    }

    #[test]
    fn deadlines_run_while_one_waits() {
        let mut room = room(1, 100);
        assert!(room.enter(&service("a"), 1));
        stand(&mut room, 2, 1);
        stand(&mut room, 1, 1);
        assert_eq!(room.timeout(), Some(Time::ZERO + secs(1)));
        assert_eq!(room.expire(Time::ZERO), None);
        assert_eq!(room.expire(Time::ZERO + secs(1)), Some(CallKey(1)));
        assert_eq!(room.expire(Time::ZERO + secs(1)), None);
        assert_eq!(room.pop(), Some(CallKey(2)));
        assert!(room.has_no_line());
    }

    #[test]
    fn a_service_that_does_not_take_its_calls_leaves_room_to_another() {
        for (what, (calls, bytes), dead, dead_size, live, live_size) in [
            ("large ones", DEFAULT, 1, 16 * MIB, 1, 16 * MIB),
            ("large ones, and many small ones", DEFAULT, 1, 16 * MIB, 1000, 200),
            ("small ones", DEFAULT, 1, 200, 1000, 200),
            ("small ones, and a large one", DEFAULT, 1, 200, 1, 16 * MIB),
            ("three with large ones", DEFAULT, 3, 7 * MIB, 1000, 200),
            ("five with small ones", DEFAULT, 5, 200, 500, 200),
            ("a hundred with small ones", DEFAULT, 100, 200, 1, 200),
            ("a small room", (64, 64 * MIB), 1, 200, 4, 200),
        ] {
            let mut room = room(calls, bytes);
            for name in 0..dead {
                assert!(fill(&mut room, name, usize::MAX, dead_size) > 0, "{what}");
            }
            assert_eq!(fill(&mut room, "live", live, live_size), live, "{what}");
            assert!(room.taken.fits_into(room.max), "{what}");
        }
    }

    #[test]
    fn one_service_alone_has_nearly_all_of_it() {
        let (calls, bytes) = DEFAULT;
        let mut full = room(calls, bytes);
        assert_eq!(fill(&mut full, "a", 100_000, 200), 100_000);
        let mut full = room(calls, bytes);
        assert_eq!(fill(&mut full, "a", 16, 16 * MIB), 14, "seven of eight parts");
    }

    #[test]
    fn what_a_service_gives_back_is_its_own_share() {
        let mut room = room(64, MIB);
        assert_eq!(fill(&mut room, "a", 64, 1), 56);
        assert_eq!(fill(&mut room, "b", 64, 1), 4);
        room.leave(&service("b"), 1);
        assert!(!room.enter(&service("a"), 1) && room.enter(&service("b"), 1));
        for _ in 0..56 {
            room.leave(&service("a"), 1);
        }
        assert_eq!(room.taken(), (4, 4));
        assert_eq!(room.by_stream.len(), 1, "nothing is remembered of one that has nothing here");
    }

    #[test]
    fn who_waits_for_one_service_holds_up_nobody_who_calls_another() {
        let mut room = room(16, MIB);
        assert_eq!(fill(&mut room, "dead", 16, 1), 14);
        for key in 1..=3 {
            stand_for(&mut room, "dead", key, 1);
        }
        assert_eq!(room.admit(), None);
        assert!(!room.enter(&service("dead"), 1));
        assert!(room.enter(&service("live"), 1), "past those in line");
        stand_for(&mut room, "live", 4, 1);
        room.leave(&service("live"), 1);
        assert_eq!(room.admit(), Some(CallKey(4)));
    }

    #[test]
    fn services_are_let_in_in_turn_and_each_in_the_order_of_its_calls() {
        let mut room = room(4, MIB);
        assert_eq!(fill(&mut room, "c", 4, 1), 4);
        for (name, key) in [("a", 9), ("a", 8), ("a", 7), ("b", 6), ("b", 5)] {
            stand_for(&mut room, name, key, 1);
        }
        let mut order = Vec::new();
        for name in ["c", "c", "c", "c", "a"] {
            assert_eq!(room.admit(), None);
            room.leave(&service(name), 1);
            order.extend(room.admit().map(|key| key.0));
        }
        assert_eq!(order, [9, 6, 8, 5, 7]);
    }
}
