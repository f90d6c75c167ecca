#![allow(unused_imports)]

use clamator_driver::{CallContext, RpcError, contract};

#[contract(service = "arguments")]
trait Arguments {
    async fn borrowed(&self, name: &str) -> Result<(), RpcError>;

    async fn deeply(&self, names: Vec<Option<&'static str>>) -> Result<(), RpcError>;

    async fn lifetime(&self, name: std::borrow::Cow<'_, str>) -> Result<(), RpcError>;

    async fn generic(&self, name: impl Into<String>) -> Result<(), RpcError>;

    async fn pattern(&self, (a, b): (u8, u8)) -> Result<(), RpcError>;

    async fn mutable(&self, mut a: u8) -> Result<(), RpcError>;

    async fn nameless(&self, _: u8) -> Result<(), RpcError>;

    async fn no_letter(&self, _1: u8, __: u8) -> Result<(), RpcError>;

    async fn twice(&self, item_id: u8, item__id: u8) -> Result<(), RpcError>;

    async fn renamed_twice(&self, a: u8, #[serde(rename = "a")] b: u8) -> Result<(), RpcError>;

    async fn late_context(&self, a: u8, ctx: &CallContext) -> Result<(), RpcError>;

    async fn mutable_context(&self, ctx: &mut CallContext) -> Result<(), RpcError>;

    async fn owned_context(&self, ctx: CallContext) -> Result<(), RpcError>;

    async fn two_contexts(&self, a: &CallContext, b: &CallContext) -> Result<(), RpcError>;
}

fn main() {}
