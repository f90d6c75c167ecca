//! **No more run at a time than are allowed**: within one server, a service runs at most as many requests as it has slots, and a
//! lane (a serial service, a key of an ordered one) one. Nothing excuses more.

use std::collections::BTreeMap;

use super::Violation;
use crate::history::{History, Run};
use crate::setup::{Discipline, discipline};

const RULE: &str = "no more run at a time than are allowed";

pub(super) fn check(history: &History) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut busy: BTreeMap<(&str, &str), Vec<&Run>> = BTreeMap::new();
    for run in &history.runs {
        let running = busy.entry((run.server.as_str(), run.service.as_str())).or_default();
        running.retain(|before| before.end > run.begin);
        let same = running.iter().find(|it| run.lane().is_some() && it.lane() == run.lane());
        if let Some(before) = same {
            let what = format!("begins on {} while {} still runs there", run.server, before.id);
            found.push(Violation::of_call(RULE, &run.id, run.begin, what));
        } else if running.len() >= slots(&run.service) {
            let what = format!("begins on {} as one more than {}", run.server, running.len());
            found.push(Violation::of_call(RULE, &run.id, run.begin, what));
        }
        running.push(run);
    }
    found
}

fn slots(service: &str) -> usize {
    match discipline(service) {
        Some(Discipline::Concurrent(at_once) | Discipline::Ordered(at_once)) => at_once,
        Some(Discipline::Serial) | None => 1,
    }
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

    /// So many run at a time, of these keys in turn. How many violations?
    fn at_once(service: &str, count: u64, keys: &[Option<u64>]) -> usize {
        let tale = (0..count).zip(keys.iter().cycle()).fold(Tale::new(), |tale, (number, key)| {
            let id = format!("c0.1-{number}");
            let tale = tale.call(1, &id, service).of_key(*key);
            tale.begin(10 + number, "s0.1", &id, &format!("5-{number}"), 1)
        });
        check(&tale.kill(50, "s0.1").history()).len()
    }

    #[test]
    fn a_concurrent_service_runs_as_many_as_it_has_slots() {
        assert_eq!(at_once("work-c", 4, &[Some(1)]), 0);
        assert_eq!(at_once("work-c", 5, &[Some(1)]), 1);
    }

    #[test]
    fn an_ordered_service_runs_one_of_each_key() {
        assert_eq!(at_once("work-d", 3, &[Some(1), Some(1), None]), 1, "two of key 1");
        assert_eq!(at_once("work-d", 3, &[Some(1), None, Some(2)]), 0);
        assert_eq!(at_once("work-d", 4, &[None]), 1, "more than there are slots");
    }
}
