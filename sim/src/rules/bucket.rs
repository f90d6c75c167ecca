//! At most so many within any time.

/// A measure that each event fills and that time empties: it never holds more than `burst`, exactly if within any time `t` there
/// are at most `burst + rate · t` events.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bucket {
    level: f64,
    at: u64,
}

impl Bucket {
    /// Another one. Whether it is one too many; the rate is by second.
    pub(super) fn overflows(&mut self, now: u64, burst: f64, rate: f64) -> bool {
        let passed = now.saturating_sub(std::mem::replace(&mut self.at, now)) as f64 / 1e9;
        self.level = (self.level - passed * rate).max(0.0) + 1.0;
        self.level > burst + 1e-6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_as_are_allowed_fit_and_no_more() {
        let mut bucket = Bucket::default();
        let first = [0, 0, 0].map(|at| bucket.overflows(at, 2.0, 1.0));
        assert_eq!(first, [false, false, true]);
        let mut bucket = Bucket::default();
        assert!((0..100).all(|at| !bucket.overflows(at * 1_000_000_000, 1.0, 1.0)));
        assert!(bucket.overflows(99_500_000_000, 1.0, 1.0));
    }
}
