//! **A lane keeps order**: within one server, what is delivered for the first time begins in the order of the stream. A serial
//! service is one lane; in an ordered one each key is; a concurrent one has none. A group that was made anew begins again at the
//! start of the stream.

use std::collections::BTreeMap;

use super::Violation;
use super::causes::reset_between;
use crate::history::{History, Run};

const RULE: &str = "a lane keeps order";

pub(super) fn check(history: &History) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut last: BTreeMap<_, &Run> = BTreeMap::new();
    for run in history.runs.iter().filter(|run| run.deliveries == 1) {
        let Some(lane) = run.lane() else { continue };
        let before = last.insert((run.server.as_str(), run.service.as_str(), lane), run);
        let Some(before) = before.filter(|before| before.entry >= run.entry) else { continue };
        if reset_between(history, before, run).is_none() {
            let what = format!(
                "entry {:?} begins after {:?} ({}) on {}, both for the first time",
                run.entry, before.entry, before.id, run.server
            );
            found.push(Violation::of_call(RULE, &run.id, run.begin, what));
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::testing::Tale;
    use super::*;
    use crate::kind::Kind;

    fn two(first: &str, second: &str, deliveries: u64) -> Tale {
        Tale::new()
            .begin(10, "s0.1", "c0.1-1", first, 1)
            .finish(11, "s0.1", "c0.1-1")
            .begin(20, "s0.1", "c0.1-2", second, deliveries)
            .finish(21, "s0.1", "c0.1-2")
    }

    #[test]
    fn the_order_of_the_stream_is_right() {
        assert!(check(&two("5-1", "5-2", 1).history()).is_empty());
        assert!(check(&two("9-5", "10-0", 1).history()).is_empty());
    }

    #[test]
    fn in_an_ordered_service_each_key_has_its_order() {
        let two = |service, first, second| {
            let tale = Tale::new().call(1, "c0.1-1", service).call(2, "c0.1-2", service);
            let tale = tale.of_key(first).begin(10, "s0.1", "c0.1-1", "5-2", 1);
            let tale = tale.of_key(second).begin(20, "s0.1", "c0.1-2", "5-1", 1);
            check(&tale.history()).len()
        };
        assert_eq!(two("work-d", Some(1), Some(1)), 1);
        assert_eq!(two("work-d", Some(1), Some(2)), 0);
        assert_eq!(two("work-d", None, None), 0, "without a key nothing is followed");
        assert_eq!(two("work-c", Some(1), Some(1)), 0, "concurrent");
    }

    #[test]
    fn another_order_is_wrong() {
        assert_eq!(check(&two("5-2", "5-1", 1).history()).len(), 1);
        assert_eq!(check(&two("10-0", "9-5", 1).history()).len(), 1);
    }

    #[test]
    fn what_is_delivered_again_comes_when_it_comes() {
        assert!(check(&two("5-2", "5-1", 2).history()).is_empty());
    }

    #[test]
    fn other_servers_and_services_have_an_order_of_their_own() {
        let servers =
            Tale::new().begin(10, "s0.1", "c0.1-1", "5-2", 1).begin(20, "s1.1", "c0.1-2", "5-1", 1);
        assert!(check(&servers.history()).is_empty());
        let services = Tale::new()
            .call(1, "c0.1-1", "work-a")
            .call(2, "c0.1-2", "work-b")
            .begin(10, "s0.1", "c0.1-1", "5-2", 1)
            .begin(20, "s0.1", "c0.1-2", "5-1", 1);
        assert!(check(&services.history()).is_empty());
    }

    #[test]
    fn a_new_group_begins_at_the_start() {
        let destroyed = |service| two("5-2", "5-1", 1).on_service(Kind::DestroyGroup, service, 15);
        assert!(check(&destroyed("work-a").history()).is_empty());
        assert_eq!(check(&destroyed("work-b").history()).len(), 1);
        let killed = || two("5-2", "5-1", 1).fault(Kind::KillRedis, None, 15, 16);
        assert_eq!(check(&killed().history()).len(), 1, "all was written");
        assert!(check(&killed().every_second().history()).is_empty());
    }
}
