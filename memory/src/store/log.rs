//! The entries of one stream, in order, in the nodes that approximate trimming works on.

use std::collections::VecDeque;

use clamator_core::{Entry, Fields, StreamId, StreamInfo};

/// How many entries Redis puts into one node of a stream by default (`stream-node-max-entries`).
const NODE_ENTRIES: u32 = 100;

/// How many entries one approximate trim removes at most: a hundred nodes, as in Redis.
const TRIM_LIMIT: usize = 100 * NODE_ENTRIES as usize;

#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    entries: VecDeque<Logged>,
    last_id: StreamId,
    /// How many were ever added.
    added: u64,
    /// The number of the node that is being filled, and how many entries ever went into it.
    node: u64,
    filled: u32,
}

#[derive(Clone, Debug)]
struct Logged {
    id: StreamId,
    fields: Fields,
    node: u64,
}

impl Logged {
    fn entry(&self) -> Entry {
        // Room for the fields of a request: whoever reads it may use the list for one.
        let mut fields = Vec::with_capacity(self.fields.len().max(3));
        fields.extend_from_slice(&self.fields);
        Entry { id: self.id, fields: Some(fields) }
    }
}

impl Log {
    /// Adds an entry under the next free id; `None` when the last possible id is taken.
    pub(super) fn append(&mut self, now_ms: u64, fields: Fields) -> Option<StreamId> {
        let id = if now_ms > self.last_id.ms {
            StreamId::new(now_ms, 0)
        } else {
            // The clock stood still or went back: ids still rise.
            successor(self.last_id)?
        };
        let tail_is_gone = self.entries.back().is_none_or(|last| last.node != self.node);
        if tail_is_gone || self.filled >= NODE_ENTRIES {
            self.node += 1;
            self.filled = 0;
        }
        self.filled += 1;
        self.last_id = id;
        self.added += 1;
        self.entries.push_back(Logged { id, fields, node: self.node });
        Some(id)
    }

    /// Removes whole nodes from the front while at least `max_len` entries stay (`MAXLEN ~`).
    pub(super) fn trim_about(&mut self, max_len: u64) {
        let max_len = usize::try_from(max_len).unwrap_or(usize::MAX);
        let mut removed = 0;
        let surplus = self.entries.len().saturating_sub(max_len);
        if self.node_at(0) == self.node_at(surplus) {
            // What must stay begins in the first node: nearly always.
            return;
        }
        while self.entries.len() > max_len
            && let Some(first) = self.entries.front()
        {
            let node = first.node;
            let in_node = self.entries.partition_point(|logged| logged.node <= node);
            if removed + in_node > TRIM_LIMIT || self.entries.len() - in_node < max_len {
                break;
            }
            self.entries.drain(..in_node);
            removed += in_node;
        }
    }

    fn node_at(&self, at: usize) -> Option<u64> {
        self.entries.get(at).map(|logged| logged.node)
    }

    /// Removes the oldest entries until `len` are left. Returns how many went.
    pub(super) fn trim_to(&mut self, len: usize) -> usize {
        let surplus = self.entries.len().saturating_sub(len);
        self.entries.drain(..surplus);
        surplus
    }

    /// Removes every entry with an id below `id`. Returns how many went.
    pub(super) fn trim_below(&mut self, id: StreamId) -> usize {
        let below = self.entries.partition_point(|logged| logged.id < id);
        self.entries.drain(..below);
        below
    }

    /// Removes one entry. Returns whether it was there.
    pub(super) fn remove(&mut self, id: StreamId) -> bool {
        match self.position(id) {
            Ok(at) => self.entries.remove(at).is_some(),
            Err(_) => false,
        }
    }

    /// The entries after `id`, at most `count`; 0 means all.
    pub(super) fn after(&self, id: StreamId, count: u32) -> impl Iterator<Item = Entry> + '_ {
        let from = self.entries.partition_point(|logged| logged.id <= id);
        self.entries.range(from..).take(limit(count)).map(Logged::entry)
    }

    pub(super) fn get(&self, id: StreamId) -> Option<Entry> {
        let at = self.position(id).ok()?;
        self.entries.get(at).map(Logged::entry)
    }

    pub(super) fn contains(&self, id: StreamId) -> bool {
        self.position(id).is_ok()
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn info(&self) -> StreamInfo {
        let length = u64::try_from(self.len()).unwrap_or(u64::MAX);
        StreamInfo { last_id: self.last_id, length, added: Some(self.added) }
    }

    /// The newest id that was ever given, even if that entry is gone.
    pub(super) fn last_id(&self) -> StreamId {
        self.last_id
    }

    /// The id of the newest entry that is still here.
    pub(super) fn newest(&self) -> Option<StreamId> {
        self.entries.back().map(|logged| logged.id)
    }

    fn position(&self, id: StreamId) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&id, |logged| logged.id)
    }
}

/// What a `COUNT` means to Redis: 0 is no limit.
pub(super) fn limit(count: u32) -> usize {
    match count {
        0 => usize::MAX,
        count => usize::try_from(count).unwrap_or(usize::MAX),
    }
}

/// The next id in order, or `None` after the last one.
pub(super) fn successor(id: StreamId) -> Option<StreamId> {
    match id.seq.checked_add(1) {
        Some(seq) => Some(StreamId::new(id.ms, seq)),
        None => id.ms.checked_add(1).map(|ms| StreamId::new(ms, 0)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_of(entries: u64) -> Log {
        let mut log = Log::default();
        for ms in 1..=entries {
            log.append(ms, Vec::new());
        }
        log
    }

    #[test]
    fn ids_come_from_the_clock_and_always_rise() {
        let mut log = Log::default();
        let ids = [0, 5, 5, 4, 6].map(|now| log.append(now, Vec::new()).unwrap().to_string());
        assert_eq!(ids, ["0-1", "5-0", "5-1", "5-2", "6-0"]);
    }

    #[test]
    fn after_the_last_possible_id_nothing_can_be_added() {
        let mut log = log_of(1);
        log.last_id = StreamId::new(7, u64::MAX);
        assert_eq!(log.append(7, Vec::new()), Some(StreamId::new(8, 0)));
        log.last_id = StreamId::new(u64::MAX, u64::MAX);
        assert_eq!(log.append(9, Vec::new()), None);
    }

    #[test]
    fn an_approximate_trim_removes_whole_nodes_only() {
        for (entries, max_len, stay) in [
            (100, 10, 100),
            (109, 10, 109),
            (110, 10, 10),
            (250, 10, 50),
            (250, 60, 150),
            (100, 0, 0),
        ] {
            let mut log = log_of(entries);
            log.trim_about(max_len);
            assert_eq!(log.len(), stay, "{entries} entries, MAXLEN ~ {max_len}");
        }
    }

    #[test]
    fn one_approximate_trim_goes_only_so_far() {
        let mut log = log_of(10_250);
        log.trim_about(0);
        assert_eq!(log.len(), 250);
    }

    #[test]
    fn a_deleted_entry_still_counts_for_its_node() {
        let mut log = log_of(99);
        assert!(log.remove(StreamId::new(1, 0)));
        assert!(!log.remove(StreamId::new(1, 0)));
        log.append(100, Vec::new());
        log.append(101, Vec::new());
        log.trim_about(1);
        assert_eq!(log.len(), 1, "the second node began with the 101st");
    }

    #[test]
    fn exact_trims_and_reads_go_by_id() {
        let mut log = log_of(5);
        assert_eq!(log.trim_below(StreamId::new(2, 1)), 2);
        assert_eq!(log.trim_to(2), 1);
        let ids = |after, count| {
            log.after(StreamId::new(after, 0), count).map(|e| e.id.ms).collect::<Vec<_>>()
        };
        assert_eq!(ids(0, 0), [4, 5]);
        assert_eq!(ids(0, 1), [4]);
        assert_eq!(ids(4, 9), [5]);
        assert!(ids(u64::MAX, 9).is_empty());
        assert_eq!((log.newest(), log.last_id()), (Some(StreamId::new(5, 0)), StreamId::new(5, 0)));
    }
}
