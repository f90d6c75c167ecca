//! Where all chance in a world comes from: one seed.

use std::ops::Range;

/// A stream of draws. The same seed gives the same draws.
#[derive(Clone, Debug)]
pub(crate) struct Dice {
    source: fastrand::Rng,
}

impl Dice {
    pub(crate) fn new(seed: u64) -> Dice {
        // Neighbouring seeds must not give similar worlds.
        let mut source = fastrand::Rng::with_seed(seed ^ 0x9e37_79b9_7f4a_7c15);
        source.u64(..);
        Dice { source }
    }

    /// Dice of their own for a part of the world, so that what one part draws changes nothing for the others.
    pub(crate) fn fork(&mut self) -> Dice {
        Dice::new(self.source.u64(..))
    }

    /// True in so many of a thousand cases.
    pub(crate) fn per_mille(&mut self, chance: u32) -> bool {
        self.source.u32(0..1000) < chance
    }

    /// A number of the range, which must not be empty.
    pub(crate) fn number(&mut self, range: Range<u64>) -> u64 {
        self.source.u64(range)
    }

    /// An index below `len`, which must not be zero.
    pub(crate) fn index(&mut self, len: usize) -> usize {
        self.source.usize(0..len)
    }

    pub(crate) fn seed(&mut self) -> [u8; 32] {
        let mut seed = [0; 32];
        self.source.fill(&mut seed);
        seed
    }

    /// Small numbers are as likely as large ones: uniform in the logarithm.
    pub(crate) fn scaled(&mut self, range: Range<u64>) -> u64 {
        let (low, high) = (range.start.max(1) as f64, range.end.max(2) as f64);
        let drawn = (low.ln() + (high.ln() - low.ln()) * self.source.f64()).exp();
        (drawn as u64).clamp(range.start, range.end - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_draws_and_another_one_others() {
        let draws = |seed| {
            let mut dice = Dice::new(seed);
            let mut forked = dice.fork();
            (0..8).map(|_| (dice.number(0..1000), forked.index(1000))).collect::<Vec<_>>()
        };
        assert_eq!(draws(7), draws(7));
        assert_ne!(draws(7), draws(8));
    }

    #[test]
    fn scaled_draws_stay_in_their_range_and_favour_neither_end() {
        let mut dice = Dice::new(1);
        let draws: Vec<_> = (0..1000).map(|_| dice.scaled(1..1_000_000)).collect();
        assert!(draws.iter().all(|it| (1..1_000_000).contains(it)));
        let small = draws.iter().filter(|it| **it < 1000).count();
        assert!((400..600).contains(&small), "{small} of 1000 are below 1000");
    }
}
