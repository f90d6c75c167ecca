//! **Only what ends its servers is given up, after as many beginnings as it has, and not in silence**:
//!
//! - A poison begins as often as the limit says (not more often, unless its group was made anew; less often only by as many as
//!   there were faults that may have counted a beginning in vain), and its answer says that it was given up.
//! - What was given up is in the stream of its service for such requests, unless a fault has emptied Redis since.
//! - An innocent of the fragile service is given up only if each of its beginnings but one (it may have been read ahead) was
//!   ended with its server; of any other service, never.

use std::collections::{BTreeMap, BTreeSet};

use super::Violation;
use super::causes::{miscounts, was_emptied_after, was_reset};
use crate::history::{Call, End, History};
use crate::record::{How, What};
use crate::setup::{FRAGILE, FRAGILE_LIMIT, dead_stream};

const RULE: &str = "only what ends its servers is given up";

pub(super) fn check(history: &History) -> Vec<Violation> {
    let mut found = Vec::new();
    let put_aside = put_aside(history, &mut found);
    for call in &history.calls {
        let given_up = call.outcome().filter(|(_, how)| *how == How::GivenUp);
        let is_aside = put_aside.contains(call.id.as_str());
        let mut wrong = |what: String| {
            found.push(Violation::of_call(RULE, &call.id, call.at, what));
        };
        if let Some((at, _)) = given_up
            && !is_aside
            && !was_emptied_after(history, call.at)
        {
            wrong(format!("given up at {at}, but not in {}", dead_stream(&call.service)));
        }
        if call.poison {
            poison(history, call, given_up.is_some() || is_aside).into_iter().for_each(wrong);
        } else if (given_up.is_some() || is_aside) && !may_be_given_up(history, call) {
            wrong("given up, though it didn't end its servers".to_owned());
        }
    }
    found
}

/// The calls in the streams for what was given up.
fn put_aside<'a>(history: &'a History, found: &mut Vec<Violation>) -> BTreeSet<&'a str> {
    let calls: BTreeMap<&str, &Call> =
        history.calls.iter().map(|it| (it.id.as_str(), it)).collect();
    let mut aside = BTreeSet::new();
    for (_, line) in &history.lines {
        let What::Dead { stream, id, deliveries } = &line.what else { continue };
        match calls.get(id.as_str()) {
            Some(call) if *stream == dead_stream(&call.service) => {
                aside.insert(id.as_str());
            }
            _ => {
                let what = format!("{id:?} is in {stream}, and nobody has called that");
                found.push(Violation::of_all(RULE, line.t, what));
            }
        }
        if stream == &dead_stream(FRAGILE) && *deliveries != FRAGILE_LIMIT {
            let what = format!("said to have begun {deliveries} times, not {FRAGILE_LIMIT}");
            found.push(Violation::of_call(RULE, id, line.t, what));
        }
    }
    aside
}

fn poison(history: &History, call: &Call, given_up: bool) -> Option<String> {
    let begun = history.runs_of(&call.id).count() as u64;
    let last = history.runs_of(&call.id).map(|run| run.end).max().unwrap_or(call.at);
    let end = call.outcome().map_or(last, |(at, _)| at.max(last));
    if begun > FRAGILE_LIMIT && !was_reset(history, &call.service, call.at, end) {
        return Some(format!("a poison began {begun} times, more than {FRAGILE_LIMIT}"));
    }
    // Its own deaths are no excuse.
    let excused = miscounts(history, call.at, end).saturating_sub(begun);
    (given_up && begun + excused < FRAGILE_LIMIT)
        .then(|| format!("a poison was given up after {begun} beginnings, not {FRAGILE_LIMIT}"))
}

fn may_be_given_up(history: &History, call: &Call) -> bool {
    let cut = history.runs_of(&call.id).filter(|run| run.how != End::Finished).count() as u64;
    call.service == FRAGILE && cut + 1 >= FRAGILE_LIMIT
}

#[cfg(test)]
mod tests {
    use super::super::testing::Tale;
    use super::*;
    use crate::kind::Kind;
    use crate::setup::POISONED;

    /// A poison that has ended so many servers, and whose caller knows at 30 s.
    fn poison(deaths: u64) -> Tale {
        let tale = (1..=deaths).fold(Tale::new().poison(10_000, "c0.1-1"), |tale, number| {
            let (server, at) = (format!("s0.{number}"), 10_000 + number * 3000);
            let tale = tale.begin(at, &server, "c0.1-1", "10000-0", number);
            tale.ended(at + 5, &server, POISONED, false)
        });
        tale.settled(30_000, "c0.1-1", How::GivenUp)
    }

    fn aside(tale: Tale, stream: &str, id: &str, deliveries: u64) -> Tale {
        let (stream, id) = (stream.to_owned(), id.to_owned());
        tale.bench(60_000, What::Dead { stream, id, deliveries })
    }

    fn buried(tale: Tale) -> Tale {
        aside(tale, "soak:dead:fragile", "c0.1-1", 3)
    }

    fn count(tale: Tale) -> usize {
        check(&tale.history()).len()
    }

    #[test]
    fn a_poison_begins_as_often_as_the_limit_says() {
        assert_eq!(count(buried(poison(3))), 0);
        assert_eq!(count(buried(poison(4))), 1, "too often");
        assert_eq!(count(buried(poison(2))), 1, "too seldom");
    }

    #[test]
    fn a_fault_may_have_counted_a_beginning_and_a_new_group_none() {
        assert_eq!(count(buried(poison(2)).kill(14_000, "s1.1")), 0);
        assert_eq!(count(buried(poison(1)).kill(14_000, "s1.1")), 1, "one of two");
        assert_eq!(count(buried(poison(2)).kill(50_000, "s1.1")), 1, "later");
        let reset = |service| buried(poison(4)).on_service(Kind::DestroyGroup, service, 14_000);
        assert_eq!((count(reset("fragile")), count(reset("work-a"))), (0, 1));
    }

    #[test]
    fn what_was_given_up_is_put_aside() {
        assert_eq!(count(poison(3)), 1, "nowhere");
        assert_eq!(count(aside(poison(3), "soak:dead:work-a", "c0.1-1", 3)), 2, "elsewhere");
        assert_eq!(count(aside(buried(poison(3)), "soak:dead:fragile", "c0.1-9", 3)), 1, "who?");
        assert_eq!(count(aside(poison(3), "soak:dead:fragile", "c0.1-1", 2)), 1, "says 2");
        assert_eq!(count(poison(3).fault(Kind::FlushAll, None, 40_000, 40_001)), 0, "emptied");
        assert_eq!(count(poison(3).fault(Kind::FlushAll, None, 5_000, 5_001)), 1, "before");
    }

    #[test]
    fn an_innocent_is_never_given_up() {
        for service in ["work-a", "fragile"] {
            let tale = Tale::new().call(10_000, "c0.1-1", service);
            let tale = tale.settled(11_000, "c0.1-1", How::GivenUp);
            let stream = dead_stream(service);
            assert_eq!(count(aside(tale, &stream, "c0.1-1", 3)), 1, "{service}");
        }
    }

    #[test]
    fn an_innocent_that_was_ended_with_its_servers_looks_like_a_poison() {
        let cut = |service: &str, times: u64| {
            let tale = Tale::new().call(10_000, "c0.1-1", service);
            let tale = (1..=times).fold(tale, |tale, number| {
                let (server, at) = (format!("s0.{number}"), 10_000 + number * 3000);
                tale.begin(at, &server, "c0.1-1", "10000-0", number).kill(at + 5, &server)
            });
            let tale = tale.settled(30_000, "c0.1-1", How::GivenUp);
            count(aside(tale, &dead_stream(service), "c0.1-1", 3))
        };
        assert_eq!((cut("fragile", 2), cut("fragile", 1), cut("work-a", 3)), (0, 1, 1));
    }
}
