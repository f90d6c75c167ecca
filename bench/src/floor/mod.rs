//! The floor: the same wire with nothing around it. No deadlines, no leases, no errors, no recovery; commands are packed by hand,
//! and the one table is that of who waits.
//!
//! Blocking sockets and one thread in each process: faster here than an executor, which adds a system call for each wait.

pub(crate) mod client;
mod names;
mod resp;
pub(crate) mod server;
