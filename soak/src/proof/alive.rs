//! **No process ends unless it is told to**, or runs a poison, and one that is asked to stop ends well (exit code 0).

use super::Violation;
use crate::history::History;
use crate::kind::Kind;
use crate::setup::POISONED;

const RULE: &str = "ends only when told to, and well";

pub(super) fn check(history: &History) -> Vec<Violation> {
    let mut found = Vec::new();
    for (name, process) in &history.processes {
        let (Some(at), Some(code)) = (process.ended, process.code) else { continue };
        if code == POISONED && is_poisoned(history, name) {
            continue;
        }
        if !process.told {
            let what = format!("{name} ended by itself with code {code}");
            found.push(Violation::of_all(RULE, at, what));
        } else if code != 0 && !process.killed {
            let what = format!("{name} was asked to stop, and ended with code {code}");
            found.push(Violation::of_all(RULE, at, what));
        }
    }
    found
}

fn is_poisoned(history: &History, name: &str) -> bool {
    history.faults.iter().any(|fault| fault.kind == Kind::Poison && fault.hits(name))
}

#[cfg(test)]
mod tests {
    use super::super::testing::Tale;
    use super::*;

    #[test]
    fn a_stop_and_a_kill_are_right() {
        assert!(check(&Tale::new().ended(5, "s0.1", 0, true).history()).is_empty());
        assert!(check(&Tale::new().kill(5, "s0.1").history()).is_empty());
    }

    #[test]
    fn who_runs_a_poison_ends_by_itself() {
        let ends = |code| {
            let tale = Tale::new().poison(1, "c0.1-1").begin(3, "s0.1", "c0.1-1", "5-0", 1);
            check(&tale.ended(5, "s0.1", code, false).history()).len()
        };
        assert_eq!((ends(POISONED), ends(101)), (0, 1));
        assert_eq!(check(&Tale::new().ended(5, "s0.1", POISONED, false).history()).len(), 1);
    }

    #[test]
    fn a_crash_is_wrong() {
        assert_eq!(check(&Tale::new().ended(5, "s0.1", 101, false).history()).len(), 1);
        assert_eq!(check(&Tale::new().ended(5, "s0.1", 0, false).history()).len(), 1);
        assert_eq!(check(&Tale::new().ended(5, "s0.1", 101, true).history()).len(), 1);
    }
}
