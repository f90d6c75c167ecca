//! Entries that may kill their server: under a delivery limit, those that were begun before run one at a time on a server, so
//! that each death is counted against the one that caused it.

use std::time::Duration;

use crate::command::StreamId;
use crate::time::Time;

/// The longest time for which a suspect keeps the others waiting. One that runs for longer isn't about to kill anybody.
const PATIENCE: Duration = Duration::from_secs(60);

/// Which suspect has the server for itself, by its service and entry, and until when.
#[derive(Debug, Default)]
pub(super) struct Suspects {
    alone: Option<(usize, StreamId, Time)>,
    /// Its turn has ended, and the others don't know yet.
    freed: bool,
}

impl Suspects {
    /// Whether this one may begin now. If so, the others wait for it.
    pub(super) fn may_begin(&mut self, now: Time, service: usize, entry: StreamId) -> bool {
        let free =
            self.alone.is_none_or(|(at, id, until)| until <= now || (at, id) == (service, entry));
        if free {
            self.alone = Some((service, entry, now + PATIENCE));
        }
        free
    }

    /// This one is over, or won't begin.
    pub(super) fn ended(&mut self, service: usize, entry: StreamId) {
        self.freed |= self.alone.take_if(|(at, id, _)| (*at, *id) == (service, entry)).is_some();
    }

    /// Whether a turn has ended since the last time: every service may have one that waits.
    pub(super) fn take_freed(&mut self) -> bool {
        std::mem::take(&mut self.freed)
    }

    /// When the others needn't wait any longer.
    pub(super) fn timeout(&self) -> Option<Time> {
        self.alone.map(|(_, _, until)| until)
    }

    pub(super) fn handle_timeout(&mut self, now: Time) {
        self.freed |= self.alone.take_if(|(_, _, until)| *until <= now).is_some();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::id;

    #[test]
    fn one_at_a_time_on_a_whole_server() {
        let (mut suspects, now) = (Suspects::default(), Time::ZERO);
        assert!(suspects.may_begin(now, 0, id(1)));
        assert!(suspects.may_begin(now, 0, id(1)), "it is the one");
        assert!(!suspects.may_begin(now, 0, id(2)));
        assert!(!suspects.may_begin(now, 1, id(1)), "the same entry of another service");
        suspects.ended(1, id(1));
        assert!(!suspects.take_freed() && !suspects.may_begin(now, 1, id(1)));
        suspects.ended(0, id(1));
        assert!(suspects.take_freed() && !suspects.take_freed());
        assert!(suspects.may_begin(now, 1, id(1)));
        assert_eq!(suspects.timeout(), Some(now + PATIENCE));
    }

    #[test]
    fn one_that_runs_for_a_minute_keeps_nobody_waiting_any_longer() {
        let (mut suspects, now) = (Suspects::default(), Time::ZERO);
        assert!(suspects.may_begin(now, 0, id(1)));
        assert!(!suspects.may_begin(now + (PATIENCE - Duration::from_nanos(1)), 0, id(2)));
        suspects.handle_timeout(now + PATIENCE);
        assert!(suspects.timeout().is_none() && suspects.take_freed());
        assert!(suspects.may_begin(now + PATIENCE, 0, id(2)));
        suspects.ended(0, id(1));
        assert!(!suspects.may_begin(now + PATIENCE, 0, id(3)), "it is another one's turn");
    }
}
