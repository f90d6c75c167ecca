//! The layers, read off the dependency trees: the core knows no executor, the driver knows no Redis.

use std::collections::BTreeSet;

use crate::process::{Outcome, cargo, output};

/// All that the core may pull in, each without clock, I/O or executor.
const CORE_MAY_USE: &[&str] = &[
    "bytes",
    "cfg-if",
    "hashbrown",
    "itoa",
    "memchr",
    "ppv-lite86",
    "proc-macro2",
    "quote",
    "rand_chacha",
    "rand_core",
    "ryu",
    "serde",
    "serde_core",
    "serde_derive",
    "serde_json",
    "serde_path_to_error",
    "syn",
    "thiserror",
    "thiserror-impl",
    "unicode-ident",
    "zerocopy",
    "zerocopy-derive",
    "zmij",
];

/// Redis and the executors, each with the crates that begin with its name.
const RUNTIMES: &[&str] = &["redis", "tokio", "async-std", "smol", "async-io", "async-executor"];

/// What only those get who ask for it.
const BY_FEATURE: &[&str] = &["rustls", "ring"];

pub(crate) fn check() -> Outcome<Vec<String>> {
    let all = "--all-features";
    let mut findings = not_allowed("clamator-core", &tree("clamator-core", all)?, CORE_MAY_USE);
    for package in ["clamator-driver", "clamator-memory"] {
        let tree = tree(package, all)?;
        findings.extend(forbidden(package, &tree, RUNTIMES, "it must know no runtime"));
    }
    for package in ["clamator-tokio", "clamator-smol", "clamator-async-std"] {
        let tree = tree(package, "--no-dedupe")?;
        findings.extend(forbidden(package, &tree, BY_FEATURE, "nobody has asked for it"));
    }
    Ok(findings)
}

/// The names of all that the package pulls in, itself not included.
fn tree(package: &str, option: &str) -> Outcome<BTreeSet<String>> {
    let arguments = format!("tree --edges normal --prefix none --format {{p}} {option} --package");
    let tree = output(cargo(&arguments).arg(package))?;
    Ok(names(&tree).filter(|name| *name != package).map(str::to_owned).collect())
}

fn names(tree: &str) -> impl Iterator<Item = &str> {
    tree.lines().filter_map(|line| line.split_whitespace().next())
}

fn not_allowed(package: &str, tree: &BTreeSet<String>, allowed: &[&str]) -> Vec<String> {
    let others = tree.iter().filter(|name| !allowed.contains(&name.as_str()));
    others.map(|name| format!("{package} depends on {name}, which isn't on its list")).collect()
}

fn forbidden(package: &str, tree: &BTreeSet<String>, families: &[&str], why: &str) -> Vec<String> {
    let is_in = |name: &str, family: &str| {
        name.strip_prefix(family)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', '_']))
    };
    let found = tree.iter().filter(|name| families.iter().any(|family| is_in(name, family)));
    found.map(|name| format!("{package} depends on {name}: {why}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn names_are_read_off_a_tree() {
        let tree = "clamator-core v0.1.0 (/x/core)\nbytes v1.11.0\nserde v1.0.1 (*)\n\n";
        assert_eq!(names(tree).collect::<Vec<_>>(), ["clamator-core", "bytes", "serde"]);
    }

    #[test]
    fn the_core_may_use_what_is_listed_only() {
        let found = not_allowed("clamator-core", &set(&["bytes", "tokio"]), CORE_MAY_USE);
        assert_eq!(found, ["clamator-core depends on tokio, which isn't on its list"]);
    }

    #[test]
    fn the_driver_may_use_anything_but_runtimes() {
        let found = forbidden("d", &set(&["futures-util", "redistill", "tracing"]), RUNTIMES, "");
        assert!(found.is_empty(), "{found:?}");
        let found = forbidden("d", &set(&["async-io", "redis", "tokio-util"]), RUNTIMES, "");
        assert_eq!(found.len(), 3, "{found:?}");
    }
}
