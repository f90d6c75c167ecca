//! Looking into a real server and meddling with it, past the translation that is being tested.

use std::time::Duration;

use clamator_core::{Entry, Refusal, StreamId};
use clamator_memory::PendingEntry;
use clamator_testkit::{Connection, RedisServer, Value};

/// A server of the version that the model is of. `CLAMATOR_REDIS_SERVER` may name another one: what differs there is told in
/// `docs/versions.md`, and the core is tested over it by the suites that talk to it.
pub(crate) fn modelled() -> Option<RedisServer> {
    // A read in vain is over when Redis looks the next time; as a rule it does so ten times a second only.
    let server = RedisServer::start_with(&["--hz", "500"]);
    let info = server.command(&["INFO", "server"]);
    let field = |name: &str| info.as_str().lines().find_map(|line| line.strip_prefix(name));
    let version = field("redis_version:").expect("Redis tells");
    if version.starts_with("7.0.") && field("valkey_version:").is_none() {
        return Some(server);
    }
    println!("the model is of Redis 7.0, and this is {version}: not compared");
    None
}

/// Asks, and takes an error apart.
pub(crate) fn ask<A: AsRef<[u8]>>(redis: &mut Connection, words: &[A]) -> Result<Value, Refusal> {
    let answer = redis.command(words).expect("Redis answers");
    match answer.as_error().and_then(|error| error.split_once(' ')) {
        Some((code, message)) => Err(Refusal::new(code, message)),
        None => Ok(answer),
    }
}

pub(crate) fn all_entries(answer: &Value) -> Vec<Entry> {
    answer.as_array().iter().map(entry).collect()
}

pub(crate) fn stream_id(answer: &Value) -> StreamId {
    answer.as_str().parse().expect("a stream id")
}

pub(crate) fn pending_entry(answer: &Value) -> PendingEntry {
    let [id, consumer, idle, deliveries] = answer.as_array() else { panic!("{answer:?}") };
    PendingEntry {
        id: stream_id(id),
        consumer: consumer.as_str().to_owned(),
        idle: Duration::from_millis(idle.as_int().unsigned_abs()),
        deliveries: deliveries.as_int().unsigned_abs(),
    }
}

fn entry(answer: &Value) -> Entry {
    let [id, fields] = answer.as_array() else { panic!("{answer:?}") };
    let pair =
        |pair: &[Value]| (pair[0].as_bytes().to_vec().into(), pair[1].as_bytes().to_vec().into());
    Entry { id: stream_id(id), fields: Some(fields.as_array().chunks_exact(2).map(pair).collect()) }
}
