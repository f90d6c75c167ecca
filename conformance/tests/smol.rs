//! The suite on smol, over a real Redis.

use std::future::Future;

use clamator_conformance::{Harness, Place, block_on};
use clamator_smol::{Redis, Smol};

#[derive(Default)]
struct OnSmol;

impl Harness for OnSmol {
    const NAME: &'static str = "smol";
    type Runtime = Smol;
    type Transport = Redis;

    fn place() -> Place {
        Place::redis()
    }

    fn runtime(&self) -> Smol {
        Smol
    }

    fn transport(&self, place: &Place) -> Redis {
        Redis::url(place.url())
    }

    fn run(&self, case: impl Future<Output = ()>) {
        // Tasks and timers have threads of their own.
        block_on(case);
    }
}

clamator_conformance::suite!(OnSmol);
