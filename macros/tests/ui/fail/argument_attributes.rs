#![allow(unused_imports)]

use clamator_driver::{CallContext, RpcError, contract};

#[contract(service = "attributes")]
trait Attributes {
    async fn unknown(&self, #[allow(unused)] a: u8) -> Result<(), RpcError>;

    async fn both(&self, #[params] #[named] a: u8) -> Result<(), RpcError>;

    async fn with_value(&self, #[params(a)] a: u8) -> Result<(), RpcError>;

    async fn not_alone(&self, #[params] a: u8, b: u8) -> Result<(), RpcError>;

    async fn no_field(&self, #[params] #[serde(default)] a: u8) -> Result<(), RpcError>;

    async fn flat(&self, a: u8, #[serde(flatten)] b: u8) -> Result<(), RpcError>;

    async fn skipped(&self, #[serde(skip)] a: u8) -> Result<(), RpcError>;

    async fn one_sided(&self, #[serde(rename(serialize = "b"))] a: u8) -> Result<(), RpcError>;

    async fn not_a_list(&self, #[serde] a: u8) -> Result<(), RpcError>;

    async fn context(&self, #[named] ctx: &CallContext) -> Result<(), RpcError>;
}

fn main() {}
