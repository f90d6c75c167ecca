//! **In the end Redis holds nothing that it needn't**: no pending entry; of keys only the services' streams, and reply streams
//! that vanish by themselves, and poisons that were put aside; no stream longer than its bound; no groups but the services' own.

use super::Violation;
use crate::history::History;
use crate::record::What;
use crate::setup::{
    FRAGILE, PREFIX, REPLY_MAX_LEN, REPLY_TTL, SERVICES, command_stream, dead_stream,
};

const RULE: &str = "Redis holds nothing that it needn't";

/// Trimming is approximate: whole nodes of a stream, which have a hundred entries by default.
pub(super) const REPLIES: u64 = REPLY_MAX_LEN + 100;
/// A command stream is trimmed once a second; at rest nothing is left, but for a late second.
const REQUESTS: u64 = 100;

pub(super) fn check(history: &History) -> Vec<Violation> {
    let found = history.lines.iter().filter_map(|(_, line)| {
        let what = finding(&line.what)?;
        Some(Violation::of_all(RULE, line.t, what))
    });
    found.collect()
}

fn finding(what: &What) -> Option<String> {
    match what {
        What::Group { stream, pending, .. } if *pending > 0 => {
            Some(format!("{stream}: {pending} entries are pending"))
        }
        What::Group { stream, group, .. } => {
            (stream != &command_stream(group)).then(|| format!("{stream}: a group named {group}"))
        }
        What::Key { key, kind, ttl_ms, len } => key_finding(key, kind, *ttl_ms, *len),
        _ => None,
    }
}

fn key_finding(key: &str, kind: &str, ttl_ms: i64, len: u64) -> Option<String> {
    if kind != "stream" {
        return Some(format!("{key} is a {kind}"));
    }
    if SERVICES.iter().any(|(service, _)| command_stream(service) == key) {
        return (len > REQUESTS).then(|| format!("{key} still has {len} entries"));
    }
    if key == dead_stream(FRAGILE) {
        return None;
    }
    if !key.starts_with(&format!("{PREFIX}:replies:")) {
        return Some(format!("{key} belongs to nobody"));
    }
    let longest = REPLY_TTL.as_millis() as i64;
    if !(0..=longest).contains(&ttl_ms) {
        return Some(format!("{key} stays: its time to live is {ttl_ms} ms"));
    }
    (len > REPLIES).then(|| format!("{key} has {len} entries, more than {REPLIES}"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::Tale;
    use super::*;

    fn key(key: &str, kind: &str, ttl_ms: i64, len: u64) -> usize {
        let what = What::Key { key: key.to_owned(), kind: kind.to_owned(), ttl_ms, len };
        check(&Tale::new().bench(1, what).history()).len()
    }

    #[test]
    fn streams_of_services_and_mortal_reply_streams_are_right() {
        assert_eq!(key("soak:cmds:work-a", "stream", -1, 0), 0);
        assert_eq!(key("soak:replies:c0.1", "stream", 59_000, 1100), 0);
        assert_eq!(key("soak:dead:fragile", "stream", -1, 2), 0);
    }

    #[test]
    fn everything_else_is_wrong() {
        assert_eq!(key("soak:cmds:work-a", "stream", -1, 101), 1, "too long");
        assert_eq!(key("soak:cmds:work-x", "stream", -1, 0), 1, "of nobody");
        assert_eq!(key("soak:replies:c0.1", "stream", -1, 0), 1, "immortal");
        assert_eq!(key("soak:replies:c0.1", "stream", 3_600_000, 0), 1, "lives too long");
        assert_eq!(key("soak:replies:c0.1", "stream", 59_000, 1125), 1, "too long");
        assert_eq!(key("soak:dead:work-a", "stream", -1, 1), 1, "an innocent");
        assert_eq!(key("soak:lock", "string", 59_000, 0), 1, "no stream");
        assert_eq!(key("elsewhere", "stream", 59_000, 0), 1, "elsewhere");
    }

    #[test]
    fn nothing_is_pending_in_the_end() {
        let group = |group: &str, pending| {
            let stream = "soak:cmds:work-a".to_owned();
            let what = What::Group { stream, group: group.to_owned(), pending, consumers: 3 };
            check(&Tale::new().bench(1, what).history()).len()
        };
        assert_eq!(group("work-a", 0), 0);
        assert_eq!(group("work-a", 1), 1);
        assert_eq!(group("work-b", 0), 1, "a strange group");
    }
}
