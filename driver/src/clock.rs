//! The process's clock, for runtimes that have none of their own, and the start that all count from.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use clamator_core::Time;

/// One start for every runtime of the process, so that they agree about the time. It lies an hour back: the clock of a runtime
/// may be paused, and then lags behind the machine's.
static START: LazyLock<Instant> = LazyLock::new(|| {
    let now = Instant::now();
    now.checked_sub(Duration::from_secs(60 * 60)).unwrap_or(now)
});

/// The time now.
#[must_use]
pub fn now() -> Time {
    Time::after_start(START.elapsed())
}

/// The same point in time, as the standard library knows it.
#[must_use]
pub fn instant(at: Time) -> Instant {
    // A time that the standard library can't tell lies further ahead than any timer goes.
    START
        .checked_add(at.since_start())
        .unwrap_or_else(|| *START + Duration::from_secs(60 * 60 * 24 * 365))
}
