//! The suite on async-std, over a real Redis.

use std::future::Future;

use clamator_async_std::{AsyncStd, Redis};
use clamator_conformance::{Harness, Place, block_on};

#[derive(Default)]
struct OnAsyncStd;

impl Harness for OnAsyncStd {
    const NAME: &'static str = "async-std";
    type Runtime = AsyncStd;
    type Transport = Redis;

    fn place() -> Place {
        Place::redis()
    }

    fn runtime(&self) -> AsyncStd {
        AsyncStd
    }

    fn transport(&self, place: &Place) -> Redis {
        Redis::url(place.url())
    }

    fn run(&self, case: impl Future<Output = ()>) {
        // Tasks and timers have threads of their own.
        block_on(case);
    }
}

clamator_conformance::suite!(OnAsyncStd);
