//! Looking into a store and meddling with it, for tests and tools: what no command of the protocol does.

use std::time::Duration;

use bytes::Bytes;
use clamator_core::{Entry, Key, StreamId};

use super::group::{Delivery, Group};
use super::{Held, Store, Stream, Value};

/// What one entry's pending record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingEntry {
    /// The entry.
    pub id: StreamId,
    /// The consumer that owns it.
    pub consumer: String,
    /// For how long nobody has touched it.
    pub idle: Duration,
    /// How often it was delivered.
    pub deliveries: u64,
}

impl Store {
    /// The time of the last command, in milliseconds since the Unix epoch.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// The keys, in order.
    #[must_use]
    pub fn keys(&self) -> Vec<Key> {
        self.keys.keys().cloned().collect()
    }

    /// Whether there is such a key.
    #[must_use]
    pub fn exists(&self, key: &Key) -> bool {
        self.keys.contains_key(key)
    }

    /// For how long the key will stay; `None` if it is missing or stays for good.
    #[must_use]
    pub fn ttl(&self, key: &Key) -> Option<Duration> {
        let expires_ms = self.keys.get(key)?.expires_ms?;
        Some(Duration::from_millis(expires_ms.saturating_sub(self.now_ms)))
    }

    /// The entries of a stream; none if it is missing or not a stream.
    #[must_use]
    pub fn entries(&self, key: &Key) -> Vec<Entry> {
        self.found(key).map_or_else(Vec::new, |stream| stream.log.after(StreamId::MIN, 0).collect())
    }

    /// How many entries a stream has; 0 if it is missing or not a stream.
    #[must_use]
    pub fn len(&self, key: &Key) -> usize {
        self.found(key).map_or(0, |stream| stream.log.len())
    }

    /// Whether the store has no keys at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// The groups of a stream, in order.
    #[must_use]
    pub fn groups(&self, key: &Key) -> Vec<String> {
        self.found(key).map_or_else(Vec::new, |stream| stream.groups.keys().cloned().collect())
    }

    /// The last entry that was delivered to a group; `None` if there is no such group.
    #[must_use]
    pub fn last_delivered(&self, key: &Key, group: &str) -> Option<StreamId> {
        self.found_group(key, group).map(|group| group.delivered)
    }

    /// What is pending in a group, in order.
    #[must_use]
    pub fn pending(&self, key: &Key, group: &str) -> Vec<PendingEntry> {
        let Some(group) = self.found_group(key, group) else { return Vec::new() };
        let record = |(id, delivery): (StreamId, &Delivery)| PendingEntry {
            id,
            consumer: delivery.consumer.as_ref().to_owned(),
            idle: Duration::from_millis(u64::try_from(delivery.idle_ms(self.now_ms)).unwrap_or(0)),
            deliveries: delivery.count,
        };
        group.pending.iter().map(record).collect()
    }

    /// The consumers of a group, in order.
    #[must_use]
    pub fn consumers(&self, key: &Key, group: &str) -> Vec<String> {
        let Some(group) = self.found_group(key, group) else { return Vec::new() };
        group.consumers.keys().map(|name| name.as_ref().to_owned()).collect()
    }

    /// Removes every key (`FLUSHALL`).
    pub fn flush_all(&mut self) {
        self.keys.clear();
        self.next_expiry_ms = None;
    }

    /// Puts a plain string under a key, whatever was there (`SET`).
    pub fn set_string(&mut self, key: &Key, value: impl Into<Bytes>) {
        let held = Held { value: Value::Text(value.into()), expires_ms: None };
        self.keys.insert(key.clone(), held);
    }

    /// The plain string under a key, if that is what it holds (`GET`).
    #[must_use]
    pub fn string(&self, key: &Key) -> Option<Bytes> {
        match &self.keys.get(key)?.value {
            Value::Text(text) => Some(text.clone()),
            Value::Stream(_) => None,
        }
    }

    /// Removes a group with all that is pending in it (`XGROUP DESTROY`). Returns whether there was one.
    pub fn destroy_group(&mut self, key: &Key, group: &str) -> bool {
        let destroyed =
            self.found_mut(key).is_some_and(|stream| stream.groups.remove(group).is_some());
        if destroyed {
            self.lost_group.insert(key.clone());
        }
        destroyed
    }

    /// Trims a stream to its newest `len` entries, whoever still needs the rest (`XTRIM MAXLEN`). Returns how many went.
    pub fn trim_to(&mut self, key: &Key, len: usize) -> usize {
        self.found_mut(key).map_or(0, |stream| stream.log.trim_to(len))
    }

    /// Deletes one entry (`XDEL`); it stays pending where it is. Returns whether it was there.
    pub fn delete_entry(&mut self, key: &Key, id: StreamId) -> bool {
        self.found_mut(key).is_some_and(|stream| stream.log.remove(id))
    }

    fn found(&self, key: &Key) -> Option<&Stream> {
        self.stream(key).ok().flatten()
    }

    fn found_mut(&mut self, key: &Key) -> Option<&mut Stream> {
        self.stream_mut(key).ok().flatten()
    }

    fn found_group(&self, key: &Key, group: &str) -> Option<&Group> {
        self.found(key)?.groups.get(group)
    }
}
