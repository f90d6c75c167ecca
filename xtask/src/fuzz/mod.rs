//! `cargo xtask fuzz`: coverage-guided fuzzing with libFuzzer, on the stable toolchain.

mod build;
mod corpus;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::{Outcome, cargo, output, probe, root, run};

/// What was found is kept here: new inputs, and what failed.
const FOUND: &str = "target/fuzz";
/// What the repository has.
const CORPUS: &str = "fuzz/corpus";

/// What was asked for.
#[derive(Debug, PartialEq)]
struct Order<'a> {
    target: &'a str,
    seconds: u64,
    keep: bool,
}

pub(crate) fn run_with(options: &[&str]) -> Outcome {
    match options {
        [] => list(),
        [target, options @ ..] => fuzz(&parse(target, options)?),
    }
}

fn parse<'a>(target: &'a str, options: &[&str]) -> Outcome<Order<'a>> {
    let mut order = Order { target, seconds: 60, keep: false };
    let mut options = options.iter();
    while let Some(option) = options.next() {
        match *option {
            "--minutes" => {
                let minutes = options.next().and_then(|number| number.parse::<f64>().ok());
                let minutes = minutes.filter(|minutes| (0.01..=100_000.0).contains(minutes));
                let minutes = minutes.ok_or("--minutes needs a number, such as 10 or 0.5")?;
                order.seconds = (minutes * 60.0).ceil() as u64;
            }
            "--keep" => order.keep = true,
            other => return Err(format!("fuzz knows --minutes N and --keep, not `{other}`")),
        }
    }
    Ok(order)
}

/// The targets, as their program lists them.
fn list() -> Outcome {
    println!("Usage: cargo xtask fuzz TARGET [--minutes N] [--keep]\n");
    print!("{}", targets()?);
    Ok(())
}

fn targets() -> Outcome<String> {
    output(&mut cargo("run --quiet --package clamator-fuzz"))
}

fn fuzz(order: &Order<'_>) -> Outcome {
    let target = order.target;
    let known = targets()?;
    let line = known.lines().find(|line| line.split_whitespace().next() == Some(target));
    let Some(line) = line else {
        return Err(format!("there is no target `{target}`; there are\n{known}"));
    };
    let max_len = line.split_whitespace().nth(1).unwrap_or("4096");
    let fuzzer = build::fuzzer()?;
    let folder = root().join(FOUND).join(target);
    let scratch = folder.join("corpus");
    fs::create_dir_all(&scratch).map_err(|e| format!("{}: {e}", scratch.display()))?;
    let mut command = libfuzzer(&fuzzer, target, max_len);
    command.arg(format!("-max_total_time={}", order.seconds));
    command.args([
        "-print_final_stats=1",
        "-timeout=10",
        "-rss_limit_mb=1024",
        "-use_value_profile=1",
        "-len_control=10",
    ]);
    command.arg(format!("-artifact_prefix={}/", folder.display()));
    command.args([&scratch, &root().join(CORPUS).join(target)]);
    let outcome = run(&mut command);
    for failure in failures(&folder)? {
        tell_failure(&failure, start(&fuzzer, target), target);
    }
    outcome?;
    let merged = folder.join("merged");
    let kept = root().join(CORPUS).join(target);
    corpus::merge(libfuzzer(&fuzzer, target, max_len), &merged, &[&kept, &scratch])?;
    if order.keep {
        corpus::replace(&kept, &merged)
    } else {
        println!(
            "a smaller corpus of the same coverage: {}; --keep puts it into {CORPUS}",
            merged.display()
        );
        Ok(())
    }
}

/// The fuzzer, as it is always run.
fn libfuzzer(fuzzer: &Path, target: &str, max_len: &str) -> Command {
    let mut command = start(fuzzer, target);
    command.arg(format!("-max_len={max_len}"));
    command
}

/// The same without a longest input, which it doesn't bear where it makes one smaller.
fn start(fuzzer: &Path, target: &str) -> Command {
    let mut command = Command::new(fuzzer);
    command.current_dir(root()).env("CLAMATOR_FUZZ_TARGET", target);
    command
}

/// How to see a failure again, of this run or an earlier one. A smaller input that fails, too, is easier to read.
fn tell_failure(failure: &Path, mut fuzzer: Command, target: &str) {
    let smaller = failure.with_file_name(format!(
        "small-{}",
        failure.file_name().unwrap_or_default().to_string_lossy()
    ));
    fuzzer.args(["-minimize_crash=1", "-max_total_time=10", "-verbosity=0"]);
    fuzzer.arg(format!("-exact_artifact_path={}", smaller.display())).arg(failure);
    // It says of each attempt that it failed.
    let _ = probe(&mut fuzzer);
    let file = if smaller.is_file() { &smaller } else { failure };
    let file = file.strip_prefix(root()).unwrap_or(file).display();
    println!("\nFAILED: {}", failure.display());
    println!("again:  cargo run -p clamator-fuzz -- {target} {file}");
}

fn failures(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let mut failures = corpus::files(folder)?;
    failures.retain(|file| {
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        ["crash-", "timeout-", "oom-", "leak-"].iter().any(|kind| name.starts_with(kind))
    });
    Ok(failures)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_says_what_and_for_how_long() {
        let order = Order { target: "resp", seconds: 30, keep: true };
        assert_eq!(parse("resp", &["--minutes", "0.5", "--keep"]), Ok(order));
        assert_eq!(parse("resp", &[]).unwrap().seconds, 60);
        for wrong in [&["--minutes"][..], &["--minutes", "x"], &["--minutes", "0"], &["--hours"]] {
            assert!(parse("resp", wrong).is_err(), "{wrong:?}");
        }
    }
}
