#![allow(unused_imports)]

use clamator_driver::contract;

#[contract(service = "a", servce = "b")]
trait Unknown {}

#[contract(service = "a", service = "b")]
trait Twice {}

#[contract(service = "a", none = "nil")]
trait NoSuchNone {}

#[contract(service = "a", crate = "clamator_driver")]
trait NotAPath {}

#[contract("a")]
trait NoKey {}

fn main() {}
