//! Faults on demand: what a real network does once in a month, at the moment that a case chooses.
//!
//! [`Faulty`] wraps a transport; [`Faults`] is the handle that says what is to go wrong. Without a plan nothing does.

mod line;
mod link;
mod plan;

pub use link::{Faulty, FaultyConnection};
pub use plan::{Fate, Faults, Kind, Loss};
