//! One consumer group: how far it has read, its consumers, and what is pending for them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use clamator_core::{Entry, StreamId};

use super::log::{Log, limit, successor};
use super::pending::Pending;

/// How many entries `XAUTOCLAIM` looks at for each that it may claim.
const LOOKS_PER_CLAIM: usize = 10;

#[derive(Clone, Debug)]
pub(super) struct Group {
    /// The last entry that was delivered to anybody.
    pub(super) delivered: StreamId,
    /// Each with when it was last heard of.
    pub(super) consumers: BTreeMap<Arc<str>, u64>,
    pub(super) pending: Pending,
}

/// The pending record of one entry.
#[derive(Clone, Debug)]
pub(super) struct Delivery {
    pub(super) consumer: Arc<str>,
    /// When; wider than the clock and signed, so that "a day ago" exists for every clock.
    at_ms: i128,
    pub(super) count: u64,
}

impl Delivery {
    /// A first one.
    pub(super) fn new(consumer: Arc<str>, now_ms: u64) -> Delivery {
        Delivery { consumer, at_ms: i128::from(now_ms), count: 1 }
    }

    /// For how long nobody has touched the entry; negative after the clock went back.
    pub(super) fn idle_ms(&self, now_ms: u64) -> i128 {
        i128::from(now_ms) - self.at_ms
    }
}

impl Group {
    pub(super) fn new(delivered: StreamId) -> Group {
        Group { delivered, consumers: BTreeMap::new(), pending: Pending::default() }
    }

    /// `XREADGROUP … >`: hands out what was never delivered.
    pub(super) fn read_new(
        &mut self,
        log: &Log,
        now_ms: u64,
        consumer: &str,
        count: u32,
    ) -> Vec<Entry> {
        let consumer = self.consumer(now_ms, consumer);
        let entries: Vec<Entry> = log.after(self.delivered, count).collect();
        for entry in &entries {
            self.pending.insert(entry.id, Delivery::new(Arc::clone(&consumer), now_ms));
            self.delivered = entry.id;
        }
        entries
    }

    /// What this consumer has pending; its idle time begins anew. An entry that is gone has no fields, and leaves the pending
    /// list.
    pub(super) fn read_pending(
        &mut self,
        log: &Log,
        now_ms: u64,
        consumer: &str,
        after: StreamId,
        count: u32,
    ) -> Vec<Entry> {
        let own = self.pending.after(after);
        let own = own.filter(|(_, delivery)| *delivery.consumer == *consumer);
        let ids: Vec<StreamId> =
            own.take(usize::try_from(count).unwrap_or(usize::MAX)).map(|(id, _)| id).collect();
        self.touch_owned(log, now_ms, 0, consumer, &ids);
        let entry = |id| log.get(id).unwrap_or(Entry { id, fields: None });
        ids.into_iter().map(entry).collect()
    }

    /// `XACK`.
    pub(super) fn ack(&mut self, ids: &[StreamId]) -> usize {
        ids.iter().filter(|id| self.pending.remove(**id)).count()
    }

    /// `XAUTOCLAIM … JUSTID`: the next cursor and what was claimed. Entries that are gone leave the pending list; they use up
    /// `count`, as in Redis.
    pub(super) fn auto_claim(
        &mut self,
        log: &Log,
        now_ms: u64,
        consumer: &str,
        min_idle: Duration,
        cursor: StreamId,
        count: u32,
    ) -> (StreamId, Vec<Entry>) {
        let min_idle = i128::try_from(min_idle.as_nanos().div_ceil(1_000_000)).unwrap_or(i128::MAX);
        let mut left = limit(count);
        let looks = left.saturating_mul(LOOKS_PER_CLAIM);
        let candidates: Vec<StreamId> =
            self.pending.from(cursor).take(looks).map(|(id, _)| id).collect();
        let mut claimed = Vec::new();
        let mut last_seen = None;
        for id in candidates {
            if left == 0 {
                break;
            }
            last_seen = Some(id);
            let Some(entry) = log.get(id) else {
                self.pending.remove(id);
                left -= 1;
                continue;
            };
            // A clock that went back makes the idle time negative; 0 then still means "any".
            let young = |delivery: &Delivery| min_idle > 0 && delivery.idle_ms(now_ms) < min_idle;
            if self.pending.get(id).is_none_or(young) {
                continue;
            }
            let consumer = self.consumer(now_ms, consumer);
            if let Some(delivery) = self.pending.get_mut(id) {
                delivery.consumer = consumer;
                delivery.at_ms = i128::from(now_ms);
                claimed.push(entry);
                left -= 1;
            }
        }
        let rest = |seen| self.pending.after(seen).next();
        let next = last_seen.and_then(rest).map_or(StreamId::MIN, |(id, _)| id);
        (next, claimed)
    }

    /// How often an entry was delivered that this consumer still owns; one more is counted if `raise`.
    pub(super) fn count_delivery(
        &mut self,
        log: &Log,
        now_ms: u64,
        consumer: &str,
        id: StreamId,
        raise: bool,
    ) -> Option<u64> {
        self.touch_owned(log, now_ms, 0, consumer, &[id]).first()?;
        let delivery = self.pending.get_mut(id)?;
        delivery.count = delivery.count.saturating_add(u64::from(raise));
        Some(delivery.count)
    }

    /// `XCLAIM … JUSTID` of what this consumer still owns, as if it had been delivered `idle_ms` ago. An entry that is
    /// gone leaves the pending list and isn't owned any more.
    pub(super) fn touch_owned(
        &mut self,
        log: &Log,
        now_ms: u64,
        idle_ms: u64,
        consumer: &str,
        ids: &[StreamId],
    ) -> Vec<StreamId> {
        let mut touched = Vec::with_capacity(ids.len());
        for id in ids {
            match self.pending.get_mut(*id) {
                Some(delivery) if *delivery.consumer == *consumer => {
                    if log.contains(*id) {
                        delivery.at_ms = i128::from(now_ms) - i128::from(idle_ms);
                        touched.push(*id);
                    } else {
                        self.pending.remove(*id);
                    }
                }
                _ => {}
            }
        }
        touched
    }

    /// The first id that this group isn't done with.
    pub(super) fn needs_from(&self) -> StreamId {
        match self.pending.first() {
            Some(oldest) => oldest,
            None => successor(self.delivered).unwrap_or(self.delivered),
        }
    }

    /// Removes a consumer for which nothing is pending. Returns whether it did.
    pub(super) fn remove_idle_consumer(&mut self, consumer: &str) -> bool {
        !self.is_busy(consumer) && self.consumers.remove(consumer).is_some()
    }

    /// Removes the consumers for which nothing is pending and of which nobody has heard for `min_idle`, but not `except`.
    pub(super) fn remove_idle_consumers(
        &mut self,
        now_ms: u64,
        min_idle: Duration,
        except: &str,
    ) -> usize {
        let idle = |seen_ms: u64| Duration::from_millis(now_ms.saturating_sub(seen_ms)) >= min_idle;
        let gone = self
            .consumers
            .iter()
            .filter(|(name, seen_ms)| idle(**seen_ms) && ***name != *except && !self.is_busy(name));
        let gone: Vec<Arc<str>> = gone.map(|(name, _)| Arc::clone(name)).collect();
        gone.iter().filter(|name| self.consumers.remove(*name).is_some()).count()
    }

    fn is_busy(&self, consumer: &str) -> bool {
        self.pending.iter().any(|(_, delivery)| *delivery.consumer == *consumer)
    }

    /// The consumer of this name, made if it is missing.
    fn consumer(&mut self, now_ms: u64, name: &str) -> Arc<str> {
        if let Some((consumer, _)) = self.consumers.get_key_value(name) {
            let consumer = Arc::clone(consumer);
            self.consumers.insert(Arc::clone(&consumer), now_ms);
            return consumer;
        }
        let consumer: Arc<str> = name.into();
        self.consumers.insert(Arc::clone(&consumer), now_ms);
        consumer
    }
}
