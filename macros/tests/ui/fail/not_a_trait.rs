#![allow(unused_imports)]

use clamator_driver::contract;

#[contract(service = "arith")]
struct Arith;

#[contract(service = "arith")]
impl Arith {}

fn main() {}
