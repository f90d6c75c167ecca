//! The clamator protocol as pure state machines.
//!
//! [`ClientCore`] and [`ServerCore`] make every decision of the protocol, and nothing else: no clock, no I/O,
//! no executor, no entropy but a seed. A *driver* feeds them.
//!
//! # The run loop
//!
//! 1. Give the core one input, with the time: [`Machine::handle_input`].
//! 2. Take its outputs with [`Machine::poll_output`] until there is none: open and close connections, send
//!    commands (those of one lane in order, best as one pipeline), run handlers, wake callers.
//! 3. Arm one timer for [`Machine::poll_timeout`].
//! 4. Wait for the first of: an answer of the link, a finished handler, a new call, the timer. Go to 1.
//!
//! ```
//! use clamator_core::*;
//! use std::time::Duration;
//!
//! let prefix = KeyPrefix::new("my-app").unwrap();
//! let options = ClientOptions::new(prefix, InstanceId::from_seed([1; 32]));
//! let mut client = ClientCore::new(options, [2; 32], Time::ZERO);
//!
//! client.handle_input(Time::ZERO, ClientInput::Start); // 1
//! let mut opened = Vec::new();
//! while let Some(output) = client.poll_output() { // 2
//!     if let Output::Open(lane) = output {
//!         opened.push(lane);
//!     }
//! }
//! assert_eq!(opened, [Lane::Commands, Lane::Reader(0)]);
//! let (at, reason) = client.poll_timeout().unwrap(); // 3
//! assert_eq!((at, reason), (Time::ZERO + Duration::from_secs(10), TimerReason::Connection));
//! for lane in opened { // 4
//!     client.handle_input(Time::ZERO, ClientInput::Link(LinkInput::Opened(lane, Ok(None))));
//! }
//! assert_eq!(client.poll_output(), Some(Output::Started(Ok(()))));
//! ```

#![deny(clippy::iter_over_hash_type)]

mod appetite;
mod backoff;
mod call_name;
mod client;
pub mod codec;
mod command;
mod contract;
mod envelope;
mod error;
mod event;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod gate;
mod lane;
mod lifecycle;
mod machine;
mod names;
mod options;
mod output;
mod random;
mod refusal;
mod server;
mod spare;
mod table;
#[cfg(test)]
mod testing;
mod text;
mod time;

pub use call_name::CallName;
pub use client::{CallKey, Caller, ClientCore, ClientInput, ClientOutput};
pub use command::{
    Command, ConnectionId, Entry, Fault, Fields, GroupStart, Lane, Outcome, Refusal, Reply,
    StreamId, StreamIdError, StreamInfo, Trimmed,
};
pub use contract::{Contract, ContractError, MethodKind};
pub use envelope::{Outgoing, RequestId, success_response};
pub use error::{
    CallError, IntoRpcError, Misuse, NoReply, RegisterError, RpcError, StartError, codes,
};
pub use event::{Event, Level};
pub use lifecycle::Phase;
pub use machine::{Machine, TimerReason};
pub use names::{
    InstanceId, Key, KeyPrefix, MethodName, Name, NameError, ServiceName, is_method_name,
    is_service_name,
};
pub use options::{
    BackoffOptions, ClientOptions, CommonOptions, Concurrency, Disconnected, MissingService,
    QueueFull, Retention, ServerOptions,
};
pub use output::{LinkInput, Output, StopReport};
pub use server::{Job, JobId, JobOutcome, Keyed, Keying, ServerCore, ServerInput, ServerOutput};
pub use time::Time;
