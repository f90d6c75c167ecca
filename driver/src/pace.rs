//! Whether a method's handlers may be polled where they are dispatched: in the run loop, which renews, reads and answers.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::hub::Clock;

/// A first poll that takes longer than this belongs on a task of its own.
pub(crate) const QUICK: Duration = Duration::from_millis(1);
/// The same where several handlers of a service may run at once: on tasks they do, on other threads if there are any.
pub(crate) const QUICK_AMONG_OTHERS: Duration = Duration::from_micros(100);

/// What is known of one method: whether the last first poll of its handler was quick. Of a new method nothing is known.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pace {
    quick: Arc<AtomicBool>,
}

impl Pace {
    pub(crate) fn is_quick(&self) -> bool {
        self.quick.load(Ordering::Relaxed)
    }

    /// A first poll took this long. It was quick if it took `limit` at most.
    pub(crate) fn took(&self, time: Duration, limit: Duration) {
        self.quick.store(time <= limit, Ordering::Relaxed);
    }
}

/// A handler whose first poll is timed.
pub(crate) struct Paced<F> {
    pace: Option<Pace>,
    limit: Duration,
    clock: Clock,
    handler: F,
}

impl<F> Paced<F> {
    /// It is quick if its first poll takes `limit` at most.
    pub(crate) fn new(pace: Pace, limit: Duration, clock: Clock, handler: F) -> Paced<F> {
        Paced { pace: Some(pace), limit, clock, handler }
    }
}

impl<F: Future + Unpin> Future for Paced<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let Some(pace) = self.pace.take() else { return Pin::new(&mut self.handler).poll(context) };
        let began = (self.clock)();
        let result = Pin::new(&mut self.handler).poll(context);
        pace.took((self.clock)() - began, self.limit);
        result
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicU64;
    use std::task::Waker;

    use clamator_core::Time;

    use super::*;

    /// Polls a handler once whose first poll takes this many milliseconds.
    fn poll_once(pace: &Pace, takes: u64) {
        let now = Arc::new(AtomicU64::new(0));
        let clock: Clock = {
            let now = now.clone();
            Arc::new(move || Time::after_start(Duration::from_millis(now.load(Ordering::Relaxed))))
        };
        let handler = async move {
            now.fetch_add(takes, Ordering::Relaxed);
            std::future::pending::<()>().await;
        };
        let mut paced = Box::pin(Paced::new(pace.clone(), QUICK, clock, Box::pin(handler)));
        let mut context = Context::from_waker(Waker::noop());
        assert!(paced.as_mut().poll(&mut context).is_pending());
        assert!(paced.as_mut().poll(&mut context).is_pending());
    }

    #[test]
    fn a_method_is_quick_as_long_as_its_last_first_poll_was() {
        let pace = Pace::default();
        assert!(!pace.is_quick(), "nothing is known of it");
        for (takes, quick) in [(0, true), (1, true), (2, false), (500, false), (0, true)] {
            poll_once(&pace, takes);
            assert_eq!(pace.is_quick(), quick, "{takes} ms");
        }
    }
}
