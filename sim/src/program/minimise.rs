//! Making a world that breaks a rule smaller: what it doesn't need is left out.

use crate::plan::Plan;
use crate::world;

/// How many worlds may be tried.
const TRIES: usize = 2000;

type Kept = (Option<Vec<usize>>, Option<Vec<usize>>);

/// The numbers of the faults and calls that are needed to break the same rule.
pub(super) fn minimise(plan: &Plan, kept: Kept) -> Kept {
    let whole = Plan::draw(plan.seed);
    let Some(violation) = world::run(plan, false).violation else { return kept };
    let mut faults = kept.0.unwrap_or_else(|| (0..whole.faults.len()).collect());
    let mut calls = kept.1.unwrap_or_else(|| (0..whole.calls.len()).collect());
    let mut tries = TRIES;
    let mut breaks = |faults: &[usize], calls: &[usize]| {
        tries = tries.saturating_sub(1);
        let plan = whole.only(Some(faults), Some(calls));
        tries > 0 && world::run(&plan, false).violation.is_some_and(|it| it.rule == violation.rule)
    };
    loop {
        let before = (faults.len(), calls.len());
        faults = fewer(faults, |faults| breaks(faults, &calls));
        calls = fewer(calls, |calls| breaks(&faults, calls));
        if (faults.len(), calls.len()) == before {
            return (Some(faults), Some(calls));
        }
    }
}

/// Leaves out large parts first, then ever smaller ones.
fn fewer(mut all: Vec<usize>, mut still: impl FnMut(&[usize]) -> bool) -> Vec<usize> {
    let mut size = all.len().max(1);
    loop {
        let mut at = 0;
        while at < all.len() {
            let end = (at + size).min(all.len());
            let without: Vec<usize> = all[..at].iter().chain(&all[end..]).copied().collect();
            if still(&without) {
                all = without;
            } else {
                at = end;
            }
        }
        if size == 1 {
            return all;
        }
        size = (size / 2).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::fewer;

    #[test]
    fn what_is_not_needed_is_left_out() {
        let needed = |kept: &[usize]| [3, 17].iter().all(|it| kept.contains(it));
        assert_eq!(fewer((0..40).collect(), needed), [3, 17]);
        assert_eq!(fewer((0..40).collect(), |_| true), Vec::<usize>::new());
        assert_eq!(fewer(vec![1, 2], |_| false), [1, 2]);
    }
}
