//! The wire's own test suite: it drives any implementation, in any language, over a real Redis.
//!
//! An implementation brings one small program that serves or calls the service `conf`, as a *server* (`PROGRAM server --redis
//! URL --prefix P …`, which prints `READY`) or as a *client* (`PROGRAM client --redis URL --prefix P …`, which takes JSON lines
//! and gives JSON lines). Nothing of clamator's own client and server is used here: the other side of every call is played by
//! hand, with raw commands, so that what is seen is what stands in Redis.
//!
//! The program `clamator-conformance` is the command line of [`run`].

mod case;
mod cli;
mod client;
mod envelope;
mod process;
mod report;
mod runner;
mod server;
mod site;
mod store;
mod words;

pub use case::{Case, Finding, Severity, Side, Verdict};
pub use cli::main;
pub use report::Report;
pub use runner::{Options, RedisAt, run};

/// All cases, in the order of the report.
#[must_use]
pub fn cases() -> Vec<Case> {
    let groups = server::CASES.iter().chain(client::CASES);
    groups.flat_map(|group| group.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_and_say_what_must_hold() {
        let mut names = BTreeSet::new();
        for case in cases() {
            assert!(names.insert(case.full_name()), "{} is there twice", case.full_name());
            assert!(case.name.split('_').count() > 2, "{} says too little", case.full_name());
        }
    }

    #[test]
    fn both_sides_have_cases_of_both_severities() {
        for side in [Side::Server, Side::Client] {
            for severity in [Severity::Must, Severity::Should] {
                let some = |case: &Case| case.side == side && case.severity == severity;
                assert!(cases().iter().any(some), "{side} has no {severity}");
            }
        }
    }
}
