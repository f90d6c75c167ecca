//! The rules of the wire and the cases of the suite hold each other: no rule without a case, no case without a rule.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use clamator_conformance::CASES;

/// The ids of the rules in the document, in order: `- **K1** …`.
fn rules() -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/wire.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let ids = text.lines().filter_map(|line| line.strip_prefix("- **"));
    ids.filter_map(|rest| rest.split_once("** ")).map(|(id, _)| id.to_owned()).collect()
}

#[test]
fn rules_are_numbered_without_gaps() {
    let mut last: BTreeMap<String, u32> = BTreeMap::new();
    for id in rules() {
        let (group, number) = id.split_at(1);
        let number: u32 = number.parse().unwrap_or_else(|_| panic!("{id} is no rule's id"));
        let last = last.entry(group.to_owned()).or_default();
        assert_eq!(number, *last + 1, "{id} doesn't follow {group}{last}");
        *last = number;
    }
    assert!(last.len() >= 10 && rules().len() >= 50, "{last:?}");
}

#[test]
fn every_rule_is_held_by_a_case() {
    let held: BTreeSet<&str> = CASES.iter().flat_map(|case| case.rules).copied().collect();
    let open: Vec<String> = rules().into_iter().filter(|id| !held.contains(id.as_str())).collect();
    assert!(open.is_empty(), "rules that no case holds: {open:?}");
}

#[test]
fn every_case_holds_rules_that_exist() {
    let rules: BTreeSet<String> = rules().into_iter().collect();
    for case in CASES {
        assert!(!case.rules.is_empty(), "{} holds no rule", case.path());
        for rule in case.rules {
            assert!(rules.contains(*rule), "{} holds {rule}, which doesn't exist", case.path());
        }
    }
}

#[test]
fn every_case_has_a_name_of_its_own_and_says_what_it_proves() {
    let names: BTreeSet<String> = CASES.iter().map(clamator_conformance::Case::path).collect();
    assert_eq!(names.len(), CASES.len());
    for case in CASES {
        assert!(case.proves.len() > 20, "{} says too little", case.path());
        assert!(!case.proves.ends_with('.') && !case.proves.contains('\n'), "{}", case.path());
    }
}
