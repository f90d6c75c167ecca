//! Driver programs of other languages: they serve or call the service `conf` over Redis.
//!
//! The methods: `add {a,b}` → `{sum}`, `divide {a,b}` → `{q}` (b = 0: error -32001), `sleep {ms}` →
//! `{slept}`, `fail {message}`, `badResult {}`, `echo {value}` → `{value}`, `push {item}` → `{items}`,
//! `seen {}` → `{calls, pings}`; the notification: `ping {n}`.

mod client;
mod server;

use std::ffi::OsString;

pub use client::{ClientOptions, PeerClient, Reply};
pub use server::{PeerServer, ServerOptions};

use crate::redis_server::RedisServer;
use crate::support::workspace_root;

/// The Python package, in the virtual environment that `cargo xtask setup` prepares.
#[derive(Clone, Copy, Debug)]
pub struct PythonPeer;

impl PythonPeer {
    /// Starts a Python server of `conf` and waits until it serves.
    #[track_caller]
    pub fn server(redis: &RedisServer, prefix: &str) -> PeerServer {
        Self::server_with(redis, prefix, &ServerOptions::default())
    }

    /// Like [`server`](Self::server), with options.
    #[track_caller]
    pub fn server_with(redis: &RedisServer, prefix: &str, options: &ServerOptions) -> PeerServer {
        PeerServer::start(&python(), &redis.url(), prefix, options)
    }

    /// Starts a Python client of `conf`.
    #[track_caller]
    pub fn client(redis: &RedisServer, prefix: &str) -> PeerClient {
        Self::client_with(redis, prefix, &ClientOptions::default())
    }

    /// Like [`client`](Self::client), with options.
    #[track_caller]
    pub fn client_with(redis: &RedisServer, prefix: &str, options: &ClientOptions) -> PeerClient {
        PeerClient::start(&python(), &redis.url(), prefix, options)
    }
}

/// The driver program and what comes before its own arguments.
#[track_caller]
fn python() -> Vec<OsString> {
    let root = workspace_root();
    let python = root.join("target/peers/python/bin/python");
    assert!(python.exists(), "the Python peer is not prepared: run `cargo xtask setup`");
    // -B: no caches among the sources.
    vec![python.into(), "-B".into(), root.join("conformance/peers/python/driver.py").into()]
}

/// `program role --redis URL --prefix P`
fn command_line(program: &[OsString], role: &str, url: &str, prefix: &str) -> Vec<OsString> {
    let own = [role, "--redis", url, "--prefix", prefix].map(OsString::from);
    program.iter().cloned().chain(own).collect()
}

fn push_option(line: &mut Vec<OsString>, name: &str, value: Option<impl ToString>) {
    if let Some(value) = value {
        line.extend([name.into(), value.to_string().into()]);
    }
}
