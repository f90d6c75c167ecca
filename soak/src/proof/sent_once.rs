//! **A call is sent once**: all of its runs, however many, are of the same entry of the stream.

use super::Violation;
use crate::history::History;

const RULE: &str = "is sent once";

pub(super) fn check(history: &History) -> Vec<Violation> {
    let twice = history.each_runs().filter_map(|runs| {
        let first = *runs.first()?;
        let other = runs.iter().find(|run| run.entry != first.entry)?;
        let what = format!("in the stream as {:?} and as {:?}", first.entry, other.entry);
        Some(Violation::of_call(RULE, &first.id, other.begin, what))
    });
    twice.collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::Tale;
    use super::*;

    #[test]
    fn a_redelivery_is_of_the_same_entry() {
        let redelivered =
            Tale::new().begin(1, "s0.1", "c0.1-1", "5-0", 1).begin(2, "s1.1", "c0.1-1", "5-0", 2);
        assert!(check(&redelivered.history()).is_empty());
    }

    #[test]
    fn a_second_entry_is_a_second_sending() {
        let sent =
            Tale::new().begin(1, "s0.1", "c0.1-1", "5-0", 1).begin(2, "s1.1", "c0.1-1", "5-1", 1);
        assert_eq!(check(&sent.history()).len(), 1);
    }
}
