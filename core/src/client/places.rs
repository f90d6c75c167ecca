//! How many requests may be under way, so that their replies fit into the reply stream: servers trim it to
//! `reply_stream_max_len`, unread or not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::names::Key;
use crate::random::Uuid;
use crate::time::Time;

/// For how long a call that nobody waits for any more keeps its place: its reply may still come.
const LATE: Duration = Duration::from_secs(60);

/// One in so many places is kept for services that have none: halves of halves are used up by ten services that never
/// answer, and the eleventh, that does, must not wait for them.
const FIRST_PLACES: usize = 16;

/// The places of one reply stream. A service may take one while it has fewer than are free: alone it gets half of all, and one
/// that never answers leaves the others room, since each share is measured by what is left. Its first place it may take
/// from those that are kept for that.
#[derive(Debug)]
pub(crate) struct Places {
    limit: usize,
    taken: usize,
    by_stream: BTreeMap<Key, usize>,
    /// Requests whose callers have gone, and until when a reply is waited for.
    late: BTreeMap<Uuid, (Time, Key)>,
    late_until: BTreeSet<(Time, Uuid)>,
}

impl Places {
    pub(crate) fn new(limit: u64) -> Places {
        Places {
            limit: usize::try_from(limit).unwrap_or(usize::MAX).max(1),
            taken: 0,
            by_stream: BTreeMap::new(),
            late: BTreeMap::new(),
            late_until: BTreeSet::new(),
        }
    }

    pub(crate) fn limit(&self) -> usize {
        self.limit
    }

    /// Whether a request to this command stream may leave.
    pub(crate) fn is_free(&self, stream: &Key) -> bool {
        let own = self.by_stream.get(stream).copied().unwrap_or_default();
        let kept = if own == 0 { 0 } else { self.limit / FIRST_PLACES };
        own < self.limit.saturating_sub(self.taken) && self.taken < self.limit - kept
    }

    /// How many requests have left whose callers wait for a reply.
    pub(crate) fn awaited(&self) -> usize {
        self.taken.saturating_sub(self.late.len())
    }

    /// A request leaves.
    pub(crate) fn take(&mut self, stream: &Key) {
        self.taken += 1;
        match self.by_stream.get_mut(stream) {
            Some(own) => *own += 1,
            None => drop(self.by_stream.insert(stream.clone(), 1)),
        }
    }

    /// A request was answered, or never arrived.
    pub(crate) fn give_back(&mut self, stream: &Key) {
        self.taken = self.taken.saturating_sub(1);
        if let Some(own) = self.by_stream.get_mut(stream) {
            *own -= 1;
            if *own == 0 {
                self.by_stream.remove(stream);
            }
        }
    }

    /// Nobody waits for a request any more; its reply may still come.
    pub(crate) fn leave_behind(&mut self, now: Time, id: Uuid, stream: Key) {
        let until = now + LATE;
        self.late.insert(id, (until, stream));
        self.late_until.insert((until, id));
        // Bounded, whatever the clock does: the oldest one goes first.
        while self.late.len() > self.limit {
            let Some((_, oldest)) = self.late_until.first().copied() else { return };
            self.late_reply(oldest);
        }
    }

    /// A reply came that nobody waits for. Whether anybody had.
    pub(crate) fn late_reply(&mut self, id: Uuid) -> bool {
        let Some((until, stream)) = self.late.remove(&id) else { return false };
        self.late_until.remove(&(until, id));
        self.give_back(&stream);
        true
    }

    /// When the first late reply is given up.
    pub(crate) fn timeout(&self) -> Option<Time> {
        self.late_until.first().map(|(at, _)| *at)
    }

    /// Gives up late replies that are due.
    pub(crate) fn handle_timeout(&mut self, now: Time) {
        while let Some((at, id)) = self.late_until.first().copied()
            && at <= now
        {
            self.late_until.remove(&(at, id));
            self.late_reply(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn fill(places: &mut Places, stream: &Key) -> usize {
        let mut taken = 0;
        while places.is_free(stream) {
            places.take(stream);
            taken += 1;
        }
        taken
    }

    #[test]
    fn one_service_alone_gets_half_and_each_further_one_half_of_the_rest() {
        let mut places = Places::new(1024);
        let shares = ["a", "b", "c", "d"].map(|name| fill(&mut places, &Key::from(name)));
        assert_eq!(shares, [512, 256, 128, 64]);
    }

    #[test]
    fn dozens_of_services_that_never_answer_leave_a_place_to_one_that_does() {
        for (limit, dead) in [(1024, 10), (1024, 11), (1024, 60), (512, 32), (64, 6), (20, 3)] {
            let (mut places, live) = (Places::new(limit), Key::from("live"));
            for service in 0..dead {
                let stream = Key::from(format!("dead {service}").as_str());
                assert!(fill(&mut places, &stream) > 0, "{limit} places, {service} dead services");
            }
            assert!(places.is_free(&live), "{limit} places, {dead} dead services");
            assert!(fill(&mut places, &live) >= 1 && places.taken <= places.limit());
        }
    }

    #[test]
    fn one_place_is_one_place() {
        let (mut places, a, b) = (Places::new(1), Key::from("a"), Key::from("b"));
        assert_eq!(fill(&mut places, &a), 1);
        assert!(!places.is_free(&b));
        places.give_back(&a);
        assert!(places.is_free(&a) && places.is_free(&b));
        assert!(Places::new(0).is_free(&a), "none at all would be no client");
    }

    #[test]
    fn a_late_reply_keeps_its_place_until_it_comes_or_is_given_up() {
        let (mut places, a) = (Places::new(2), Key::from("a"));
        let mut random = Random::new([1; 32]);
        for comes in [true, false] {
            let id = random.uuid();
            places.take(&a);
            places.leave_behind(Time::ZERO, id, a.clone());
            assert!(!places.is_free(&a));
            assert_eq!(places.timeout(), Some(Time::ZERO + LATE));
            if comes {
                places.late_reply(id);
            } else {
                places.handle_timeout(Time::ZERO + (LATE - Duration::from_nanos(1)));
                assert!(!places.is_free(&a));
                places.handle_timeout(Time::ZERO + LATE);
            }
            assert!(places.is_free(&a));
            assert_eq!(places.timeout(), None);
            places.late_reply(id);
            assert_eq!(fill(&mut places, &a), 1, "given back once");
            places.give_back(&a);
        }
    }
}
