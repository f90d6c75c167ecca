//! Where a case takes place: nobody else is there, and nothing is left behind.

use std::env;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::OnceLock;

use clamator_memory::Memory;
use clamator_testkit::{Connection, RedisServer, unique_prefix};

/// The Redis to use instead of a server of one's own.
const REDIS: &str = "CLAMATOR_CONFORMANCE_REDIS";

/// An isolated place for one case: a store in memory, or a key prefix on a Redis that no other case uses. What lies under the prefix
/// is deleted when the place is dropped.
#[derive(Debug)]
pub struct Place {
    prefix: String,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Memory(Memory),
    Redis { url: String, address: SocketAddr },
}

impl Place {
    /// A new store in memory.
    #[must_use]
    pub fn memory() -> Place {
        Place { prefix: "conformance".to_owned(), kind: Kind::Memory(Memory::new()) }
    }

    /// A new prefix on a real Redis: on a server of this process's own, which is started once; or on the one that the variable
    /// `CLAMATOR_CONFORMANCE_REDIS` names (`redis://host:port`).
    ///
    /// # Panics
    ///
    /// When there is no Redis: a case that can't run hasn't passed.
    #[must_use]
    pub fn redis() -> Place {
        let url = url_of_redis();
        let address = address_of(&url);
        Place { prefix: unique_prefix("conformance"), kind: Kind::Redis { url, address } }
    }

    /// The beginning of every key of this case.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The store in memory.
    ///
    /// # Panics
    ///
    /// When this place is on a Redis.
    #[must_use]
    pub fn store(&self) -> Memory {
        match &self.kind {
            Kind::Memory(memory) => memory.clone(),
            Kind::Redis { url, .. } => panic!("this place is on a Redis, at {url}"),
        }
    }

    /// Where the Redis is.
    ///
    /// # Panics
    ///
    /// When this place is in memory.
    #[must_use]
    pub fn url(&self) -> String {
        match &self.kind {
            Kind::Redis { url, .. } => url.clone(),
            Kind::Memory(_) => panic!("this place is in memory, and has no URL"),
        }
    }

    /// Whether this place is on a Redis.
    #[must_use]
    pub fn is_redis(&self) -> bool {
        matches!(self.kind, Kind::Redis { .. })
    }

    pub(crate) fn connect(&self) -> Option<Connection> {
        match &self.kind {
            Kind::Memory(_) => None,
            Kind::Redis { url, address } => match Connection::open(*address) {
                Ok(connection) => Some(connection),
                Err(error) => panic!("no connection to the Redis at {url}: {error}"),
            },
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Kind::Redis { address, .. } = &self.kind
            && let Ok(mut connection) = Connection::open(*address)
        {
            // A Redis that a case has left in ruins is no reason to fail it twice.
            let _ = delete_below(&mut connection, &self.prefix);
        }
    }
}

/// Deletes every key that begins with `prefix`; how many there were.
pub(crate) fn delete_below(connection: &mut Connection, prefix: &str) -> std::io::Result<usize> {
    let pattern = format!("{prefix}*");
    let keys = connection.command(&["KEYS", &pattern])?;
    let keys = keys.as_array();
    if !keys.is_empty() {
        let mut words: Vec<&[u8]> = vec![b"DEL"];
        words.extend(keys.iter().map(clamator_testkit::Value::as_bytes));
        connection.command(&words)?;
    }
    Ok(keys.len())
}

fn url_of_redis() -> String {
    static OWN: OnceLock<RedisServer> = OnceLock::new();
    match env::var(REDIS) {
        Ok(url) if !url.is_empty() => url,
        _ => OWN.get_or_init(RedisServer::start).url(),
    }
}

fn address_of(url: &str) -> SocketAddr {
    let host = url.strip_prefix("redis://").map(|rest| rest.trim_end_matches('/'));
    let address = host.and_then(|host| host.to_socket_addrs().ok()).and_then(|mut all| all.next());
    address.unwrap_or_else(|| panic!("{REDIS} is {url:?}: give redis://host:port"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_off_a_url() {
        assert_eq!(address_of("redis://127.0.0.1:7001/").port(), 7001);
    }

    #[test]
    #[should_panic(expected = "give redis://host:port")]
    fn what_is_not_understood_says_what_is_wanted() {
        address_of("rediss://127.0.0.1:7001");
    }

    #[test]
    fn places_in_memory_differ() {
        assert_ne!(
            format!("{:?}", Place::memory().store()),
            format!("{:?}", Place::memory().store())
        );
    }
}
