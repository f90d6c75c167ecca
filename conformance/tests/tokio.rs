//! The suite on tokio, over a real Redis.

use std::future::Future;

use clamator_conformance::{Harness, Place};
use clamator_tokio::{Redis, Tokio};

#[derive(Default)]
struct OnTokio;

impl Harness for OnTokio {
    const NAME: &'static str = "tokio";
    type Runtime = Tokio;
    type Transport = Redis;

    fn place() -> Place {
        Place::redis()
    }

    fn runtime(&self) -> Tokio {
        Tokio::default()
    }

    fn transport(&self, place: &Place) -> Redis {
        Redis::url(place.url())
    }

    fn run(&self, case: impl Future<Output = ()>) {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(2).enable_all().build().unwrap();
        runtime.block_on(case);
    }
}

clamator_conformance::suite!(OnTokio);
