//! A pure model of Redis 7.0 streams: a value that commands are applied to.
//!
//! [`Store`] is the key space and what each command does to it; [`log`] is one stream's entries, [`group`] one
//! consumer group, [`refusals`] the errors. What tests and tools need beyond commands is in [`inspect`].

mod group;
mod inspect;
mod log;
mod pending;
mod refusals;
#[cfg(test)]
mod tests;

use std::collections::btree_map::Entry as Slot;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use clamator_core::{Command, Fields, GroupStart, Key, Refusal, Reply, StreamId, Trimmed};

use self::group::Group;
pub use self::inspect::PendingEntry;
use self::log::Log;

/// How idle a released entry looks: longer than anybody's claim idle.
const RELEASED_IDLE_MS: u64 = 24 * 60 * 60 * 1000;

/// A small model of a Redis 7.0 server's streams. It has no clock, no connections and no I/O.
///
/// Commands that would block answer with what is there at once, possibly nothing. Deviations from Redis: an
/// approximate trim goes by nodes of 100 entries and ignores their size in bytes.
///
/// ```
/// use clamator_core::{Command, Key, Reply, StreamId};
/// use clamator_memory::Store;
///
/// let mut store = Store::new();
/// let stream = Key::from("s");
/// let append = Command::Append {
///     stream: stream.clone(),
///     fields: vec![("a".into(), "1".into())],
///     max_len: None,
///     create: true,
/// };
/// assert_eq!(store.execute(1_000, &append), Ok(Reply::Added(StreamId::new(1_000, 0))));
/// assert_eq!(store.execute(1_000, &append), Ok(Reply::Added(StreamId::new(1_000, 1))));
/// assert_eq!(store.len(&stream), 2);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Store {
    keys: BTreeMap<Key, Held>,
    /// The time of the last command, in milliseconds.
    now_ms: u64,
    /// No key expires before this; `None` while no key has a time to live.
    next_expiry_ms: Option<u64>,
    /// The streams that lost a group since somebody asked.
    lost_group: BTreeSet<Key>,
}

/// What is held under a key.
#[derive(Clone, Debug)]
struct Held {
    value: Value,
    expires_ms: Option<u64>,
}

#[derive(Clone, Debug)]
enum Value {
    Stream(Stream),
    /// Anything that is not a stream.
    Text(Bytes),
}

#[derive(Clone, Debug, Default)]
struct Stream {
    log: Log,
    groups: BTreeMap<String, Group>,
}

impl Store {
    /// An empty store.
    #[must_use]
    pub fn new() -> Store {
        Store::default()
    }

    /// Applies a command at a time in milliseconds since the Unix epoch.
    ///
    /// A blocking read answers at once, possibly with no entries. The store knows no connections, so
    /// [`Command::Unblock`] and [`Command::Kill`] find none.
    ///
    /// # Errors
    ///
    /// The error that Redis gives. The command then had no effect.
    pub fn execute(&mut self, now_ms: u64, command: &Command) -> Result<Reply, Refusal> {
        self.reap(now_ms);
        match command {
            Command::Append { stream, fields, max_len, create } => {
                self.append(stream, fields.clone(), *max_len, *create)
            }
            Command::CreateGroup { stream, group, start } => {
                self.create_group(stream, group, *start)
            }
            Command::ReadGroup { stream, group, consumer, count, .. } => {
                let (log, group) = self.group(stream, group, refusals::no_group_to_read)?;
                // Redis makes the consumer only once there is something to read.
                if log.newest().is_none_or(|newest| newest <= group.delivered) {
                    return Ok(Reply::Entries(Vec::new()));
                }
                Ok(Reply::Entries(group.read_new(log, now_ms, consumer, *count)))
            }
            Command::ReadOwnPending { stream, group, consumer, after, count } => {
                let (log, group) = self.group(stream, group, refusals::no_group)?;
                Ok(Reply::Entries(group.read_pending(log, now_ms, consumer, *after, *count)))
            }
            Command::Read { stream, after, count, .. } => {
                let entries = match self.stream(stream)? {
                    Some(found) => found.log.after(*after, *count).collect(),
                    None => Vec::new(),
                };
                Ok(Reply::Entries(entries))
            }
            Command::Info { stream } => {
                let found = self.stream(stream)?.ok_or_else(refusals::no_such_key)?;
                Ok(Reply::Stream(found.log.info()))
            }
            Command::Ack { stream, group, ids } => {
                if ids.is_empty() {
                    return Err(refusals::wrong_arity("xack"));
                }
                let group =
                    self.stream_mut(stream)?.and_then(|found| found.groups.get_mut(&**group));
                Ok(count(group.map_or(0, |group| group.ack(ids))))
            }
            Command::AutoClaim { stream, group, consumer, min_idle, cursor, count } => {
                if *count == 0 {
                    return Err(refusals::count_is_zero());
                }
                let (log, group) = self.group(stream, group, refusals::no_group)?;
                let (cursor, entries) =
                    group.auto_claim(log, now_ms, consumer, *min_idle, *cursor, *count);
                Ok(Reply::Claimed { cursor, entries })
            }
            Command::CountDelivery { stream, group, consumer, id, raise } => {
                let (log, group) = self.group(stream, group, refusals::no_group)?;
                Ok(Reply::Deliveries(group.count_delivery(log, now_ms, consumer, *id, *raise)))
            }
            // Without ids their scripts look at nothing, not even at whether the group exists.
            Command::Renew { ids, .. } | Command::Release { ids, .. } if ids.is_empty() => {
                Ok(Reply::Ids(Vec::new()))
            }
            Command::Renew { stream, group, consumer, ids } => {
                let (log, group) = self.group(stream, group, refusals::no_group)?;
                Ok(Reply::Ids(group.touch_owned(log, now_ms, 0, consumer, ids)))
            }
            Command::Release { stream, group, consumer, ids } => {
                let (log, group) = self.group(stream, group, refusals::no_group)?;
                Ok(Reply::Ids(group.touch_owned(log, now_ms, RELEASED_IDLE_MS, consumer, ids)))
            }
            Command::TrimDone { stream } => {
                let found = self.stream_mut(stream)?;
                Ok(Reply::Trimmed(found.map(Stream::trim_done).unwrap_or_default()))
            }
            Command::RemoveConsumer { stream, group, consumer } => {
                let (_, group) = self.group(stream, group, refusals::no_group)?;
                Ok(count(usize::from(group.remove_idle_consumer(consumer))))
            }
            Command::RemoveIdleConsumers { stream, group, min_idle, except } => {
                let (_, group) = self.group(stream, group, refusals::no_group)?;
                Ok(count(group.remove_idle_consumers(now_ms, *min_idle, except)))
            }
            Command::Delete { key } => Ok(count(usize::from(self.keys.remove(key).is_some()))),
            Command::Expire { key, ttl } => Ok(self.expire(key, *ttl)),
            Command::Unblock { .. } | Command::Kill { .. } => Ok(Reply::Count(0)),
            Command::Ping => Ok(Reply::Done),
        }
    }

    /// What a blocked read gets after something happened to its stream, or `None` if it goes on waiting.
    ///
    /// As in Redis, an `appended` entry ends the wait even if it was trimmed at once. So does one that was appended and
    /// trimmed at any time before, when the stream loses a group: pass that as `appended` too.
    pub(crate) fn end_wait(
        &mut self,
        read: &Command,
        appended: bool,
    ) -> Option<Result<Reply, Refusal>> {
        let now_ms = self.now_ms;
        let news = |log: &Log| if appended { Some(log.last_id()) } else { log.newest() };
        match read {
            Command::ReadGroup { stream, group, consumer, count, .. } => {
                let Ok(Some(found)) = self.stream_mut(stream) else {
                    return Some(Err(refusals::stream_is_gone()));
                };
                let Some(group) = found.groups.get_mut(&**group) else {
                    return Some(Err(refusals::group_is_gone()));
                };
                if news(&found.log).is_none_or(|newest| newest <= group.delivered) {
                    return None;
                }
                Some(Ok(Reply::Entries(group.read_new(&found.log, now_ms, consumer, *count))))
            }
            Command::Read { stream, after, count, .. } => {
                // Unlike a group's reader, this one waits on for a stream that doesn't exist.
                let log = &self.stream(stream).ok()??.log;
                if news(log).is_none_or(|newest| newest <= *after) {
                    return None;
                }
                Some(Ok(Reply::Entries(log.after(*after, *count).collect())))
            }
            _ => None,
        }
    }

    /// The streams that lost a group since the last time.
    pub(crate) fn take_lost_group(&mut self) -> BTreeSet<Key> {
        std::mem::take(&mut self.lost_group)
    }

    /// Sets the clock and removes every key whose time has come. Returns whether there was one.
    pub(crate) fn reap(&mut self, now_ms: u64) -> bool {
        self.now_ms = now_ms;
        if self.next_expiry_ms.is_none_or(|next| now_ms <= next) {
            return false;
        }
        let before = self.keys.len();
        self.keys.retain(|_, held| held.expires_ms.is_none_or(|at| now_ms <= at));
        self.next_expiry_ms = self.keys.values().filter_map(|held| held.expires_ms).min();
        self.keys.len() < before
    }

    /// Appends at the time of the last command.
    pub(crate) fn append(
        &mut self,
        key: &Key,
        fields: Fields,
        max_len: Option<u64>,
        create: bool,
    ) -> Result<Reply, Refusal> {
        if fields.is_empty() {
            return Err(refusals::wrong_arity("xadd"));
        }
        let now_ms = self.now_ms;
        if create && !self.keys.contains_key(key) {
            self.keys.insert(key.clone(), Held::default());
        }
        let Some(found) = self.stream_mut(key)? else { return Ok(Reply::Nil) };
        let log = &mut found.log;
        let id = log.append(now_ms, fields).ok_or_else(refusals::ids_are_exhausted)?;
        if let Some(max_len) = max_len {
            log.trim_about(max_len);
        }
        Ok(Reply::Added(id))
    }

    fn create_group(
        &mut self,
        key: &Key,
        group: &str,
        start: GroupStart,
    ) -> Result<Reply, Refusal> {
        let found = self.keys.entry(key.clone()).or_default().value.stream_mut()?;
        let delivered = match start {
            GroupStart::Beginning => StreamId::MIN,
            GroupStart::End => found.log.last_id(),
            GroupStart::After(id) if id <= found.log.last_id() => id,
            GroupStart::After(_) => StreamId::MIN,
        };
        match found.groups.entry(group.to_owned()) {
            Slot::Occupied(_) => Err(refusals::busy_group()),
            Slot::Vacant(slot) => {
                slot.insert(Group::new(delivered));
                Ok(Reply::Done)
            }
        }
    }

    fn expire(&mut self, key: &Key, ttl: Duration) -> Reply {
        // Rounded up: a key must not vanish before its time. One that is longer than the clock can count is for ever, nearly.
        let ttl_ms = u64::try_from(ttl.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
        let at = self.now_ms.saturating_add(ttl_ms);
        let Some(held) = self.keys.get_mut(key) else { return Reply::Count(0) };
        if ttl_ms == 0 {
            self.keys.remove(key);
        } else {
            held.expires_ms = Some(at);
            self.next_expiry_ms = Some(self.next_expiry_ms.map_or(at, |next| next.min(at)));
        }
        Reply::Count(1)
    }

    fn stream(&self, key: &Key) -> Result<Option<&Stream>, Refusal> {
        self.keys.get(key).map(|held| held.value.stream()).transpose()
    }

    fn stream_mut(&mut self, key: &Key) -> Result<Option<&mut Stream>, Refusal> {
        self.keys.get_mut(key).map(|held| held.value.stream_mut()).transpose()
    }

    /// A group and the entries that it reads, or what `missing` says.
    fn group(
        &mut self,
        key: &Key,
        group: &str,
        missing: fn(&Key, &str) -> Refusal,
    ) -> Result<(&Log, &mut Group), Refusal> {
        self.stream_mut(key)?
            .and_then(|found| Some((&found.log, found.groups.get_mut(group)?)))
            .ok_or_else(|| missing(key, group))
    }
}

impl Default for Held {
    /// An empty stream that never expires.
    fn default() -> Held {
        Held { value: Value::Stream(Stream::default()), expires_ms: None }
    }
}

impl Value {
    fn stream(&self) -> Result<&Stream, Refusal> {
        match self {
            Value::Stream(stream) => Ok(stream),
            Value::Text(_) => Err(refusals::wrong_type()),
        }
    }

    fn stream_mut(&mut self) -> Result<&mut Stream, Refusal> {
        match self {
            Value::Stream(stream) => Ok(stream),
            Value::Text(_) => Err(refusals::wrong_type()),
        }
    }
}

impl Stream {
    /// Removes the entries that every group is done with. Without a group nobody has said so.
    fn trim_done(&mut self) -> Trimmed {
        let wanted = self.groups.iter().map(|(name, group)| (group.needs_from(), name.clone()));
        // Of several that need the same, the first one: Redis tells them in this order too.
        let kept = wanted.min_by_key(|(id, _)| *id);
        let removed = kept.as_ref().map_or(0, |(id, _)| self.log.trim_below(*id));
        Trimmed { removed: number(removed), len: number(self.log.len()), kept }
    }
}

fn count(count: usize) -> Reply {
    Reply::Count(number(count))
}

fn number(count: usize) -> u64 {
    u64::try_from(count).unwrap_or(u64::MAX)
}
