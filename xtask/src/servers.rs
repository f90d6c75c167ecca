//! `cargo xtask servers`: the same tests over other versions of Redis, and over Valkey.

use std::path::Path;
use std::process::Command;

use crate::process::{Outcome, cargo, probe, run};
use crate::setup::{self, Server};

/// What talks to a server, and what it is tested by.
const PACKAGES: &str =
    "-p clamator-redis -p clamator-memory -p clamator-tokio -p clamator-conformance --all-features";
/// The memory and the other executors' suites don't depend on the server's version.
const FILTER: &str =
    "not (package(clamator-conformance) and not (binary(tokio) or binary(foreign)))";

/// Fetches the servers and says where they are.
pub(crate) fn list() -> Outcome {
    for server in setup::servers()? {
        println!("{:<14} {}", server.version, server.program.display());
    }
    Ok(())
}

/// Runs the tests over each; all of them, even if one fails.
pub(crate) fn test() -> Outcome {
    if probe(&mut cargo("nextest --version")).is_none() {
        return Err("cargo-nextest is missing: `cargo install --locked cargo-nextest`".to_owned());
    }
    setup::run()?;
    let failed: Vec<String> = setup::servers()?
        .into_iter()
        .filter(|server| {
            println!("\n== {}", server.version);
            run(&mut tests_over(server)).is_err()
        })
        .map(|server| server.version)
        .collect();
    if failed.is_empty() {
        return Ok(());
    }
    Err(format!("tests failed over {}", failed.join(", ")))
}

fn tests_over(server: &Server) -> Command {
    let mut command = cargo(&format!("nextest run {PACKAGES} -E"));
    command.arg(FILTER);
    use_server(&mut command, &server.program);
    command
}

/// Has the tests start this server.
pub(crate) fn use_server<'a>(command: &'a mut Command, program: &Path) -> &'a mut Command {
    command.env("CLAMATOR_REDIS_SERVER", program)
}
