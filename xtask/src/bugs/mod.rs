//! `cargo xtask bugs`: the peers' bugs, put back one at a time into a copy of the workspace. A test must fail for each.

mod bug;
mod copy;
mod list;
mod mutations;
mod simulated;
mod trial;

use std::path::Path;
use std::time::Instant;

use crate::process::Outcome;
use bug::Bug;
use copy::Copy;
use list::BUGS;
use trial::Verdict;

pub(crate) use simulated::run as run_simulated;

/// Tries those with these numbers, or all; tests start this Redis, where one is given.
pub(crate) fn run(numbers: &[&str], redis_server: Option<&Path>) -> Outcome {
    let bugs = choose(numbers)?;
    let copy = Copy::make(redis_server)?;
    for bug in &bugs {
        copy.fits(bug.number, bug.changes)?;
    }
    println!("the tests as they are");
    trial::all_pass(&copy, &bugs)?;
    let (mut table, mut missed) = (String::new(), 0);
    for bug in bugs {
        let start = Instant::now();
        // One that doesn't compile is an error of the list; the others are tried all the same.
        let verdict = match copy.with(bug.changes, || trial::find(&copy, bug)) {
            Ok(verdict) => verdict,
            Err(error) => Verdict::NotTried(error),
        };
        let row = row(bug, &verdict, start.elapsed().as_secs_f64());
        missed += usize::from(verdict != Verdict::Found);
        print!("{row}");
        table += &row;
    }
    println!("\n{table}");
    if missed > 0 {
        return Err(format!(
            "{missed} bugs were put back and not found by every test named for them"
        ));
    }
    Ok(())
}

fn choose(numbers: &[&str]) -> Outcome<Vec<&'static Bug>> {
    let known = |number: &str| BUGS.iter().any(|bug| bug.is(number));
    if let Some(unknown) = numbers.iter().find(|number| !known(number)) {
        return Err(format!("there is no bug `{unknown}`: 1 to 16, or one of 3a, 3b …"));
    }
    let wanted = |bug: &&Bug| numbers.is_empty() || numbers.iter().any(|number| bug.is(number));
    Ok(BUGS.iter().filter(wanted).collect())
}

fn row(bug: &Bug, verdict: &Verdict, seconds: f64) -> String {
    let tests: Vec<&str> = bug.tests.iter().map(|test| test.name()).collect();
    let files: Vec<&str> = bug.changes.iter().map(|change| change.file).collect();
    let said = match verdict {
        Verdict::Found => "ok".to_owned(),
        Verdict::NotTried(error) => format!("NOT TRIED: {error}"),
        Verdict::Missed(tests) => format!("NOT FOUND by {}", tests.join(", ")),
    };
    let (tests, files) = (tests.join(", "), files.join(", "));
    format!(
        "{:<4}{}\n      {files}\n      {tests}: {said} ({seconds:.0} s)\n",
        bug.number, bug.what
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::bug::Test;
    use super::*;
    use crate::process::root;

    #[test]
    fn every_one_of_the_sixteen_is_there_and_fits_the_code() {
        for point in 1..=16 {
            assert!(BUGS.iter().any(|bug| bug.is(&point.to_string())), "no bug for point {point}");
        }
        for bug in BUGS {
            assert!(!bug.changes.is_empty() && !bug.tests.is_empty(), "{}", bug.number);
            for change in bug.changes {
                assert_eq!(change.found_in(&root()), Ok(1), "{}: {}", bug.number, change.old);
            }
        }
    }

    /// A line of the table in `docs/bugs.md`.
    fn line(bug: &Bug) -> String {
        let code = |names: BTreeSet<&str>| {
            names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
        };
        let files = code(bug.changes.iter().map(|change| change.file).collect());
        let tests = code(bug.tests.iter().map(|test| test.name()).collect());
        format!("| {} | {} | {files} | {tests}{} |\n", bug.number, bug.what, where_else(bug))
    }

    fn where_else(bug: &Bug) -> &'static str {
        match bug.tests {
            [Test::OnRedis(_), ..] => " on Redis",
            [Test::Core(_), ..] => " in `core`",
            _ => "",
        }
    }

    #[test]
    fn the_document_lists_them() {
        let table: String = BUGS.iter().map(line).collect();
        let document = fs::read_to_string(root().join("docs/bugs.md")).unwrap();
        assert!(document.contains(&table), "docs/bugs.md should have:\n{table}");
    }

    #[test]
    fn a_number_means_all_of_its_kinds() {
        let chosen = |numbers: &[&str]| {
            let bugs = choose(numbers).unwrap();
            bugs.iter().map(|bug| bug.number).collect::<Vec<_>>()
        };
        assert_eq!(chosen(&["2"]), ["2a", "2b"]);
        assert_eq!(chosen(&["1", "2b"]), ["1", "2b"]);
        assert_eq!(chosen(&[]).len(), BUGS.len());
        assert!(choose(&["17"]).is_err());
    }
}
