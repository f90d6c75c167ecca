//! Reply streams vanish by themselves once nobody writes to them: those of crashed clients, and those that a late reply
//! made anew after their client had stopped.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::gate::Told;
use crate::names::Key;
use crate::time::Time;

/// How often streams that were written to get their time to live again.
const SWEEP: Duration = Duration::from_secs(1);

/// Which reply streams were written to lately. A stream gets its time to live with the first write, and again a second
/// after later ones (one may have made the stream anew, without a time to live): one command a second and stream, not one a reply.
#[derive(Clone, Debug, Default)]
pub(crate) struct ReplyTtl {
    /// Whether each was written to since its last command.
    written: BTreeMap<Key, bool>,
    sweep_at: Option<Time>,
    /// Whether it was told that the store refuses them.
    pub(crate) told: Told,
}

impl ReplyTtl {
    /// A reply was written. Whether the stream gets its time to live now.
    pub(crate) fn written(&mut self, now: Time, stream: &Key) -> bool {
        self.sweep_at.get_or_insert(now + SWEEP);
        match self.written.get_mut(stream) {
            Some(again) => {
                *again = true;
                false
            }
            None => {
                self.written.insert(stream.clone(), false);
                true
            }
        }
    }

    /// A stream didn't get its time to live: it gets it with the next ones.
    pub(crate) fn owe(&mut self, now: Time, stream: Key) {
        self.sweep_at.get_or_insert(now + SWEEP);
        self.written.insert(stream, true);
    }

    pub(crate) fn timeout(&self) -> Option<Time> {
        self.sweep_at
    }

    /// The streams that get their time to live now; all that are owed one if `all`.
    pub(crate) fn sweep(&mut self, now: Time, all: bool) -> Vec<Key> {
        if !all && self.sweep_at.is_none_or(|at| at > now) {
            return Vec::new();
        }
        self.written.retain(|_, again| *again);
        self.written.values_mut().for_each(|again| *again = false);
        self.sweep_at = (!self.written.is_empty()).then_some(now + SWEEP);
        self.written.keys().cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_write_and_then_one_a_second_while_there_are_writes() {
        let (mut ttl, a, b) = (ReplyTtl::default(), Key::from("a"), Key::from("b"));
        let start = Time::ZERO;
        assert_eq!(ttl.timeout(), None);
        assert!(ttl.written(start, &a));
        assert!(!ttl.written(start, &a));
        assert!(ttl.written(start, &b));
        let sweep = ttl.timeout().unwrap();
        assert_eq!(sweep - start, SWEEP);
        assert_eq!(ttl.sweep(start, false), []);
        // b wasn't written to again: it has its time to live, and is forgotten.
        assert_eq!(ttl.sweep(sweep, false), std::slice::from_ref(&a));
        assert_eq!(ttl.timeout(), Some(sweep + SWEEP));
        assert_eq!(ttl.sweep(sweep + SWEEP, false), []);
        assert_eq!(ttl.timeout(), None);
        assert!(ttl.written(sweep + SWEEP, &a), "forgotten, so it begins anew");
    }

    #[test]
    fn a_stream_that_did_not_get_its_time_to_live_gets_it_later() {
        let (mut ttl, a) = (ReplyTtl::default(), Key::from("a"));
        assert!(ttl.written(Time::ZERO, &a));
        let sweep = ttl.timeout().unwrap();
        ttl.owe(Time::ZERO, a.clone());
        assert_eq!(ttl.sweep(sweep, false), std::slice::from_ref(&a));
        ttl.owe(sweep, a.clone());
        assert_eq!(ttl.sweep(sweep + SWEEP, false), [a]);
        assert_eq!(ttl.sweep(sweep + SWEEP * 2, false), []);
        assert_eq!(ttl.timeout(), None);
    }

    #[test]
    fn a_stop_leaves_no_stream_without_its_time_to_live() {
        let (mut ttl, a) = (ReplyTtl::default(), Key::from("a"));
        ttl.written(Time::ZERO, &a);
        assert_eq!(ttl.sweep(Time::ZERO, true), []);
        ttl.written(Time::ZERO, &a);
        ttl.written(Time::ZERO, &a);
        assert_eq!(ttl.sweep(Time::ZERO, true), [a]);
    }
}
