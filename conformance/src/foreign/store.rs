//! Redis as the cases see it: raw commands, raw entries.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use clamator_testkit::{Connection, Value};

use super::case::Outcome;

/// Where Redis is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    socket: SocketAddr,
    login: Vec<String>,
    database: Option<String>,
}

impl Address {
    /// Reads `redis://[user][:password@]host[:port][/database]`.
    pub(crate) fn parse(url: &str) -> Outcome<Address> {
        let wrong = || "it is not redis://[[user]:password@]host[:port][/database]".to_owned();
        let rest = url.strip_prefix("redis://").ok_or_else(wrong)?;
        let (login, rest) = rest.rsplit_once('@').unwrap_or(("", rest));
        let (host, database) = rest.split_once('/').unwrap_or((rest, ""));
        let port_given = host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let host = if port_given { host.to_owned() } else { format!("{host}:6379") };
        let mut sockets = host.to_socket_addrs().map_err(|e| format!("{host}: {e}"))?;
        let login = match login.split_once(':') {
            Some(("", password)) => vec![password.to_owned()],
            Some((user, password)) => vec![user.to_owned(), password.to_owned()],
            None if login.is_empty() => vec![],
            None => return Err(wrong()),
        };
        Ok(Address {
            socket: sockets.next().ok_or_else(wrong)?,
            login,
            database: (!database.is_empty()).then(|| database.to_owned()),
        })
    }

    /// Opens a connection of one's own.
    pub(crate) fn connect(&self) -> Outcome<Store> {
        let connection = Connection::open(self.socket)
            .map_err(|e| format!("Redis can't be reached at {}: {e}", self.socket))?;
        let mut store = Store { connection };
        if !self.login.is_empty() {
            let words = std::iter::once("AUTH").chain(self.login.iter().map(String::as_str));
            store.command(&words.collect::<Vec<_>>())?;
        }
        if let Some(database) = &self.database {
            store.command(&["SELECT", database])?;
        }
        Ok(store)
    }
}

/// One entry of a stream, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) fields: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Entry {
    pub(crate) fn field(&self, name: &str) -> Option<&[u8]> {
        let found = self.fields.iter().find(|(it, _)| it == name.as_bytes());
        found.map(|(_, value)| value.as_slice())
    }

    /// The names of its fields, in order.
    pub(crate) fn names(&self) -> Vec<String> {
        self.fields.iter().map(|(name, _)| String::from_utf8_lossy(name).into_owned()).collect()
    }

    fn read(value: &Value) -> Option<Entry> {
        let Value::Array(parts) = value else { return None };
        let [Value::Bulk(id), Value::Array(fields)] = parts.as_slice() else { return None };
        let pairs = fields.chunks_exact(2).filter_map(|pair| match pair {
            [Value::Bulk(name), Value::Bulk(value)] => Some((name.clone(), value.clone())),
            _ => None,
        });
        Some(Entry { id: String::from_utf8_lossy(id).into_owned(), fields: pairs.collect() })
    }
}

/// A connection to Redis. A command that fails is an error.
#[derive(Debug)]
pub(crate) struct Store {
    connection: Connection,
}

impl Store {
    pub(crate) fn command<A: AsRef<[u8]>>(&mut self, words: &[A]) -> Outcome<Value> {
        let name = || String::from_utf8_lossy(words[0].as_ref()).into_owned();
        match self.connection.command(words) {
            Ok(Value::Error(error)) => Err(format!("{}: {error}", name())),
            Ok(value) => Ok(value),
            Err(e) => Err(format!("{}: Redis doesn't answer: {e}", name())),
        }
    }

    pub(crate) fn int<A: AsRef<[u8]>>(&mut self, words: &[A]) -> Outcome<i64> {
        match self.command(words)? {
            Value::Int(number) => Ok(number),
            other => Err(format!("not a number: {other:?}")),
        }
    }

    /// Appends an entry and gives its id.
    pub(crate) fn append(&mut self, stream: &str, fields: &[(&str, &[u8])]) -> Outcome<String> {
        let mut words: Vec<&[u8]> = vec![b"XADD", stream.as_bytes(), b"*"];
        words.extend(fields.iter().flat_map(|(name, value)| [name.as_bytes(), value]));
        match self.command(&words)? {
            Value::Bulk(id) => Ok(String::from_utf8_lossy(&id).into_owned()),
            other => Err(format!("XADD gave {other:?}")),
        }
    }

    /// Appends several entries so that a reader gets them at once.
    pub(crate) fn append_all(&mut self, stream: &str, all: &[Vec<(&str, &[u8])>]) -> Outcome {
        self.command(&["MULTI"])?;
        for fields in all {
            let mut words: Vec<&[u8]> = vec![b"XADD", stream.as_bytes(), b"*"];
            words.extend(fields.iter().flat_map(|(name, value)| [name.as_bytes(), *value]));
            self.command(&words)?;
        }
        self.command(&["EXEC"]).map(drop)
    }

    /// The entries after `id`, waiting at most `wait` (and at least a millisecond) for the first.
    pub(crate) fn read(&mut self, stream: &str, id: &str, wait: Duration) -> Outcome<Vec<Entry>> {
        let ms = wait.as_millis().clamp(1, 1000).to_string();
        let value = self.command(&["XREAD", "BLOCK", &ms, "STREAMS", stream, id])?;
        Ok(entries_of_first(&value))
    }

    /// What the group hasn't seen, as consumer `hand`, waiting at most `wait` for the first.
    pub(crate) fn read_group(
        &mut self,
        stream: &str,
        group: &str,
        wait: Duration,
    ) -> Outcome<Vec<Entry>> {
        let ms = wait.as_millis().clamp(1, 1000).to_string();
        let words = ["XREADGROUP", "GROUP", group, "hand", "BLOCK", &ms, "STREAMS", stream, ">"];
        let value = self.command(&words)?;
        Ok(entries_of_first(&value))
    }

    /// How many entries are delivered and not acked. An error if there is no such group.
    pub(crate) fn pending(&mut self, stream: &str, group: &str) -> Outcome<i64> {
        match self.command(&["XPENDING", stream, group])? {
            Value::Array(summary) => match summary.first() {
                Some(Value::Int(count)) => Ok(*count),
                other => Err(format!("XPENDING gave {other:?}")),
            },
            other => Err(format!("XPENDING gave {other:?}")),
        }
    }

    /// What Redis says of its version.
    pub(crate) fn version(&mut self) -> Outcome<String> {
        let Value::Bulk(info) = self.command(&["INFO", "server"])? else {
            return Err("INFO gave no text".to_owned());
        };
        let info = String::from_utf8_lossy(&info).into_owned();
        let version = info.lines().find_map(|line| line.strip_prefix("redis_version:"));
        Ok(version.unwrap_or("unknown").to_owned())
    }

    /// What XINFO says, a line of (name, value) pairs for each.
    pub(crate) fn info(&mut self, words: &[&str]) -> Outcome<Vec<Value>> {
        match self.command(words)? {
            Value::Array(lines) => Ok(lines),
            other => Err(format!("XINFO gave {other:?}")),
        }
    }
}

/// What `XREAD` gives for a single stream.
fn entries_of_first(value: &Value) -> Vec<Entry> {
    let Value::Array(streams) = value else { return vec![] };
    let Some(Value::Array(stream)) = streams.first() else { return vec![] };
    let Some(Value::Array(entries)) = stream.get(1) else { return vec![] };
    entries.iter().filter_map(Entry::read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_in_all_their_forms() {
        let full = Address::parse("redis://user:p:a@127.0.0.1:7000/3").unwrap();
        assert_eq!(full.socket, "127.0.0.1:7000".parse().unwrap());
        assert_eq!(full.login, ["user", "p:a"]);
        assert_eq!(full.database.as_deref(), Some("3"));
        let short = Address::parse("redis://:secret@127.0.0.1").unwrap();
        assert_eq!((short.socket.port(), short.login), (6379, vec!["secret".to_owned()]));
        for wrong in ["127.0.0.1:6379", "http://127.0.0.1", "redis://user@127.0.0.1"] {
            assert!(Address::parse(wrong).is_err(), "{wrong}");
        }
    }
}
