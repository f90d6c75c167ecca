//! Where somebody's own handlers and callers are.

use std::fmt;
use std::time::Duration;

use clamator_driver::Runtime as _;

use crate::cast::Process;
use crate::event::Event;

/// The process that a handler or caller of a simulated world is in: its clock, its name, its way to say something.
#[derive(Clone)]
pub struct Site {
    process: Process,
}

impl Site {
    pub(crate) fn new(process: &Process) -> Site {
        Site { process: process.clone() }
    }

    /// The name of the process, and which of those on its machine it is: `server0.2` is the second one, after a crash or a stop.
    #[must_use]
    pub fn name(&self) -> String {
        self.process.watch.book(|book| book.lives[self.process.life].name.clone())
    }

    /// Since when the process' clock has run. It may jump.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.process.host.now().since_start()
    }

    /// Waits, in the time of the world: nobody really does.
    pub async fn sleep(&self, duration: Duration) {
        self.process.host.sleep(duration).await;
    }

    /// Says something in the world's story.
    pub fn note(&self, what: &str) {
        self.process.watch.see(&Event::Note { life: self.process.life, what });
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").field("name", &self.name()).finish_non_exhaustive()
    }
}
