//! **Once faults end, everything comes to rest within its bound**: processes are there again, calls settle, nothing is
//! pending, streams are trimmed, and everybody stops when asked to. No handler begins later than that.

use super::Violation;
use super::causes::micros;
use crate::history::History;
use crate::record::What;
use crate::setup::SETTLE;

const RULE: &str = "comes to rest";

pub(super) fn check(history: &History) -> Vec<Violation> {
    let restless = history.lines.iter().filter_map(|(_, line)| match &line.what {
        What::Restless { text } => Some(Violation::of_all(RULE, line.t, text.clone())),
        _ => None,
    });
    let bound = history.calm + micros(SETTLE);
    let late = history.runs.iter().filter(|run| run.begin > bound);
    let late = late.map(|run| {
        let what = format!("begins on {} later than {SETTLE:?} after the last fault", run.server);
        Violation::of_call(RULE, &run.id, run.begin, what)
    });
    restless.chain(late).collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::Tale;
    use super::*;

    #[test]
    fn what_does_not_come_to_rest_is_found() {
        assert!(check(&Tale::new().history()).is_empty());
        let text = "not within 5s: every call has settled".to_owned();
        let found = check(&Tale::new().bench(5, What::Restless { text: text.clone() }).history());
        assert_eq!(found[0].what, text);
    }

    #[test]
    fn a_handler_that_begins_too_late_is_found() {
        let settle = SETTLE.as_millis() as u64;
        let begun = |ms| {
            let tale = Tale::new().bench(1000, What::Calm);
            check(&tale.begin(ms, "s0.1", "c0.1-1", "5-0", 2).history()).len()
        };
        assert_eq!(begun(1000 + settle), 0);
        assert_eq!(begun(1001 + settle), 1);
    }
}
