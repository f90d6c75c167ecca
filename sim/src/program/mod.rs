//! The program behind `cargo xtask sim`.

mod args;
mod minimise;
mod output;
mod progress;
mod search;

use std::process::ExitCode;

use crate::plan::Plan;
use crate::world::{self, Report};
use args::Args;

const HELP: &str = "\
Lives through simulated worlds, one for each seed, and stops at the first in which a rule is broken.

    cargo xtask sim [--seeds N] [--from S]

    --seeds N        so many worlds (1000)
    --from S         the first seed (0); `fresh` for one that nobody has seen
    --threads N      on so many threads (one for each core)
    --minimise       make a world that breaks a rule as small as possible
    --faults A,B     leave out all faults but these, by their numbers
    --calls A,B      leave out all calls but these, by their numbers
    --go-on          don't stop at the first world that breaks a rule: a line for each
    --whole          tell the whole story, not only that of the call in question
    --tell           tell the story even if no rule is broken
";

/// Runs it. Fails if a rule was broken.
pub fn main() -> ExitCode {
    let args = match args::read() {
        Ok(Some(args)) => args,
        Ok(None) => {
            output::say(HELP);
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("{error}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    if args.tell {
        let plan = args.plan(args.from);
        print_story(&world::run(&plan, true), args.whole);
    }
    let found = search::search(&args);
    output::line(&found.summary());
    let Some(seed) = found.broken else { return ExitCode::SUCCESS };
    if args.go_on {
        return ExitCode::FAILURE;
    }
    explain(&args, seed);
    ExitCode::FAILURE
}

/// Tells how a rule was broken, and how to see it again.
fn explain(args: &Args, seed: u64) {
    let mut kept = (args.faults.clone(), args.calls.clone());
    if args.minimise {
        kept = minimise::minimise(&args.plan(seed), kept);
    }
    let plan = Plan::draw(seed).only(kept.0.as_deref(), kept.1.as_deref());
    let (report, again) = (world::run(&plan, true), world::run(&plan, false));
    let only = list("faults", &kept.0) + &list("calls", &kept.1);
    if report.fingerprint != again.fingerprint || report.violation != again.violation {
        return output::line(&format!(
            "seed {seed}{only} gives two different worlds: something in it doesn't follow from the seed"
        ));
    }
    let Some(violation) = &report.violation else {
        return output::line(&format!(
            "seed {seed}{only}: no rule is broken this time: the first time, something in it didn't follow from the seed"
        ));
    };
    output::line(&format!("\nseed {seed}: a rule is broken\n\n  {}", violation.rule));
    let at = violation.at as f64 / 1e9;
    output::line(&format!("  at {at:.6} s: {}\n", violation.what));
    print_story(&report, args.whole);
    output::line(&format!("\nagain: cargo xtask sim --from {seed} --seeds 1{only}"));
    if !args.minimise {
        output::line(&format!("smaller: cargo xtask sim --from {seed} --seeds 1{only} --minimise"));
    }
}

/// What is kept, as an argument.
fn list(name: &str, kept: &Option<Vec<usize>>) -> String {
    let numbers =
        |kept: &Vec<usize>| kept.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
    kept.as_ref().map_or(String::new(), |kept| format!(" --{name} {}", numbers(kept)))
}

fn print_story(report: &Report, whole: bool) {
    if let Some(story) = &report.story {
        let of = report.violation.as_ref().and_then(|violation| violation.call);
        output::say(&story.print(&report.names, of.filter(|_| !whole)));
    }
}
