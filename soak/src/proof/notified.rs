//! **Every notification that Redis has accepted runs to its end at least once**, except for those that a FLUSHALL, an XTRIM
//! or, with `everysec`, the death of Redis took while they must still have been under way. These are counted apart.

use super::Violation;
use super::causes::taken as cause;
use crate::history::{Call, End, History};
use crate::record::How;

const RULE: &str = "an accepted notification runs";

pub(super) fn check(history: &History) -> Vec<Violation> {
    let lost = lost(history).filter(|call| cause(history, call).is_none());
    lost.map(|call| {
        let what = "accepted, but it never ran to its end, and nothing took it".to_owned();
        Violation::of_call(RULE, &call.id, call.at, what)
    })
    .collect()
}

/// How many were taken by a fault.
pub(crate) fn taken(history: &History) -> usize {
    lost(history).filter(|call| cause(history, call).is_some()).count()
}

fn lost(history: &History) -> impl Iterator<Item = &Call> {
    let accepted = history.calls.iter().filter(|call| {
        call.notification && call.outcomes.first().is_some_and(|(_, how)| *how == How::Ok)
    });
    accepted.filter(|call| !history.runs_of(&call.id).any(|run| run.how == End::Finished))
}

#[cfg(test)]
mod tests {
    use super::super::testing::Tale;
    use super::*;
    use crate::kind::Kind;

    fn accepted() -> Tale {
        Tale::new().note(10_000, "c0.1-1", "work-a").settled(10_010, "c0.1-1", How::Ok)
    }

    #[test]
    fn one_that_ran_is_right() {
        let ran =
            accepted().begin(10_020, "s0.1", "c0.1-1", "5-0", 1).finish(10_030, "s0.1", "c0.1-1");
        assert!(check(&ran.history()).is_empty());
    }

    #[test]
    fn one_that_never_ran_is_wrong() {
        assert_eq!(check(&accepted().history()).len(), 1);
    }

    #[test]
    fn one_that_was_begun_only_is_wrong() {
        let begun = accepted().begin(10_020, "s0.1", "c0.1-1", "5-0", 1).kill(10_021, "s0.1");
        assert_eq!(check(&begun.history()).len(), 1);
    }

    #[test]
    fn one_that_was_taken_is_counted_apart() {
        let history = accepted().fault(Kind::FlushAll, None, 10_015, 10_016).history();
        assert!(check(&history).is_empty());
        assert_eq!(taken(&history), 1);
        let history = accepted().fault(Kind::FlushAll, None, 9_000, 9_001).history();
        assert_eq!((check(&history).len(), taken(&history)), (1, 0));
    }

    #[test]
    fn one_that_was_not_accepted_needs_not_run() {
        let unknown = Tale::new().note(1, "c0.1-1", "work-a").settled(2, "c0.1-1", How::Unknown);
        assert!(check(&unknown.history()).is_empty());
    }
}
