#![allow(unused_imports)]

use clamator_driver::{RpcError, contract};

#[contract(service = "names")]
trait Names {
    #[method(name = "place_order")]
    async fn place_order(&self) -> Result<(), RpcError>;

    #[method(name = "Add")]
    async fn add(&self) -> Result<(), RpcError>;

    async fn größe(&self) -> Result<(), RpcError>;

    async fn __(&self) -> Result<(), RpcError>;

    async fn new(&self) -> Result<(), RpcError>;

    async fn contract(&self) -> Result<(), RpcError>;
}

#[contract(service = "duplicates")]
trait Duplicates {
    async fn get_it(&self) -> Result<(), RpcError>;

    #[notification]
    async fn get__it(&self);

    #[method(name = "getIt")]
    async fn other(&self) -> Result<(), RpcError>;
}

fn main() {}
