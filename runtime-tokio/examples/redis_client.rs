//! A client over Redis: results, errors to match on, and a timeout for one call.
//!
//! ```text
//! cargo run --example redis_server     # Redis at $REDIS_URL, else at redis://localhost:6379
//! cargo run --example redis_client     # in another terminal; it may also be started first
//! ```

use std::time::Duration;

use clamator_tokio::{CallError, ClientBuilder, RpcError};

/// Arithmetic. The server has the same trait; in your own project both take it from one crate.
#[clamator_tokio::contract(service = "arith")]
pub trait Arith {
    /// Adds two numbers.
    async fn add(&self, a: f64, b: f64) -> Result<f64, RpcError>;
    /// Divides; an error of its own tells what can't be divided.
    async fn divide(&self, a: f64, b: f64) -> Result<f64, RpcError>;
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let prefix = std::env::args().nth(1).unwrap_or("clamator-example".to_owned());
    let client = ClientBuilder::new(prefix).default_timeout(Duration::from_secs(10)).build()?;
    client.start().await?;
    let arith = ArithClient::new(&client);

    println!("2 + 3 = {}", arith.add(2.0, 3.0).await?);

    match arith.divide(1.0, 0.0).timeout(Duration::from_secs(5)).await {
        Ok(quotient) => println!("1 / 0 = {quotient}"),
        // The handler ran, and this is its answer.
        Err(CallError::Rpc(error)) => println!("1 / 0: {} (code {})", error.message, error.code),
        // Here it may have run: only the error's own words tell.
        Err(error) => return Err(error.into()),
    }

    client.stop().await;
    Ok(())
}
