//! `cargo xtask sim`: simulated worlds.

use crate::process::{Outcome, cargo, run};

/// Builds and runs it, in the release profile: there are many worlds.
pub(crate) fn run_with(options: &[&str]) -> Outcome {
    run(cargo("run --quiet --release --package clamator-sim --").args(options))
}
