//! **Once faults end, everything comes to rest within its bound**: processes are there again, calls settle, nothing is
//! pending, streams are trimmed, and everybody stops when asked to.

use super::Violation;
use crate::history::History;
use crate::record::What;

const RULE: &str = "comes to rest";

pub(super) fn check(history: &History) -> Vec<Violation> {
    let restless = history.lines.iter().filter_map(|(_, line)| match &line.what {
        What::Restless { text } => Some(Violation::of_all(RULE, line.t, text.clone())),
        _ => None,
    });
    restless.collect()
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
}
