//! clamator on tokio, against a real Redis, and against the real Python implementation.

mod common;
mod over_redis;
