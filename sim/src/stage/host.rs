//! A machine, as what runs on it sees it.

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use clamator_core::Time;
use clamator_driver::Runtime;

use super::{NodeId, Sleep, Stage};

/// A machine of the world: a clock, timers, and tasks that end when it dies. It is what clients, servers and handlers of the
/// world run on.
#[derive(Clone)]
pub(crate) struct Host {
    stage: Arc<Stage>,
    node: NodeId,
}

impl Host {
    pub(super) fn new(stage: Arc<Stage>, node: NodeId) -> Host {
        Host { stage, node }
    }

    pub(crate) fn node(&self) -> NodeId {
        self.node
    }

    pub(crate) fn stage(&self) -> &Arc<Stage> {
        &self.stage
    }

    /// Ready after `duration`, by this machine's clock.
    pub(crate) fn sleep(&self, duration: Duration) -> Sleep {
        self.sleep_until(self.now() + duration)
    }
}

impl Runtime for Host {
    type Sleep = Sleep;

    fn now(&self) -> Time {
        self.stage.clock(self.node)
    }

    fn sleep_until(&self, at: Time) -> Sleep {
        Sleep::new(self.stage.clone(), self.node, at)
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.stage.spawn(self.node, task);
    }
}

impl fmt::Debug for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Host").field("node", &self.node).finish_non_exhaustive()
    }
}
