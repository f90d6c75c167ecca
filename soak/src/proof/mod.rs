//! The proof: one file for each rule, with the sentence that it proves at its top. A rule looks at the history and at
//! nothing else, and each has tests that show that it fails where it must.

mod alive;
mod at_rest;
mod causes;
mod consumers;
mod dead;
mod growth;
mod leaks;
mod leftovers;
mod notified;
mod order;
mod outcomes;
mod overlap;
mod reruns;
mod sent_once;
mod settled;
mod slots;
mod truth;

#[cfg(test)]
pub(crate) mod testing;

pub(crate) use notified::taken as notifications_taken;
pub(crate) use overlap::legal as legal_overlaps;

use crate::history::History;
use crate::record::Micros;

/// A rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) rule: &'static str,
    pub(crate) what: String,
    /// The call that it is about, whose lines are the evidence.
    pub(crate) id: Option<String>,
    pub(crate) at: Micros,
}

impl Violation {
    fn of_call(rule: &'static str, id: &str, at: Micros, what: String) -> Violation {
        Violation { rule, what, id: Some(id.to_owned()), at }
    }

    fn of_all(rule: &'static str, at: Micros, what: String) -> Violation {
        Violation { rule, what, id: None, at }
    }
}

type Rule = fn(&History) -> Vec<Violation>;

const RULES: [Rule; 16] = [
    settled::check,
    outcomes::check,
    truth::check,
    sent_once::check,
    notified::check,
    order::check,
    slots::check,
    overlap::check,
    reruns::check,
    dead::check,
    consumers::check,
    growth::check,
    at_rest::check,
    leftovers::check,
    leaks::check,
    alive::check,
];

/// Everything that was violated.
pub(crate) fn all(history: &History) -> Vec<Violation> {
    RULES.iter().flat_map(|rule| rule(history)).collect()
}
