//! clamator over Redis: stream commands for the core, on any executor that can open a byte stream.
//!
//! Applications use the crate of their executor, such as `clamator-tokio`. An adapter for another executor implements
//! [`Connect`]; everything that is said to Redis is in this crate, once.

pub mod acl;
mod batch;
mod config;
mod decode;
mod directory;
mod encode;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod greeting;
mod link;
mod pipe;
mod plain;
mod resp;
mod scripts;
mod sentinel;
#[cfg_attr(not(feature = "tls"), path = "no_tls.rs")]
mod tls;
mod words;

pub use config::Redis;
pub use link::{BoxedStream, ByteStream, Connect, RedisConnection, RedisLink};
pub use redis;

/// The translation alone, so that tests can compare what Redis makes of it with a model. Not part of what is promised.
#[doc(hidden)]
pub mod translate {
    pub use crate::decode::decode;
    pub use crate::encode::encode;
    pub use crate::plain::{decode_plain, encode_plain};
}
