//! How many entries a service may hold: as many as it works off in a moment, so that a slow one doesn't hoard
//! what an idle neighbour in the pool could do at once.

use std::time::Duration;

/// What is held at once should be worked off within this.
pub(super) const HORIZON: Duration = Duration::from_millis(10);
/// Never hold more.
const MAX: u32 = 256;

/// The limit follows the time that handlers take; it starts at one entry and at most doubles from read to read.
#[derive(Clone, Debug)]
pub(crate) struct Prefetch {
    /// Nanoseconds that one entry takes, smoothed.
    each: Option<u64>,
    limit: u32,
}

impl Prefetch {
    pub(crate) fn new() -> Prefetch {
        Prefetch { each: None, limit: 1 }
    }

    /// A handler took this long.
    pub(crate) fn finished(&mut self, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let each = match self.each {
            None => took,
            // A slow one counts at once, fast ones little by little.
            Some(each) if took > each => each / 2 + took / 2,
            Some(each) => each - each / 8 + took / 8,
        };
        self.each = Some(each);
    }

    /// How many entries to ask for when `held` of them are here, or none: it is not yet worth a read.
    pub(crate) fn ask_for(&mut self, held: usize) -> Option<u32> {
        let held = u32::try_from(held).unwrap_or(u32::MAX);
        if held > self.limit / 2 {
            return None;
        }
        if let Some(each) = self.each {
            let horizon = u64::try_from(HORIZON.as_nanos()).unwrap_or(u64::MAX);
            let fits = u32::try_from(horizon / each.max(1)).unwrap_or(u32::MAX);
            self.limit = fits.clamp(1, MAX.min(self.limit * 2));
        }
        self.limit.checked_sub(held).filter(|count| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(took: Duration, times: usize) -> Prefetch {
        let mut prefetch = Prefetch::new();
        for _ in 0..times {
            prefetch.finished(took);
            prefetch.ask_for(0);
        }
        prefetch
    }

    #[test]
    fn the_first_read_asks_for_one_entry() {
        assert_eq!(Prefetch::new().ask_for(0), Some(1));
        assert_eq!(Prefetch::new().ask_for(1), None);
    }

    #[test]
    fn fast_handlers_let_it_double_up_to_256() {
        let mut prefetch = Prefetch::new();
        let mut asked = Vec::new();
        for _ in 0..10 {
            prefetch.finished(Duration::from_micros(1));
            asked.extend(prefetch.ask_for(0));
        }
        assert_eq!(asked, [2, 4, 8, 16, 32, 64, 128, 256, 256, 256]);
    }

    #[test]
    fn slow_handlers_hold_one_at_a_time() {
        let mut prefetch = after(Duration::from_millis(100), 5);
        assert_eq!(prefetch.ask_for(0), Some(1));
        assert_eq!(prefetch.ask_for(1), None);
    }

    #[test]
    fn what_is_held_stays_within_10_ms_of_work() {
        assert_eq!(after(Duration::from_millis(1), 10).ask_for(0), Some(10));
        assert_eq!(after(Duration::from_millis(1), 10).ask_for(5), Some(5));
        assert_eq!(after(Duration::from_millis(1), 10).ask_for(6), None);
    }

    #[test]
    fn one_slow_call_shrinks_it_at_once_and_fast_ones_grow_it_back() {
        let mut prefetch = after(Duration::from_micros(1), 10);
        prefetch.finished(Duration::from_secs(1));
        assert_eq!(prefetch.ask_for(0), Some(1));
        for _ in 0..200 {
            prefetch.finished(Duration::from_micros(1));
            prefetch.ask_for(0);
        }
        assert_eq!(prefetch.ask_for(0), Some(256));
    }

    #[test]
    fn no_duration_breaks_it() {
        let mut prefetch = Prefetch::new();
        for took in [Duration::MAX, Duration::ZERO, Duration::MAX] {
            prefetch.finished(took);
            assert!(prefetch.ask_for(usize::MAX).is_none());
            assert!(prefetch.ask_for(0).is_some());
        }
    }
}
