//! Clamator without Redis: an in-process stream store, and a virtual clock to test on.
//!
//! - [`Memory`] is a [`Link`](clamator_driver::Link): clients and servers in one process talk through it with the very
//!   core and run loop that they use over Redis.
//! - [`VirtualTime`] is a [`Runtime`](clamator_driver::Runtime) whose clock jumps, so that tests neither sleep nor differ.
//! - [`Store`] is the model of Redis 7.0 streams beneath: pure, without a clock, for tests, tools and simulations.

mod broker;
mod link;
mod memory;
mod monitor;
mod store;
mod transport;
mod virtual_time;

pub use crate::link::MemoryConnection;
pub use crate::memory::Memory;
pub use crate::monitor::Monitor;
pub use crate::store::{PendingEntry, Store};
pub use clamator_driver::api::*;
pub use clamator_driver::{ClientBuilder, ServerBuilder};
pub use clamator_macros::contract_memory as contract;

pub use crate::virtual_time::{VirtualSleep, VirtualTime};

#[doc(hidden)]
pub use clamator_driver::__private;
