//! The benchmark: `cargo xtask bench`.
//!
//! It measures several ways to make a call, the [contenders](contender), interleaved in rounds. Each has a client and a server
//! in processes of their own ([`role`] says what these do) over one Redis. What is counted and how: `docs/performance.md`.

mod args;
mod contender;
mod docs;
mod floor;
mod grid;
mod measure;
mod order;
mod ours;
mod plot;
mod process;
mod progress;
mod report;
mod rivals;
mod role;
mod run;
mod sample;
mod scenario;
mod series;
mod site;

use std::env;
use std::process::ExitCode;

use args::Task;

fn main() -> ExitCode {
    let outcome = match args::parse(env::args_os().skip(1)) {
        Ok(Task::Bench(options)) => run::bench(&options),
        Ok(Task::Role(role)) => role::run(&role),
        Ok(Task::Help) => {
            print!("{}", args::help());
            Ok(())
        }
        Err(error) => Err(format!("{error}; --help shows what there is")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
