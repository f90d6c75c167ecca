//! The Rust driver program for cross-language tests: it serves or calls the service `conf`, on any of the runtimes.
//!
//! ```text
//! clamator-peer server --redis URL --prefix P [--instance ID] [--claim-idle-ms N] [--reply-maxlen N]
//! clamator-peer client --redis URL --prefix P [--instance ID] [--timeout-ms N]
//! ```
//!
//! Both take `--runtime tokio|smol|async-std`. The server prints `READY` once it serves and stops on `SIGTERM`. The client
//! reads one JSON object a line on its input and writes one a line on its output as each call settles.

mod client;
mod conf;
mod options;
mod runtimes;
mod server;

use std::process::ExitCode;

use options::{Options, Role, RuntimeName};

fn main() -> ExitCode {
    let options = match Options::parse(lexopt::Parser::from_env()) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("error: {error}\n\n{}", options::HELP);
            return ExitCode::from(2);
        }
    };
    let outcome = match options.runtime {
        RuntimeName::Tokio => runtimes::tokio::run(&options),
        RuntimeName::Smol => runtimes::smol::run(&options),
        RuntimeName::AsyncStd => runtimes::async_std::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
