//! How many entries a service may hold: as many as its slots work off in a moment, and as many as could run at once, so that
//! no slot is idle, and a slow service doesn't hoard what an idle neighbour in the pool could do at once.

use std::time::Duration;

/// What is held at once should be worked off within this.
pub(super) const HORIZON: Duration = Duration::from_millis(10);
/// Where many run at once, as many may wait behind them as begin while a read takes its way, so often: a slot that becomes free
/// needn't wait for one.
const TRIPS: u64 = 2;
/// But no more than one for so many slots, and only behind handlers that take no longer than this: if all of them have just
/// begun, that is how long it waits, while a neighbour in the pool may be idle.
const SLOTS_A_LEAD: usize = 4;
const LEAD_UP_TO: Duration = Duration::from_millis(20);
/// Never have more waiting, but for what can run at once.
const MAX: usize = 256;

/// What a service has to do.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Load {
    /// How many handlers may run at once.
    pub(crate) slots: usize,
    /// How many have run for longer than the horizon: nobody knows for how much longer.
    pub(crate) stuck: usize,
    /// How many run, those included.
    pub(crate) running: usize,
    /// How many entries wait.
    pub(crate) waiting: usize,
    /// How many of them could run next to what runs.
    pub(crate) startable: usize,
}

/// The limit follows the time that handlers take; it starts at one entry and at most doubles from read to read.
#[derive(Clone, Debug)]
pub(crate) struct Prefetch {
    /// Nanoseconds that one entry takes, smoothed.
    each: Option<u64>,
    /// Nanoseconds that a read takes, while reads bring all that they ask for: there is more, and they don't wait for it.
    trip: u64,
    limit: usize,
}

impl Prefetch {
    pub(crate) fn new() -> Prefetch {
        Prefetch { each: None, trip: 0, limit: 1 }
    }

    /// A handler took this long.
    pub(crate) fn finished(&mut self, took: Duration) {
        let took = nanos(took);
        let each = match self.each {
            None => took,
            // A slow one counts at once, fast ones little by little.
            Some(each) if took > each => each / 2 + took / 2,
            Some(each) => each - each / 8 + took / 8,
        };
        self.each = Some(each);
    }

    /// A read that asked for so many entries brought these after this time.
    pub(crate) fn read(&mut self, asked: u32, came: usize, took: Duration) {
        if usize::try_from(asked).is_ok_and(|asked| came < asked) {
            self.trip = 0;
        } else if came > 1 {
            // A single one may have been waited for.
            self.trip = nanos(took);
        }
    }

    /// How many entries to ask for, or none: it is not yet worth a read.
    pub(crate) fn ask_for(&mut self, load: Load) -> Option<u32> {
        // What is stuck works nothing off.
        let moving = load.slots.saturating_sub(load.stuck);
        if moving == 0 {
            return None;
        }
        let idle = load.slots.saturating_sub(load.running).saturating_sub(load.startable);
        let held = load.waiting + load.running.saturating_sub(load.stuck);
        let ahead = self.ahead(held, moving);
        // Behind lanes that are busy, or stuck, no more may wait than that.
        let room = MAX.max(load.slots).saturating_sub(load.waiting);
        // Slots that are free come first: what they leave is read ahead.
        let lead = if idle == 0 { self.lead(load.waiting, moving) } else { 0 };
        let count = ahead.max(idle).max(lead).min(room);
        u32::try_from(count).ok().filter(|count| *count > 0)
    }

    /// How many more entries so many slots begin while reads take their way. None while more than half of them are here.
    fn lead(&self, waiting: usize, slots: usize) -> usize {
        let short = self.each.filter(|each| *each <= nanos(LEAD_UP_TO));
        let trips = self.trip.saturating_mul(TRIPS);
        let lead = short.map_or(0, |each| fit(trips, slots, each).min(slots / SLOTS_A_LEAD));
        if waiting > lead / 2 { 0 } else { lead - waiting }
    }

    /// How many more entries so many slots work off within the horizon. None while more than half of them are here.
    fn ahead(&mut self, held: usize, slots: usize) -> usize {
        if held > self.limit / 2 {
            return 0;
        }
        if let Some(each) = self.each {
            self.limit = fit(nanos(HORIZON), slots, each).clamp(1, MAX.min(self.limit * 2));
        }
        self.limit.saturating_sub(held)
    }
}

/// How many entries that take `each` nanoseconds so many slots work off within so many.
fn fit(within: u64, slots: usize, each: u64) -> usize {
    let work = within.saturating_mul(slots as u64);
    usize::try_from(work / each.max(1)).unwrap_or(usize::MAX)
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A service that runs one at a time.
    fn serial(held: usize) -> Load {
        let running = held.min(1);
        let startable = 0;
        Load { slots: 1, stuck: 0, running, waiting: held - running, startable }
    }

    /// One that runs 64 at a time, and so many of them now.
    fn wide(running: usize, stuck: usize) -> Load {
        Load { slots: 64, stuck, running, waiting: 0, startable: 0 }
    }

    fn after(took: Duration, times: usize) -> Prefetch {
        let mut prefetch = Prefetch::new();
        for _ in 0..times {
            prefetch.finished(took);
            prefetch.ask_for(serial(0));
        }
        prefetch
    }

    #[test]
    fn the_first_read_asks_for_one_entry() {
        assert_eq!(Prefetch::new().ask_for(serial(0)), Some(1));
        assert_eq!(Prefetch::new().ask_for(serial(1)), None);
    }

    #[test]
    fn fast_handlers_let_it_double_up_to_256() {
        let mut prefetch = Prefetch::new();
        let mut asked = Vec::new();
        for _ in 0..10 {
            prefetch.finished(Duration::from_micros(1));
            asked.extend(prefetch.ask_for(serial(0)));
        }
        assert_eq!(asked, [2, 4, 8, 16, 32, 64, 128, 256, 256, 256]);
    }

    #[test]
    fn slow_handlers_hold_one_at_a_time() {
        let mut prefetch = after(Duration::from_millis(100), 5);
        assert_eq!(prefetch.ask_for(serial(0)), Some(1));
        assert_eq!(prefetch.ask_for(serial(1)), None);
    }

    #[test]
    fn what_is_held_stays_within_10_ms_of_work() {
        assert_eq!(after(Duration::from_millis(1), 10).ask_for(serial(0)), Some(10));
        assert_eq!(after(Duration::from_millis(1), 10).ask_for(serial(5)), Some(5));
        assert_eq!(after(Duration::from_millis(1), 10).ask_for(serial(6)), None);
    }

    #[test]
    fn one_slow_call_shrinks_it_at_once_and_fast_ones_grow_it_back() {
        let mut prefetch = after(Duration::from_micros(1), 10);
        prefetch.finished(Duration::from_secs(1));
        assert_eq!(prefetch.ask_for(serial(0)), Some(1));
        for _ in 0..200 {
            prefetch.finished(Duration::from_micros(1));
            prefetch.ask_for(serial(0));
        }
        assert_eq!(prefetch.ask_for(serial(0)), Some(256));
    }

    #[test]
    fn nothing_is_read_behind_a_handler_that_is_stuck() {
        let mut prefetch = after(Duration::from_micros(1), 10);
        assert_eq!(prefetch.ask_for(serial(1)), Some(255));
        assert_eq!(prefetch.ask_for(Load { stuck: 1, ..serial(1) }), None);
    }

    #[test]
    fn free_slots_always_ask_for_more_and_slots_that_are_taken_never_hoard() {
        // (how long a handler takes in ms, what is under way, how many are asked for)
        let table = [
            (1000, wide(0, 0), Some(64)),
            (1000, wide(63, 0), Some(1)),
            (1000, wide(63, 63), Some(1)),
            (1000, wide(40, 30), Some(24)),
            (1000, wide(64, 0), None),
            (1000, wide(64, 63), None),
            (1000, wide(64, 64), None),
            (1000, Load { waiting: 3, startable: 3, ..wide(60, 60) }, Some(1)),
            (1000, Load { waiting: 4, startable: 4, ..wide(60, 60) }, None),
            // 64 slots work off 128 of 5 ms in 10 ms; 4 of them work off 8.
            (5, wide(0, 0), Some(128)),
            (5, wide(64, 0), Some(64)),
            (5, wide(64, 60), Some(4)),
        ];
        for (ms, load, expected) in table {
            let mut prefetch = after(Duration::from_millis(ms), 1);
            for _ in 0..8 {
                prefetch.ask_for(wide(0, 0));
            }
            assert_eq!(prefetch.ask_for(load), expected, "{ms} ms, {load:?}");
        }
    }

    #[test]
    fn where_many_run_at_once_a_few_wait_for_the_next_free_slot() {
        // (how long a handler takes in ms, how many wait behind 64 that run, how many are asked for)
        for (ms, waiting, expected) in
            [(10, 0, Some(12)), (10, 6, Some(6)), (10, 7, None), (20, 0, Some(6)), (21, 0, None)]
        {
            let mut prefetch = after(Duration::from_millis(ms), 1);
            for _ in 0..8 {
                prefetch.ask_for(wide(0, 0));
            }
            let load = Load { waiting, ..wide(64, 0) };
            assert_eq!(prefetch.ask_for(load), None, "nothing is known of reads");
            prefetch.read(64, 64, Duration::from_millis(1));
            assert_eq!(prefetch.ask_for(load), expected, "{ms} ms, {waiting}");
            let stuck = Load { waiting, ..wide(64, 64) };
            assert_eq!(prefetch.ask_for(stuck), None, "behind what is stuck nothing waits");
            assert_eq!(prefetch.ask_for(wide(63, 0)), Some(1), "slots that are free come first");
            prefetch.read(64, 63, Duration::from_millis(1));
            assert_eq!(
                prefetch.ask_for(load),
                None,
                "there is no more: it is left to the neighbours"
            );
        }
    }

    #[test]
    fn a_read_that_takes_long_brings_no_more_than_a_quarter_ahead_and_where_few_run_nothing() {
        for (slots, expected) in [(64, Some(16)), (4, Some(1)), (3, None), (1, None)] {
            let mut prefetch = after(Duration::from_millis(15), 1);
            prefetch.read(1, 1, Duration::from_secs(1));
            let load = Load { slots, running: slots, ..Load::default() };
            assert_eq!(prefetch.ask_for(load), None, "one entry may have been waited for");
            prefetch.read(2, 2, Duration::from_secs(1));
            assert_eq!(prefetch.ask_for(load), expected, "{slots}");
        }
    }

    #[test]
    fn lanes_that_are_busy_let_256_wait_behind_them() {
        let behind = |waiting| Load { waiting, ..wide(1, 1) };
        let mut prefetch = after(Duration::from_secs(1), 5);
        assert_eq!(prefetch.ask_for(behind(192)), Some(63), "there may be other keys among them");
        assert_eq!(prefetch.ask_for(behind(250)), Some(6));
        assert_eq!(prefetch.ask_for(behind(256)), None);
    }

    #[test]
    fn no_duration_breaks_it() {
        let mut prefetch = Prefetch::new();
        for took in [Duration::MAX, Duration::ZERO, Duration::MAX] {
            prefetch.finished(took);
            assert!(prefetch.ask_for(serial(usize::MAX)).is_none());
            assert!(prefetch.ask_for(serial(0)).is_some());
        }
    }
}
