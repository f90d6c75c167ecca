//! The fault bench: `cargo xtask soak`.
//!
//! Several servers and clients, each a process of its own (`server` and `client` are hidden subcommands of this program),
//! talk through a proxy with a real Redis. Faults drawn from a seed are done to all of them. Each process writes down what it
//! sees, and at the end the [proof] goes through that record. What counts as proof: `docs/adr/0014`.

mod args;
mod bench;
mod faults;
mod history;
mod kind;
mod load;
mod log;
mod processes;
mod proof;
mod proxy;
mod random;
mod record;
mod report;
mod rest;
mod role;
mod schedule;
mod serve;
mod setup;
mod sight;
mod vitals;
mod watch;

use std::env;
use std::process::ExitCode;

use args::Task;

/// A rule was violated.
const VIOLATED: u8 = 1;
/// The bench couldn't do its work.
const FAILED: u8 = 2;

fn main() -> ExitCode {
    let outcome = match args::parse(env::args_os().skip(1)) {
        Ok(Task::Bench(options)) => bench::run(&options),
        Ok(Task::Judge(folder)) => bench::judge(&folder),
        Ok(Task::Server(role)) => in_runtime(serve::run(&role)),
        Ok(Task::Client(role)) => in_runtime(load::run(&role)),
        Ok(Task::Help) => {
            print!("{}", args::HELP);
            Ok(true)
        }
        Err(error) => Err(format!("{error}; --help shows what there is")),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(VIOLATED),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::from(FAILED)
        }
    }
}

fn in_runtime(role: impl Future<Output = Result<(), String>>) -> Result<bool, String> {
    runtime()?.block_on(role).map(|()| true)
}

fn runtime() -> Result<tokio::runtime::Runtime, String> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(2).enable_all().build();
    runtime.map_err(|e| format!("tokio can't be started: {e}"))
}
