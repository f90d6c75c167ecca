//! Something that runs in the background, and what came of it.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

struct Slot<T> {
    outcome: Option<T>,
    waker: Option<Waker>,
}

/// The handle on something that runs in the background. Dropping it doesn't end the work.
pub(crate) struct Task<T> {
    slot: Arc<Mutex<Slot<T>>>,
}

impl<T: Send + 'static> Task<T> {
    pub(super) fn new(
        work: impl Future<Output = T> + Send + 'static,
    ) -> (Task<T>, impl Future<Output = ()> + Send + 'static) {
        let slot = Arc::new(Mutex::new(Slot { outcome: None, waker: None }));
        let task = Task { slot: slot.clone() };
        let run = async move {
            let outcome = work.await;
            let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
            slot.outcome = Some(outcome);
            let waker = slot.waker.take();
            drop(slot);
            waker.into_iter().for_each(Waker::wake);
        };
        (task, run)
    }

    /// Whether it has ended.
    pub(crate) fn is_done(&self) -> bool {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner).outcome.is_some()
    }
}

impl<T> Future for Task<T> {
    type Output = T;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let mut slot = self.slot.lock().unwrap_or_else(PoisonError::into_inner);
        match slot.outcome.take() {
            Some(outcome) => Poll::Ready(outcome),
            None => {
                slot.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}
