//! The store in memory, looked at directly.

use std::time::Duration;

use clamator_core::{
    Command, ConnectionId, Entry, GroupStart, Key, Lane, Outcome, Reply, StreamId,
};
use clamator_driver::{Connection, Link, Runtime};
use clamator_memory::Memory;
use futures_util::FutureExt;

use super::{Pending, Probe};

/// Runs one command that doesn't wait, at the time that it is.
type Execute = Box<dyn FnMut(Command) -> Option<Outcome> + Send>;

pub(crate) struct MemoryProbe {
    memory: Memory,
    execute: Execute,
}

impl MemoryProbe {
    pub(crate) fn new<R: Runtime>(memory: Memory, runtime: &R) -> MemoryProbe {
        let connected = memory.connect(runtime, Lane::Commands).now_or_never();
        let Some(Ok(mut connection)) = connected else { panic!("memory is always there") };
        let execute = move |command| connection.run(vec![command]).now_or_never()?.pop();
        MemoryProbe { memory, execute: Box::new(execute) }
    }

    fn run(&mut self, command: Command) -> Reply {
        match (self.execute)(command) {
            Some(Outcome::Reply(reply)) => reply,
            // A read that would wait.
            None => Reply::Entries(Vec::new()),
            Some(other) => panic!("the store says {other:?}"),
        }
    }

    /// Looks into the store, at the time that it is.
    fn with<T>(&mut self, look: impl FnOnce(&mut clamator_memory::Store) -> T) -> T {
        self.run(Command::Ping);
        self.memory.with(look)
    }
}

fn append(stream: &str, fields: &[(&[u8], &[u8])]) -> Command {
    let bytes = bytes::Bytes::copy_from_slice;
    let fields = fields.iter().map(|(name, value)| (bytes(name), bytes(value))).collect();
    Command::Append { stream: Key::from(stream), fields, max_len: None, create: true }
}

impl Probe for MemoryProbe {
    fn append(&mut self, stream: &str, fields: &[(&[u8], &[u8])]) -> StreamId {
        match self.run(append(stream, fields)) {
            Reply::Added(id) => id,
            other => panic!("an append gives {other:?}"),
        }
    }

    fn append_ahead(&mut self, stream: &str, fields: &[(&[u8], &[u8])], ahead: Duration) {
        let append = append(stream, fields);
        let ahead = u64::try_from(ahead.as_millis()).unwrap_or(u64::MAX);
        // The store's clock is set anew by the next command.
        let added = self.with(|store| store.execute(store.now_ms().saturating_add(ahead), &append));
        assert!(added.is_ok(), "the store says {added:?}");
    }

    fn entries(&mut self, stream: &str) -> Vec<Entry> {
        self.with(|store| store.entries(&Key::from(stream)))
    }

    fn exists(&mut self, key: &str) -> bool {
        self.with(|store| store.exists(&Key::from(key)))
    }

    fn delete(&mut self, key: &str) {
        self.run(Command::Delete { key: Key::from(key) });
    }

    fn flush(&mut self) {
        self.with(clamator_memory::Store::flush_all);
    }

    fn set_string(&mut self, key: &str, value: &str) {
        self.with(|store| store.set_string(&Key::from(key), value.to_owned()));
    }

    fn string(&mut self, key: &str) -> Option<String> {
        let text = self.with(|store| store.string(&Key::from(key)))?;
        Some(String::from_utf8_lossy(&text).into_owned())
    }

    fn ttl(&mut self, key: &str) -> Option<Duration> {
        self.with(|store| store.ttl(&Key::from(key)))
    }

    fn create_group(&mut self, stream: &str, group: &str, start: GroupStart) {
        let (stream, group) = (Key::from(stream), group.to_owned());
        self.run(Command::CreateGroup { stream, group: group.into(), start });
    }

    fn destroy_group(&mut self, stream: &str, group: &str) {
        self.with(|store| store.destroy_group(&Key::from(stream), group));
    }

    fn groups(&mut self, stream: &str) -> Vec<String> {
        self.with(|store| store.groups(&Key::from(stream)))
    }

    fn last_delivered(&mut self, stream: &str, group: &str) -> Option<StreamId> {
        self.with(|store| store.last_delivered(&Key::from(stream), group))
    }

    fn consumers(&mut self, stream: &str, group: &str) -> Vec<String> {
        self.with(|store| store.consumers(&Key::from(stream), group))
    }

    fn pending(&mut self, stream: &str, group: &str) -> Vec<Pending> {
        let pending = self.with(|store| store.pending(&Key::from(stream), group));
        let pending = pending.into_iter();
        pending
            .map(|entry| Pending {
                id: entry.id,
                consumer: entry.consumer,
                deliveries: entry.deliveries,
            })
            .collect()
    }

    fn read_group(&mut self, stream: &str, group: &str, consumer: &str, count: u32) -> Vec<Entry> {
        let (group, consumer) = (group.to_owned(), consumer.to_owned());
        let (stream, block) = (Key::from(stream), Duration::from_millis(1));
        match self.run(Command::ReadGroup {
            stream,
            group: group.into(),
            consumer: consumer.into(),
            count,
            block,
        }) {
            Reply::Entries(entries) => entries,
            other => panic!("a read gives {other:?}"),
        }
    }

    fn ack(&mut self, stream: &str, group: &str, id: StreamId) {
        self.run(Command::Ack {
            stream: Key::from(stream),
            group: group.to_owned().into(),
            ids: vec![id],
        });
    }

    fn claim(
        &mut self,
        stream: &str,
        group: &str,
        consumer: &str,
        min_idle: Duration,
    ) -> Vec<StreamId> {
        let claimed = self.run(Command::AutoClaim {
            stream: Key::from(stream),
            group: group.to_owned().into(),
            consumer: consumer.to_owned().into(),
            min_idle,
            cursor: StreamId::MIN,
            count: 1000,
        });
        match claimed {
            Reply::Claimed { entries, .. } => entries.iter().map(|entry| entry.id).collect(),
            other => panic!("a claim gives {other:?}"),
        }
    }

    fn touch(&mut self, stream: &str, group: &str, consumer: &str, ids: &[StreamId]) {
        let (group, consumer) = (group.to_owned(), consumer.to_owned());
        let (stream, ids) = (Key::from(stream), ids.to_vec());
        self.run(Command::Renew { stream, group: group.into(), consumer: consumer.into(), ids });
    }

    fn release(&mut self, stream: &str, group: &str, consumer: &str, ids: &[StreamId]) {
        let (group, consumer) = (group.to_owned(), consumer.to_owned());
        let (stream, ids) = (Key::from(stream), ids.to_vec());
        self.run(Command::Release { stream, group: group.into(), consumer: consumer.into(), ids });
    }

    fn counts_added(&mut self, _stream: &str) -> bool {
        true
    }

    fn trim_to(&mut self, stream: &str, len: usize) {
        self.with(|store| store.trim_to(&Key::from(stream), len));
    }

    fn kill(&mut self, connections: &[ConnectionId]) {
        for connection in connections {
            self.run(Command::Kill { connection: *connection });
        }
    }
}
