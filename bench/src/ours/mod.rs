//! This project, as a user writes with it.

mod calls;
mod client;
mod executor;
mod server;

pub(crate) use client::Client;
pub(crate) use executor::Executor;
pub(crate) use server::{begin, serve};

use clamator_tokio::RpcError;
use serde::{Deserialize, Serialize};

/// The result of `add`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Sum {
    pub(crate) sum: f64,
}

/// The result of `echo`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Text {
    pub(crate) text: String,
}

/// What is called.
#[clamator_tokio::contract(service = "arith")]
pub(crate) trait Arith {
    async fn add(&self, a: f64, b: f64) -> Result<Sum, RpcError>;
    async fn echo(&self, text: String) -> Result<Text, RpcError>;
    async fn sleep(&self, millis: u64) -> Result<u64, RpcError>;
}

/// The handlers.
pub(crate) struct Calculator;

impl Arith for Calculator {
    async fn add(&self, a: f64, b: f64) -> Result<Sum, RpcError> {
        Ok(Sum { sum: a + b })
    }

    async fn echo(&self, text: String) -> Result<Text, RpcError> {
        Ok(Text { text })
    }

    async fn sleep(&self, millis: u64) -> Result<u64, RpcError> {
        // Tokio's own timer rounds up to the next millisecond but one: too much for a handler of ten.
        smol::Timer::after(std::time::Duration::from_millis(millis)).await;
        Ok(millis)
    }
}

/// How the client and server processes of this project are laid out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layout {
    /// Clients in a client process: each has its own connections.
    pub(crate) clients: usize,
    /// Services on a server.
    pub(crate) services: usize,
    /// So many requests of a service may run at the same time.
    pub(crate) concurrent: usize,
    /// All calls are made by one task.
    pub(crate) one_task: bool,
}

impl Default for Layout {
    fn default() -> Layout {
        Layout { clients: 1, services: 1, concurrent: 1, one_task: false }
    }
}

/// The name of the service that comes at this place; the first is that of the contract.
pub(crate) fn service_name(at: usize) -> String {
    if at == 0 { "arith".to_owned() } else { format!("arith-{at}") }
}
