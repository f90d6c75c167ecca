//! The one run loop of clamator, for any executor and any stream store.
//!
//! Applications use the crate of their executor, such as `clamator-tokio`, which re-exports what is here. Authors of an
//! adapter implement [`Runtime`] (a clock, a timer, tasks) and, for a new kind of store, [`Link`] and [`Connection`].

mod adapter;
pub mod api;
mod bell;
mod builder;
mod call;
mod client;
pub mod clock;
mod context;
mod error;
mod handlers;
mod handling;
mod hub;
mod lanes;
mod log;
mod options;
mod order;
mod pace;
mod run_loop;
mod server;
mod service;

pub use adapter::{Adapter, Connection, Link, Runtime, Transport};
pub use api::*;
pub use builder::{ClientBuilder, ServerBuilder};
pub use clamator_core::Time;
pub use clamator_macros::contract_driver as contract;

/// What the code that `#[contract]` makes refers to. Not for use by hand.
#[doc(hidden)]
pub mod __private;
