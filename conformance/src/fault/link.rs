//! A transport, link and connection around those of an adapter.

use std::future::Future;
use std::sync::Arc;

use clamator_core::{Command, ConnectionId, Fault, Lane, MissingService, Outcome, Refusal};
use clamator_driver::{ConfigError, Connection, Link, Runtime, Transport};

use super::line::{Line, Run};
use super::{Fate, Faults, Kind, Loss};

/// A transport, or a link, whose connections suffer what [`Faults`] say.
#[derive(Clone, Debug)]
pub struct Faulty<T> {
    inner: T,
    faults: Faults,
}

impl<T> Faulty<T> {
    /// Wraps a transport or a link.
    pub fn new(inner: T, faults: Faults) -> Faulty<T> {
        Faulty { inner, faults }
    }
}

impl<R: Runtime, T: Transport<R>> Transport<R> for Faulty<T> {
    type Link = Faulty<T::Link>;

    fn into_link(self) -> Result<Faulty<T::Link>, ConfigError> {
        Ok(Faulty { inner: self.inner.into_link()?, faults: self.faults })
    }
}

impl<R: Runtime, L: Link<R>> Link<R> for Faulty<L> {
    type Connection = FaultyConnection<L::Connection>;

    fn connect(
        &self,
        runtime: &R,
        lane: Lane,
    ) -> impl Future<Output = Result<Self::Connection, Fault>> + Send + 'static {
        let (faults, address) = (self.faults.clone(), self.inner.address());
        let connecting = (!faults.refuses(lane)).then(|| self.inner.connect(runtime, lane));
        async move {
            let Some(connecting) = connecting else {
                return Err(fault(&address));
            };
            let inner = connecting.await?;
            let line = faults.opened(lane, inner.id());
            Ok(FaultyConnection { inner: Some(inner), line, faults, address })
        }
    }

    fn address(&self) -> String {
        self.inner.address()
    }

    fn missing_service(&self) -> MissingService {
        self.inner.missing_service()
    }

    fn scripts(&self) -> bool {
        self.inner.scripts()
    }
}

fn fault(address: &str) -> Fault {
    Fault { address: address.to_owned(), cause: "the test has cut it".to_owned() }
}

/// A connection that may be lost at any command.
#[derive(Debug)]
pub struct FaultyConnection<C: Connection> {
    /// Always there until it is dropped.
    inner: Option<C>,
    line: Arc<Line>,
    faults: Faults,
    address: String,
}

/// A part of a pipeline.
enum Part {
    /// It is run.
    Run(Vec<Kind>, Run<Vec<Outcome>>),
    /// Its outcomes are known.
    Known(Vec<Outcome>),
}

impl<C: Connection> Connection for FaultyConnection<C> {
    fn run(
        &mut self,
        commands: Vec<Command>,
    ) -> impl Future<Output = Vec<Outcome>> + Send + 'static {
        let parts = self.split(commands);
        let (line, faults, fault) = (self.line.clone(), self.faults.clone(), fault(&self.address));
        async move {
            let mut outcomes = Vec::new();
            for part in parts {
                match part {
                    Part::Known(known) => outcomes.extend(known),
                    Part::Run(kinds, run) => match line.answer(run).await {
                        Ok(answers) => {
                            answered(&kinds, answers, &line, &faults, &fault, &mut outcomes)
                        }
                        Err(run) => {
                            if line.is_half_open() {
                                faults.keep(run);
                            }
                            outcomes.extend(kinds.iter().map(|_| Outcome::Unknown(fault.clone())));
                        }
                    },
                }
            }
            outcomes
        }
    }

    fn id(&self) -> Option<ConnectionId> {
        self.inner.as_ref().and_then(Connection::id)
    }
}

impl<C: Connection> FaultyConnection<C> {
    /// Runs what has no fate of its own, and decides about what has.
    fn split(&mut self, commands: Vec<Command>) -> Vec<Part> {
        let fault = fault(&self.address);
        let not_sent = || Outcome::NotSent(fault.clone());
        let Some(inner) = self.inner.as_mut().filter(|_| !self.line.is_over()) else {
            return vec![Part::Known(commands.iter().map(|_| not_sent()).collect())];
        };
        let (mut parts, mut run) = (Vec::new(), Vec::new());
        let mut flush = |run: &mut Vec<Command>, parts: &mut Vec<Part>| {
            if !run.is_empty() {
                let kinds = run.iter().map(Kind::of).collect();
                parts.push(Part::Run(kinds, Box::pin(inner.run(std::mem::take(run)))));
            }
        };
        let mut commands = commands.into_iter();
        while let Some(command) = commands.next() {
            let lost = match self.faults.before(&command) {
                None | Some(Fate::Executed) => {
                    run.push(command);
                    continue;
                }
                Some(Fate::Refused(code)) => {
                    flush(&mut run, &mut parts);
                    let refusal = Refusal::new(code, "refused by the test");
                    parts.push(Part::Known(vec![Outcome::Refused(refusal)]));
                    continue;
                }
                Some(Fate::Lost) => Outcome::Unknown(fault.clone()),
                Some(Fate::NotSent) => not_sent(),
            };
            flush(&mut run, &mut parts);
            let rest = std::iter::once(lost).chain(commands.map(|_| not_sent()));
            parts.push(Part::Known(rest.collect()));
            let line = self.line.clone();
            line.doom();
            // Only once the answers of what was executed before have come.
            parts.push(Part::Run(
                Vec::new(),
                Box::pin(async move {
                    line.cut(Loss::Closed);
                    Vec::new()
                }),
            ));
            return parts;
        }
        flush(&mut run, &mut parts);
        parts
    }
}

fn answered(
    kinds: &[Kind],
    answers: Vec<Outcome>,
    line: &Line,
    faults: &Faults,
    fault: &Fault,
    outcomes: &mut Vec<Outcome>,
) {
    let mut lost = false;
    for (kind, outcome) in kinds.iter().zip(answers) {
        lost = lost || faults.after(*kind, &outcome);
        outcomes.push(if lost { Outcome::Unknown(fault.clone()) } else { outcome });
    }
    if lost {
        line.cut(Loss::Closed);
    }
}

impl<C: Connection> Drop for FaultyConnection<C> {
    fn drop(&mut self) {
        if self.line.is_half_open()
            && let Some(inner) = self.inner.take()
        {
            self.faults.keep(inner);
        }
    }
}
