//! The steps of `cargo xtask test`.

use std::process::Command;

use super::Options;
use crate::bugs;
use crate::counts::{self, Counted};
use crate::process::{Outcome, cargo, probe, run};
use crate::servers::use_server;
use crate::sim;
use crate::soak;
use crate::tidy;

/// One step, which can be run alone.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    /// Whether it runs tests, which need Redis and the peers.
    pub(crate) needs_setup: bool,
    pub(crate) run: fn(&Options) -> Outcome<Verdict>,
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
    Step { name: "counts", needs_setup: false, run: |_| call_costs() },
    Step { name: "sim", needs_setup: false, run: worlds },
    Step { name: "soak", needs_setup: true, run: fault_bench },
    Step { name: "bugs", needs_setup: true, run: peers_bugs },
    Step { name: "doctest", needs_setup: true, run: doc_tests },
    Step { name: "doc", needs_setup: false, run: |_| passes(&mut documentation()) },
    Step { name: "deny", needs_setup: false, run: |_| deny() },
];

const CLIPPY: &str = "clippy --workspace --all-targets --all-features -- -D warnings";

fn tests(options: &Options) -> Outcome<Verdict> {
    // Tests run the examples and the programs as they are built for a person.
    passes(&mut cargo("build --workspace --all-features --bins --examples"))?;
    let nextest = probe(&mut cargo("nextest --version")).is_some();
    let mut tests = cargo(test_command(nextest));
    if nextest {
        // Most of them wait: for a time to pass, for a server, for each other.
        let threads = std::thread::available_parallelism().map_or(2, usize::from) * 2;
        tests.arg(format!("--test-threads={threads}"));
    }
    passes(with_options(options, &mut tests))
}

fn test_command(nextest: bool) -> &'static str {
    if nextest {
        "nextest run --workspace --all-features"
    } else {
        // All targets but the benches; --no-fail-fast as in nextest's configuration.
        "test --workspace --all-features --no-fail-fast --lib --bins --tests"
    }
}

fn call_costs() -> Outcome<Verdict> {
    counts::run(false).map(|counted| match counted {
        Counted::Passed => Verdict::Passed,
        Counted::NotCompared(why) => Verdict::NotRun(why),
    })
}

/// The same ones each time, so that a commit passes or doesn't; `cargo xtask sim --from fresh` goes where nobody was.
fn worlds(options: &Options) -> Outcome<Verdict> {
    let seeds = if options.full { "1000000" } else { "20000" };
    sim::run_with(&["--seeds", seeds]).map(|()| Verdict::Passed)
}

/// With a fresh seed each time, which it prints: twenty seconds of load, or two minutes.
fn fault_bench(options: &Options) -> Outcome<Verdict> {
    let mut arguments = if options.full { vec!["--minutes", "2"] } else { Vec::new() };
    let program = options.redis_server.as_ref().map(|program| program.to_string_lossy());
    if let Some(program) = &program {
        arguments.extend(["--redis-server", program]);
    }
    soak::run_with(&arguments).map(|()| Verdict::Passed)
}

/// Builds much again for each bug, so that it isn't part of every run.
fn peers_bugs(options: &Options) -> Outcome<Verdict> {
    if !options.full {
        return Ok(Verdict::NotRun("only with --full; or alone: cargo xtask bugs"));
    }
    bugs::run(&[], options.redis_server.as_deref())?;
    bugs::run_simulated(&[]).map(|()| Verdict::Passed)
}

fn doc_tests(options: &Options) -> Outcome<Verdict> {
    passes(with_options(options, &mut cargo("test --workspace --all-features --doc")))
}

fn with_options<'a>(options: &Options, command: &'a mut Command) -> &'a mut Command {
    if options.full {
        command.env("CLAMATOR_FULL", "1");
    }
    match &options.redis_server {
        Some(program) => use_server(command, program),
        None => command,
    }
}

fn documentation() -> Command {
    let mut command = cargo("doc --workspace --all-features --no-deps");
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
