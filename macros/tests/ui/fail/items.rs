#![allow(unused_imports)]

use clamator_driver::contract;

#[contract(service = "items")]
trait Items {
    type Error;

    const LIMIT: usize;

    methods!();
}

#[contract(service = "generic")]
trait Generic<T> {}

#[contract(service = "conditional")]
trait Conditional
where
    u8: Copy,
{
}

#[contract(service = "careless")]
unsafe trait Careless {}

fn main() {}
