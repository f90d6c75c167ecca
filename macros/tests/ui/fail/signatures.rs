#![allow(unused_imports)]

use clamator_driver::{RpcError, contract};

#[contract(service = "signatures")]
trait Signatures {
    fn not_async(&self) -> Result<(), RpcError>;

    async fn no_self() -> Result<(), RpcError>;

    async fn mutable(&mut self) -> Result<(), RpcError>;

    async fn by_value(self) -> Result<(), RpcError>;

    async fn typed(self: &Self) -> Result<(), RpcError>;

    async fn lifetime(&'static self) -> Result<(), RpcError>;

    async fn generic<T>(&self, value: T) -> Result<(), RpcError>;

    async fn conditional(&self) -> Result<(), RpcError>
    where
        u8: Copy;

    async unsafe fn careless(&self) -> Result<(), RpcError>;

    async fn with_a_body(&self) -> Result<(), RpcError> {
        Ok(())
    }
}

fn main() {}
