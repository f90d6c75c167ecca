//! Tasks: what runs on a machine until it waits.

use std::future::Future;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};

use super::{Boxed, Inner, NodeId, Stage};

pub(super) struct Task {
    pub(super) node: NodeId,
    /// No other task has it, so that a waker can't wake who came after.
    number: u64,
    queued: bool,
    /// Absent while it runs.
    future: Option<Boxed>,
    waker: Waker,
}

struct TaskWaker {
    stage: Weak<Stage>,
    slot: usize,
    number: u64,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Some(stage) = self.stage.upgrade() {
            let now = stage.now();
            stage.lock().make_ready(self.slot, self.number, now);
        }
    }
}

impl Stage {
    pub(super) fn spawn(
        self: &Arc<Stage>,
        node: NodeId,
        future: impl Future<Output = ()> + Send + 'static,
    ) {
        let future: Boxed = Box::pin(future);
        let now = self.now();
        let mut inner = self.lock();
        inner.next += 1;
        let number = inner.next;
        let entry = inner.tasks.vacant_entry();
        let slot = entry.key();
        let waker = Waker::from(Arc::new(TaskWaker { stage: Arc::downgrade(self), slot, number }));
        entry.insert(Task { node, number, queued: false, future: Some(future), waker });
        inner.make_ready(slot, number, now);
    }

    /// Polls a task.
    pub(super) fn run(&self, slot: usize) {
        let mut inner = self.lock();
        let Some(task) = inner.tasks.get_mut(slot) else { return };
        task.queued = false;
        let Some(mut future) = task.future.take() else { return };
        let (waker, number) = (task.waker.clone(), task.number);
        drop(inner);
        let result = future.as_mut().poll(&mut Context::from_waker(&waker));
        let mut inner = self.lock();
        let is_there = inner.tasks.get(slot).is_some_and(|task| task.number == number);
        let ended = match result {
            Poll::Pending if is_there => {
                inner.tasks[slot].future = Some(future);
                return;
            }
            Poll::Ready(()) if is_there => Some(inner.tasks.remove(slot)),
            _ => None,
        };
        drop(inner);
        drop((future, ended));
    }
}

impl Inner {
    fn make_ready(&mut self, slot: usize, number: u64, now: u64) {
        let Some(task) = self.tasks.get_mut(slot) else { return };
        if task.number != number || task.queued {
            return;
        }
        task.queued = true;
        let node = &mut self.nodes[task.node];
        if node.paused_until > now { node.held.push(slot) } else { self.ready.push(slot) }
    }

    pub(super) fn resume(&mut self, node: NodeId, now: u64) {
        if self.nodes[node].paused_until <= now {
            let held = std::mem::take(&mut self.nodes[node].held);
            self.ready.extend(held);
        }
    }
}
