//! `cargo xtask soak`: the fault bench.

use crate::process::{Outcome, cargo, run};

/// Builds and runs it. In the dev profile: that is built by the tests already, and what is measured is whether nothing gets
/// lost, not how fast it goes.
pub(crate) fn run_with(options: &[&str]) -> Outcome {
    run(cargo("run --quiet --package clamator-soak --").args(options))
}
