//! The process's clock, for runtimes that have none of their own.

use std::sync::LazyLock;
use std::time::Instant;

use clamator_core::Time;

/// One start for every runtime of the process, so that they agree about the time.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The time now.
#[must_use]
pub fn now() -> Time {
    Time::after_start(START.elapsed())
}

/// The same point in time, as the standard library knows it.
#[must_use]
pub fn instant(at: Time) -> Instant {
    // A time that the standard library can't tell lies further ahead than any timer goes.
    START.checked_add(at.since_start()).unwrap_or_else(|| {
        *START + std::time::Duration::from_secs(60 * 60 * 24 * 365)
    })
}
