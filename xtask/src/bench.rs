//! `cargo xtask bench`: the benchmark.

use crate::process::{Outcome, cargo, run};

/// Builds and runs it, in the release profile: what is measured is how fast it goes.
pub(crate) fn run_with(options: &[&str]) -> Outcome {
    run(cargo("run --quiet --release --package clamator-bench --").args(options))
}
