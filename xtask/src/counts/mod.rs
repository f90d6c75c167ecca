//! `cargo xtask counts`: instructions and allocations of a call, against what they may be. Counts, not times: they are the same
//! on a busy machine.

mod budgets;
mod profile;
mod verdict;

use std::fs;
use std::process::Command;

use crate::process::{Outcome, cargo, output, probe, root, run as start};
use budgets::{Budgets, Figure, Tools};
use profile::{Profile, Shares};
use verdict::{Verdict, budget, judge};

/// Each scenario makes so many calls, and then twice as many: the difference is what they cost.
const CALLS: u32 = 8192;

const BUDGETS: &str = "counts/budgets.toml";

/// How a count that found nothing wrong ended.
#[derive(Debug)]
pub(crate) enum Counted {
    /// No figure is over its budget, or they were written.
    Passed,
    NotCompared(&'static str),
}

/// What one scenario came to.
struct Count {
    scenario: String,
    call: Profile,
}

pub(crate) fn run_with(options: &[&str]) -> Outcome {
    match options {
        [] => run(false).map(|_| ()),
        ["--update"] => run(true).map(|_| ()),
        _ => Err(format!("counts knows --update only, not `{}`", options.join(" "))),
    }
}

/// Counts, and compares with the budgets, or replaces them.
pub(crate) fn run(update: bool) -> Outcome<Counted> {
    let Some(valgrind) = probe(Command::new("valgrind").arg("--version")) else {
        println!("valgrind is not installed: `cargo xtask setup` installs it on Debian");
        return Ok(Counted::NotCompared("valgrind is not installed"));
    };
    let tools = tools(&valgrind)?;
    start(&mut program())?;
    let names = output(program_run(&tools, "").arg("--"))?;
    let counts: Vec<Count> =
        names.lines().map(|name| count(&tools, name)).collect::<Outcome<_>>()?;
    let figures: Vec<Figure> = counts.iter().flat_map(figures).collect();
    if update {
        let text = Budgets { tools, figures }.render();
        fs::write(root().join(BUDGETS), &text).map_err(|e| format!("{BUDGETS}: {e}"))?;
        print!("{text}");
        return Ok(Counted::Passed);
    }
    let text = fs::read_to_string(root().join(BUDGETS)).map_err(|e| format!("{BUDGETS}: {e}"))?;
    let budgets = Budgets::parse(&text)?;
    print!("{}", table(&budgets, &figures));
    tell(&judge(&budgets, &tools, &figures), &counts)
}

fn tools(valgrind: &str) -> Outcome<Tools> {
    let rustc = std::env::var_os("RUSTC").unwrap_or("rustc".into());
    let about = output(Command::new(rustc).arg("-vV").current_dir(root()))?;
    let libc = probe(Command::new("getconf").arg("GNU_LIBC_VERSION"));
    let line = |head: &str| about.lines().find_map(|line| line.strip_prefix(head));
    Ok(Tools {
        rustc: about.lines().next().unwrap_or_default().to_owned(),
        target: line("host: ").unwrap_or_default().to_owned(),
        valgrind: valgrind.trim().to_owned(),
        libc: libc.unwrap_or_default().trim().to_owned(),
    })
}

fn program() -> Command {
    cargo("build --quiet --release --package clamator-counts")
}

/// The program, run by `runner`.
fn program_run(tools: &Tools, runner: &str) -> Command {
    let mut command = cargo("run --quiet --release --package clamator-counts");
    if !runner.is_empty() {
        // Cargo knows where the program is, wherever it is told to build.
        let target = tools.target.to_uppercase().replace(['-', '.'], "_");
        command.env(format!("CARGO_TARGET_{target}_RUNNER"), runner);
    }
    command
}

fn count(tools: &Tools, scenario: &str) -> Outcome<Count> {
    let short = profile(tools, scenario, CALLS)?;
    let long = profile(tools, scenario, 2 * CALLS)?;
    let call = Profile::per_call(&short, &long, f64::from(CALLS));
    Ok(Count { scenario: scenario.to_owned(), call })
}

fn profile(tools: &Tools, scenario: &str, calls: u32) -> Outcome<Profile> {
    let folder = root().join("target/counts");
    fs::create_dir_all(&folder).map_err(|e| format!("{}: {e}", folder.display()))?;
    // Relative to where cargo runs it, as the words of a runner are split at spaces.
    let file = format!("target/counts/{scenario}.{calls}.out");
    let runner = format!("valgrind --quiet --tool=callgrind --callgrind-out-file={file}");
    start(program_run(tools, &runner).args(["--", scenario, &calls.to_string()]))?;
    let text = fs::read_to_string(root().join(&file)).map_err(|e| format!("{file}: {e}"))?;
    Profile::parse(&text).map_err(|e| format!("{file}: {e}"))
}

/// Rounded to what a person compares.
fn figures(count: &Count) -> [Figure; 2] {
    let Count { scenario, call } = count;
    let allocations = (call.allocations * 100.0).round() / 100.0;
    [
        Figure::new(scenario, "instructions", call.instructions.round()),
        Figure::new(scenario, "allocations", allocations),
    ]
}

fn table(budgets: &Budgets, figures: &[Figure]) -> String {
    let head = format!("{:<26}{:>10}{:>10}{:>8}\n", "a call costs", "counted", "budget", "ratio");
    let rows = figures.iter().map(|figure| {
        let name = format!("{} {}", figure.scenario, figure.unit);
        match budget(budgets, figure) {
            Some(budget) => {
                format!(
                    "{name:<26}{:>10}{budget:>10}{:>8.3}\n",
                    figure.value,
                    figure.value / budget
                )
            }
            None => format!("{name:<26}{:>10}{:>10}\n", figure.value, "none"),
        }
    });
    head + &rows.collect::<String>()
}

fn tell(verdict: &Verdict, counts: &[Count]) -> Outcome<Counted> {
    let (exceeded, better) = match verdict {
        Verdict::NotCompared(why) => {
            println!("NOT COMPARED: the budgets were counted with other tools: {why}");
            return Ok(Counted::NotCompared("the budgets are for other tools"));
        }
        Verdict::Compared { exceeded, better } => (exceeded, better),
    };
    for finding in better {
        println!("better than 5 %: {}; keep it: cargo xtask counts --update", finding.text);
    }
    for count in counts.iter().filter(|it| exceeded.iter().any(|e| e.scenario == it.scenario)) {
        println!(
            "\n{}: instructions of the functions themselves, without what they call",
            count.scenario
        );
        print!("{}", list(&count.call.functions));
        println!("{}: allocations by who asks for them", count.scenario);
        print!("{}", list(&count.call.askers));
    }
    if exceeded.is_empty() {
        return Ok(Counted::Passed);
    }
    let findings = exceeded.iter().map(|finding| format!("\n  {}", finding.text));
    Err(format!(
        "{} figure(s) over budget{}\nif that is meant to be: cargo xtask counts --update",
        exceeded.len(),
        findings.collect::<String>()
    ))
}

fn list(shares: &Shares) -> String {
    shares.top(10).iter().map(|(name, share)| format!("{share:>10.2}  {name}\n")).collect()
}
