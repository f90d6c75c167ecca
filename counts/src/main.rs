//! `clamator-counts SCENARIO CALLS` makes so many calls and says nothing; without arguments it lists the scenarios. It is run
//! by `cargo xtask counts`.

use std::env;
use std::process::ExitCode;

use clamator_counts::{SCENARIOS, Scenario};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.is_empty() {
        SCENARIOS.iter().for_each(|scenario| println!("{}", scenario.name));
        return ExitCode::SUCCESS;
    }
    if let [name, calls] = arguments.as_slice()
        && let (Some(scenario), Ok(calls)) = (Scenario::named(name), calls.parse())
    {
        scenario.run(calls);
        return ExitCode::SUCCESS;
    }
    eprintln!("Usage: clamator-counts [SCENARIO CALLS]");
    ExitCode::from(2)
}
