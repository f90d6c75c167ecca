//! Every form that a contract may have, under lints that are stricter than most.

#![deny(missing_docs, unreachable_pub, missing_debug_implementations, unused, clippy::all)]
#![forbid(unsafe_code)]

use std::collections::BTreeMap;
use std::sync::Arc;

use clamator_driver::{CallContext, RpcError, contract};
use serde::{Deserialize, Serialize};

/// What is ordered.
#[derive(Debug, Serialize, Deserialize)]
pub struct Order {
    /// What.
    pub item: String,
}

/// Every form.
#[contract(service = "everything-2")]
pub trait Everything {
    /// Nothing goes in.
    async fn nothing(&self) -> Result<(), RpcError>;

    /// Named arguments, one of which may be absent.
    async fn named(&self, first_one: f64, r#type: String, _n: Option<u8>) -> Result<f64, RpcError>;

    /// The params object itself.
    async fn place_order(&self, order: Order) -> Result<Order, RpcError>;

    /// A key, though it could be the object.
    async fn named_order(&self, #[named] order: Order) -> Result<(), RpcError>;

    /// The object, though it would be a key.
    async fn whole(&self, #[params] all: BTreeMap<String, u8>) -> Result<usize, std::io::Error>;

    /// With the context.
    async fn who(&self, ctx: &CallContext) -> Result<(), RpcError>;

    /// With the context under no name.
    async fn who_else(&self, _: &clamator_driver::CallContext, n: u8) -> Result<u8, RpcError>;

    /// Under another name; None goes out as null.
    #[method(name = "legacyName", none = "null")]
    async fn renamed(&self, n: Option<u8>) -> Result<(), RpcError>;

    /// With serde's settings.
    async fn settings(
        &self,
        #[serde(default)] a: u8,
        #[serde(rename = "kind")] b: u8,
    ) -> Result<(), RpcError>;

    /// Not there.
    #[cfg(any())]
    async fn gone(&self, n: Missing) -> Result<(), RpcError>;

    /// Nobody waits.
    #[notification]
    async fn ping(&self, n: u32);

    /// Nobody waits either.
    #[notification]
    #[method(name = "pong")]
    async fn pong_it(&self, ctx: &CallContext) -> ();
}

#[derive(Debug)]
struct Handler;

impl Everything for Handler {
    async fn nothing(&self) -> Result<(), RpcError> {
        Ok(())
    }
    async fn named(&self, first_one: f64, r#type: String, n: Option<u8>) -> Result<f64, RpcError> {
        std::future::ready(()).await;
        Ok(first_one + r#type.len() as f64 + n.map_or(0.0, f64::from))
    }
    async fn place_order(&self, order: Order) -> Result<Order, RpcError> {
        Ok(order)
    }
    async fn named_order(&self, _: Order) -> Result<(), RpcError> {
        Ok(())
    }
    async fn whole(&self, all: BTreeMap<String, u8>) -> Result<usize, std::io::Error> {
        Ok(all.len())
    }
    async fn who(&self, _: &CallContext) -> Result<(), RpcError> {
        Ok(())
    }
    async fn who_else(&self, _: &CallContext, n: u8) -> Result<u8, RpcError> {
        Ok(n)
    }
    async fn renamed(&self, _: Option<u8>) -> Result<(), RpcError> {
        Ok(())
    }
    async fn settings(&self, _: u8, _: u8) -> Result<(), RpcError> {
        Ok(())
    }
    async fn ping(&self, _: u32) {}
    async fn pong_it(&self, _: &CallContext) {}
}

/// With all arguments, and a demand on those who implement it.
#[contract(service = "bare", none = "omit", crate = ::clamator_driver)]
pub(crate) trait Bare: Clone {}

fn main() {
    let _one = EverythingService::new(Handler);
    let _shared = EverythingService::new(Arc::new(Handler));
    let _contract = EverythingService::contract();
    let _contract = EverythingClient::contract();

    #[contract(service = "local")]
    trait Local {
        async fn add(&self, a: u8, b: u8) -> Result<u8, RpcError>;
    }
    struct Adder;
    impl Local for Adder {
        async fn add(&self, a: u8, b: u8) -> Result<u8, RpcError> {
            Ok(a + b)
        }
    }
    let _local = LocalService::new(Adder);
}
