//! The network: connections that take time, and that are cut.
//!
//! A connection has two ends. What a process sends arrives after a while, in order, at the store's end, which is a real
//! connection of the in-process store; what that answers goes back in the same way. A cut ends the process' end at once, and the
//! store's end when it notices: until then it goes on, and what it reads goes to nobody.

mod cut;
mod link;
mod pipe;
mod refusing;

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};

use clamator_core::{Command, Fault, Lane, Outcome};
use clamator_driver::Connection as _;
use clamator_memory::{Memory, MemoryConnection};
use slab::Slab;

use crate::dice::Dice;
use crate::event::{About, Event, LifeId};
use crate::stage::{Due, Host, NodeId, STORE, Stage};
use crate::watch::{Eye, Watch};
pub(crate) use cut::Cut;
pub(crate) use link::SimLink;
use pipe::Pipe;
pub(crate) use refusing::Refusing;

type AtStore = Pin<Box<dyn Future<Output = Vec<Outcome>> + Send>>;

/// Where the store is, as errors tell it.
pub(crate) const ADDRESS: &str = "sim://store";

pub(crate) struct Net {
    stage: Arc<Stage>,
    watch: Arc<Watch>,
    memory: Memory,
    inner: Mutex<Inner>,
    /// Connections of which the store's end may have an answer, and whether there are any.
    woken: Mutex<VecDeque<usize>>,
    any_woken: AtomicBool,
}

struct Inner {
    dice: Dice,
    pipes: Slab<Pipe>,
    runs: Slab<Run>,
    nodes: Vec<Reach>,
    is_store_down: bool,
    /// Why the store refuses, and until when.
    refusing: Option<(Refusing, u64)>,
}

/// How far a machine is from the store.
#[derive(Clone, Debug)]
struct Reach {
    /// One way, in nanoseconds.
    latency: u64,
    jitter: u64,
    /// Nothing gets through until then.
    stalled_until: u64,
}

/// A pipeline of which a process awaits the answers.
struct Run {
    pipe: usize,
    abouts: Vec<About>,
    outcomes: Option<Vec<Outcome>>,
    waker: Option<Waker>,
}

/// What wakes when the store's end of a connection has something.
struct Woken {
    net: Weak<Net>,
    pipe: usize,
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        if let Some(net) = self.net.upgrade() {
            net.woken.lock().unwrap_or_else(PoisonError::into_inner).push_back(self.pipe);
            net.any_woken.store(true, Ordering::Relaxed);
        }
    }
}

impl Net {
    pub(crate) fn new(
        stage: Arc<Stage>,
        watch: Arc<Watch>,
        mut dice: Dice,
        nodes: usize,
    ) -> Arc<Net> {
        let memory = Memory::new();
        memory.monitor(Eye(watch.clone()));
        let reach = |dice: &mut Dice| Reach {
            latency: dice.scaled(10_000..5_000_000),
            jitter: dice.scaled(1_000..3_000_000),
            stalled_until: 0,
        };
        let nodes = (0..nodes).map(|_| reach(&mut dice)).collect();
        let (pipes, runs) = (Slab::new(), Slab::new());
        let inner = Inner { dice, pipes, runs, nodes, is_store_down: false, refusing: None };
        let (woken, any_woken) = (Mutex::default(), AtomicBool::new(false));
        Arc::new(Net { stage, watch, memory, inner: Mutex::new(inner), woken, any_woken })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    pub(crate) fn link(self: &Arc<Net>, life: LifeId) -> SimLink {
        SimLink::new(self.clone(), life)
    }

    /// A new connection of a process.
    fn connect(self: &Arc<Net>, node: NodeId, life: LifeId, lane: Lane) -> Result<usize, Fault> {
        if self.lock().is_store_down {
            return Err(fault("connection refused"));
        }
        let store = self.stage.host(STORE);
        let link: &dyn Fn(&Host) -> _ = &|host| connect_memory(&self.memory, host);
        let end = link(&store)?;
        self.watch.connected(end.id(), life, lane);
        self.watch.count(1);
        Ok(self.lock().pipes.insert(Pipe::new(node, life, lane, self.stage.now(), end)))
    }

    /// A process sends a pipeline. Gives what its answers are asked for by, or why it doesn't leave.
    fn send(&self, pipe: usize, commands: Vec<Command>) -> Result<usize, Fault> {
        let (life, lane) = {
            let inner = self.lock();
            let found = &inner.pipes[pipe];
            if !found.is_open {
                return Err(fault("the connection is closed"));
            }
            (found.life, found.lane)
        };
        let abouts = self.watch.book(|book| commands.iter().map(|it| book.about(it)).collect());
        for command in &commands {
            self.watch.see(&Event::Sent { life, lane, command });
        }
        let now = self.stage.now();
        let mut inner = self.lock();
        let run = inner.runs.insert(Run { pipe, abouts, outcomes: None, waker: None });
        let at = inner.travel(pipe, now);
        let found = &mut inner.pipes[pipe];
        let at = at.max(found.last_there + 1);
        found.last_there = at;
        found.there.push_back((Some(run), commands));
        drop(inner);
        self.stage.at(at, Due::Arrive(pipe));
        Ok(run)
    }

    /// The next pipeline has come to the store.
    pub(crate) fn arrive(self: &Arc<Net>, pipe: usize) {
        let now = self.stage.now();
        let mut inner = self.lock();
        let refusing = inner.refusing.filter(|(_, until)| now < *until);
        let Some(found) = inner.pipes.get_mut(pipe) else { return };
        let Some((run, commands)) = found.there.pop_front() else { return };
        let Some(mut end) = found.end.take() else { return };
        let whose = (found.life, found.lane);
        drop(inner);
        let future: AtStore = match refusing {
            None => Box::pin(end.run(commands)),
            Some((how, _)) => self.run_in_part(how, &mut end, whose, commands),
        };
        let mut inner = self.lock();
        let found = &mut inner.pipes[pipe];
        found.end = Some(end);
        found.at_store.push_back((run, future));
        drop(inner);
        self.ask_store(pipe);
    }

    /// Asks the store's ends that may have answers. Whether there were any.
    pub(crate) fn ask_woken(self: &Arc<Net>) -> bool {
        if !self.any_woken.load(Ordering::Relaxed) {
            return false;
        }
        let mut woken = self.woken.lock().unwrap_or_else(PoisonError::into_inner);
        let first = woken.pop_front();
        self.any_woken.store(!woken.is_empty(), Ordering::Relaxed);
        drop(woken);
        if let Some(pipe) = first {
            self.ask_store(pipe);
        }
        true
    }

    fn ask_store(self: &Arc<Net>, pipe: usize) {
        loop {
            let mut inner = self.lock();
            let Some(found) = inner.pipes.get_mut(pipe) else { return };
            let Some((run, mut future)) = found.at_store.pop_front() else { return };
            let waker = found.waker(self, pipe);
            drop(inner);
            let result = future.as_mut().poll(&mut Context::from_waker(&waker));
            for count in self.watch.take_uncounted() {
                _ = self.memory.with(|store| store.execute(store.now_ms(), &count));
            }
            let now = self.stage.now();
            let mut inner = self.lock();
            let Poll::Ready(outcomes) = result else {
                inner.pipes[pipe].at_store.push_front((run, future));
                return;
            };
            if let Some(run) = run {
                let at = inner.travel(pipe, now);
                let found = &mut inner.pipes[pipe];
                let at = at.max(found.last_back + 1);
                found.last_back = at;
                found.back.push_back((run, outcomes));
                drop(inner);
                self.stage.at(at, Due::Return(pipe));
            }
        }
    }

    /// The next answers have come back to their process.
    pub(crate) fn come_back(&self, pipe: usize) {
        let mut inner = self.lock();
        let Some(found) = inner.pipes.get_mut(pipe) else { return };
        let Some((run, mut outcomes)) = found.back.pop_front() else { return };
        let mut was_killed = false;
        for outcome in &mut outcomes {
            if let Outcome::NotSent(_) | Outcome::Unknown(_) = outcome {
                // The store has closed it: what had left may have been executed, for all that its process knows.
                *outcome = Outcome::Unknown(fault("the connection was closed by the store"));
                was_killed = true;
            }
        }
        drop(inner);
        self.give(run, outcomes);
        if was_killed {
            self.cut(pipe, &Cut::by_store());
        }
    }

    /// Gives a process the outcomes of a pipeline.
    fn give(&self, run: usize, outcomes: Vec<Outcome>) {
        let mut inner = self.lock();
        let Some(found) = inner.runs.get_mut(run) else { return };
        let pipe = found.pipe;
        let abouts = std::mem::take(&mut found.abouts);
        let (life, lane) = (inner.pipes[pipe].life, inner.pipes[pipe].lane);
        drop(inner);
        self.watch.count(outcomes.len() as u64);
        for (about, outcome) in abouts.iter().zip(&outcomes) {
            self.watch.see(&Event::Answered { life, lane, about, outcome });
        }
        let waker = {
            let mut inner = self.lock();
            let Some(found) = inner.runs.get_mut(run) else { return };
            found.outcomes = Some(outcomes);
            found.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// The store's end of a connection ends.
    pub(crate) fn close(&self, pipe: usize) {
        let mut inner = self.lock();
        let Some(found) = inner.pipes.get_mut(pipe) else { return };
        let (end, at_store) = (found.end.take(), std::mem::take(&mut found.at_store));
        found.there.clear();
        drop(inner);
        // Without the lock: it wakes others.
        drop((at_store, end));
    }

    /// Ends all connections: their ends hold the network.
    pub(crate) fn clear(&self) {
        let (pipes, runs) = {
            let mut inner = self.lock();
            (std::mem::take(&mut inner.pipes), std::mem::take(&mut inner.runs))
        };
        drop((pipes, runs));
    }

    /// Whether nothing of a connection that is gone is still on its way to the store.
    pub(crate) fn is_quiet(&self) -> bool {
        let late = |pipe: &Pipe| !pipe.is_open && pipe.end.is_some() && !pipe.there.is_empty();
        !self.lock().pipes.iter().any(|(_, pipe)| late(pipe))
    }

    /// Nothing gets through to a machine until then.
    pub(crate) fn stall(&self, node: NodeId, until: u64) {
        let mut inner = self.lock();
        let reach = &mut inner.nodes[node];
        reach.stalled_until = reach.stalled_until.max(until);
    }

    pub(crate) fn store_is_down(&self, is_down: bool) {
        self.lock().is_store_down = is_down;
    }

    /// From here on everything is quick and even.
    pub(crate) fn calm_down(&self) {
        let now = self.stage.now();
        let mut inner = self.lock();
        for reach in &mut inner.nodes {
            reach.stalled_until = now;
            reach.jitter = reach.jitter.min(100_000);
        }
    }

    /// How long a way takes from now.
    fn one_way(&self, node: NodeId) -> u64 {
        let now = self.stage.now();
        self.lock().arrival(node, now) - now
    }
}

impl Inner {
    fn arrival(&mut self, node: NodeId, now: u64) -> u64 {
        let Reach { latency, jitter, stalled_until } = self.nodes[node];
        now.max(stalled_until) + latency + self.dice.number(0..jitter.max(1))
    }

    fn travel(&mut self, pipe: usize, now: u64) -> u64 {
        self.arrival(self.pipes[pipe].node, now)
    }
}

fn connect_memory(memory: &Memory, host: &Host) -> Result<MemoryConnection<Host>, Fault> {
    use futures_util::FutureExt as _;
    let connecting = clamator_driver::Link::connect(memory, host, Lane::Commands);
    connecting.now_or_never().unwrap_or_else(|| Err(fault("the store doesn't answer")))
}

pub(crate) fn fault(cause: &str) -> Fault {
    Fault { address: ADDRESS.to_owned(), cause: cause.to_owned() }
}

impl std::fmt::Debug for Net {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Net").finish_non_exhaustive()
    }
}
