//! The one surface of both state machines.

use crate::output::{LinkInput, Output};
use crate::time::Time;

/// Why a timer was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TimerReason {
    /// A call's deadline.
    CallDeadline,
    /// Something that failed is tried again.
    Retry,
    /// A connection is opened again, or was silent for too long.
    Connection,
    /// A stop's grace.
    Drain,
    /// A reply stream's time to live is renewed.
    ReplyStream,
    /// Entries that are held are renewed.
    Lease,
    /// Entries that others left behind are looked for.
    Reclaim,
    /// Done entries are removed.
    Retention,
    /// A suspect has kept the others waiting for long enough.
    Suspect,
}

/// A state machine of the protocol: [`ClientCore`](crate::ClientCore) or [`ServerCore`](crate::ServerCore).
///
/// One input, then all outputs, then the timer. Same inputs, same outputs. Time never goes back: an earlier `now`
/// counts as the latest one.
pub trait Machine {
    /// What the driver tells it.
    type Input;
    /// What only this role asks for.
    type Effect;

    /// Takes one input. Nothing that comes in makes it fail or panic.
    fn handle_input(&mut self, now: Time, input: Self::Input);

    /// The next thing to do. Ask until there is none.
    #[must_use]
    fn poll_output(&mut self) -> Option<Output<Self::Effect>>;

    /// When to give it a timeout, at the latest; asked for after every drain of the outputs.
    #[must_use]
    fn poll_timeout(&mut self) -> Option<(Time, TimerReason)>;

    /// How an answer of the link is told.
    #[must_use]
    fn link_input(input: LinkInput) -> Self::Input;

    /// How the coming of the timer is told.
    #[must_use]
    fn timeout_input() -> Self::Input;
}

/// The first of several timers; of those at the same time, the one that was named first.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Soonest(Option<(Time, TimerReason)>);

impl Soonest {
    #[inline]
    pub(crate) fn of(mut self, at: Option<Time>, reason: TimerReason) -> Soonest {
        if let Some(at) = at
            && self.0.is_none_or(|(first, _)| at < first)
        {
            self.0 = Some((at, reason));
        }
        self
    }

    #[inline]
    pub(crate) fn or(self, timer: Option<(Time, TimerReason)>) -> Soonest {
        timer.map_or(self, |(at, reason)| self.of(Some(at), reason))
    }

    pub(crate) fn timer(self) -> Option<(Time, TimerReason)> {
        self.0
    }
}
