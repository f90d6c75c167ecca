//! Timers: they go by the clock of their machine.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use clamator_core::Time;

use super::{Due, Inner, NodeId, Stage};

pub(super) struct Timer {
    node: NodeId,
    /// When, by its machine's clock.
    at: Time,
    /// Which place in the line is its own: it moves when the clock jumps.
    number: u64,
    waker: Waker,
}

impl Inner {
    /// Takes a timer that goes off.
    pub(super) fn ring(&mut self, slot: usize, number: u64) -> Option<Waker> {
        self.timers.get(slot).filter(|timer| timer.number == number)?;
        self.fired += 1;
        // Its sleep finds out by the clock.
        let timer = self.timers.get_mut(slot)?;
        timer.number = 0;
        Some(timer.waker.clone())
    }
}

impl Stage {
    /// A machine's clock has jumped.
    pub(super) fn rearm(&self, node: NodeId) {
        let mut inner = self.lock();
        let mine = inner.timers.iter().filter(|(_, it)| it.node == node && it.number > 0);
        let mine: Vec<(usize, Time)> = mine.map(|(slot, timer)| (slot, timer.at)).collect();
        for (slot, at) in mine {
            let number = inner.put(self.on_stage(node, at), Due::Timer(slot));
            inner.timers[slot].number = number;
        }
    }
}

/// Ready once a machine's clock shows a time.
#[must_use = "a sleep does nothing unless it is awaited"]
pub(crate) struct Sleep {
    stage: Arc<Stage>,
    node: NodeId,
    at: Time,
    slot: Option<usize>,
}

impl Sleep {
    pub(super) fn new(stage: Arc<Stage>, node: NodeId, at: Time) -> Sleep {
        Sleep { stage, node, at, slot: None }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let due = self.stage.on_stage(self.node, self.at);
        if due <= self.stage.now() {
            return Poll::Ready(());
        }
        let (node, at) = (self.node, self.at);
        let mut inner = self.stage.lock();
        let mut replaced = None;
        let slot = match self.slot {
            Some(slot) => {
                let timer = &mut inner.timers[slot];
                if !timer.waker.will_wake(context.waker()) {
                    replaced = Some(std::mem::replace(&mut timer.waker, context.waker().clone()));
                }
                slot
            }
            None => {
                let waker = context.waker().clone();
                inner.timers.insert(Timer { node, at, number: 0, waker })
            }
        };
        if inner.timers[slot].number == 0 {
            let number = inner.put(due, Due::Timer(slot));
            inner.timers[slot].number = number;
        }
        drop(inner);
        drop(replaced);
        self.slot = Some(slot);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(slot) = self.slot {
            let timer = self.stage.lock().timers.try_remove(slot);
            drop(timer);
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep").field("at", &self.at).finish_non_exhaustive()
    }
}
