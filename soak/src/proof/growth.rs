//! **No stream grows under load beyond its bound**: replies no longer than they are trimmed to, commands not beyond what may
//! wait, and what is done behind the oldest that isn't.

use super::Violation;
use super::leftovers::REPLIES;
use crate::history::History;
use crate::record::What;
use crate::setup::PREFIX;

const RULE: &str = "no stream grows under load";

/// One entry that stays pending keeps what came after it: that is some seconds of one service's share of the load, with bursts.
const COMMANDS: u64 = 1000;

pub(super) fn check(history: &History) -> Vec<Violation> {
    let replies = format!("{PREFIX}:replies:");
    let found = history.lines.iter().filter_map(|(_, line)| {
        let What::Length { key, len } = &line.what else { return None };
        let most = if key.starts_with(&replies) { REPLIES } else { COMMANDS };
        let what = || format!("{key} has {len} entries, more than {most}");
        (*len > most).then(|| Violation::of_all(RULE, line.t, what()))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::super::testing::Tale;
    use super::*;

    #[test]
    fn each_stream_has_its_bound() {
        let long = |key: &str, len| {
            let what = What::Length { key: key.to_owned(), len };
            check(&Tale::new().bench(1, what).history()).len()
        };
        assert_eq!((long("soak:replies:c0.1", 1124), long("soak:replies:c0.1", 1125)), (0, 1));
        assert_eq!((long("soak:cmds:work-a", 1000), long("soak:cmds:work-a", 1001)), (0, 1));
    }
}
