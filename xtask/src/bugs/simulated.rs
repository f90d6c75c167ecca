//! `cargo xtask bugs --sim`: bugs that simulated worlds must find, one at a time in a copy of the workspace.

use std::time::Instant;

use super::copy::Copy;
use super::mutations::{MUTATIONS, Mutation};
use crate::process::Outcome;

/// What came of one.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// This rule was broken, in the world of this seed.
    Found(String, String),
    Missed,
}

/// Tries those with these names, or all.
pub(crate) fn run(names: &[&str]) -> Outcome {
    let known = |name: &&str| MUTATIONS.iter().any(|it| it.name == *name);
    if let Some(unknown) = names.iter().find(|name| !known(name)) {
        let all: Vec<&str> = MUTATIONS.iter().map(|it| it.name).collect();
        return Err(format!("there is no `{unknown}`; there are: {}", all.join(", ")));
    }
    let wanted = |it: &&Mutation| names.is_empty() || names.contains(&it.name);
    let mutations: Vec<&Mutation> = MUTATIONS.iter().filter(wanted).collect();
    let copy = Copy::make(None)?;
    for mutation in &mutations {
        copy.fits(mutation.name, mutation.changes())?;
    }
    let most = mutations.iter().map(|it| it.seeds).max().unwrap_or(0);
    println!("{most} worlds as they are");
    if let Verdict::Found(seed, rule) = search(&copy, most)? {
        return Err(format!("without any bug, the world of seed {seed} breaks a rule: {rule}"));
    }
    let mut missed = Vec::new();
    for mutation in mutations {
        let Mutation { name, what, seeds, .. } = mutation;
        let start = Instant::now();
        let said = match copy.with(mutation.changes(), || search(&copy, *seeds)) {
            Ok(Verdict::Found(seed, rule)) => format!("seed {seed}: {rule}"),
            Ok(Verdict::Missed) => {
                missed.push(*name);
                format!("NOT FOUND in {seeds} worlds")
            }
            Err(error) => {
                missed.push(*name);
                format!("NOT TRIED: {error}")
            }
        };
        println!("{name}: {what}\n      {said} ({:.0} s)", start.elapsed().as_secs_f64());
    }
    if missed.is_empty() { Ok(()) } else { Err(format!("not found: {}", missed.join(", "))) }
}

/// Lives through so many worlds of the copy as it is.
fn search(copy: &Copy, seeds: u64) -> Outcome<Verdict> {
    let mut build = copy.cargo("build --quiet --release --package clamator-sim");
    let built = build.output().map_err(|e| format!("cargo can't be started: {e}"))?;
    if !built.status.success() {
        let errors = String::from_utf8_lossy(&built.stderr).into_owned();
        return Err(format!("it doesn't compile, which finds nothing:\n{errors}"));
    }
    let mut worlds = copy.program("clamator-sim");
    let lived = worlds.args(["--seeds", &seeds.to_string()]).output();
    let lived = lived.map_err(|e| format!("clamator-sim can't be started: {e}"))?;
    if lived.status.success() {
        return Ok(Verdict::Missed);
    }
    broken(&String::from_utf8_lossy(&lived.stdout))
        .ok_or_else(|| format!("clamator-sim failed otherwise: {lived:?}"))
}

/// The seed and the rule that a search has told.
fn broken(said: &str) -> Option<Verdict> {
    let mut lines = said.lines().skip_while(|line| !line.ends_with(": a rule is broken"));
    let seed = lines.next()?.strip_prefix("seed ")?.split(':').next()?;
    let rule = lines.find(|line| !line.is_empty())?.trim();
    Some(Verdict::Found(seed.to_owned(), rule.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::*;
    use crate::process::root;

    #[test]
    fn each_fits_the_code_and_has_a_name_of_its_own() {
        let names: BTreeSet<&str> = MUTATIONS.iter().map(|it| it.name).collect();
        assert_eq!(names.len(), MUTATIONS.len());
        assert!(names.len() >= 16);
        for mutation in MUTATIONS {
            assert!(!mutation.changes().is_empty() && mutation.seeds > 0, "{}", mutation.name);
            for change in mutation.changes() {
                assert_eq!(change.found_in(&root()), Ok(1), "{}: {}", mutation.name, change.old);
            }
        }
    }

    #[test]
    fn the_document_lists_them() {
        let line = |it: &Mutation| {
            let files: BTreeSet<&str> = it.changes().iter().map(|change| change.file).collect();
            let files: Vec<String> = files.iter().map(|file| format!("`{file}`")).collect();
            format!("| `{}` | {} | {} | {} |\n", it.name, it.what, files.join(", "), it.seeds)
        };
        let table: String = MUTATIONS.iter().map(line).collect();
        let document = fs::read_to_string(root().join("docs/bugs.md")).unwrap();
        assert!(document.contains(&table), "docs/bugs.md should have:\n{table}");
    }

    #[test]
    fn what_a_search_says_is_understood() {
        let said =
            "7 worlds\n\nseed 3: a rule is broken\n\n  a request is sent once\n  at 1 s: x\n";
        let found = Verdict::Found("3".to_owned(), "a request is sent once".to_owned());
        assert_eq!(broken(said), Some(found));
        assert_eq!(broken("7 worlds\n"), None);
    }
}
