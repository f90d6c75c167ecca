//! What is thrown at clamator's parsers and state machines. Each target is a plain function of bytes, which panics if
//! something is wrong: the fuzzer, the replay of the corpus and a debugger all call the same.
//!
//! | target | where |
//! |---|---|
//! | `envelope` | [`envelope`]; the second implementation: `envelope/expected.rs`, over `json.rs` |
//! | `server_core`, `client_core` | [`server_core`], [`client_core`]: what drives them; `bench.rs`: what both are held to; `answers.rs`: the store |
//! | `resp` | [`resp`]: where answers of Redis end, and a whole connection |
//! | `outcome` | [`outcome`]: what an answer is to each command |

mod answers;
mod bench;
pub mod client_core;
mod commands;
pub mod envelope;
mod json;
mod memory;
pub mod outcome;
mod reader;
pub mod resp;
pub mod server_core;

pub use bench::Bend;

/// Where the fuzzer finds the name of its target.
pub const TARGET: &str = "CLAMATOR_FUZZ_TARGET";

/// Something to throw bytes at.
#[derive(Debug)]
pub struct Target {
    /// Its name, and that of its folder in the corpus.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// Takes an input of the fuzzer. Panics if what comes of it is wrong.
    pub run: fn(&[u8]),
    /// The longest input that makes sense.
    pub max_len: usize,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target {
        name: "envelope",
        about: "requests and replies, against a second implementation that takes its time",
        run: envelope::run,
        max_len: 4096,
    },
    Target {
        name: "server_core",
        about: "a server's core: any inputs in any order",
        run: server_core::run,
        max_len: 1024,
    },
    Target {
        name: "client_core",
        about: "a client's core: any inputs in any order",
        run: client_core::run,
        max_len: 1024,
    },
    Target {
        name: "resp",
        about: "bytes from Redis in pieces: where answers end, against `redis`; a connection",
        run: resp::run,
        max_len: 1024,
    },
    Target {
        name: "outcome",
        about: "an answer of Redis to every command: the short way against the long one",
        run: outcome::run,
        max_len: 1024,
    },
];

/// The one of this name.
#[must_use]
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
