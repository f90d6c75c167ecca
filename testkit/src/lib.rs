//! What the tests stand on: throwaway Redis servers and the peers of other languages.
//!
//! - [`RedisServer`] is a `redis-server` of one's own, on a free port, in a temporary directory. It can
//!   be restarted, killed and paused, and [asked](RedisServer::command) what is in it.
//! - [`PythonPeer`] starts the driver program of the Python package as a [server](PeerServer) or as a
//!   [client](PeerClient).
//! - [`Certificates`] are those of an authority of one's own, for TLS.
//! - [`Guarded`] is any other program that ends with the test.
//! - [`eventually`], [`unique_prefix`] and [`free_port`] are the small things that tests need.
//!
//! Everything here blocks, so that it works next to any executor, and everything that is started ends
//! with the test, even when the test process is killed. What goes wrong panics: it is for tests.
//!
//! ```
//! let redis = clamator_testkit::RedisServer::start();
//! redis.command(&["XADD", "stream", "*", "field", "value"]);
//! assert_eq!(redis.command(&["XLEN", "stream"]).as_int(), 1);
//! ```

mod certificates;
mod guarded;
mod peer;
mod redis_server;
mod resp;
mod support;

pub use certificates::Certificates;
pub use guarded::Guarded;
pub use peer::{ClientOptions, PeerClient, PeerServer, PythonPeer, Reply, ServerOptions};
pub use redis_server::RedisServer;
pub use resp::{Connection, Value};
pub use support::{eventually, free_port, unique_prefix, workspace_root};
