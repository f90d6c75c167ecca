//! What a client process is asked to do, and what it tells afterwards.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};

/// Calls to make, always `window` of them under way: each caller makes its next one when it has its reply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Order {
    pub(crate) window: usize,
    pub(crate) until: Until,
    #[serde(default)]
    pub(crate) what: What,
    /// Instead of callers that wait for their replies: so many calls begin in each second, whatever becomes of them.
    #[serde(default)]
    pub(crate) a_second: u64,
}

impl Order {
    pub(crate) fn new(window: usize, until: Until) -> Order {
        Order { window, until, what: What::Add, a_second: 0 }
    }

    pub(crate) fn what(self, what: What) -> Order {
        Order { what, ..self }
    }

    /// So many bytes of text go along and come back.
    pub(crate) fn payload(&self) -> usize {
        match self.what {
            What::Echo(bytes) => bytes,
            _ => 0,
        }
    }
}

/// What is called.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum What {
    /// Two numbers, and their sum.
    #[default]
    Add,
    /// So many bytes of text, in both directions.
    Echo(usize),
    /// A handler that takes so many milliseconds.
    Sleep(u64),
    /// A service with a stream and without a server: nobody answers. Not waited for; the tally is of what then waits.
    Nobody {
        /// Each call in a task of its own.
        tasks: bool,
    },
}

/// When the last call begins.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Until {
    Calls(u64),
    Millis(u64),
}

/// What became of an order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// Calls that had the right reply.
    pub(crate) calls: u64,
    /// Calls that had another outcome.
    pub(crate) errors: u64,
    /// The text of the first one.
    #[serde(default)]
    pub(crate) error: Option<String>,
    pub(crate) nanos: u64,
    pub(crate) p50_nanos: u64,
    pub(crate) p99_nanos: u64,
    pub(crate) max_nanos: u64,
    /// What the process' memory has grown by, if that was asked for.
    #[serde(default)]
    pub(crate) grown_bytes: u64,
}

/// Gives out permissions to call, to all callers of an order.
#[derive(Debug)]
pub(crate) struct Permits {
    left: AtomicU64,
    end: Option<Instant>,
}

impl Permits {
    pub(crate) fn of(order: &Order) -> Permits {
        match order.until {
            Until::Calls(calls) => Permits { left: calls.into(), end: None },
            Until::Millis(millis) => Permits {
                left: u64::MAX.into(),
                end: Some(Instant::now() + Duration::from_millis(millis)),
            },
        }
    }

    /// Whether another call may begin now.
    pub(crate) fn take(&self, now: Instant) -> bool {
        match self.end {
            Some(end) => now < end,
            None => {
                let less = |left: u64| left.checked_sub(1);
                self.left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less).is_ok()
            }
        }
    }
}

/// How long calls took, and which failed.
#[derive(Debug)]
pub(crate) struct Times {
    taken: Histogram<u64>,
    errors: u64,
    error: Option<String>,
}

impl Default for Times {
    fn default() -> Times {
        Times::new()
    }
}

impl Times {
    pub(crate) fn new() -> Times {
        // Exact to a thousandth, from a nanosecond to beyond a minute.
        let taken = Histogram::new_with_bounds(1, 100_000_000_000, 3);
        Times { taken: taken.expect("the bounds make sense"), errors: 0, error: None }
    }

    pub(crate) fn record(&mut self, taken: Duration) {
        self.taken.saturating_record(u64::try_from(taken.as_nanos()).unwrap_or(u64::MAX));
    }

    pub(crate) fn fail(&mut self, error: impl ToString) {
        self.errors += 1;
        self.error.get_or_insert_with(|| error.to_string());
    }

    /// The tally of an order that began then, and ends now.
    pub(crate) fn tally(self, began: Instant) -> Tally {
        Tally {
            calls: self.taken.len(),
            errors: self.errors,
            error: self.error,
            nanos: u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX),
            p50_nanos: self.taken.value_at_quantile(0.5),
            p99_nanos: self.taken.value_at_quantile(0.99),
            max_nanos: self.taken.max(),
            grown_bytes: 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_calls_are_permitted_as_were_asked_for() {
        let permits = Permits::of(&Order::new(2, Until::Calls(3)));
        let now = Instant::now();
        assert_eq!((0..10).filter(|_| permits.take(now)).count(), 3);
    }

    #[test]
    fn a_tally_tells_how_long_calls_took() {
        let mut times = Times::new();
        (0..99).for_each(|_| times.record(Duration::from_micros(10)));
        times.record(Duration::from_millis(5));
        times.fail("no");
        let tally = times.tally(Instant::now());
        assert_eq!((tally.calls, tally.errors, tally.error.as_deref()), (100, 1, Some("no")));
        assert!(tally.p50_nanos.abs_diff(10_000) <= 10, "{tally:?}");
        assert!(tally.max_nanos.abs_diff(5_000_000) <= 5_000, "{tally:?}");
    }
}
