//! The sixteen points at which the peers break, and what puts each of them back into this code.

use super::bug::Test::{Case, Core, OnRedis};
use super::bug::{Bug, change};

const ADMIT: &str = "core/src/server/admit.rs";
const CALLS: &str = "core/src/client/calls.rs";
const DISPATCH: &str = "core/src/server/dispatch.rs";
const DRAIN: &str = "core/src/server/drain.rs";
const OPTIONS: &str = "core/src/options.rs";
const PLACES: &str = "core/src/client/places.rs";
const RECOVER: &str = "core/src/server/recover.rs";
const RETENTION: &str = "core/src/server/retention.rs";
const SCRIPTS: &str = "redis-link/src/scripts.rs";
const SERVICE: &str = "core/src/server/service.rs";
const SETTLE: &str = "core/src/server/settle.rs";
const UPKEEP: &str = "core/src/server/upkeep.rs";

const READS_FROM_THE_START: &str = "client::tests::reconnecting::\
    a_new_reader_reads_from_the_start_because_the_store_may_have_come_back_with_lower_ids";

pub(super) const BUGS: &[Bug] = &[
    Bug {
        number: "1",
        what: "a group that was lost is never made anew",
        changes: &[change(
            RECOVER,
            "if self.setup != Setup::Missing || !shared.commands.is_open()",
            "if self.was_set_up || self.setup != Setup::Missing || !shared.commands.is_open()",
        )],
        tests: &[Case("losses::flush_all"), Case("losses::group_destroyed")],
    },
    Bug {
        number: "2a",
        what: "a server makes its group at `$`",
        changes: &[change(
            OPTIONS,
            "group_start: GroupStart::Beginning,",
            "group_start: GroupStart::End,",
        )],
        tests: &[Case("lifecycle::requests_before_any_server")],
    },
    Bug {
        number: "2b",
        what: "a client makes the stream that no server has made",
        changes: &[change(CALLS, "create: false,", "create: true,")],
        tests: &[Case("lifecycle::client_before_its_server"), Case("lifecycle::no_server_at_all")],
    },
    Bug {
        number: "3a",
        what: "what is held isn't renewed, so that others take it over while it runs or waits",
        changes: &[change(
            "core/src/server/held.rs",
            "held.stage != Stage::Releasing && !held.lost && now",
            "false && now",
        )],
        tests: &[Case("reclaim::long_handler"), Case("reclaim::waiting_entries")],
    },
    Bug {
        number: "3b",
        what: "a running entry that is delivered again is run next to itself",
        changes: &[change(
            SERVICE,
            "if self.held.delivered_again(id, asked) {",
            "self.held.remove(id);\n        if self.held.delivered_again(id, asked) {",
        )],
        tests: &[Case("reclaim::own_running_entry")],
    },
    Bug {
        number: "3c",
        what: "a renewal takes an entry back from whoever owns it by now",
        changes: &[change(
            SCRIPTS,
            "  if #pending == 1 then
    local claimed = redis.pcall('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID')",
            "  if #pending < 2 then
    local claimed = redis.pcall('XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'JUSTID')",
        )],
        tests: &[OnRedis("reclaim::stolen_while_running")],
    },
    Bug {
        number: "4a",
        what: "what waits at a stop isn't handed back",
        changes: &[change(
            DRAIN,
            "self.releases.extend(released);",
            "for id in released {\n            self.held.remove(id);\n        }",
        )],
        tests: &[Case("drain::waiting_entries_go_back")],
    },
    Bug {
        number: "4b",
        what: "after a reconnect, what was delivered to the lost connection isn't looked for",
        changes: &[change(
            RECOVER,
            "            Resume::Scan(after)\n",
            "            Resume::Scan(_) if self.at < usize::MAX => self.resume = Resume::Nothing,
            Resume::Scan(after)\n",
        )],
        tests: &[Case("connections::read_lost")],
    },
    Bug {
        number: "5a",
        what: "what is done stays in the stream for ever",
        changes: &[change(
            RETENTION,
            "Retention::TrimDone => Some(shared.now + TRIM_EVERY),",
            "Retention::TrimDone => None,",
        )],
        tests: &[Case("retention::done_entries_go"), Case("retention::done_by_others")],
    },
    Bug {
        number: "5b",
        what: "what is pending is trimmed, since only what was delivered last is looked at",
        changes: &[change(SCRIPTS, "if info['pending'] > 0 then", "if info['pending'] < 0 then")],
        tests: &[OnRedis("retention::pending_entries_stay")],
    },
    Bug {
        number: "6a",
        what: "any number of requests are under way, and their replies are trimmed unread",
        changes: &[change(
            PLACES,
            "own < self.limit.saturating_sub(self.taken) && self.taken < self.limit - kept",
            "own <= usize::MAX && kept <= self.limit",
        )],
        tests: &[Case("replies::crowd")],
    },
    Bug {
        number: "6b",
        what: "a service that never answers takes every place",
        changes: &[change(
            PLACES,
            "own < self.limit.saturating_sub(self.taken) && self.taken < self.limit - kept",
            "own <= self.limit && kept <= self.limit && self.taken < self.limit",
        )],
        tests: &[Case("replies::crowd")],
    },
    Bug {
        number: "7a",
        what: "a server gives reply streams no time to live, nor those that it makes anew",
        changes: &[change(
            "core/src/server/shared.rs",
            "if self.reply_ttl.written(self.now, &stream) {",
            "if false && self.reply_ttl.written(self.now, &stream) {",
        )],
        tests: &[Case("replies::time_to_live"), Case("replies::after_a_stop")],
    },
    Bug {
        number: "7b",
        what: "a client's reply stream stays for ever after a crash",
        changes: &[change(
            "core/src/client/replies.rs",
            "if self.commands.is_open() && std::mem::take(&mut self.renewal_due) {",
            "if false && std::mem::take(&mut self.renewal_due) {",
        )],
        tests: &[Case("replies::kept_alive")],
    },
    Bug {
        number: "8a",
        what: "whoever adds a request chooses the key that is written to",
        changes: &[change(
            ADMIT,
            "Ok(key) if prefix.confines_reply_to(key) =>",
            "Ok(key) if prefix.confines_reply_to(key) || !key.is_empty() =>",
        )],
        tests: &[Case("replies::confined")],
    },
    Bug {
        number: "8b",
        what: "a reply that is refused for good is tried again for ever",
        changes: &[change(
            SETTLE,
            "Outcome::Refused(refusal) if Meaning::of(&refusal) == Meaning::Passing => {
                self.outbox",
            "Outcome::Refused(refusal) if Meaning::of(&refusal) != Meaning::GroupExists => {
                self.outbox",
        )],
        tests: &[Case("replies::wrong_type")],
    },
    Bug {
        number: "8c",
        what: "a bad entry ends the work on those that came with it",
        changes: &[change(
            SERVICE,
            "self.deliver(shared, entry, Some(1), asked);",
            "let id = entry.id;
                    self.deliver(shared, entry, Some(1), asked);
                    if self.acks.contains(&id) {
                        break;
                    }",
        )],
        tests: &[Case("hostile::many_bad_among_good")],
    },
    Bug {
        number: "9a",
        what: "what kills its server is delivered again for ever",
        changes: &[change(
            UPKEEP,
            "Some(limit) if deliveries > limit => {",
            "Some(limit) if deliveries > limit.max(u64::MAX - 1) => {",
        )],
        tests: &[Case("poison::put_aside")],
    },
    Bug {
        number: "9b",
        what: "entries are taken over in bulk and counted then, not when they run: innocents are put aside",
        changes: &[
            change(
                UPKEEP,
                "count.min(if limited { 1 } else { CLAIM_COUNT })",
                "count.max(CLAIM_COUNT)",
            ),
            change(
                UPKEEP,
                "self.deliver(shared, entry, None, issued);",
                "self.deliver(shared, entry, None, issued);
                    self.count(shared, id);",
            ),
            change(
                UPKEEP,
                "(limited && !shared.suspects.may_begin(shared.now, self.at, id))",
                "(limited && false)",
            ),
        ],
        tests: &[Case("poison::neighbours")],
    },
    Bug {
        number: "10",
        what: "what is no request is dropped without an answer",
        changes: &[change(
            ADMIT,
            "(Some(reply_to), Some(id)) => {\n            Admission::Answer {",
            "(Some(reply_to), Some(id)) if reason.is_empty() => {\n            Admission::Answer {",
        )],
        tests: &[Case("errors::invalid_request_with_an_id")],
    },
    Bug {
        number: "11",
        what: "the search for what others left begins at the head each time",
        changes: &[change(
            UPKEEP,
            "self.claim_cursor = cursor;",
            "self.claim_cursor = cursor;
                let cursor = StreamId::MIN;
                self.claim_cursor = cursor;",
        )],
        tests: &[Case("reclaim::old_behind_young")],
    },
    Bug {
        number: "12",
        what: "more than a hundred calls at once are errors",
        changes: &[change(OPTIONS, "max_queued_calls: 128 * 1024,", "max_queued_calls: 100,")],
        tests: &[Case("timeouts::hundreds_at_once")],
    },
    Bug {
        number: "13a",
        what: "a server that stops leaves its consumer in the group",
        changes: &[change(
            DRAIN,
            "if self.handed_back || !shared.options.scripts {",
            "if self.handed_back || self.at < usize::MAX {",
        )],
        tests: &[Case("drain::consumers_are_removed")],
    },
    Bug {
        number: "13b",
        what: "consumers of dead servers pile up",
        changes: &[change(
            RETENTION,
            "if self.removal.consumers_at.is_some_and(|at| at <= shared.now) {",
            "if self.removal.consumers_at.is_some_and(|at| at <= shared.now) && false {",
        )],
        tests: &[Case("retention::dead_consumers")],
    },
    Bug {
        number: "13c",
        what: "a consumer is removed with what is pending for it",
        changes: &[
            change(SCRIPTS, "if #pending > 0 then return 0 end", ""),
            change(
                DRAIN,
                "if self.handed_back || !shared.options.scripts {",
                "if false && self.handed_back {",
            ),
        ],
        tests: &[OnRedis("drain::consumers_are_removed")],
    },
    Bug {
        number: "14a",
        what: "a lost connection is tried again at a fixed rate",
        changes: &[change(
            "core/src/backoff.rs",
            "self.next = whole.saturating_mul(2).min(self.options.max);",
            "self.next = whole;",
        )],
        tests: &[Core("backoff::tests::waits_double_from_100_ms_to_30_s_with_jitter")],
    },
    Bug {
        number: "14b",
        what: "each attempt is told of",
        changes: &[change(
            "core/src/lane.rs",
            "if self.fault.is_none() && self.was_open {",
            "if self.was_open {",
        )],
        tests: &[Core("lane::tests::an_outage_is_told_once_however_many_attempts_it_takes")],
    },
    Bug {
        number: "15a",
        what: "a client goes on at its old place in a store that came back empty",
        changes: &[
            change("core/src/client/mod.rs", "self.watch.start_over();", ""),
            change(
                "core/src/client/watch.rs",
                "!self.refused && self.asked.is_none()",
                "self.refused && self.asked.is_none()",
            ),
        ],
        tests: &[Case("connections::store_came_back_empty")],
    },
    Bug {
        number: "15b",
        what: "so it does when its stream is made anew while its connection lives",
        changes: &[change(
            "core/src/client/watch.rs",
            "!self.refused && self.asked.is_none()",
            "self.refused && self.asked.is_none()",
        )],
        tests: &[Case("losses::reply_stream_made_anew")],
    },
    Bug {
        number: "15c",
        what: "two lives of a client use the same call ids",
        changes: &[change(
            "core/src/client/mod.rs",
            "random: Random::new(seed),",
            "random: Random::new([seed[0].min(7); 32].map(|_| 7)),",
        )],
        tests: &[Case("envelopes::call_ids_never_repeat")],
    },
    Bug {
        number: "15d",
        what: "after a reconnect a client goes on at its old place until the watch over its stream finds out",
        changes: &[change("core/src/client/mod.rs", "self.watch.start_over();", "")],
        tests: &[Core(READS_FROM_THE_START)],
    },
    Bug {
        number: "16a",
        what: "a service that may run several requests at once runs one",
        changes: &[change(
            DISPATCH,
            "Concurrency::Concurrent(_) => self.put(turn, id, Name::Own),",
            "Concurrency::Concurrent(_) => self.put(turn, id, Name::Only),",
        )],
        tests: &[Case("concurrency::at_once"), Case("concurrency::slow_among_quick")],
    },
    Bug {
        number: "16b",
        what: "a serial service runs several requests at once",
        changes: &[
            change(
                DISPATCH,
                "Concurrency::Serial => self.put(turn, id, Name::Only),",
                "Concurrency::Serial => self.put(turn, id, Name::Own),",
            ),
            change(OPTIONS, "Concurrency::Serial => 1,", "Concurrency::Serial => 8,"),
        ],
        tests: &[Case("ordering::nothing_next_to_it")],
    },
    Bug {
        number: "16c",
        what: "requests of one key run next to each other",
        changes: &[change(
            DISPATCH,
            "key.map_or(Name::Own, Name::Key)",
            "key.map_or(Name::Own, |_| Name::Own)",
        )],
        tests: &[Case("concurrency::same_key_in_order")],
    },
    Bug {
        number: "16d",
        what: "a handler that calls its own serial service waits for itself",
        changes: &[change(
            CALLS,
            "&& caller.serial\n",
            "&& caller.serial && caller.address.is_empty()\n",
        )],
        tests: &[Case("pools::own_service")],
    },
];
