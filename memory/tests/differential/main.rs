//! Whether the model does what Redis does: random commands go to both, and both must answer alike.
//!
//! Ids are the store's: the real server is given them, since its clock is another one.

mod command;
mod redis;
mod stored;
mod waits;
