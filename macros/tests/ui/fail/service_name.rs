#![allow(unused_imports)]

use clamator_driver::contract;

#[contract]
trait Missing {}

#[contract(service = "Arith")]
trait NotAllowed {}

#[contract(service = arith)]
trait NotAString {}

#[contract(service = "")]
trait Empty {}

fn main() {}
