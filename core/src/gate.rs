//! Something that the store refuses for now: when it is tried again, and whether that was told.

use std::time::Duration;

use crate::backoff::Backoff;
use crate::options::BackoffOptions;
use crate::random::Random;
use crate::time::Time;

/// The store answers, so that asking costs little: the work goes on soon after it allows it again.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// What is refused is told once, until it goes well again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Told(bool);

impl Told {
    /// Whether this refusal is worth telling: the first one since it went well.
    pub(crate) fn tell(&mut self) -> bool {
        !std::mem::replace(&mut self.0, true)
    }

    pub(crate) fn went_well(&mut self) {
        self.0 = false;
    }
}

/// Shut after a refusal, for a wait that grows with every further one up to a second.
#[derive(Debug)]
pub(crate) struct Gate {
    backoff: Backoff,
    shut_until: Option<Time>,
    told: Told,
}

impl Gate {
    pub(crate) fn new(options: BackoffOptions) -> Gate {
        let max = options.max.min(LONGEST_WAIT);
        let backoff = Backoff::new(BackoffOptions { min: options.min, max });
        Gate { backoff, shut_until: None, told: Told::default() }
    }

    pub(crate) fn is_open(&self) -> bool {
        self.shut_until.is_none()
    }

    /// It was refused. Many commands that leave together and are refused together count once.
    pub(crate) fn shut(&mut self, now: Time, random: &mut Random) {
        if self.is_open() {
            self.shut_until = Some(now + self.backoff.wait(random));
        }
    }

    /// Whether this refusal is worth telling: the first one since it went well.
    pub(crate) fn tell(&mut self) -> bool {
        self.told.tell()
    }

    pub(crate) fn went_well(&mut self) {
        self.told.went_well();
        self.backoff.reset();
    }

    /// When it opens.
    pub(crate) fn timeout(&self) -> Option<Time> {
        self.shut_until
    }

    pub(crate) fn handle_timeout(&mut self, now: Time) {
        self.shut_until = self.shut_until.filter(|at| *at > now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_that_come_together_count_once_and_further_ones_make_the_wait_grow_up_to_a_second() {
        let (mut gate, mut random) = (Gate::new(BackoffOptions::default()), Random::new([1; 32]));
        let mut now = Time::ZERO;
        for whole in [100, 200, 400, 800, 1000, 1000] {
            for _ in 0..32 {
                gate.shut(now, &mut random);
            }
            let at = gate.timeout().unwrap();
            let whole = Duration::from_millis(whole);
            assert!(at - now <= whole && at - now >= whole / 2, "{:?} of {whole:?}", at - now);
            gate.handle_timeout(now);
            assert!(!gate.is_open());
            now = at;
            gate.handle_timeout(now);
            assert!(gate.is_open());
        }
    }

    #[test]
    fn a_refusal_is_told_once_until_it_goes_well_again() {
        let (mut gate, mut random) = (Gate::new(BackoffOptions::default()), Random::new([1; 32]));
        assert!(gate.tell());
        assert!(!gate.tell());
        gate.shut(Time::ZERO, &mut random);
        gate.went_well();
        assert!(gate.tell());
        assert!(!gate.is_open(), "what was refused waits all the same");
    }
}
