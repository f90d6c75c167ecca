//! The life of a server: register, start, serve, stop with a grace, and what the stop reports.
//!
//! `cargo run --example lifecycle`, then press Ctrl-C (or send SIGTERM) while a job runs: the job finishes, its caller
//! gets the reply, and only then the program ends. It runs in memory; over Redis nothing would be different.
//!
//! `serve_until(shutdown_signal())` does the same in one call: see the example `redis_server`.

use std::time::Duration;

use clamator_tokio::{ClientBuilder, Memory, RpcError, ServerBuilder, StartError, shutdown_signal};

/// Work that takes a while.
#[clamator_tokio::contract(service = "jobs")]
pub trait Jobs {
    /// Does a job, and tells its number.
    async fn work(&self, number: u32) -> Result<u32, RpcError>;
}

struct Worker;

impl Jobs for Worker {
    async fn work(&self, number: u32) -> Result<u32, RpcError> {
        println!("job {number} begins");
        tokio::time::sleep(Duration::from_secs(1)).await;
        println!("job {number} is done");
        Ok(number)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let memory = Memory::new();
    let server = ServerBuilder::new("my-app").over(&memory).build()?;
    server.register(JobsService::new(Worker))?;
    server.start().await?;
    server.start().await?; // once more does nothing
    assert!(server.register(JobsService::new(Worker)).is_err(), "too late, and it says so");

    let client = ClientBuilder::new("my-app").over(&memory).build()?;
    client.start().await?;
    let jobs = JobsClient::new(&client);
    let caller = tokio::spawn(async move {
        let mut number = 1;
        while jobs.work(number).await.is_ok() {
            number += 1;
        }
    });

    shutdown_signal().await;
    println!("stopping");
    let report = server.stop_within(Duration::from_secs(5)).await;
    println!(
        "stopped: {} finished, {} handed back, {} dropped",
        report.finished, report.handed_back, report.aborted
    );
    assert_eq!(server.start().await, Err(StartError::Stopped), "a new one is needed");

    client.stop().await; // what is still under way fails with CallError::Stopped
    caller.await?;
    Ok(())
}
