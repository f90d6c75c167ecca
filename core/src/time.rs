//! The core's only notion of time: a value that the driver hands in.

use std::ops::{Add, Sub};
use std::time::Duration;

/// A point in time: nanoseconds since a start that the driver chose.
///
/// The core never reads a clock. Two `Time`s compare only if they come from the same driver.
///
/// ```
/// use clamator_core::Time;
/// use std::time::Duration;
///
/// let start = Time::ZERO;
/// let later = start + Duration::from_millis(20);
/// assert_eq!(later - start, Duration::from_millis(20));
/// assert_eq!(start - later, Duration::ZERO); // never negative, never a panic
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The driver's start.
    pub const ZERO: Time = Time(0);

    /// The time `nanos` nanoseconds after the driver's start.
    #[must_use]
    pub const fn from_nanos(nanos: u64) -> Time {
        Time(nanos)
    }

    /// Nanoseconds since the driver's start.
    #[must_use]
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The time `since_start` after the driver's start; saturates after 584 years.
    #[must_use]
    pub fn after_start(since_start: Duration) -> Time {
        Time::ZERO + since_start
    }

    /// How long after the driver's start.
    #[must_use]
    pub fn since_start(self) -> Duration {
        Duration::from_nanos(self.0)
    }
}

impl Add<Duration> for Time {
    type Output = Time;

    fn add(self, after: Duration) -> Time {
        let nanos = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
        Time(self.0.saturating_add(nanos))
    }
}

impl Sub for Time {
    type Output = Duration;

    fn sub(self, earlier: Time) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_and_durations_convert_exactly() {
        let at = Time::from_nanos(1_500_000_001);
        assert_eq!(at.as_nanos(), 1_500_000_001);
        assert_eq!(at.since_start(), Duration::from_nanos(1_500_000_001));
        assert_eq!(Time::after_start(at.since_start()), at);
    }

    #[test]
    fn nothing_overflows() {
        let last = Time::after_start(Duration::MAX);
        assert_eq!(last.as_nanos(), u64::MAX);
        assert_eq!(last + Duration::MAX, last);
        assert_eq!(Time::ZERO - last, Duration::ZERO);
    }
}
