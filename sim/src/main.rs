//! `cargo xtask sim`.

use std::process::ExitCode;

fn main() -> ExitCode {
    clamator_sim::program::main()
}
