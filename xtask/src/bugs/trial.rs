//! Running the tests that must find a bug.

use std::collections::BTreeSet;
use std::process::Stdio;

use super::bug::{Bug, Test};
use super::copy::Copy;
use crate::process::Outcome;

/// What came of a bug that was put back.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Each of its tests failed.
    Found,
    /// These didn't.
    Missed(Vec<&'static str>),
    /// The list is wrong about it.
    NotTried(String),
}

/// Runs all tests that are named for these bugs, which must pass.
pub(super) fn all_pass(copy: &Copy, bugs: &[&Bug]) -> Outcome {
    let tests: BTreeSet<Test> = bugs.iter().flat_map(|bug| bug.tests).copied().collect();
    let tests: Vec<Test> = tests.into_iter().collect();
    let failed = failing(copy, &tests)?;
    if failed.is_empty() {
        return Ok(());
    }
    Err(format!("without any bug, these fail: {}", failed.join(", ")))
}

/// Runs the tests that are named for this bug, which must fail.
pub(super) fn find(copy: &Copy, bug: &Bug) -> Outcome<Verdict> {
    let failed = failing(copy, bug.tests)?;
    let names = bug.tests.iter().map(|test| test.name());
    let missed: Vec<&str> = names.filter(|name| !failed.contains(name)).collect();
    Ok(if missed.is_empty() { Verdict::Found } else { Verdict::Missed(missed) })
}

/// Which of them fail. That they are not there, or don't compile, is an error of the list.
fn failing(copy: &Copy, tests: &[Test]) -> Outcome<Vec<&'static str>> {
    let mut failed = Vec::new();
    for place in tests.iter().map(|test| test.place()).collect::<BTreeSet<_>>() {
        let names: Vec<&'static str> =
            tests.iter().filter(|test| test.place() == place).map(|test| test.name()).collect();
        let command = format!("test --quiet -j2 {place} --no-run");
        let built = copy.cargo(&command).stdin(Stdio::null()).output();
        let built = built.map_err(|e| format!("cargo can't be started: {e}"))?;
        if !built.status.success() {
            let errors = String::from_utf8_lossy(&built.stderr).into_owned();
            return Err(format!("`cargo {command}` failed, which finds nothing:\n{errors}"));
        }
        let mut run = copy.cargo(&format!("test -j2 {place} -- --exact"));
        let run = run.args(&names).stdin(Stdio::null()).output();
        let run = run.map_err(|e| format!("cargo can't be started: {e}"))?;
        let said = String::from_utf8_lossy(&run.stdout);
        for name in names {
            let line =
                |end: &str| said.lines().any(|line| line == format!("test {name} ... {end}"));
            match (line("ok"), line("FAILED")) {
                (true, false) => {}
                (false, true) => failed.push(name),
                _ => return Err(format!("{name} of {place} has not run:\n{said}")),
            }
        }
    }
    Ok(failed)
}
