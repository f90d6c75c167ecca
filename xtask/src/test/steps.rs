//! The steps of `cargo xtask test`.

use std::process::Command;

use crate::process::{Outcome, cargo, probe, run};
use crate::soak;
use crate::tidy;

/// One step, which can be run alone.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    /// Whether it runs tests, which need Redis and the peers.
    pub(crate) needs_setup: bool,
    /// Its argument says whether tests may take longer.
    pub(crate) run: fn(full: bool) -> Outcome<Verdict>,
}

/// How a step that didn't fail ended.
#[derive(Debug)]
pub(crate) enum Verdict {
    Passed,
    NotRun(&'static str),
}

/// What fails fastest comes first.
pub(crate) const STEPS: &[Step] = &[
    Step { name: "fmt", needs_setup: false, run: |_| passes(&mut cargo("fmt --all --check")) },
    Step { name: "tidy", needs_setup: false, run: |_| tidy::run().map(|()| Verdict::Passed) },
    Step { name: "clippy", needs_setup: false, run: |_| passes(&mut cargo(CLIPPY)) },
    Step { name: "test", needs_setup: true, run: tests },
    Step { name: "soak", needs_setup: true, run: fault_bench },
    Step { name: "doctest", needs_setup: true, run: doc_tests },
    Step { name: "doc", needs_setup: false, run: |_| passes(&mut documentation()) },
    Step { name: "deny", needs_setup: false, run: |_| deny() },
];

const CLIPPY: &str = "clippy --workspace --all-targets --all-features -- -D warnings";

fn tests(full: bool) -> Outcome<Verdict> {
    // Tests run the examples and the programs as they are built for a person.
    passes(&mut cargo("build --workspace --bins --examples"))?;
    let nextest = probe(&mut cargo("nextest --version")).is_some();
    passes(with_length(full, &mut cargo(test_command(nextest))))
}

fn test_command(nextest: bool) -> &'static str {
    if nextest {
        "nextest run --workspace"
    } else {
        // All targets but the benches; --no-fail-fast as in nextest's configuration.
        "test --workspace --no-fail-fast --lib --bins --tests"
    }
}

/// With a fresh seed each time, which it prints: twenty seconds of load, or two minutes.
fn fault_bench(full: bool) -> Outcome<Verdict> {
    let options: &[&str] = if full { &["--minutes", "2"] } else { &[] };
    soak::run_with(options).map(|()| Verdict::Passed)
}

fn doc_tests(full: bool) -> Outcome<Verdict> {
    passes(with_length(full, &mut cargo("test --workspace --doc")))
}

fn with_length(full: bool, command: &mut Command) -> &mut Command {
    if full { command.env("CLAMATOR_FULL", "1") } else { command }
}

fn documentation() -> Command {
    let mut command = cargo("doc --workspace --no-deps");
    command.env("RUSTDOCFLAGS", "-D warnings");
    command
}

fn deny() -> Outcome<Verdict> {
    if probe(&mut cargo("deny --version")).is_none() {
        println!("cargo-deny is not installed: `cargo install --locked cargo-deny`");
        return Ok(Verdict::NotRun("cargo-deny is not installed"));
    }
    passes(&mut cargo("deny check bans licenses sources"))
}

fn passes(command: &mut Command) -> Outcome<Verdict> {
    run(command).map(|()| Verdict::Passed)
}
