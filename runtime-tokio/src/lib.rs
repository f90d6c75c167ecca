//! Typed RPC over Redis streams, or in memory, on tokio.
//!
//! ```
//! use clamator_tokio::{ClientBuilder, Memory, RpcError, ServerBuilder};
//!
//! #[clamator_tokio::contract(service = "arith")]
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
//! #[tokio::main]
//! async fn main() -> Result<(), Box<dyn std::error::Error>> {
//!     let memory = Memory::new(); // without `.over(…)`: Redis at $REDIS_URL
//!     let server = ServerBuilder::new("my-app").over(&memory).build()?;
//!     server.register(ArithService::new(Calculator))?;
//!     server.start().await?;
//!
//!     let client = ClientBuilder::new("my-app").over(&memory).build()?;
//!     client.start().await?;
//!     let arith = ArithClient::new(&client);
//!     assert_eq!(arith.add(2.0, 3.0).await?, 5.0);
//!
//!     client.stop().await;
//!     server.stop().await;
//!     Ok(())
//! }
//! ```

mod runtime;
mod signal;

pub use clamator_driver::api::*;
pub use clamator_macros::contract_tokio as contract;
pub use clamator_memory::Memory;
pub use clamator_redis::{Redis, acl, redis};
pub use runtime::Tokio;
pub use signal::shutdown_signal;

/// Builds a [`Client`] that runs on tokio.
pub type ClientBuilder<T = Redis> = clamator_driver::ClientBuilder<Tokio, T>;

/// Builds a [`Server`] that runs on tokio.
pub type ServerBuilder<T = Redis> = clamator_driver::ServerBuilder<Tokio, T>;

#[doc(hidden)]
pub use clamator_driver::__private;

/// Compiles and runs what the README shows.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

/// The same for what is said about security.
#[cfg(doctest)]
#[doc = include_str!("../../docs/security.md")]
struct Security;
