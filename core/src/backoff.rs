//! How long to wait before the next attempt.

use std::time::Duration;

use crate::options::BackoffOptions;
use crate::random::Random;

/// Waits that double from the least to the most, each less up to half of itself at random, so that many
/// instances that lost the same Redis don't come back as one.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    options: BackoffOptions,
    next: Duration,
}

impl Backoff {
    pub(crate) fn new(options: BackoffOptions) -> Backoff {
        // Not to wait at all would be to ask as fast as the machine can.
        let min = options.min.max(Duration::from_millis(1));
        let options = BackoffOptions { min, max: options.max.max(min) };
        Backoff { options, next: min }
    }

    /// The wait before the next attempt; the one after it will be twice as long.
    pub(crate) fn wait(&mut self, random: &mut Random) -> Duration {
        let whole = self.next.min(self.options.max);
        self.next = whole.saturating_mul(2).min(self.options.max);
        let half = u64::try_from(whole.as_nanos() / 2).unwrap_or(u64::MAX);
        whole - Duration::from_nanos(random.below(half.saturating_add(1)))
    }

    /// An attempt succeeded.
    pub(crate) fn reset(&mut self) {
        self.next = self.options.min;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn waits_double_from_100_ms_to_30_s_with_jitter() {
        let mut random = Random::new([5; 32]);
        let mut backoff = Backoff::new(BackoffOptions::default());
        let mut seen = Vec::new();
        for whole in [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 30_000, 30_000] {
            let wait = backoff.wait(&mut random);
            assert!(wait <= ms(whole) && wait >= ms(whole) / 2, "{wait:?} of {whole} ms");
            seen.push(wait != ms(whole));
        }
        assert!(seen.iter().any(|jittered| *jittered));
    }

    #[test]
    fn there_is_always_a_wait() {
        let mut random = Random::new([5; 32]);
        let none = BackoffOptions { min: Duration::ZERO, max: Duration::ZERO };
        let mut backoff = Backoff::new(none);
        for _ in 0..9 {
            assert!(backoff.wait(&mut random) >= Duration::from_micros(500));
        }
    }

    #[test]
    fn no_duration_breaks_it() {
        let mut random = Random::new([5; 32]);
        let mut backoff = Backoff::new(BackoffOptions { min: Duration::MAX, max: Duration::MAX });
        for _ in 0..9 {
            assert!(backoff.wait(&mut random) > Duration::from_secs(60));
        }
    }

    #[test]
    fn success_starts_over() {
        let mut random = Random::new([5; 32]);
        let mut backoff = Backoff::new(BackoffOptions::default());
        for _ in 0..9 {
            backoff.wait(&mut random);
        }
        backoff.reset();
        assert!(backoff.wait(&mut random) <= ms(100));
    }
}
