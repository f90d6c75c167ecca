//! A real Redis, asked in its own words over a connection that shares no code with the adapter.

use std::time::Duration;

use clamator_core::{ConnectionId, Entry, GroupStart, StreamId};
use clamator_testkit::{Connection, Value};

use super::{Pending, Probe};
use crate::place::delete_below;

pub(crate) struct RedisProbe {
    connection: Connection,
    prefix: String,
}

impl RedisProbe {
    pub(crate) fn new(connection: Connection, prefix: &str) -> RedisProbe {
        RedisProbe { connection, prefix: prefix.to_owned() }
    }

    /// Whatever Redis says, an error too.
    fn ask<A: AsRef<[u8]>>(&mut self, words: &[A]) -> Value {
        match self.connection.command(words) {
            Ok(value) => value,
            Err(error) => panic!("the probe's connection to Redis is lost: {error}"),
        }
    }

    fn run<A: AsRef<[u8]>>(&mut self, words: &[A]) -> Value {
        let value = self.ask(words);
        assert!(value.as_error().is_none(), "Redis says {value:?}");
        value
    }

    /// Says since when entries are idle.
    fn set_idle(
        &mut self,
        stream: &str,
        group: &str,
        consumer: &str,
        ids: &[StreamId],
        idle: Duration,
    ) {
        let (ids, idle) = (ids.iter().map(StreamId::to_string), idle.as_millis().to_string());
        let ids: Vec<String> = ids.collect();
        if !ids.is_empty() {
            let mut words = vec!["XCLAIM", stream, group, consumer, "0"];
            words.extend(ids.iter().map(String::as_str));
            words.extend(["IDLE", &idle, "JUSTID"]);
            self.run(&words);
        }
    }

    /// What `XINFO` tells, or nothing where there is no such thing.
    fn info(&mut self, words: &[&str]) -> Vec<Value> {
        match self.ask(words) {
            Value::Error(_) => Vec::new(),
            value => value.as_array().to_vec(),
        }
    }
}

fn id(value: &Value) -> StreamId {
    match value.as_str().parse() {
        Ok(id) => id,
        Err(error) => panic!("{error}"),
    }
}

fn name(info: &Value) -> String {
    info.field("name").map(|name| name.as_str().to_owned()).unwrap_or_default()
}

fn entry(value: &Value) -> Entry {
    let parts = value.as_array();
    let bytes = |value: &Value| bytes::Bytes::copy_from_slice(value.as_bytes());
    let fields = (!parts[1].is_nil()).then(|| {
        parts[1].as_array().chunks_exact(2).map(|pair| (bytes(&pair[0]), bytes(&pair[1]))).collect()
    });
    Entry { id: id(&parts[0]), fields }
}

impl Probe for RedisProbe {
    fn append(&mut self, stream: &str, fields: &[(&[u8], &[u8])]) -> StreamId {
        let mut words: Vec<&[u8]> = vec![b"XADD", stream.as_bytes(), b"*"];
        fields.iter().for_each(|(name, value)| words.extend([*name, *value]));
        id(&self.run(&words))
    }

    fn append_ahead(&mut self, stream: &str, fields: &[(&[u8], &[u8])], ahead: Duration) {
        let seconds = self.run(&["TIME"]).as_array()[0].as_int().unsigned_abs();
        let id = format!("{}-0", u128::from(seconds) * 1000 + ahead.as_millis());
        let mut words: Vec<&[u8]> = vec![b"XADD", stream.as_bytes(), id.as_bytes()];
        fields.iter().for_each(|(name, value)| words.extend([*name, *value]));
        self.run(&words);
    }

    fn entries(&mut self, stream: &str) -> Vec<Entry> {
        match self.ask(&["XRANGE", stream, "-", "+"]) {
            Value::Error(_) => Vec::new(),
            entries => entries.as_array().iter().map(entry).collect(),
        }
    }

    fn exists(&mut self, key: &str) -> bool {
        self.run(&["EXISTS", key]).as_int() == 1
    }

    fn delete(&mut self, key: &str) {
        self.run(&["DEL", key]);
    }

    fn flush(&mut self) {
        if let Err(error) = delete_below(&mut self.connection, &self.prefix) {
            panic!("the probe's connection to Redis is lost: {error}");
        }
    }

    fn set_string(&mut self, key: &str, value: &str) {
        self.run(&["SET", key, value]);
    }

    fn string(&mut self, key: &str) -> Option<String> {
        match self.ask(&["GET", key]) {
            Value::Bulk(text) => Some(String::from_utf8_lossy(&text).into_owned()),
            _ => None,
        }
    }

    fn ttl(&mut self, key: &str) -> Option<Duration> {
        u64::try_from(self.run(&["PTTL", key]).as_int()).ok().map(Duration::from_millis)
    }

    fn create_group(&mut self, stream: &str, group: &str, start: GroupStart) {
        let start = match start {
            GroupStart::Beginning => "0".to_owned(),
            GroupStart::End => "$".to_owned(),
            GroupStart::After(id) => id.to_string(),
        };
        self.run(&["XGROUP", "CREATE", stream, group, &start, "MKSTREAM"]);
    }

    fn destroy_group(&mut self, stream: &str, group: &str) {
        self.run(&["XGROUP", "DESTROY", stream, group]);
    }

    fn groups(&mut self, stream: &str) -> Vec<String> {
        self.info(&["XINFO", "GROUPS", stream]).iter().map(name).collect()
    }

    fn last_delivered(&mut self, stream: &str, group: &str) -> Option<StreamId> {
        let groups = self.info(&["XINFO", "GROUPS", stream]);
        let group = groups.iter().find(|info| name(info) == group)?;
        group.field("last-delivered-id").map(id)
    }

    fn consumers(&mut self, stream: &str, group: &str) -> Vec<String> {
        self.info(&["XINFO", "CONSUMERS", stream, group]).iter().map(name).collect()
    }

    fn pending(&mut self, stream: &str, group: &str) -> Vec<Pending> {
        let pending = self.info(&["XPENDING", stream, group, "-", "+", "10000"]);
        let pending = pending.iter().map(Value::as_array);
        pending
            .map(|row| Pending {
                id: id(&row[0]),
                consumer: row[1].as_str().to_owned(),
                deliveries: row[3].as_int().unsigned_abs(),
            })
            .collect()
    }

    fn read_group(&mut self, stream: &str, group: &str, consumer: &str, count: u32) -> Vec<Entry> {
        let count = count.to_string();
        let words =
            ["XREADGROUP", "GROUP", group, consumer, "COUNT", &count, "STREAMS", stream, ">"];
        match self.run(&words) {
            Value::Nil => Vec::new(),
            streams => {
                let entries = &streams.as_array()[0].as_array()[1];
                entries.as_array().iter().map(entry).collect()
            }
        }
    }

    fn ack(&mut self, stream: &str, group: &str, id: StreamId) {
        self.run(&["XACK", stream, group, &id.to_string()]);
    }

    fn claim(
        &mut self,
        stream: &str,
        group: &str,
        consumer: &str,
        idle: Duration,
    ) -> Vec<StreamId> {
        let idle = idle.as_millis().to_string();
        let words = ["XAUTOCLAIM", stream, group, consumer, &idle, "0", "COUNT", "1000"];
        self.run(&words).as_array()[1].as_array().iter().map(|row| entry(row).id).collect()
    }

    fn touch(&mut self, stream: &str, group: &str, consumer: &str, ids: &[StreamId]) {
        // One that isn't its own any more stays where it is.
        let pending = self.pending(stream, group);
        let own = |id: &&StreamId| pending.iter().any(|p| p.id == **id && p.consumer == consumer);
        let ids: Vec<StreamId> = ids.iter().filter(own).copied().collect();
        self.set_idle(stream, group, consumer, &ids, Duration::ZERO);
    }

    fn release(&mut self, stream: &str, group: &str, consumer: &str, ids: &[StreamId]) {
        self.set_idle(stream, group, consumer, ids, Duration::from_secs(24 * 60 * 60));
    }

    fn counts_added(&mut self, stream: &str) -> bool {
        self.run(&["XINFO", "STREAM", stream]).field("entries-added").is_some()
    }

    fn trim_to(&mut self, stream: &str, len: usize) {
        self.run(&["XTRIM", stream, "MAXLEN", &len.to_string()]);
    }

    fn kill(&mut self, connections: &[ConnectionId]) {
        for connection in connections {
            self.ask(&["CLIENT", "KILL", "ID", &connection.to_string()]);
        }
    }
}
