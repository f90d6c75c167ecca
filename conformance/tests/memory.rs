//! The suite on virtual time, over the store in memory.

use std::future::Future;

use clamator_conformance::{Harness, Place};
use clamator_memory::{Memory, VirtualTime};

#[derive(Default)]
struct OnMemory(VirtualTime);

impl Harness for OnMemory {
    const NAME: &'static str = "memory";
    type Runtime = VirtualTime;
    type Transport = Memory;

    fn place() -> Place {
        Place::memory()
    }

    fn runtime(&self) -> VirtualTime {
        self.0.clone()
    }

    fn transport(&self, place: &Place) -> Memory {
        place.store()
    }

    fn run(&self, case: impl Future<Output = ()>) {
        self.0.run(case);
    }
}

clamator_conformance::suite!(OnMemory);
