//! The core behind a short lock: whoever holds it gives one input and takes all outputs. Nothing is awaited, and nobody is
//! woken, while it is held.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use clamator_core::{Command, Event, Lane, Machine, Output, StartError, StopReport, Time};
use futures_util::task::AtomicWaker;

use crate::log;

/// Reads the clock of whatever runtime the client or server was made for.
pub(crate) type Clock = Arc<dyn Fn() -> Time + Send + Sync>;

/// What the run loop is to do with a link.
#[derive(Debug)]
pub(crate) enum LinkRequest {
    Open(Lane),
    Close(Lane),
    Send(Lane, Command),
}

/// Where what only one role asks for is put down, under the lock.
pub(crate) trait Desk<E>: Send + 'static {
    /// Takes one effect. Who is to be woken goes to `wake`.
    fn effect(&mut self, effect: E, wake: &mut Vec<Waker>);

    /// The run loop is gone before its time: everything that waits fails.
    fn end(&mut self, wake: &mut Vec<Waker>);
}

/// Who waits for a start or a stop, and how the last one went.
#[derive(Debug)]
struct Milestone<T> {
    reached: u64,
    outcome: Option<T>,
    waiting: Vec<Waker>,
}

impl<T> Default for Milestone<T> {
    fn default() -> Self {
        Milestone { reached: 0, outcome: None, waiting: Vec::new() }
    }
}

impl<T: Clone> Milestone<T> {
    fn reach(&mut self, outcome: T, wake: &mut Vec<Waker>) {
        self.reached += 1;
        self.outcome = Some(outcome);
        wake.append(&mut self.waiting);
    }

    /// Ready when it was reached again since `seen`.
    fn poll(&mut self, seen: u64, context: &mut Context<'_>) -> Poll<T> {
        match &self.outcome {
            Some(outcome) if self.reached > seen => Poll::Ready(outcome.clone()),
            _ => {
                if !self.waiting.iter().any(|waiting| waiting.will_wake(context.waker())) {
                    self.waiting.push(context.waker().clone());
                }
                Poll::Pending
            }
        }
    }
}

/// What is behind the lock.
pub(crate) struct State<M: Machine, D> {
    pub(crate) core: M,
    pub(crate) desk: D,
    requests: VecDeque<LinkRequest>,
    started: Milestone<Result<(), StartError>>,
    stopped: Milestone<StopReport>,
    is_stopped: bool,
    ended: bool,
}

/// A core, shared by its run loop and its users.
pub(crate) struct Hub<M: Machine, D> {
    state: Mutex<State<M, D>>,
    run_loop: Arc<AtomicWaker>,
    clock: Clock,
    /// Who it is, for the log.
    name: String,
}

impl<M: Machine + Send + 'static, D: Desk<M::Effect>> Hub<M, D> {
    pub(crate) fn new(core: M, desk: D, clock: Clock, name: String) -> Arc<Hub<M, D>> {
        let state = State {
            core,
            desk,
            requests: VecDeque::new(),
            started: Milestone::default(),
            stopped: Milestone::default(),
            is_stopped: false,
            ended: false,
        };
        Arc::new(Hub { state: Mutex::new(state), run_loop: Arc::default(), clock, name })
    }

    pub(crate) fn clock(&self) -> Clock {
        self.clock.clone()
    }

    pub(crate) fn now(&self) -> Time {
        (self.clock)()
    }

    /// A panic under the lock would be a bug of this project; what is behind it stays consistent all the same.
    fn lock(&self) -> MutexGuard<'_, State<M, D>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something under the lock that gives no input.
    pub(crate) fn look<T>(&self, act: impl FnOnce(&mut State<M, D>) -> T) -> T {
        act(&mut self.lock())
    }

    /// Does something under the lock that may give inputs, then carries the outputs.
    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut State<M, D>, Time) -> T) -> T {
        self.with_desk(act, |_, result, _| result)
    }

    /// The same, and then looks at what came of it, and whether anybody is woken by it.
    pub(crate) fn with_desk<T, U>(
        &self,
        act: impl FnOnce(&mut State<M, D>, Time) -> T,
        look: impl FnOnce(&mut D, T, bool) -> U,
    ) -> U {
        let now = self.now();
        self.drained(|state| act(state, now), look)
    }

    /// Gives one input at a time that was just read from the clock, and then looks at what came of it.
    pub(crate) fn input_at(&self, now: Time, input: M::Input, look: impl FnOnce(&mut D)) {
        self.drained(|state| state.core.handle_input(now, input), |desk, (), _| look(desk));
    }

    fn drained<T, U>(
        &self,
        act: impl FnOnce(&mut State<M, D>) -> T,
        look: impl FnOnce(&mut D, T, bool) -> U,
    ) -> U {
        let (result, wake, events) = {
            let mut state = self.lock();
            let result = act(&mut state);
            let (wake, events) = state.drain();
            (look(&mut state.desk, result, !wake.is_empty()), wake, events)
        };
        wake.into_iter().for_each(Waker::wake);
        events.iter().for_each(|event| log::event(&self.name, event));
        result
    }

    /// Gives one input.
    pub(crate) fn input(&self, input: M::Input) {
        self.with(|state, now| state.core.handle_input(now, input));
    }

    /// Gives one input, and tells the run loop, which may sleep.
    pub(crate) fn input_and_wake(&self, input: M::Input) {
        self.input(input);
        self.run_loop.wake();
    }

    pub(crate) fn wake_run_loop(&self) {
        self.run_loop.wake();
    }

    /// What wakes the run loop.
    pub(crate) fn run_loop(&self) -> Arc<AtomicWaker> {
        self.run_loop.clone()
    }

    pub(crate) fn register_run_loop(&self, waker: &Waker) {
        self.run_loop.register(waker);
    }

    /// Takes what the run loop is to do with its link, into a queue that is empty. Whether the core has stopped.
    pub(crate) fn take_requests(&self, into: &mut VecDeque<LinkRequest>) -> bool {
        let mut state = self.lock();
        if !state.requests.is_empty() {
            std::mem::swap(&mut state.requests, into);
        }
        state.is_stopped
    }

    /// When the core wants its timer.
    pub(crate) fn timeout(&self) -> Option<Time> {
        self.lock().core.poll_timeout().map(|(at, _)| at)
    }

    /// The run loop was dropped before the stop was over.
    pub(crate) fn end(&self) {
        let wake = {
            let mut state = self.lock();
            if state.is_stopped {
                return;
            }
            state.ended = true;
            let mut wake = Vec::new();
            state.desk.end(&mut wake);
            state.started.reach(Err(StartError::Ended), &mut wake);
            state.stopped.reach(StopReport::default(), &mut wake);
            wake
        };
        wake.into_iter().for_each(Waker::wake);
    }

    /// Gives the input that starts, and waits for the outcome.
    pub(crate) async fn start(&self, input: M::Input) -> Result<(), StartError> {
        let seen = self.with(|state, now| {
            let seen = state.started.reached;
            if state.ended {
                return Err(StartError::Ended);
            }
            state.core.handle_input(now, input);
            Ok(seen)
        })?;
        self.run_loop.wake();
        std::future::poll_fn(|context| self.lock().started.poll(seen, context)).await
    }

    /// Gives the input that stops, and waits for the outcome.
    pub(crate) async fn stop(&self, input: M::Input) -> StopReport {
        let seen = self.with(|state, now| {
            if state.ended {
                return None;
            }
            let seen = state.stopped.reached;
            state.core.handle_input(now, input);
            Some(seen)
        });
        let Some(seen) = seen else { return StopReport::default() };
        self.run_loop.wake();
        std::future::poll_fn(|context| self.lock().stopped.poll(seen, context)).await
    }
}

impl<M: Machine, D: Desk<M::Effect>> State<M, D> {
    pub(crate) fn is_ended(&self) -> bool {
        self.ended
    }

    /// Takes all outputs of the core.
    fn drain(&mut self) -> (Vec<Waker>, Vec<Event>) {
        let (mut wake, mut events) = (Vec::new(), Vec::new());
        while let Some(output) = self.core.poll_output() {
            match output {
                Output::Open(lane) => self.requests.push_back(LinkRequest::Open(lane)),
                Output::Close(lane) => self.requests.push_back(LinkRequest::Close(lane)),
                Output::Send(lane, command) => {
                    self.requests.push_back(LinkRequest::Send(lane, command));
                }
                Output::Started(outcome) => self.started.reach(outcome, &mut wake),
                Output::Stopped(report) => {
                    self.is_stopped = true;
                    self.stopped.reach(report, &mut wake);
                }
                Output::Event(event) => events.push(event),
                Output::Role(effect) => self.desk.effect(effect, &mut wake),
            }
        }
        (wake, events)
    }
}
