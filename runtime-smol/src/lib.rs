//! Typed RPC over Redis streams, or in memory, on smol.
//!
//! Tasks run on smol's global executor (`SMOL_THREADS` says on how many threads). The surface is that of `clamator-tokio`: to
//! change executors, change the crate's name.
//!
//! ```
//! use clamator_smol::{ClientBuilder, Memory, RpcError, ServerBuilder};
//!
//! #[clamator_smol::contract(service = "arith")]
//! pub trait Arith {
//!     async fn add(&self, a: f64, b: f64) -> Result<f64, RpcError>;
//! }
//!
//! struct Calculator;
//!
//! impl Arith for Calculator {
//!     async fn add(&self, a: f64, b: f64) -> Result<f64, RpcError> {
//!         Ok(a + b)
//!     }
//! }
//!
//! fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     smol::block_on(async {
//!         let memory = Memory::new(); // without `.over(…)`: Redis at $REDIS_URL
//!         let server = ServerBuilder::new("my-app").over(&memory).build()?;
//!         server.register(ArithService::new(Calculator))?;
//!         server.start().await?;
//!
//!         let client = ClientBuilder::new("my-app").over(&memory).build()?;
//!         client.start().await?;
//!         assert_eq!(ArithClient::new(&client).add(2.0, 3.0).await?, 5.0);
//!
//!         client.stop().await;
//!         server.stop().await;
//!         Ok(())
//!     })
//! }
//! ```

mod runtime;

use std::future::Future;

use async_signal::{Signal, Signals};
use futures_util::StreamExt;

pub use clamator_driver::api::*;
pub use clamator_macros::contract_smol as contract;
pub use clamator_memory::Memory;
pub use clamator_redis::{Redis, acl, redis};
pub use runtime::Smol;

/// Builds a [`Client`] that runs on smol.
pub type ClientBuilder<T = Redis> = clamator_driver::ClientBuilder<Smol, T>;

/// Builds a [`Server`] that runs on smol.
pub type ServerBuilder<T = Redis> = clamator_driver::ServerBuilder<Smol, T>;

/// Ready when the process is asked to end: by Ctrl-C, or on Unix by SIGTERM.
///
/// It listens from the call on, not only from the first poll: call it before the start, and no signal is missed.
pub fn shutdown_signal() -> impl Future<Output = ()> + Send + 'static {
    let signals = Signals::new([Signal::Term, Signal::Int]);
    async move {
        // A process that can't listen for signals ends at once by their default action.
        if let Ok(mut signals) = signals {
            signals.next().await;
        }
    }
}

#[doc(hidden)]
pub use clamator_driver::__private;
