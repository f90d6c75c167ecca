//! The conformance suite of the clamator wire: proves an adapter (an executor, a link, or both) by running the same cases
//! over it that every adapter of this project passes.
//!
//! An adapter's author writes a [`Harness`] of a few lines, and [`suite!`] makes one test of each case:
//!
//! ```no_run
//! use std::future::Future;
//!
//! use clamator_conformance::{Harness, Place};
//! use clamator_memory::{Memory, VirtualTime};
//!
//! #[derive(Default)]
//! struct OnVirtualTime(VirtualTime);
//!
//! impl Harness for OnVirtualTime {
//!     const NAME: &'static str = "memory";
//!     type Runtime = VirtualTime;
//!     type Transport = Memory;
//!
//!     fn place() -> Place {
//!         Place::memory()
//!     }
//!
//!     fn runtime(&self) -> VirtualTime {
//!         self.0.clone()
//!     }
//!
//!     fn transport(&self, place: &Place) -> Memory {
//!         place.store()
//!     }
//!
//!     fn run(&self, case: impl Future<Output = ()>) {
//!         self.0.run(case);
//!     }
//! }
//!
//! clamator_conformance::suite!(OnVirtualTime);
//! # fn main() {}
//! ```
//!
//! - Each case says in a line what it proves, and which rules of `docs/wire.md` it holds: see [`CASES`].
//! - Each case has a [`Place`] of its own: a fresh store, or a fresh key prefix on a real Redis.
//! - A case that hangs fails by its name: the watchdog doesn't run on the adapter's executor.
//! - A missing Redis fails. Who can't have one says so by name and with a reason, in the environment: `CLAMATOR_CONFORMANCE_SKIP="tokio:
//!   this machine has no Redis"`.
//! - [`Faulty`] wraps any transport and loses connections, answers and whole stores at the moment that a test chooses.

mod cases;
mod fault;
pub mod foreign;
mod harness;
mod place;
mod probe;
mod run;
mod world;

pub use cases::{CASES, Case};
pub use fault::{Fate, Faults, Faulty, FaultyConnection, Kind, Loss};
pub use harness::{Harness, block_on};
pub use place::Place;
pub use run::{Failure, check, run};
pub use world::World;

#[doc(hidden)]
pub mod __private {
    pub use crate::run::test;
}
