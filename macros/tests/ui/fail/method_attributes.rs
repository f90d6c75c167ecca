#![allow(unused_imports)]

use clamator_driver::{RpcError, contract};

#[contract(service = "attributes")]
trait Attributes {
    #[method]
    async fn a(&self) -> Result<(), RpcError>;

    #[method(nane = "b")]
    async fn b(&self) -> Result<(), RpcError>;

    #[method(name = "c", name = "d")]
    async fn c(&self) -> Result<(), RpcError>;

    #[method(name = 5)]
    async fn d(&self) -> Result<(), RpcError>;

    #[method(none = "none")]
    async fn e(&self, n: Option<u8>) -> Result<(), RpcError>;

    #[notification(once)]
    async fn f(&self);
}

fn main() {}
