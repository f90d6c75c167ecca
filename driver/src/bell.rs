//! Which lane woke the run loop: only that one is polled, as there may be hundreds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;

use futures_util::task::AtomicWaker;

/// The waker of one lane.
#[derive(Debug)]
pub(crate) struct Bell {
    rung: AtomicBool,
    run_loop: Arc<AtomicWaker>,
}

impl Bell {
    pub(crate) fn new(run_loop: Arc<AtomicWaker>) -> Arc<Bell> {
        Arc::new(Bell { rung: AtomicBool::new(false), run_loop })
    }

    /// There is something new, which the run loop finds out by itself: it runs.
    pub(crate) fn ring(&self) {
        self.rung.store(true, Ordering::Release);
    }

    /// Whether it was rung, without an answer to it.
    pub(crate) fn is_rung(&self) -> bool {
        self.rung.load(Ordering::Relaxed)
    }

    /// Whether it was rung since this was last asked.
    pub(crate) fn was_rung(&self) -> bool {
        self.is_rung() && self.rung.swap(false, Ordering::Acquire)
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            self.run_loop.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bell_tells_once_that_it_was_rung() {
        let bell = Bell::new(Arc::default());
        assert!(!bell.was_rung());
        std::task::Waker::from(bell.clone()).wake();
        bell.ring();
        assert!(bell.was_rung());
        assert!(!bell.was_rung());
    }
}
