//! **Nothing runs again without a reason**: between the delivery of a run and the next run of the same request, a fault hit
//! the server of the first, or the group was made anew. (At least once is a promise for faults, not a habit.) On one server it
//! runs again only if the group was made anew: a server knows what it holds until the ack is accepted.

use super::Violation;
use super::causes::{reset_between, was_disturbed};
use crate::history::History;

const RULE: &str = "runs again only after a fault";

pub(super) fn check(history: &History) -> Vec<Violation> {
    let mut found = Vec::new();
    for runs in history.each_runs() {
        for pair in runs.windows(2) {
            let (first, second) = (pair[0], pair[1]);
            let explained = reset_between(history, first, second).is_some()
                || first.server != second.server && was_disturbed(history, first, second);
            if !explained {
                let what = format!(
                    "ran on {}, and again on {} without a fault between",
                    first.server, second.server
                );
                found.push(Violation::of_call(RULE, &first.id, second.begin, what));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::testing::Tale;
    use super::*;
    use crate::kind::Kind;

    fn again() -> Tale {
        Tale::new()
            .begin(20_000, "s0.1", "c0.1-1", "5-1", 1)
            .finish(20_010, "s0.1", "c0.1-1")
            .begin(25_000, "s1.1", "c0.1-1", "5-1", 2)
            .finish(25_010, "s1.1", "c0.1-1")
    }

    fn is_right(tale: Tale) -> bool {
        check(&tale.history()).is_empty()
    }

    #[test]
    fn without_a_fault_it_is_wrong() {
        assert!(!is_right(again()));
    }

    #[test]
    fn a_fault_at_the_first_server_explains_it() {
        assert!(is_right(again().fault(Kind::KillServer, Some("s0.1"), 20_020, 20_030)));
        assert!(is_right(again().fault(Kind::RollServers, Some("s0.1"), 20_000, 21_000)));
        assert!(is_right(again().fault(Kind::KillRedis, None, 20_020, 20_030)));
        assert!(!is_right(again().fault(Kind::KillServer, Some("s1.1"), 20_020, 20_030)));
    }

    #[test]
    fn it_must_come_between_the_delivery_and_the_ack() {
        let reset = |from, to| again().fault(Kind::Reset, Some("s0"), from, to);
        assert!(is_right(reset(19_900, 20_005)) && is_right(reset(20_500, 20_600)));
        assert!(!is_right(reset(18_000, 18_010)), "before");
        assert!(!is_right(reset(23_000, 23_010)), "after");
    }

    #[test]
    fn on_one_server_only_a_new_group_explains_it() {
        let again = || {
            Tale::new()
                .begin(20_000, "s0.1", "c0.1-1", "5-1", 1)
                .finish(20_010, "s0.1", "c0.1-1")
                .begin(25_000, "s0.1", "c0.1-1", "5-1", 2)
        };
        assert!(!is_right(again().fault(Kind::Reset, Some("s0"), 20_005, 20_020)));
        assert!(is_right(again().on_service(Kind::DestroyGroup, "work-a", 20_020)));
    }

    #[test]
    fn a_new_group_explains_it() {
        assert!(is_right(again().fault(Kind::FlushAll, None, 20_020, 20_030)));
    }
}
