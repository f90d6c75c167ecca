//! A service and its caller in one process, over memory: no Redis, no ports.
//!
//! `cargo run --example quickstart` prints `2 + 3 = 5`.

use clamator_tokio::{ClientBuilder, Memory, RpcError, ServerBuilder};

/// Arithmetic.
#[clamator_tokio::contract(service = "arith")]
pub trait Arith {
    /// Adds two numbers.
    async fn add(&self, a: f64, b: f64) -> Result<f64, RpcError>;
}

struct Calculator;

impl Arith for Calculator {
    async fn add(&self, a: f64, b: f64) -> Result<f64, RpcError> {
        Ok(a + b)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let memory = Memory::new(); // leave out `.over(…)` to talk over Redis at $REDIS_URL

    let server = ServerBuilder::new("my-app").over(&memory).build()?;
    server.register(ArithService::new(Calculator))?;
    server.start().await?;

    let client = ClientBuilder::new("my-app").over(&memory).build()?;
    client.start().await?;
    let arith = ArithClient::new(&client);
    println!("2 + 3 = {}", arith.add(2.0, 3.0).await?);

    client.stop().await;
    server.stop().await;
    Ok(())
}
