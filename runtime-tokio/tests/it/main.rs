//! clamator on tokio, against a real Redis, and against the real Python implementation.

mod acl;
mod common;
mod concurrency;
mod connections;
mod handlers;
mod hostile;
mod hostile_replies;
mod leftovers;
mod lifecycle;
mod log;
mod over_redis;
mod paused_clock;
mod sentinel;
mod site;
mod stopping;
mod trouble;
mod without_scripts;
mod work;
