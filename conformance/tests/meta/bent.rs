//! An adapter in memory, with one flaw: everything about it is as it should be, but for what the flaw changes.

use std::future::Future;
use std::pin::Pin;

use clamator_conformance::{Harness, Place};
use clamator_core::{Command, ConnectionId, Fault, Lane, MissingService, Outcome};
use clamator_driver::{ConfigError, Connection, Link, Runtime, Time, Transport};
use clamator_memory::{Memory, MemoryConnection, VirtualTime};

/// What becomes of a command.
pub(crate) enum Altered {
    /// These are run instead; the last one's outcome is the command's.
    Run(Vec<Command>),
    /// Nothing is run.
    Answer(Outcome),
}

/// What is wrong with an adapter. Clones share what they know; each case begins anew.
pub(crate) trait Flaw: Default + Clone + Send + Sync + 'static {
    fn alter(&self, command: Command, _memory: &Memory) -> Altered {
        Altered::Run(vec![command])
    }

    fn outcome(&self, _asked: &Command, outcome: Outcome) -> Outcome {
        outcome
    }

    fn outcomes(&self, _asked: &[Command], outcomes: Vec<Outcome>) -> Vec<Outcome> {
        outcomes
    }

    fn connected(&self, _lane: Lane) {}

    fn id(&self, id: Option<ConnectionId>) -> Option<ConnectionId> {
        id
    }

    /// When a timer goes off, if it does.
    fn timer(&self, _now: Time, at: Time) -> Option<Time> {
        Some(at)
    }
}

/// An adapter with a flaw.
#[derive(Clone, Default)]
pub(crate) struct Bent<F> {
    time: VirtualTime,
    flaw: F,
}

impl<F: Flaw> Runtime for Bent<F> {
    type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

    fn now(&self) -> Time {
        self.time.now()
    }

    fn sleep_until(&self, at: Time) -> Self::Sleep {
        match self.flaw.timer(self.time.now(), at) {
            Some(at) => Box::pin(self.time.sleep_until(at)),
            None => Box::pin(std::future::pending()),
        }
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.time.spawn(task);
    }
}

/// The way to the store, with the same flaw.
#[derive(Clone)]
pub(crate) struct BentLink<F> {
    memory: Memory,
    flaw: F,
}

impl<F: Flaw> Transport<Bent<F>> for BentLink<F> {
    type Link = BentLink<F>;

    fn into_link(self) -> Result<BentLink<F>, ConfigError> {
        Ok(self)
    }
}

impl<F: Flaw> Link<Bent<F>> for BentLink<F> {
    type Connection = BentConnection<F>;

    fn connect(
        &self,
        runtime: &Bent<F>,
        lane: Lane,
    ) -> impl Future<Output = Result<BentConnection<F>, Fault>> + Send + 'static {
        let connecting = self.memory.connect(runtime, lane);
        let link = self.clone();
        async move {
            let inner = connecting.await?;
            link.flaw.connected(lane);
            Ok(BentConnection { inner, link })
        }
    }

    fn address(&self) -> String {
        Link::<Bent<F>>::address(&self.memory)
    }

    fn missing_service(&self) -> MissingService {
        Link::<Bent<F>>::missing_service(&self.memory)
    }
}

pub(crate) struct BentConnection<F: Flaw> {
    inner: MemoryConnection<Bent<F>>,
    link: BentLink<F>,
}

impl<F: Flaw> Connection for BentConnection<F> {
    fn run(
        &mut self,
        commands: Vec<Command>,
    ) -> impl Future<Output = Vec<Outcome>> + Send + 'static {
        let (mut run, mut sources) = (Vec::new(), Vec::new());
        for command in &commands {
            match self.link.flaw.alter(command.clone(), &self.link.memory) {
                Altered::Run(instead) => {
                    run.extend(instead);
                    sources.push(Err(run.len()));
                }
                Altered::Answer(outcome) => sources.push(Ok(outcome)),
            }
        }
        let running = self.inner.run(run);
        let flaw = self.link.flaw.clone();
        async move {
            let ran = running.await;
            let outcomes = commands.iter().zip(sources).map(|(command, source)| match source {
                Ok(outcome) => outcome,
                Err(ran_until) => flaw.outcome(command, ran[ran_until - 1].clone()),
            });
            let outcomes = outcomes.collect();
            flaw.outcomes(&commands, outcomes)
        }
    }

    fn id(&self) -> Option<ConnectionId> {
        self.link.flaw.id(self.inner.id())
    }
}

impl<F: Flaw> Harness for Bent<F> {
    const NAME: &'static str = "bent";
    type Runtime = Bent<F>;
    type Transport = BentLink<F>;

    fn place() -> Place {
        Place::memory()
    }

    fn runtime(&self) -> Bent<F> {
        self.clone()
    }

    fn transport(&self, place: &Place) -> BentLink<F> {
        BentLink { memory: place.store(), flaw: self.flaw.clone() }
    }

    fn run(&self, case: impl Future<Output = ()>) {
        self.time.run(case);
    }
}
