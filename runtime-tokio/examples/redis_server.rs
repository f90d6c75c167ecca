//! A server over Redis that ends well: on Ctrl-C or SIGTERM it finishes what runs, then leaves.
//!
//! ```text
//! cargo run --example redis_server     # Redis at $REDIS_URL, else at redis://localhost:6379
//! cargo run --example redis_client     # in another terminal
//! ```
//!
//! It prints `READY` once it serves. Start it twice, and the two share the calls.

use clamator_tokio::{RpcError, ServerBuilder, shutdown_signal};

/// Arithmetic. The client has the same trait; in your own project both take it from one crate.
#[clamator_tokio::contract(service = "arith")]
pub trait Arith {
    /// Adds two numbers.
    async fn add(&self, a: f64, b: f64) -> Result<f64, RpcError>;
    /// Divides; an error of its own tells what can't be divided.
    async fn divide(&self, a: f64, b: f64) -> Result<f64, RpcError>;
}

struct Calculator;

impl Arith for Calculator {
    async fn add(&self, a: f64, b: f64) -> Result<f64, RpcError> {
        Ok(a + b)
    }

    async fn divide(&self, a: f64, b: f64) -> Result<f64, RpcError> {
        if b == 0.0 {
            return Err(RpcError::new(-32001, "division by zero").with_data(a));
        }
        Ok(a / b)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let prefix = std::env::args().nth(1).unwrap_or("clamator-example".to_owned());
    let server = ServerBuilder::new(prefix).build()?;
    server.register(ArithService::new(Calculator))?;
    server.start().await?;
    println!("READY");

    let report = server.serve_until(shutdown_signal()).await?;
    println!("stopped: {} handlers were dropped", report.aborted);
    Ok(())
}
