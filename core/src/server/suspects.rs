//! Entries that may kill their server: under a delivery limit, those that were begun before are taken over and run one at a time
//! on a server, so that each death is counted against the one that caused it. Its services take turns.

use std::time::Duration;

use crate::command::StreamId;
use crate::time::Time;

/// The longest time for which a suspect keeps the others waiting. One that runs for longer isn't about to kill anybody.
const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// Whose turn it is.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    turn: Option<Turn>,
    /// The service whose turn has just ended: the others come first.
    freed: Option<usize>,
}

#[derive(Debug)]
struct Turn {
    service: usize,
    /// `None` while it looks for one that others left behind.
    entry: Option<StreamId>,
    begun: bool,
    until: Time,
}

impl Suspects {
    /// Whether a service may look for one to take over. If so, it is its turn.
    pub(super) fn may_look(&mut self, now: Time, service: usize) -> bool {
        self.take(now, Turn { service, entry: None, begun: false, until: now + PATIENCE })
    }

    /// It has found one, or none.
    pub(super) fn looked(&mut self, service: usize, found: Option<StreamId>) {
        match &mut self.turn {
            Some(turn) if turn.service == service && turn.entry.is_none() => match found {
                Some(entry) => turn.entry = Some(entry),
                None => self.end(),
            },
            _ => {}
        }
    }

    /// Whether this one may begin now. If so, it is its turn.
    pub(super) fn may_begin(&mut self, now: Time, service: usize, entry: StreamId) -> bool {
        if let Some(turn) = &mut self.turn
            && turn.service == service
            && turn.entry.is_some()
            && !turn.begun
        {
            // What was found may wait behind another one in its lane: that one has the turn.
            (turn.entry, turn.begun) = (Some(entry), true);
        }
        let turn = Turn { service, entry: Some(entry), begun: true, until: now + PATIENCE };
        self.is_turn_of(service, entry) || self.take(now, turn)
    }

    /// This one is over, or won't begin.
    pub(super) fn ended(&mut self, service: usize, entry: StreamId) {
        if self.is_turn_of(service, entry) {
            self.end();
        }
    }

    /// The service whose turn has ended since the last time: those after it come next, and itself last.
    pub(super) fn take_freed(&mut self) -> Option<usize> {
        self.freed.take()
    }

    /// When the others needn't wait any longer.
    pub(super) fn timeout(&self) -> Option<Time> {
        self.turn.as_ref().map(|turn| turn.until)
    }

    pub(super) fn handle_timeout(&mut self, now: Time) {
        if self.timeout().is_some_and(|until| until <= now) {
            self.end();
        }
    }

    fn take(&mut self, now: Time, turn: Turn) -> bool {
        self.handle_timeout(now);
        let free = self.turn.is_none() && self.freed != Some(turn.service);
        if free {
            self.turn = Some(turn);
        }
        free
    }

    fn is_turn_of(&self, service: usize, entry: StreamId) -> bool {
        let turn = self.turn.as_ref();
        turn.is_some_and(|turn| turn.service == service && turn.entry == Some(entry))
    }

    fn end(&mut self) {
        self.freed = self.turn.take().map(|turn| turn.service);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::id;

    const NOW: Time = Time::ZERO;

    #[test]
    fn one_at_a_time_on_a_whole_server() {
        let mut suspects = Suspects::default();
        assert!(suspects.may_begin(NOW, 0, id(1)));
        assert!(suspects.may_begin(NOW, 0, id(1)), "it is the one");
        assert!(!suspects.may_begin(NOW, 0, id(2)));
        assert!(!suspects.may_begin(NOW, 1, id(1)), "the same entry of another service");
        assert!(!suspects.may_look(NOW, 1));
        suspects.ended(1, id(1));
        assert!(suspects.take_freed().is_none() && !suspects.may_begin(NOW, 1, id(1)));
        suspects.ended(0, id(1));
        assert_eq!(suspects.take_freed(), Some(0));
        assert!(suspects.may_begin(NOW, 1, id(1)));
        assert_eq!(suspects.timeout(), Some(NOW + PATIENCE));
    }

    #[test]
    fn whoever_had_a_turn_lets_the_others_go_first() {
        let mut suspects = Suspects::default();
        assert!(suspects.may_begin(NOW, 0, id(1)));
        suspects.ended(0, id(1));
        assert!(!suspects.may_begin(NOW, 0, id(2)) && !suspects.may_look(NOW, 0));
        assert_eq!(suspects.take_freed(), Some(0), "and now the others are asked, and it at last");
        assert!(suspects.may_begin(NOW, 0, id(2)));
    }

    #[test]
    fn what_is_looked_for_has_the_turn_once_it_is_found() {
        let mut suspects = Suspects::default();
        assert!(suspects.may_look(NOW, 0));
        assert!(!suspects.may_begin(NOW, 0, id(1)), "another one of the same service");
        suspects.looked(1, None);
        suspects.looked(0, Some(id(2)));
        assert!(suspects.may_begin(NOW, 0, id(1)), "the one found waits behind it");
        assert!(!suspects.may_begin(NOW, 0, id(2)));
        suspects.ended(0, id(1));
        assert_eq!(suspects.take_freed(), Some(0));
        assert!(suspects.may_look(NOW, 0));
        suspects.looked(0, Some(id(2)));
        suspects.ended(0, id(2));
        assert_eq!(suspects.take_freed(), Some(0));
        assert!(suspects.may_look(NOW, 0));
        suspects.looked(0, None);
        assert_eq!(suspects.take_freed(), Some(0), "there was none");
        assert!(suspects.may_look(NOW, 1));
    }

    #[test]
    fn one_that_runs_for_long_keeps_nobody_waiting_for_ever() {
        let mut suspects = Suspects::default();
        assert!(suspects.may_begin(NOW, 0, id(1)));
        assert!(!suspects.may_begin(NOW + (PATIENCE - Duration::from_nanos(1)), 1, id(2)));
        suspects.handle_timeout(NOW + PATIENCE);
        assert_eq!((suspects.timeout(), suspects.take_freed()), (None, Some(0)));
        assert!(suspects.may_begin(NOW + PATIENCE, 1, id(2)));
        suspects.ended(0, id(1));
        assert!(!suspects.may_begin(NOW + PATIENCE, 0, id(3)), "it is another one's turn");
    }
}
