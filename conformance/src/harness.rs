//! What an adapter's author writes.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use clamator_driver::{Runtime, Transport};

use crate::place::Place;

/// An adapter under test. One value is made for each case.
pub trait Harness: Default + Send + Sync + 'static {
    /// What the adapter is called in messages, and in `CLAMATOR_CONFORMANCE_SKIP`.
    const NAME: &'static str;

    /// The executor.
    type Runtime: Runtime;

    /// The way to the store.
    type Transport: Transport<Self::Runtime>;

    /// Where a case takes place: [`Place::memory`] or [`Place::redis`].
    fn place() -> Place;

    /// The executor, to build clients and servers on.
    fn runtime(&self) -> Self::Runtime;

    /// The way to the store of `place`.
    fn transport(&self, place: &Place) -> Self::Transport;

    /// Runs a case to its end on the executor, and blocks meanwhile.
    fn run(&self, case: impl Future<Output = ()>);

    /// Cases that this adapter doesn't run (`group::name`), each with the reason. Better none.
    fn skips() -> &'static [(&'static str, &'static str)] {
        &[]
    }
}

/// Polls a future on this thread, which sleeps meanwhile: a [`Harness::run`] for executors whose tasks and timers run on threads
/// of their own.
pub fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(Thread);

    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}
