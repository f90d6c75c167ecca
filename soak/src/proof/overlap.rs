//! **Nothing runs twice at the same time without a legal takeover**: two runs of one request overlap only if the server of
//! the first was silent (stopped, paused, cut off, held up) for so long that the claim idle had passed since its last
//! renewal, or the group was made anew. On one server they never do.

use super::Violation;
use super::causes::{reset_between, was_silent};
use crate::history::{History, Run};

const RULE: &str = "runs twice at the same time only after a legal takeover";

pub(super) fn check(history: &History) -> Vec<Violation> {
    let illegal = pairs(history).into_iter().filter(|(first, second)| {
        first.server == second.server || !is_legal(history, first, second)
    });
    illegal
        .map(|(first, second)| {
            let what = format!(
                "runs on {} since +{} ms, and begins on {} {}",
                first.server,
                (first.begin.saturating_sub(history.start)) / 1000,
                second.server,
                match first.server == second.server {
                    true => "again",
                    false => "though the first one wasn't silent for long",
                }
            );
            Violation::of_call(RULE, &first.id, second.begin, what)
        })
        .collect()
}

/// How many overlaps there were that are legal.
pub(crate) fn legal(history: &History) -> usize {
    let legal = |(first, second): &(&Run, &Run)| {
        first.server != second.server && is_legal(history, first, second)
    };
    pairs(history).iter().filter(|pair| legal(pair)).count()
}

fn is_legal(history: &History, first: &Run, second: &Run) -> bool {
    was_silent(history, first, second) || reset_between(history, first, second).is_some()
}

/// Runs of one request of which the second began before the first had ended.
fn pairs(history: &History) -> Vec<(&Run, &Run)> {
    let mut found = Vec::new();
    for runs in history.each_runs().filter(|runs| runs.len() > 1) {
        for (index, first) in runs.iter().enumerate() {
            let later = runs[index + 1..].iter().filter(|second| second.begin < first.end);
            found.extend(later.map(|second| (*first, *second)));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::testing::Tale;
    use super::*;
    use crate::kind::Kind;

    /// Runs on s0 from 10 s to 16 s, and on another one from 13 s to 14 s.
    fn twice(other: &str) -> Tale {
        Tale::new()
            .begin(10_000, "s0.1", "c0.1-1", "5-1", 1)
            .begin(13_000, other, "c0.1-1", "5-1", 2)
            .finish(14_000, other, "c0.1-1")
            .finish(16_000, "s0.1", "c0.1-1")
    }

    fn is_right(tale: Tale) -> bool {
        check(&tale.history()).is_empty()
    }

    #[test]
    fn two_at_a_time_without_a_reason_are_wrong() {
        assert!(!is_right(twice("s1.1")));
    }

    #[test]
    fn one_after_the_other_needs_no_reason() {
        let tale = Tale::new()
            .begin(10_000, "s0.1", "c0.1-1", "5-1", 1)
            .kill(11_000, "s0.1")
            .begin(13_000, "s1.1", "c0.1-1", "5-1", 2);
        assert!(is_right(tale));
    }

    #[test]
    fn a_silent_server_is_overtaken_legally() {
        let stopped = |target| twice("s1.1").fault(Kind::StopServer, Some(target), 10_500, 13_200);
        assert!(is_right(stopped("s0.1")));
        assert!(!is_right(stopped("s1.1")), "it wasn't the first one that was silent");
        assert!(!is_right(stopped("s0.2")), "it was another process");
        assert_eq!(legal(&stopped("s0.1").history()), 1);
        assert_eq!(legal(&stopped("s1.1").history()), 0);
    }

    #[test]
    fn a_short_silence_is_no_reason() {
        let cut = twice("s1.1").fault(Kind::Reset, Some("s0"), 12_500, 12_600);
        assert!(!is_right(cut));
        let late = twice("s1.1").fault(Kind::StopServer, Some("s0.1"), 12_900, 15_900);
        assert!(!is_right(late), "the silence only began");
    }

    #[test]
    fn silences_that_touch_are_one() {
        let faults = twice("s1.1").fault(Kind::Reset, Some("s0"), 11_000, 11_200).fault(
            Kind::KillRedis,
            None,
            11_500,
            12_500,
        );
        assert!(is_right(faults));
    }

    #[test]
    fn a_process_that_did_not_get_on_was_silent() {
        assert!(is_right(twice("s1.1").late(12_800, "s0.1", 2_300)));
        assert!(!is_right(twice("s1.1").late(12_800, "s0.1", 300)));
    }

    #[test]
    fn a_new_group_knows_nothing_of_the_old_one() {
        assert!(is_right(twice("s1.1").on_service(Kind::DestroyGroup, "work-a", 12_000)));
        assert!(!is_right(twice("s1.1").on_service(Kind::DestroyGroup, "work-b", 12_000)));
    }

    #[test]
    fn on_one_server_nothing_excuses_it() {
        assert!(!is_right(twice("s0.1").fault(Kind::FlushAll, None, 12_000, 12_001)));
    }
}
