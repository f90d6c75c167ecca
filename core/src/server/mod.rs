//! The server: entries come in, handlers run in order, replies go out, and only then is an entry acked.
//!
//! | decision | where |
//! |---|---|
//! | is this a valid request, and what is answered if not | [`admit`] |
//! | which entry runs next | [`dispatch`]: lanes; [`held`] (`head`): whether it may; [`turns`] does it |
//! | how many entries to read | [`prefetch`] |
//! | when to reply, when to ack | [`settle`] |
//! | what to take over from others, what to renew | [`upkeep`] |
//! | what was begun too often, and what becomes of it | [`suspects`], [`dead`] |
//! | what is removed from the store | [`retention`] |
//! | a lost group, a lost connection | [`recover`] |
//! | what a stop finishes and what it hands back | [`drain`] |
//! | whom an answer of the store is for | [`route`] |

mod admit;
mod dead;
mod dispatch;
mod drain;
mod entry;
mod held;
mod io;
mod namesake;
mod prefetch;
mod recover;
mod reply_ttl;
mod retention;
mod route;
mod service;
mod settle;
mod shared;
mod suspects;
#[cfg(test)]
mod tests;
mod turns;
mod upkeep;

use std::collections::VecDeque;

use crate::command::{Lane, Outcome, StreamId};
use crate::contract::Contract;
use crate::error::{RegisterError, StartError};
use crate::event::Event;
use crate::lane::LaneState;
use crate::lifecycle::{OnStart, Phase};
use crate::machine::{Machine, Soonest, TimerReason};
use crate::options::{Concurrency, Retention, ServerOptions};
use crate::output::{LinkInput, Output, StopReport};
use crate::random::Random;
use crate::spare::Spare;
use crate::time::Time;
use admit::ReplyStreams;
pub use io::{Job, JobId, JobOutcome, Keyed, Keying, ServerInput, ServerOutput};
use reply_ttl::ReplyTtl;
use service::{Due, Service};
use shared::{For, Shared};
use suspects::Suspects;

/// The server's side of the protocol, as a pure state machine.
///
/// Register services, then give it one input with [`handle_input`](Machine::handle_input), take all outputs with
/// [`poll_output`](Machine::poll_output), arm the timer with [`poll_timeout`](Machine::poll_timeout), and so on.
#[derive(Debug)]
pub struct ServerCore {
    shared: Shared,
    services: Vec<Service>,
    /// Services to which something has happened in this round. At its end their acks leave, as one command each.
    touched: Vec<usize>,
}

impl ServerCore {
    /// A server without services, not started.
    #[must_use]
    pub fn new(mut options: ServerOptions, seed: [u8; 32], now: Time) -> ServerCore {
        if !options.scripts {
            // What everybody is done with can't be told without.
            options.retention = Retention::KeepAll;
        }
        let commands = LaneState::new(Lane::Commands, &options.common);
        let shared = Shared {
            options,
            phase: Phase::Idle,
            now,
            random: Random::new(seed),
            commands,
            reply_ttl: ReplyTtl::default(),
            reply_streams: ReplyStreams::default(),
            suspects: Suspects::default(),
            spare: Spare::default(),
            next_job: 0,
            report: StopReport::default(),
            out: VecDeque::new(),
        };
        ServerCore { shared, services: Vec::new(), touched: Vec::new() }
    }

    /// Adds a serial service, and returns its number: 0, 1, …
    ///
    /// # Errors
    ///
    /// [`RegisterError`] if the name is taken or the server was started already.
    pub fn register(&mut self, contract: Contract) -> Result<usize, RegisterError> {
        self.register_with(contract, Concurrency::Serial)
    }

    /// Adds a service that runs several requests at once.
    ///
    /// # Errors
    ///
    /// The same, and [`RegisterError::Concurrency`] for none at once or more than [`Concurrency::MOST`].
    pub fn register_with(
        &mut self,
        contract: Contract,
        concurrency: Concurrency,
    ) -> Result<usize, RegisterError> {
        let name = contract.service().clone();
        match self.shared.phase {
            Phase::Idle => {}
            Phase::Starting | Phase::Running => return Err(RegisterError::AfterStart(name)),
            Phase::Draining { .. } | Phase::Stopped => return Err(RegisterError::AfterStop(name)),
        }
        if self.services.iter().any(|service| *service.contract.service() == name) {
            return Err(RegisterError::Duplicate(name));
        }
        let (asked, most) = (concurrency.slots(), Concurrency::MOST);
        if !(1..=most).contains(&asked) {
            return Err(RegisterError::Concurrency { service: name, asked, most });
        }
        let at = self.services.len();
        self.services.push(Service::new(at, contract, concurrency, &self.shared.options));
        Ok(at)
    }

    /// Whether a service runs one handler at a time, so that none may wait for another one of the same service.
    #[must_use]
    pub fn is_serial(&self, service: usize) -> bool {
        self.services.get(service).is_none_or(|service| service.held.slots() == 1)
    }

    /// Where it is in its life.
    #[must_use]
    pub fn phase(&self) -> Phase {
        self.shared.phase
    }

    /// How much it has in mind: requests, replies, acks, and what is to be done next. Nothing, once
    /// nothing is under way: tests look whether it forgets what is done.
    #[must_use]
    pub fn load(&self) -> usize {
        self.services.iter().map(Service::load).sum::<usize>() + self.shared.out.len()
    }

    fn start(&mut self) {
        let shared = &mut self.shared;
        match shared.phase.on_start() {
            OnStart::Begin => {
                shared.phase = Phase::Starting;
                if self.services.is_empty() {
                    shared.event(Event::NoServices);
                }
                shared.commands.open(shared.now, &mut shared.out);
            }
            OnStart::Join => {}
            OnStart::Done => shared.out.push_back(Output::Started(Ok(()))),
            OnStart::Refuse => shared.out.push_back(Output::Started(Err(StartError::Stopped))),
        }
    }

    fn start_failed(&mut self, error: StartError) {
        self.close_all();
        for service in &mut self.services {
            service.forget_setup();
        }
        self.shared.phase = Phase::Idle;
        self.shared.out.push_back(Output::Started(Err(error)));
    }

    fn finish(&mut self) {
        self.close_all();
        self.shared.phase = Phase::Stopped;
        self.shared.out.push_back(Output::Stopped(self.shared.report));
    }

    fn close_all(&mut self) {
        self.shared.commands.close(&mut self.shared.out);
        for service in &mut self.services {
            service.reader.close(&mut self.shared.out);
        }
    }

    fn step(&mut self, at: usize) {
        if let Some(service) = self.services.get_mut(at) {
            service.step(&mut self.shared);
            touch(service, &mut self.touched);
        }
    }

    /// The same at the end of the round: many replies that were accepted together need one step.
    fn step_later(&mut self, at: usize) {
        if self.shared.is_draining() {
            return self.step(at);
        }
        if let Some(service) = self.services.get_mut(at) {
            service.step_due = true;
            touch(service, &mut self.touched);
        }
    }

    fn step_all(&mut self) {
        for at in 0..self.services.len() {
            self.step(at);
        }
    }

    /// Where one connection leads to a primary, the others have nothing to wait for.
    fn hurry(&mut self, lane: Lane) {
        let is_back = match lane {
            Lane::Commands => self.shared.commands.is_back(),
            Lane::Reader(at) => {
                let service = self.services.get_mut(usize::from(at));
                service.is_some_and(|service| service.reader.is_back())
            }
        };
        if !is_back {
            return;
        }
        let now = self.shared.now;
        self.shared.commands.hurry(now);
        for service in &mut self.services {
            service.reader.hurry(now);
            touch(service, &mut self.touched);
        }
    }

    fn finish_start(&mut self) {
        if self.shared.phase == Phase::Starting
            && self.shared.commands.is_open()
            && self.services.iter().all(Service::is_set_up)
        {
            self.shared.phase = Phase::Running;
            for service in &mut self.services {
                service.begin(&self.shared);
            }
            self.shared.out.push_back(Output::Started(Ok(())));
            self.step_all();
        }
    }

    fn finished(&mut self, job: JobId, outcome: JobOutcome) {
        let Some(at) = self.service_of(job) else { return };
        self.services[at].handler_ended(&mut self.shared, job, outcome);
        self.step(at);
    }

    fn service_of(&self, job: JobId) -> Option<usize> {
        let named = job.service();
        if self.services.len() <= JobId::SERVICES {
            return Some(named).filter(|at| *at < self.services.len());
        }
        // More services than a job's number can tell apart share numbers.
        let runs = |at: &usize| self.services.get(*at).is_some_and(|service| service.runs(job));
        Some(named).filter(runs).or_else(|| (named..self.services.len()).find(runs))
    }

    fn keyed(&mut self, at: usize, entry: StreamId, key: Keyed) {
        let Some(service) = self.services.get_mut(at) else { return };
        service.keyed(&mut self.shared, entry, key);
        self.step(at);
    }

    fn handle_timeouts(&mut self) {
        let shared = &mut self.shared;
        let (now, random, out) = (shared.now, &mut shared.random, &mut shared.out);
        if let Some((fault, lost)) = shared.commands.handle_timeout(now, random, out) {
            for what in lost {
                self.completed(what, Outcome::Unknown(fault.clone()));
            }
            self.connect_failed(fault);
        }
        for at in 0..self.services.len() {
            let (service, shared) = (&mut self.services[at], &mut self.shared);
            let lost = service.reader.handle_timeout(now, &mut shared.random, &mut shared.out);
            if let Some((fault, lost)) = lost {
                for what in lost {
                    service.read_answered(shared, what, Outcome::Unknown(fault.clone()));
                }
                self.connect_failed(fault);
            }
            let (service, shared) = (&mut self.services[at], &mut self.shared);
            service.handle_timeouts(shared);
            self.step(at);
        }
        self.shared.renew_reply_streams(false);
        self.shared.suspects.handle_timeout(now);
    }

    /// Nothing else is left to be done in this round.
    fn end_round(&mut self) {
        if self.touched.is_empty() {
            return;
        }
        self.touched.sort_unstable();
        for at in self.touched.drain(..) {
            let Some(service) = self.services.get_mut(at) else { continue };
            service.touched = false;
            if !service.namesakes.is_empty() {
                service.meet_namesakes(&mut self.shared);
                service.step_due = true;
            }
            if std::mem::take(&mut service.step_due) {
                service.step(&mut self.shared);
            }
            service.send_acks(&mut self.shared);
            service.due = Due::Unknown;
        }
    }
}

/// Something has happened to a service: it is among those of this round.
fn touch(service: &mut Service, touched: &mut Vec<usize>) {
    if !std::mem::replace(&mut service.touched, true) {
        touched.push(service.at);
    }
}

impl Machine for ServerCore {
    type Input = ServerInput;
    type Effect = ServerOutput;

    fn handle_input(&mut self, now: Time, input: ServerInput) {
        self.shared.now = self.shared.now.max(now);
        match input {
            ServerInput::Start => self.start(),
            ServerInput::Stop { grace } => self.stop(grace),
            ServerInput::Finished(job, outcome) => self.finished(job, outcome),
            ServerInput::Keyed { service, entry, key } => self.keyed(service, entry, key),
            ServerInput::Link(input) => self.link(input),
            ServerInput::Timeout => self.handle_timeouts(),
        }
        if let Some(last) = self.shared.suspects.take_freed() {
            for at in (last + 1..self.services.len()).chain(0..=last) {
                self.step(at);
            }
        }
        self.drain();
    }

    fn poll_output(&mut self) -> Option<Output<ServerOutput>> {
        if self.shared.out.is_empty() {
            self.end_round();
        }
        self.shared.out.pop_front()
    }

    fn poll_timeout(&mut self) -> Option<(Time, TimerReason)> {
        let shared = &self.shared;
        if matches!(shared.phase, Phase::Idle | Phase::Stopped) {
            return None;
        }
        let own = Soonest::default()
            .of(shared.commands.timeout(), TimerReason::Connection)
            .of(shared.reply_ttl.timeout(), TimerReason::ReplyStream)
            .of(shared.suspects.timeout(), TimerReason::Suspect)
            .of(self.drain_timeout(), TimerReason::Drain);
        let services = self.services.iter_mut();
        services.fold(own, |soonest, service| soonest.or(service.due(shared))).timer()
    }

    fn link_input(input: LinkInput) -> ServerInput {
        ServerInput::Link(input)
    }

    fn timeout_input() -> ServerInput {
        ServerInput::Timeout
    }
}
