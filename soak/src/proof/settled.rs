//! **Every call and every notification settles exactly once at its caller**, unless its caller was killed: then once at most.

use super::Violation;
use crate::history::History;

const RULE: &str = "settles exactly once";

pub(super) fn check(history: &History) -> Vec<Violation> {
    let wrong = history.calls.iter().filter(|call| match call.outcomes.len() {
        0 => !history.client_was_killed(call),
        1 => false,
        _ => true,
    });
    wrong
        .map(|call| {
            let what = format!("{} outcomes at {}", call.outcomes.len(), call.client);
            Violation::of_call(RULE, &call.id, call.at, what)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::Tale;
    use super::*;
    use crate::record::How;

    fn called() -> Tale {
        Tale::new().call(100, "c0.1-1", "work-a")
    }

    #[test]
    fn once_is_right() {
        assert!(check(&called().settled(200, "c0.1-1", How::Ok).history()).is_empty());
    }

    #[test]
    fn never_is_wrong() {
        let found = check(&called().history());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].id.as_deref(), Some("c0.1-1"));
    }

    #[test]
    fn twice_is_wrong() {
        let twice = called().settled(200, "c0.1-1", How::Ok).settled(201, "c0.1-1", How::Timeout);
        assert_eq!(check(&twice.history()).len(), 1);
    }

    #[test]
    fn a_killed_caller_is_told_nothing_but_never_twice() {
        assert!(check(&called().kill(300, "c0.1").history()).is_empty());
        let twice = called().settled(200, "c0.1-1", How::Ok).settled(201, "c0.1-1", How::Ok);
        assert_eq!(check(&twice.kill(300, "c0.1").history()).len(), 1);
        assert_eq!(check(&called().kill(300, "c1.1").history()).len(), 1, "another one's death");
    }

    #[test]
    fn notifications_settle_too() {
        assert_eq!(check(&Tale::new().note(1, "c0.1-1", "work-a").history()).len(), 1);
    }
}
