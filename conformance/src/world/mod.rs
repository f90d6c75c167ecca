//! What a case has: a place of its own, clients and servers on the adapter, the raw store, and time.

mod book;
mod conf;
mod raw;
mod setup;
mod stage;
mod talk;
mod task;

use std::fmt::Debug;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use clamator_core::Time;
use futures_util::FutureExt;
use futures_util::future::{Either, join_all, select};

use crate::harness::Harness;
use crate::place::Place;
use crate::probe::{MemoryProbe, Probe, RedisProbe};
pub(crate) use book::{Book, What};
pub(crate) use conf::{Worker, conf_service};
pub(crate) use raw::{Json, envelope, fields, request_envelope};
pub(crate) use setup::{Guest, Host};
use stage::{OnHarness, Stage};
pub(crate) use talk::{good, rpc_error};
pub(crate) use task::Task;

/// Long enough for everything that is to happen soon, on a busy machine too.
pub(crate) const SOON: Duration = Duration::from_secs(10);
/// How often something is looked at that is waited for.
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// The claim idle of cases in which entries are taken over.
pub(crate) const CLAIM_IDLE: Duration = Duration::from_millis(400);

pub(crate) const fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The world of one case.
pub struct World {
    stage: Arc<dyn Stage>,
    prefix: String,
    probe: Mutex<Box<dyn Probe>>,
    book: Arc<Book>,
    started: Mutex<Vec<Started>>,
    numbers: AtomicU64,
    /// Dropped last: what lies there is deleted.
    _place: Arc<Place>,
}

/// What is stopped when the case is over.
enum Started {
    Client(Guest),
    Server(Host),
}

impl World {
    pub(crate) fn new<H: Harness>(harness: &Arc<H>, place: Place) -> World {
        let place = Arc::new(place);
        let stage = OnHarness::new(harness, &place);
        let probe: Box<dyn Probe> = match place.connect() {
            Some(connection) => Box::new(RedisProbe::new(connection, place.prefix())),
            None => Box::new(MemoryProbe::new(place.store(), stage.bound())),
        };
        World {
            stage: Arc::new(stage),
            prefix: place.prefix().to_owned(),
            probe: Mutex::new(probe),
            book: Arc::default(),
            started: Mutex::default(),
            numbers: AtomicU64::new(1),
            _place: place,
        }
    }

    /// Stops whatever the case has left running.
    pub(crate) async fn finish(&self) {
        self.book.let_all_go();
        let started = std::mem::take(&mut *self.lock_started());
        let stops = started.iter().map(|started| match started {
            Started::Client(guest) => {
                guest.faults.heal();
                guest.client.stop().map(drop).left_future()
            }
            Started::Server(host) => {
                host.faults.heal();
                host.server.stop_within(Duration::ZERO).map(drop).right_future()
            }
        });
        // One that doesn't stop is what a case of its own is about.
        self.within(Duration::from_secs(3), join_all(stops)).await;
    }

    /// The beginning of every key.
    pub(crate) fn prefix(&self) -> &str {
        &self.prefix
    }

    /// What the handlers of this case write down.
    pub(crate) fn book(&self) -> &Arc<Book> {
        &self.book
    }

    /// A number that this case hasn't seen yet.
    pub(crate) fn number(&self) -> u64 {
        self.numbers.fetch_add(1, Ordering::Relaxed)
    }

    /// The raw store.
    pub(crate) fn probe(&self) -> MutexGuard<'_, Box<dyn Probe>> {
        self.probe.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Time {
        self.stage.now()
    }

    /// Waits, by the clock of the harness: over memory that takes no time.
    pub(crate) async fn sleep(&self, duration: Duration) {
        self.stage.sleep_until(self.now() + duration).await;
    }

    /// Runs something in the background.
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Task<T> {
        let (task, run) = Task::new(work);
        self.stage.spawn(Box::pin(run));
        task
    }

    /// What comes of something, unless it takes longer.
    pub(crate) async fn within<T>(
        &self,
        limit: Duration,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let sleep = std::pin::pin!(self.sleep(limit));
        match select(std::pin::pin!(work), sleep).await {
            Either::Left((outcome, _)) => Some(outcome),
            Either::Right(_) => None,
        }
    }

    /// What comes of something that must end soon.
    pub(crate) async fn soon<T>(&self, what: &str, work: impl Future<Output = T>) -> T {
        match self.within(SOON, work).await {
            Some(outcome) => outcome,
            None => panic!("not within {SOON:?}: {what}"),
        }
    }

    /// Waits until something holds.
    pub(crate) async fn eventually(&self, what: &str, mut holds: impl FnMut() -> bool) {
        self.eventually_some(what, || holds().then_some(())).await;
    }

    /// Waits until there is something.
    pub(crate) async fn eventually_some<T>(
        &self,
        what: &str,
        mut look: impl FnMut() -> Option<T>,
    ) -> T {
        let end = self.now() + SOON;
        loop {
            let last = self.now() >= end;
            if let Some(found) = look() {
                return found;
            }
            assert!(!last, "not within {SOON:?}: {what}");
            self.sleep(LOOK_EVERY).await;
        }
    }

    /// Sees to it that something goes on not happening for a while.
    pub(crate) async fn never(
        &self,
        what: &str,
        during: Duration,
        mut happens: impl FnMut() -> bool,
    ) {
        let end = self.now() + during;
        while self.now() < end {
            assert!(!happens(), "it happened: {what}");
            self.sleep(LOOK_EVERY).await;
        }
        assert!(!happens(), "it happened: {what}");
    }

    fn lock_started(&self) -> MutexGuard<'_, Vec<Started>> {
        self.started.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("World").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}
