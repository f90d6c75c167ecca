#![allow(unused_imports)]

use clamator_driver::{RpcError, contract};

#[contract(service = "results")]
trait Results {
    async fn nothing(&self);

    async fn unit(&self) -> ();

    #[notification]
    async fn notification(&self) -> Result<(), RpcError>;

    async fn borrowed(&self) -> Result<&str, RpcError>;

    async fn generic(&self) -> Result<impl Sized, RpcError>;

    async fn of_self(&self) -> Result<Self, RpcError>;
}

fn main() {}
