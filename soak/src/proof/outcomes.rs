//! **Every call that isn't answered has a fault to thank for it.** Legal are:
//!
//! - *ok*, always;
//! - a *timeout*, if the request or its reply was taken out of Redis while the call was under way;
//! - *unknown* (`Transport`, may have been executed), if a fault cut its client or Redis off when the request was on its way,
//!   and, if a server has finished it all the same, the reply was taken out of Redis;
//! - *given up*, if it has ended server after server (`dead.rs`).
//!
//! Nothing else is, ever: handlers don't fail, the wait for a connection or a service is far shorter than the timeout, and
//! clients have fewer calls under way than places.

use super::Violation;
use super::causes::{taken, was_cut_off};
use crate::history::{Call, End, History};
use crate::record::How;

const RULE: &str = "is answered, or a fault explains why not";

pub(super) fn check(history: &History) -> Vec<Violation> {
    let outcomes = history.calls.iter().filter_map(|call| Some((call, call.outcome()?)));
    outcomes
        .filter(|(call, (_, how))| !is_legal(history, call, *how))
        .map(|(call, (at, how))| {
            let what = format!("{how:?} for {} without a fault that explains it", call.client);
            Violation::of_call(RULE, &call.id, at, what)
        })
        .collect()
}

fn is_legal(history: &History, call: &Call, how: How) -> bool {
    let finished = || history.runs_of(&call.id).any(|run| run.how == End::Finished);
    match how {
        How::Ok => true,
        // Which ones may be is proven in `dead.rs`.
        How::GivenUp => true,
        How::Timeout => taken(history, call).is_some(),
        How::Unknown => {
            let answer_is_missing = !call.notification && finished();
            was_cut_off(history, call) && (!answer_is_missing || taken(history, call).is_some())
        }
        How::Wrong
        | How::Rpc
        | How::Unsent
        | How::NoService
        | How::TooMany
        | How::Refused
        | How::Stopped
        | How::Other => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::Tale;
    use super::*;
    use crate::kind::Kind;

    fn ended(how: How) -> Tale {
        Tale::new().call(10_000, "c0.1-1", "work-a").settled(30_000, "c0.1-1", how)
    }

    fn is_right(tale: Tale) -> bool {
        check(&tale.history()).is_empty()
    }

    #[test]
    fn without_faults_only_an_answer_is_right() {
        assert!(is_right(ended(How::Ok)));
        for how in [How::Timeout, How::Unknown, How::Unsent, How::Rpc, How::Wrong, How::Refused] {
            assert!(!is_right(ended(how)), "{how:?}");
        }
    }

    #[test]
    fn what_was_taken_from_redis_times_out() {
        assert!(is_right(ended(How::Timeout).fault(Kind::FlushAll, None, 11_000, 11_001)));
        assert!(!is_right(ended(How::Timeout).fault(Kind::FlushAll, None, 9_000, 9_001)), "before");
        assert!(!is_right(ended(How::Timeout).fault(Kind::FlushAll, None, 27_000, 27_001)), "late");
        assert!(!is_right(ended(How::Timeout).fault(
            Kind::KillServer,
            Some("s0.1"),
            11_000,
            11_001
        )));
        let trimmed = |service| ended(How::Timeout).on_service(Kind::TrimStream, service, 11_000);
        assert!(is_right(trimmed("work-a")));
        assert!(!is_right(trimmed("work-b")));
    }

    #[test]
    fn the_death_of_redis_takes_only_what_was_not_written() {
        let killed = || ended(How::Timeout).fault(Kind::KillRedis, None, 11_000, 12_000);
        assert!(is_right(killed().every_second()));
        assert!(!is_right(killed()));
    }

    #[test]
    fn what_was_cut_off_is_unknown() {
        let cut = |client| ended(How::Unknown).fault(Kind::Reset, Some(client), 10_010, 10_100);
        assert!(is_right(cut("c0")));
        assert!(!is_right(cut("c1")));
    }

    #[test]
    fn a_finished_call_is_answered_whatever_the_client_thinks_of_its_request() {
        let finished = ended(How::Unknown)
            .fault(Kind::Reset, Some("c0"), 10_010, 10_100)
            .begin(10_020, "s0.1", "c0.1-1", "5-0", 1)
            .finish(10_030, "s0.1", "c0.1-1");
        assert!(!is_right(finished.clone()));
        assert!(is_right(finished.fault(Kind::FlushAll, None, 10_025, 10_026)));
    }
}
