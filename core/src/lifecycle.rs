//! Idle → Starting → Running → Draining → Stopped, and what each request means in each phase.

use crate::time::Time;

/// Where a client or a server is in its life. There is no way back from `Stopped`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Not started yet, or a start failed.
    Idle,
    /// Connecting and setting up.
    Starting,
    /// At work.
    Running,
    /// Finishing what runs, up to a time.
    Draining {
        /// When what still runs is given up.
        until: Time,
    },
    /// Over.
    Stopped,
}

/// What a request to start leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnStart {
    /// Begin.
    Begin,
    /// Somebody else began: wait for the same outcome.
    Join,
    /// It runs already: nothing to do.
    Done,
    /// It was stopped: an error.
    Refuse,
}

/// What a request to stop leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnStop {
    /// Nothing ever ran: stopped at once.
    Finish,
    /// A start was under way: give it up.
    GiveUpStart,
    /// Finish what runs.
    Drain,
    /// Somebody else began: wait for the same outcome, at the earlier of both deadlines.
    Join,
    /// It was stopped already: nothing to do.
    Done,
}

impl Phase {
    /// | phase    | start  | stop        |
    /// |----------|--------|-------------|
    /// | Idle     | begin  | finish      |
    /// | Starting | join   | give up     |
    /// | Running  | done   | drain       |
    /// | Draining | refuse | join        |
    /// | Stopped  | refuse | done        |
    pub(crate) fn on_start(self) -> OnStart {
        match self {
            Phase::Idle => OnStart::Begin,
            Phase::Starting => OnStart::Join,
            Phase::Running => OnStart::Done,
            Phase::Draining { .. } | Phase::Stopped => OnStart::Refuse,
        }
    }

    /// See the table at [`on_start`](Phase::on_start).
    pub(crate) fn on_stop(self) -> OnStop {
        match self {
            Phase::Idle => OnStop::Finish,
            Phase::Starting => OnStop::GiveUpStart,
            Phase::Running => OnStop::Drain,
            Phase::Draining { .. } => OnStop::Join,
            Phase::Stopped => OnStop::Done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_and_stop_mean_what_the_table_says() {
        let draining = Phase::Draining { until: Time::ZERO };
        let table = [
            (Phase::Idle, OnStart::Begin, OnStop::Finish),
            (Phase::Starting, OnStart::Join, OnStop::GiveUpStart),
            (Phase::Running, OnStart::Done, OnStop::Drain),
            (draining, OnStart::Refuse, OnStop::Join),
            (Phase::Stopped, OnStart::Refuse, OnStop::Done),
        ];
        for (phase, on_start, on_stop) in table {
            assert_eq!(phase.on_start(), on_start, "start in {phase:?}");
            assert_eq!(phase.on_stop(), on_stop, "stop in {phase:?}");
        }
    }
}
