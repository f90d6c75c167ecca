//! This project, as a user writes with it.

mod client;
mod executor;
mod server;

pub(crate) use client::Client;
pub(crate) use executor::Executor;
pub(crate) use server::serve;

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
}
