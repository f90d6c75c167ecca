//! Bugs that simulated worlds must find, each within so many.

use super::bug::{Change, change};
use super::list::BUGS;

/// A bug that is put into the core, the driver or the store.
#[derive(Debug)]
pub(super) struct Mutation {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    source: Source,
    /// It is found within so many worlds, from seed 0 on.
    pub(super) seeds: u64,
}

#[derive(Debug)]
enum Source {
    Here(&'static [Change]),
    /// One of the peers' bugs, by its number.
    Bug(&'static str),
}

impl Mutation {
    pub(super) fn changes(&self) -> &'static [Change] {
        match self.source {
            Source::Here(changes) => changes,
            Source::Bug(number) => {
                let bug = BUGS.iter().find(|bug| bug.number == number);
                bug.map_or(&[], |bug| bug.changes)
            }
        }
    }
}

pub(super) const MUTATIONS: &[Mutation] = &[
    Mutation {
        name: "ack-before-reply",
        what: "an ack leaves with its reply, not after it",
        source: Source::Here(&[change(
            "core/src/server/settle.rs",
            "self.outbox.push_back(PendingReply { entry, stream, envelope });\n            }\n            None => self.ack(entry),",
            "self.outbox.push_back(PendingReply { entry, stream, envelope });\n                self.ack(entry);\n            }\n            None => self.ack(entry),",
        )]),
        seeds: 200,
    },
    Mutation {
        name: "reply-unknown-given-up",
        what: "a reply of which nobody knows whether it was taken in is given up",
        source: Source::Here(&[change(
            "core/src/server/settle.rs",
            "Outcome::Unknown(_) | Outcome::NotSent(_) => self.outbox.push_back(reply),",
            "Outcome::Unknown(_) | Outcome::NotSent(_) => self.ack(reply.entry),",
        )]),
        seeds: 500,
    },
    Mutation {
        name: "ack-unknown-forgotten",
        what: "an ack of which nobody knows whether it was executed is not repeated",
        source: Source::Here(&[change(
            "core/src/server/settle.rs",
            "return self.acks.extend(self.acked.drain(..count));",
            "self.removal.acked = true;",
        )]),
        seeds: 2000,
    },
    Mutation {
        name: "resend-on-unknown",
        what: "a request that may have left is sent again",
        source: Source::Here(&[change(
            "core/src/client/calls.rs",
            "Outcome::NotSent(_) => self.pending.wait_for_connection(key),",
            "Outcome::NotSent(_) | Outcome::Unknown(_) if !notification => self.pending.wait_for_connection(key),\n            Outcome::NotSent(_) => self.pending.wait_for_connection(key),",
        )]),
        seeds: 500,
    },
    Mutation {
        name: "deadline-forgotten",
        what: "calls time out five seconds late",
        source: Source::Here(&[change(
            "core/src/client/pending.rs",
            "        if at > now {\n            return None;\n        }\n        self.tell_what",
            "        if at + std::time::Duration::from_secs(5) > now {\n            return None;\n        }\n        self.tell_what",
        )]),
        seeds: 200,
    },
    Mutation {
        name: "lease-forgotten",
        what: "what is held isn't renewed",
        source: Source::Here(&[change(
            "core/src/server/held.rs",
            "held.stage != Stage::Releasing && !held.lost && now",
            "false && now",
        )]),
        seeds: 200,
    },
    Mutation {
        name: "renew-after-loss",
        what: "what is lost is renewed on and on",
        source: Source::Here(&[change(
            "core/src/server/held.rs",
            "held.stage != Stage::Releasing && !held.lost && now",
            "held.stage != Stage::Releasing && now",
        )]),
        seeds: 10_000,
    },
    Mutation {
        name: "running-run-again",
        what: "a running entry that is delivered again is run next to itself",
        source: Source::Here(&[change(
            "core/src/server/service.rs",
            "if self.held.delivered_again(id, asked) {",
            "self.held.remove(id);\n        if self.held.delivered_again(id, asked) {",
        )]),
        seeds: 200,
    },
    Mutation {
        name: "group-never",
        what: "a group that was lost is never made anew",
        source: Source::Bug("1"),
        seeds: 200,
    },
    Mutation {
        name: "group-at-end",
        what: "a server makes its group at `$`",
        source: Source::Bug("2a"),
        seeds: 5000,
    },
    Mutation {
        name: "claim-never",
        what: "nobody looks for what dead servers left",
        source: Source::Here(&[change(
            "core/src/server/upkeep.rs",
            "self.claim_at = Some(shared.now + CLAIM_EVERY);\n        self.claim_on = true;",
            "self.claim_at = Some(shared.now + CLAIM_EVERY);\n        self.claim_on = false;",
        )]),
        seeds: 200,
    },
    Mutation {
        name: "stop-late",
        what: "a stop takes its whole grace and three seconds",
        source: Source::Here(&[change(
            "core/src/server/drain.rs",
            "if over || now >= until + FAREWELL {",
            "if now >= until + FAREWELL * 3 {",
        )]),
        seeds: 200,
    },
    Mutation {
        name: "begins-after-stop",
        what: "what waits at a stop is begun",
        source: Source::Here(&[
            change(
                "core/src/server/drain.rs",
                "let released = self.held.release_queue();\n        self.releases.extend(released);",
                "",
            ),
            change(
                "core/src/server/service.rs",
                "Phase::Draining { .. } => {\n                self.send_dead_letters(shared);",
                "Phase::Draining { .. } => {\n                self.dispatch(shared);\n                self.send_dead_letters(shared);",
            ),
        ]),
        seeds: 1000,
    },
    Mutation {
        name: "never-retries",
        what: "what failed is tried again after eleven days",
        source: Source::Here(&[change(
            "core/src/backoff.rs",
            "let whole = self.next.min(self.options.max);",
            "let whole = Duration::from_secs(1_000_000);",
        )]),
        seeds: 200,
    },
    Mutation {
        name: "limit-one-more",
        what: "a poison is begun once more than the limit says",
        source: Source::Here(&[change(
            "core/src/server/upkeep.rs",
            "Some(limit) if deliveries > limit",
            "Some(limit) if deliveries > limit + 1",
        )]),
        seeds: 1000,
    },
    Mutation {
        name: "limit-one-less",
        what: "a poison is put aside before the limit says so",
        source: Source::Here(&[change(
            "core/src/server/upkeep.rs",
            "Some(limit) if deliveries > limit",
            "Some(limit) if deliveries >= limit",
        )]),
        seeds: 500,
    },
    Mutation {
        name: "dead-letter-lost",
        what: "what is given up is answered and acked without being put aside",
        source: Source::Here(&[change(
            "core/src/server/dead.rs",
            "self.dead.push_back(DeadLetter { entry: id, deliveries, fields, reply });",
            "let _ = (fields, deliveries);\n        self.outbox.extend(reply);",
        )]),
        seeds: 2000,
    },
    Mutation {
        name: "trim-past-pending",
        what: "the store trims up to what was delivered last",
        source: Source::Here(&[change(
            "memory/src/store/group.rs",
            "Some(oldest) => oldest,",
            "Some(_) => successor(self.delivered).unwrap_or(self.delivered),",
        )]),
        seeds: 200,
    },
    Mutation {
        name: "trimmed-never",
        what: "what is done stays in the stream for ever",
        source: Source::Bug("5a"),
        seeds: 200,
    },
    Mutation {
        name: "ids-reused",
        what: "two lives of a client use the same call ids",
        source: Source::Bug("15c"),
        seeds: 200,
    },
    Mutation {
        name: "old-place",
        what: "a client goes on at its old place in a store that came back empty",
        source: Source::Bug("15a"),
        seeds: 5000,
    },
    Mutation {
        name: "too-many-under-way",
        what: "any number of requests are under way, and their replies are trimmed unread",
        source: Source::Bug("6a"),
        seeds: 500,
    },
    Mutation {
        name: "own-pending-skipped",
        what: "after a reconnect, what was delivered to the lost connection isn't looked for",
        source: Source::Bug("4b"),
        seeds: 2000,
    },
    Mutation {
        name: "ttl-never",
        what: "a server gives reply streams no time to live",
        source: Source::Bug("7a"),
        seeds: 1000,
    },
    Mutation {
        name: "consumer-left",
        what: "a server that stops leaves its consumer in the group",
        source: Source::Bug("13a"),
        seeds: 200,
    },
    Mutation {
        name: "serial-runs-two",
        what: "a serial service runs several requests at once",
        source: Source::Bug("16b"),
        seeds: 200,
    },
    Mutation {
        name: "keys-mixed",
        what: "requests of one key run next to each other",
        source: Source::Bug("16c"),
        seeds: 200,
    },
    Mutation {
        name: "reply-dropped",
        what: "one reply in sixteen is not given to its call",
        source: Source::Here(&[
            change(
                "core/src/client/replies.rs",
                "            (Answered::Call(key, _), Ok(result)) => {\n                self.settle_pending",
                "            (Answered::Call(key, _), Ok(result)) if key.0 % 16 != 3 => {\n                self.settle_pending",
            ),
            change(
                "core/src/client/replies.rs",
                "            (_, Ok(_)) => {}",
                "            (_, Ok(_)) => {}\n",
            ),
        ]),
        seeds: 200,
    },
    Mutation {
        name: "repeat-storm",
        what: "what the store refuses for now is repeated at once",
        source: Source::Here(&[change(
            "core/src/gate.rs",
            "self.shut_until = Some(now + self.backoff.wait(random));",
            "self.shut_until = Some(now + self.backoff.wait(random) / 1000);",
        )]),
        seeds: 200,
    },
    Mutation {
        name: "probe-storm",
        what: "a service that isn't there is asked for every 10 ms",
        source: Source::Here(&[change(
            "core/src/client/missing.rs",
            "*after = (*after * 2).min(LAST_RETRY);",
            "*after = (*after * 1).min(LAST_RETRY);",
        )]),
        seeds: 200,
    },
];
