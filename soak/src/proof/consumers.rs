//! **Consumers of dead servers vanish**: nobody stays in a group for long after Redis has last heard of it, and nothing stays
//! pending for it. Redis itself measures how long that is: when it starts again, it begins anew.

use super::Violation;
use crate::history::History;
use crate::record::What;
use crate::setup::{CLAIM_IDLE, process_of};

const RULE: &str = "consumers of dead servers vanish";

/// After ten claim idles a consumer is removed by whoever looks next, once a claim idle. All may be cut off just then.
const SLACK_IDLES: u64 = 4;
const LONGEST_MS: u64 = CLAIM_IDLE.as_millis() as u64 * (10 + SLACK_IDLES);

pub(super) fn check(history: &History) -> Vec<Violation> {
    let mut found = Vec::new();
    for (_, line) in &history.lines {
        let What::Consumer { stream, name, pending, idle_ms } = &line.what else { continue };
        let process = history.processes.get(process_of(name));
        let is_dead = process.is_none_or(|it| it.ended.is_some_and(|ended| ended <= line.t));
        if is_dead && *idle_ms > LONGEST_MS {
            let what = format!(
                "{name} is still in the group of {stream} after {idle_ms} ms, with {pending} pending"
            );
            found.push(Violation::of_all(RULE, line.t, what));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::testing::Tale;
    use super::*;

    fn seen(tale: Tale, name: &str, idle_ms: u64) -> usize {
        let (stream, name) = ("soak:cmds:work-a".to_owned(), name.to_owned());
        let what = What::Consumer { stream, name, pending: 0, idle_ms };
        check(&tale.bench(90_000, what).history()).len()
    }

    fn dead() -> Tale {
        Tale::new().kill(50_000, "s0.1")
    }

    #[test]
    fn one_that_stays_for_too_long_is_found() {
        assert_eq!(seen(dead(), "work-a:s0.1", 20_000), 0);
        assert_eq!(seen(dead(), "work-a:s0.1", 28_001), 1);
        assert_eq!(seen(dead(), "fragile:s0.1-fragile", 28_001), 1);
    }

    #[test]
    fn one_that_lives_may_be_quiet() {
        let alive = Tale::new().bench(1, What::Started { process: "s0.1".to_owned() });
        assert_eq!(seen(alive, "work-a:s0.1", 60_000), 0);
    }

    #[test]
    fn one_that_is_nobody_is_dead() {
        assert_eq!(seen(Tale::new(), "work-a:somebody", 28_001), 1);
    }
}
