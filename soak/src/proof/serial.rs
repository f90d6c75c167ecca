//! **A serial service runs one request at a time**, within one server. Nothing excuses two.

use std::collections::BTreeMap;

use super::Violation;
use crate::history::{History, Run};
use crate::setup::{Discipline, SERVICES};

const RULE: &str = "a serial service runs one request at a time";

pub(super) fn check(history: &History) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut busy: BTreeMap<(&str, &str), &Run> = BTreeMap::new();
    let serial = |run: &&Run| {
        SERVICES.iter().any(|(name, how)| *name == run.service && *how == Discipline::Serial)
    };
    for run in history.runs.iter().filter(serial) {
        let key = (run.server.as_str(), run.service.as_str());
        if let Some(before) = busy.get(&key).filter(|before| before.end > run.begin) {
            let what = format!("begins on {} while {} still runs there", run.server, before.id);
            found.push(Violation::of_call(RULE, &run.id, run.begin, what));
        }
        let longest = busy.entry(key).or_insert(run);
        if run.end > longest.end {
            *longest = run;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::testing::Tale;
    use super::*;

    #[test]
    fn one_after_the_other_is_right() {
        let tale = Tale::new()
            .begin(10, "s0.1", "c0.1-1", "5-1", 1)
            .finish(20, "s0.1", "c0.1-1")
            .begin(20, "s0.1", "c0.1-2", "5-2", 1)
            .finish(30, "s0.1", "c0.1-2");
        assert!(check(&tale.history()).is_empty());
    }

    #[test]
    fn two_at_a_time_are_wrong() {
        let tale = Tale::new()
            .begin(10, "s0.1", "c0.1-1", "5-1", 1)
            .begin(15, "s0.1", "c0.1-2", "5-2", 1)
            .finish(16, "s0.1", "c0.1-2")
            .begin(17, "s0.1", "c0.1-3", "5-3", 1)
            .finish(18, "s0.1", "c0.1-3")
            .finish(20, "s0.1", "c0.1-1");
        assert_eq!(check(&tale.history()).len(), 2);
    }

    #[test]
    fn two_servers_are_two() {
        let tale = Tale::new()
            .begin(10, "s0.1", "c0.1-1", "5-1", 1)
            .begin(15, "s1.1", "c0.1-2", "5-2", 1)
            .finish(16, "s1.1", "c0.1-2")
            .finish(20, "s0.1", "c0.1-1");
        assert!(check(&tale.history()).is_empty());
    }
}
