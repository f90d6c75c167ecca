//! `clamator-conformance`: puts any implementation of the clamator wire to the test, as h2spec does for HTTP/2.

use std::process::ExitCode;

fn main() -> ExitCode {
    clamator_conformance::foreign::main(std::env::args_os().skip(1))
}
