//! One connection as the faults see it: whole, silent, or lost.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use super::Loss;

/// A boxed run of commands.
pub(super) type Run<T> = Pin<Box<dyn Future<Output = T> + Send>>;

#[derive(Debug, Default)]
pub(super) struct Line {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    lost: Option<Loss>,
    /// It will be lost as soon as what was sent before has its answer; nothing more is sent.
    doomed: bool,
    stalled: bool,
    wakers: Vec<Waker>,
}

impl Line {
    pub(super) fn cut(&self, loss: Loss) {
        let mut state = self.lock();
        state.lost.get_or_insert(loss);
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        wakers.into_iter().for_each(Waker::wake);
    }

    pub(super) fn stall(&self) {
        self.lock().stalled = true;
    }

    pub(super) fn doom(&self) {
        self.lock().doomed = true;
    }

    /// Whether nothing can be sent any more.
    pub(super) fn is_over(&self) -> bool {
        let state = self.lock();
        state.doomed || state.lost.is_some()
    }

    pub(super) fn is_cut(&self) -> bool {
        self.lock().lost.is_some()
    }

    pub(super) fn is_half_open(&self) -> bool {
        self.lock().lost == Some(Loss::HalfOpen)
    }

    /// The answer of a run, or the run itself, when the connection is lost before.
    pub(super) async fn answer<T>(&self, run: Run<T>) -> Result<T, Run<T>> {
        let mut run = Some(run);
        poll_fn(move |context| {
            let mut state = self.lock();
            if state.lost.is_some() {
                return match run.take() {
                    Some(run) => Poll::Ready(Err(run)),
                    None => Poll::Pending,
                };
            }
            if !state.wakers.iter().any(|waker| waker.will_wake(context.waker())) {
                state.wakers.push(context.waker().clone());
            }
            let stalled = state.stalled;
            drop(state);
            let Some(under_way) = run.as_mut().filter(|_| !stalled) else { return Poll::Pending };
            let answer = under_way.as_mut().poll(context);
            // What came from a connection that fell silent meanwhile isn't seen.
            if self.lock().stalled { Poll::Pending } else { answer.map(Ok) }
        })
        .await
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
