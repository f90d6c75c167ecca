//! `cargo xtask setup`: what the tests need and a fresh machine lacks.

mod apt;
mod python;
mod redis;
mod servers;
mod valgrind;

pub(crate) use servers::{Server, prepare as servers};

use crate::process::{Outcome, cargo, probe};

/// Does nothing that is done already, so that it costs nothing to run it before every test.
pub(crate) fn run() -> Outcome {
    rust_components()?;
    redis::prepare()?;
    valgrind::prepare();
    python::prepare()
}

fn rust_components() -> Outcome {
    for (command, component) in [("fmt --version", "rustfmt"), ("clippy --version", "clippy")] {
        if probe(&mut cargo(command)).is_none() {
            return Err(format!("{component} is missing: run `rustup component add {component}`"));
        }
    }
    Ok(())
}
