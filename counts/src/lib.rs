//! Calls from end to end on one thread, without a clock or I/O, so that each run costs the same: what `cargo xtask counts`
//! counts, and holds against `counts/budgets.toml`.

mod cores;
mod side;
mod stack;

/// What is called, and how many calls are under way.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// What it is asked for by.
    pub name: &'static str,
    window: usize,
    run: fn(calls: usize, window: usize),
}

/// All there are. In each, `arith.add` of one serial service is called.
pub const SCENARIOS: [Scenario; 4] = [
    Scenario { name: "core-256", window: 256, run: cores::run },
    Scenario { name: "core-1", window: 1, run: cores::run },
    Scenario { name: "memory-256", window: 256, run: stack::run },
    Scenario { name: "memory-1", window: 1, run: stack::run },
];

impl Scenario {
    /// The one of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Scenario> {
        SCENARIOS.into_iter().find(|scenario| scenario.name == name)
    }

    /// Makes so many calls.
    ///
    /// # Panics
    ///
    /// If a call doesn't bring the sum.
    pub fn run(self, calls: usize) {
        (self.run)(calls, self.window);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_scenario_makes_its_calls() {
        for scenario in SCENARIOS {
            // Neither a multiple of the window nor more than one of it.
            for calls in [1, 255, 300, 1000] {
                scenario.run(calls);
            }
        }
    }

    #[test]
    fn scenarios_are_found_by_their_names() {
        assert_eq!(Scenario::named("core-1").unwrap().window, 1);
        assert!(Scenario::named("core-2").is_none());
    }
}
