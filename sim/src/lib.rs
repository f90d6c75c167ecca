//! Deterministic simulation of clamator.
//!
//! A *world* is made of clients, servers, a stream store and a network between them. All of it is the real thing, core, run loop
//! and store, but for the network, the clocks and chance: those follow from one number, the seed. What goes wrong is drawn
//! from it, too. While a world lives, its rules look at everything that happens; once its faults end, it must come to rest.
//!
//! `cargo xtask sim` lives through many of them. [`World::builder`] puts one's own handlers into them.

mod book;
mod builder;
mod cast;
mod dice;
mod event;
mod net;
mod plan;
mod request;
mod rules;
mod site;
mod stage;
mod story;
mod watch;
mod world;

#[doc(hidden)]
pub mod program;

pub use builder::{Failure, World, WorldBuilder};
pub use clamator_driver::api::*;
pub use site::Site;
