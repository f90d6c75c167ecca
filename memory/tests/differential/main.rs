//! Whether the model does what Redis does: random commands go to both, and both must answer alike.
//!
//! The real one gets them as applications send them, through the translation and the scripts of `clamator-redis`: so that is
//! tested as well. Only ids are the store's: the real server is given them, since its clock is another one.

mod command;
mod reach;
mod redis;
mod stored;
mod time;
mod translated;
mod waits;
