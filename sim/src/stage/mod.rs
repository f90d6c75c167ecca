//! The stage: machines with a clock each, the tasks that run on them, and one line of what happens next.
//!
//! Everything on it happens on one thread, one thing at a time. [`Stage::step`] takes the next: a task that can run, drawn
//! by chance among all that can, or else what is due next, to which the clock jumps.

mod host;
mod task;
#[cfg(test)]
mod tests;
mod timer;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use clamator_core::Time;
use slab::Slab;

use crate::dice::Dice;
pub(crate) use host::Host;
use task::Task;
pub(crate) use timer::Sleep;
use timer::Timer;

/// A machine. The store is [`STORE`].
pub(crate) type NodeId = usize;

/// The machine that the store runs on.
pub(crate) const STORE: NodeId = 0;

/// What is due at some time, besides timers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    Timer(usize),
    /// A paused machine goes on.
    Resume(NodeId),
    /// The next pipeline of a connection arrives at the store.
    Arrive(usize),
    /// The next answers of a connection arrive at its client.
    Return(usize),
    /// The store's end of a connection notices that it is closed.
    Close(usize),
    /// The world's own: a planned fault, for instance.
    Cue(usize),
}

/// What the stage can't do by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Something was done.
    Done,
    /// This is due, and somebody else does it.
    Due(Due),
    /// Nothing will ever happen any more.
    Still,
}

#[derive(Debug, Default)]
struct Node {
    paused_until: u64,
    /// Tasks that would run if it weren't paused.
    held: Vec<usize>,
}

pub(crate) struct Stage {
    inner: Mutex<Inner>,
    now: AtomicU64,
    /// How far each machine's clock is ahead of the stage's, in nanoseconds. Next to the lock, since it is asked for often.
    ahead: Vec<AtomicI64>,
}

struct Inner {
    dice: Dice,
    next: u64,
    line: BinaryHeap<Reverse<(u64, u64, Due)>>,
    timers: Slab<Timer>,
    tasks: Slab<Task>,
    ready: Vec<usize>,
    nodes: Vec<Node>,
    /// How many timers went off: each is an input of a core, or a step of an actor.
    fired: u64,
}

impl Stage {
    pub(crate) fn new(dice: Dice, nodes: usize) -> Arc<Stage> {
        let inner = Inner {
            dice,
            next: 0,
            line: BinaryHeap::new(),
            timers: Slab::new(),
            tasks: Slab::new(),
            ready: Vec::new(),
            nodes: (0..nodes).map(|_| Node::default()).collect(),
            fired: 0,
        };
        let ahead = (0..nodes).map(|_| AtomicI64::new(0)).collect();
        Arc::new(Stage { inner: Mutex::new(inner), now: AtomicU64::new(0), ahead })
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Nothing foreign runs under the lock, so a poisoned one is whole.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The time on stage, in nanoseconds.
    pub(crate) fn now(&self) -> u64 {
        self.now.load(Ordering::Relaxed)
    }

    pub(crate) fn host(self: &Arc<Stage>, node: NodeId) -> Host {
        Host::new(self.clone(), node)
    }

    /// Puts something in line.
    pub(crate) fn at(&self, at: u64, due: Due) {
        self.lock().put(at, due);
    }

    /// Does the next thing, or says who must.
    pub(crate) fn step(&self) -> Step {
        let mut inner = self.lock();
        if !inner.ready.is_empty() {
            let drawn = match inner.ready.len() {
                1 => 0,
                len => inner.dice.index(len),
            };
            let slot = inner.ready.swap_remove(drawn);
            drop(inner);
            self.run(slot);
            return Step::Done;
        }
        let Some(Reverse((at, number, due))) = inner.line.pop() else { return Step::Still };
        // What a clock that jumped has left behind is due now.
        let at = at.max(self.now());
        let waker = match due {
            Due::Timer(slot) => match inner.ring(slot, number) {
                Some(waker) => waker,
                // It was taken back.
                None => return Step::Done,
            },
            Due::Resume(node) => {
                self.now.store(at, Ordering::Relaxed);
                inner.resume(node, at);
                return Step::Done;
            }
            other => {
                self.now.store(at, Ordering::Relaxed);
                return Step::Due(other);
            }
        };
        self.now.store(at, Ordering::Relaxed);
        drop(inner);
        waker.wake();
        Step::Done
    }

    /// A machine stands still: its tasks don't run, whatever wakes them.
    pub(crate) fn pause(&self, node: NodeId, until: u64) {
        let mut inner = self.lock();
        inner.nodes[node].paused_until = until;
        let (held, ready) = {
            let tasks = &inner.tasks;
            inner.ready.iter().partition(|slot| tasks[**slot].node == node)
        };
        inner.nodes[node].held.extend::<Vec<usize>>(held);
        inner.ready = ready;
        inner.put(until, Due::Resume(node));
    }

    /// A machine's clock jumps. Its timers go by its clock.
    pub(crate) fn jump(&self, node: NodeId, by: i64) {
        let ahead = self.ahead(node).saturating_add(by);
        self.ahead[node].store(ahead, Ordering::Relaxed);
        self.rearm(node);
    }

    fn ahead(&self, node: NodeId) -> i64 {
        self.ahead[node].load(Ordering::Relaxed)
    }

    /// What a machine's clock shows.
    fn clock(&self, node: NodeId) -> Time {
        Time::from_nanos(self.now().saturating_add_signed(self.ahead(node)))
    }

    /// The time on stage at which a machine's clock shows this.
    fn on_stage(&self, node: NodeId, at: Time) -> u64 {
        at.as_nanos().saturating_add_signed(self.ahead(node).saturating_neg())
    }

    /// The end of all tasks of a machine: its process dies. They are dropped without being told.
    pub(crate) fn kill(&self, node: NodeId) {
        let mut killed = Vec::new();
        let mut inner = self.lock();
        let slots: Vec<usize> = inner
            .tasks
            .iter()
            .filter(|(_, task)| task.node == node)
            .map(|(slot, _)| slot)
            .collect();
        for slot in &slots {
            killed.push(inner.tasks.remove(*slot));
        }
        inner.ready.retain(|slot| !slots.contains(slot));
        inner.nodes[node].held.clear();
        drop(inner);
        // Without the lock: what they hold may have something to say about its end.
        drop(killed);
    }

    /// How many timers have gone off.
    pub(crate) fn fired(&self) -> u64 {
        self.lock().fired
    }

    /// Ends everything: tasks hold the stage, and the stage holds them.
    pub(crate) fn clear(&self) {
        loop {
            let mut inner = self.lock();
            let tasks = std::mem::take(&mut inner.tasks);
            let timers = std::mem::take(&mut inner.timers);
            inner.ready.clear();
            inner.line.clear();
            drop(inner);
            if tasks.is_empty() && timers.is_empty() {
                return;
            }
            drop((tasks, timers));
        }
    }
}

impl Inner {
    fn put(&mut self, at: u64, due: Due) -> u64 {
        self.next += 1;
        self.line.push(Reverse((at, self.next, due)));
        self.next
    }
}

type Boxed = Pin<Box<dyn Future<Output = ()> + Send>>;

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Stage").field("now", &self.now()).finish_non_exhaustive()
    }
}
