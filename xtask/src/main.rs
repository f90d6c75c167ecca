//! The project's tasks: `cargo xtask help` lists them.

mod bench;
mod bugs;
mod counts;
mod fuzz;
mod process;
mod servers;
mod setup;
mod sim;
mod soak;
mod test;
mod tidy;

use std::env;
use std::process::ExitCode;

const HELP: &str = "\
Usage: cargo xtask <task>

  setup                   fetches what the tests need and this machine lacks
  test [--full] [step]…   runs setup and all checks and tests, or only the named steps;
                          --full lets tests run longer (they see CLAMATOR_FULL=1)
      --redis-server PATH the server that tests start; default: redis-server
  servers                 fetches Redis 6.2, 8.2 and Valkey 9 into target/servers, and says where
  servers test            runs the tests that talk to Redis over each of them
  sim [option]…           lives through simulated worlds; sim --help shows its options
  soak [option]…          runs the fault bench; soak --help shows its options
  bench [option]…         runs the benchmark; bench --help shows its options
  counts [--update]       counts instructions and allocations of a call and compares them with counts/budgets.toml,
                          or writes them there
  fuzz [target] [--minutes N] [--keep]
                          throws at a fuzz target what reaches new code of it, or lists the targets
  bugs [number]…          puts the peers' bugs into a copy of the code, one by one; a test must fail for each
  bugs --sim [name]…      the same with bugs that simulated worlds must find
  tidy                    runs the project's own checks of its layout
  help                    shows this

Steps of test: ";

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let outcome = match arguments.as_slice() {
        ["setup"] => setup::run(),
        ["test", options @ ..] => match test::Plan::parse(options) {
            Ok(plan) => plan.run(),
            Err(message) => return misuse(&message),
        },
        ["servers"] => servers::list(),
        ["servers", "test"] => servers::test(),
        ["sim", options @ ..] => sim::run_with(options),
        ["soak", options @ ..] => soak::run_with(options),
        ["bench", options @ ..] => bench::run_with(options),
        ["counts", options @ ..] => counts::run_with(options),
        ["fuzz", options @ ..] => fuzz::run_with(options),
        ["bugs", "--sim", names @ ..] => bugs::run_simulated(names),
        ["bugs", numbers @ ..] => bugs::run(numbers, None),
        ["tidy"] => tidy::run(),
        ["help" | "--help" | "-h"] => {
            println!("{}", help());
            Ok(())
        }
        [] => return misuse("which task?"),
        _ => return misuse(&format!("there is no task `{}`", arguments.join(" "))),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn misuse(message: &str) -> ExitCode {
    eprintln!("error: {message}\n\n{}", help());
    ExitCode::from(2)
}

fn help() -> String {
    format!("{HELP}{}", test::step_names())
}
