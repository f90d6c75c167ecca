//! How the system under test is set up, and the bounds that follow from it. Short options, so that a lot happens in 20 s.

use std::time::Duration;

use clamator_tokio::{ClientBuilder, Redis, ServerBuilder};

/// In which order a service promises to run its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Discipline {
    /// One at a time, first deliveries in the order of the stream.
    Serial,
    /// So many at a time, in no order.
    Concurrent(usize),
    /// So many at a time, but those of one key one after the other, first deliveries in the order of the stream.
    Ordered(usize),
}

/// The services that every server offers.
pub(crate) const SERVICES: [(&str, Discipline); 5] = [
    ("work-a", Discipline::Serial),
    ("work-b", Discipline::Serial),
    ("work-c", Discipline::Concurrent(4)),
    ("work-d", Discipline::Ordered(3)),
    (FRAGILE, Discipline::Serial),
];

/// The service with a method that ends its server process. It is offered by a server of its own, with a small limit, in the
/// same process as the others: whoever runs next to a poison dies with it.
pub(crate) const FRAGILE: &str = "fragile";
/// The exit code of a process that was ended by a poison.
pub(crate) const POISONED: i32 = 86;
/// So often a request of the fragile service may begin.
pub(crate) const FRAGILE_LIMIT: u64 = 3;
/// So often any other may: more often than faults can make it begin within the timeout of its call.
pub(crate) const LIMIT: u64 = 20;

/// How the requests of a service are run.
pub(crate) fn discipline(service: &str) -> Option<Discipline> {
    SERVICES.iter().find(|(name, _)| *name == service).map(|(_, discipline)| *discipline)
}

pub(crate) const SERVERS: u64 = 3;
pub(crate) const CLIENTS: u64 = 3;

pub(crate) const PREFIX: &str = "soak";
pub(crate) const CLAIM_IDLE: Duration = Duration::from_secs(2);
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(2);
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_millis(500));
pub(crate) const GRACE: Duration = Duration::from_secs(1);
/// The longest that a handler takes: longer than the claim idle, so that it must be renewed.
pub(crate) const LONGEST_HANDLER: Duration = Duration::from_millis(2300);
/// Longer than [`SETTLE`], so that what a fault has caught settles by redelivery and not by its timeout.
pub(crate) const CALL_TIMEOUT: Duration = Duration::from_secs(18);
/// A poison ends one server after the other, and waits for the claim idle after each.
pub(crate) const POISON_TIMEOUT: Duration = Duration::from_secs(30);
pub(crate) const REPLY_TTL: Duration = Duration::from_secs(60);
pub(crate) const REPLY_MAX_LEN: u64 = 1024;

/// How often servers look for what others left behind, as `core/src/server/upkeep.rs` has it.
const CLAIM_EVERY: Duration = Duration::from_secs(1);
/// How often done requests are removed by a server that has done none itself, as `core/src/server/retention.rs` has it.
pub(crate) const TRIM_IDLE_EVERY: Duration = Duration::from_secs(10);

/// After a cut, a process is back within this: a wait of the backoff, the handshake, and the first renewal.
pub(crate) const RECOVERY: Duration = Duration::from_millis(750);

/// A connection that was lost is there again within this: it may first have to be found dead.
pub(crate) const RECONNECT: Duration =
    Duration::from_millis((RESPONSE_TIMEOUT.as_millis() + BACKOFF.1.as_millis()) as u64);

/// Once faults have ended, everything that can settle does so within this. In the worst case, a connection must first be
/// found dead, a request is idle for the claim idle before it is seen by a claim, waits behind a long handler, is one itself,
/// and so are the two before it: under a delivery limit, those that were begun before run one at a time on a server.
pub(crate) const SETTLE: Duration = Duration::from_millis(
    (RESPONSE_TIMEOUT.as_millis()
        + BACKOFF.1.as_millis()
        + CLAIM_IDLE.as_millis()
        + CLAIM_EVERY.as_millis()
        + 4 * LONGEST_HANDLER.as_millis()
        + RECOVERY.as_millis()) as u64,
);

pub(crate) fn client(url: &str, name: &str) -> ClientBuilder {
    ClientBuilder::new(PREFIX)
        .over(Redis::url(url))
        .instance_id(name)
        .response_timeout(RESPONSE_TIMEOUT)
        .reconnect_backoff(BACKOFF.0, BACKOFF.1)
        .reply_stream_ttl(REPLY_TTL)
        .reply_stream_max_len(REPLY_MAX_LEN)
        .default_timeout(CALL_TIMEOUT)
}

pub(crate) fn server(url: &str, name: &str, limit: u64) -> ServerBuilder {
    ServerBuilder::new(PREFIX)
        .over(Redis::url(url))
        .instance_id(name)
        .response_timeout(RESPONSE_TIMEOUT)
        .reconnect_backoff(BACKOFF.0, BACKOFF.1)
        .reply_stream_ttl(REPLY_TTL)
        .reply_stream_max_len(REPLY_MAX_LEN)
        .consumer_claim_idle(CLAIM_IDLE)
        .shutdown_grace(GRACE)
        .max_deliveries(limit)
}

/// The key of a service's command stream.
pub(crate) fn command_stream(service: &str) -> String {
    format!("{PREFIX}:cmds:{service}")
}

/// The key of the stream to which a service's requests go that are given up.
pub(crate) fn dead_stream(service: &str) -> String {
    format!("{PREFIX}:dead:{service}")
}

/// The connections that a process, or whoever is at a place, has at rest: one for commands for each client or server in it,
/// and one for each stream that it reads.
pub(crate) fn connections_at_rest(name: &str) -> u64 {
    let streams = if name.starts_with('s') { 1 + SERVICES.len() } else { 1 };
    1 + streams as u64
}

/// The process that a consumer of a group belongs to: `s0.1` for `work-a:s0.1` and for `fragile:s0.1-fragile`.
pub(crate) fn process_of(consumer: &str) -> &str {
    let instance = consumer.rsplit_once(':').map_or(consumer, |(_, instance)| instance);
    instance.split_once('-').map_or(instance, |(process, _)| process)
}
