//! Looking into the store of a case, and meddling with it behind everybody's back: not through the adapter that is tested, so
//! that it can judge it.

mod memory;
mod redis;

use std::time::Duration;

use clamator_core::{ConnectionId, Entry, GroupStart, StreamId};

pub(crate) use memory::MemoryProbe;
pub(crate) use redis::RedisProbe;

/// A pending entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pending {
    pub(crate) id: StreamId,
    pub(crate) consumer: String,
    pub(crate) deliveries: u64,
}

/// The raw store. Names and keys are complete.
pub(crate) trait Probe: Send {
    /// Adds an entry, and the stream if it is missing.
    fn append(&mut self, stream: &str, fields: &[(&[u8], &[u8])]) -> StreamId;
    /// The same, with an id that lies so far in the future.
    fn append_ahead(&mut self, stream: &str, fields: &[(&[u8], &[u8])], ahead: Duration);
    fn entries(&mut self, stream: &str) -> Vec<Entry>;
    fn exists(&mut self, key: &str) -> bool;
    fn delete(&mut self, key: &str);
    /// Deletes every key of this case, as a FLUSHALL or a lost store would.
    fn flush(&mut self);
    fn set_string(&mut self, key: &str, value: &str);
    /// The plain string under a key, if that is what is there.
    fn string(&mut self, key: &str) -> Option<String>;
    /// For how long a key will stay; `None` if it is missing or stays for good.
    fn ttl(&mut self, key: &str) -> Option<Duration>;

    fn create_group(&mut self, stream: &str, group: &str, start: GroupStart);
    fn destroy_group(&mut self, stream: &str, group: &str);
    fn groups(&mut self, stream: &str) -> Vec<String>;
    /// The last entry that was delivered to anybody.
    fn last_delivered(&mut self, stream: &str, group: &str) -> Option<StreamId>;
    fn consumers(&mut self, stream: &str, group: &str) -> Vec<String>;
    fn pending(&mut self, stream: &str, group: &str) -> Vec<Pending>;
    /// Takes new entries for a consumer, as its server would.
    fn read_group(&mut self, stream: &str, group: &str, consumer: &str, count: u32) -> Vec<Entry>;
    fn ack(&mut self, stream: &str, group: &str, id: StreamId);
    /// Takes over what was idle for that long, as another server would.
    fn claim(&mut self, stream: &str, group: &str, consumer: &str, idle: Duration)
    -> Vec<StreamId>;
    /// Makes entries young that this consumer owns, as its server would.
    fn touch(&mut self, stream: &str, group: &str, consumer: &str, ids: &[StreamId]);
    /// Makes entries that this consumer owns look idle for a day, as its server does when it stops.
    fn release(&mut self, stream: &str, group: &str, consumer: &str, ids: &[StreamId]);
    /// Whether the store tells how many entries a stream ever had: Redis before 7.0 doesn't, and nobody can see that some
    /// were trimmed unread.
    fn counts_added(&mut self, stream: &str) -> bool;
    /// Removes all but the newest `len` entries, whoever still needs them.
    fn trim_to(&mut self, stream: &str, len: usize);

    /// Closes these connections, those that are there.
    fn kill(&mut self, connections: &[ConnectionId]);
}
