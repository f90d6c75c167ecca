//! **What a caller is told is true**: an answered call was run to its end before; a call that is said not to have been
//! executed never began.

use super::Violation;
use crate::history::{End, History};
use crate::record::How;

const RULE: &str = "what the caller is told is true";

pub(super) fn check(history: &History) -> Vec<Violation> {
    let mut found = Vec::new();
    for call in &history.calls {
        let Some((at, how)) = call.outcome() else { continue };
        let mut runs = history.runs_of(&call.id);
        let lie = match how {
            How::Ok if call.notification => None,
            How::Ok => {
                let ran = runs.any(|run| run.how == End::Finished && run.end <= at);
                (!ran).then_some("answered, but no handler had finished")
            }
            How::Unsent | How::NoService | How::TooMany | How::Refused => {
                runs.next().map(|_| "said not to have been executed, but a handler began")
            }
            _ => None,
        };
        found.extend(lie.map(|lie| Violation::of_call(RULE, &call.id, at, lie.to_owned())));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::testing::Tale;
    use super::*;

    fn run() -> Tale {
        Tale::new()
            .call(100, "c0.1-1", "work-a")
            .begin(200, "s0.1", "c0.1-1", "5-0", 1)
            .finish(300, "s0.1", "c0.1-1")
    }

    #[test]
    fn an_answer_comes_after_its_run() {
        assert!(check(&run().settled(400, "c0.1-1", How::Ok).history()).is_empty());
        assert_eq!(check(&run().settled(250, "c0.1-1", How::Ok).history()).len(), 1);
        let made_up = Tale::new().call(100, "c0.1-1", "work-a").settled(200, "c0.1-1", How::Ok);
        assert_eq!(check(&made_up.history()).len(), 1);
    }

    #[test]
    fn what_was_not_sent_never_runs() {
        for how in [How::Unsent, How::NoService, How::TooMany, How::Refused] {
            assert_eq!(check(&run().settled(150, "c0.1-1", how).history()).len(), 1, "{how:?}");
        }
        assert!(check(&run().settled(400, "c0.1-1", How::Unknown).history()).is_empty());
    }
}
