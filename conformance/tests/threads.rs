//! A fourth executor, written against the public API only: a thread for each task, and a thread for the timer. It passes the suite over
//! the store in memory, by the real clock.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Condvar, LazyLock, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Instant;

use clamator_conformance::{Harness, Place, block_on};
use clamator_driver::{Runtime, Time, clock};
use clamator_memory::Memory;

/// Runs each task on a thread of its own.
#[derive(Clone, Default)]
struct ThreadPerTask;

impl Runtime for ThreadPerTask {
    type Sleep = Sleep;

    fn now(&self) -> Time {
        clock::now()
    }

    fn sleep_until(&self, at: Time) -> Sleep {
        Sleep { at, alarm: None }
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        thread::spawn(|| block_on(task));
    }
}

/// Who is to be woken when; two at the same time have different numbers.
type Alarm = (Instant, u64);

/// The alarms that are set, and a thread that waits for the first of them.
#[derive(Default)]
struct Timer {
    alarms: Mutex<(BTreeMap<Alarm, Waker>, u64)>,
    changed: Condvar,
}

static TIMER: LazyLock<&'static Timer> = LazyLock::new(|| {
    let timer: &'static Timer = Box::leak(Box::default());
    thread::spawn(|| timer.run());
    timer
});

impl Timer {
    fn run(&self) {
        let mut alarms = self.lock();
        loop {
            let now = Instant::now();
            let due = alarms.0.first_key_value().map(|(alarm, _)| alarm.0);
            alarms = match due {
                Some(at) if at <= now => {
                    let waker = alarms.0.pop_first().map(|(_, waker)| waker);
                    drop(alarms);
                    waker.into_iter().for_each(Waker::wake);
                    self.lock()
                }
                Some(at) => match self.changed.wait_timeout(alarms, at - now) {
                    Ok((alarms, _)) => alarms,
                    Err(poisoned) => poisoned.into_inner().0,
                },
                None => self.changed.wait(alarms).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn set(&self, at: Instant, waker: Waker) -> Alarm {
        let mut alarms = self.lock();
        alarms.1 += 1;
        let alarm = (at, alarms.1);
        alarms.0.insert(alarm, waker);
        self.changed.notify_one();
        alarm
    }

    fn lock(&self) -> MutexGuard<'_, (BTreeMap<Alarm, Waker>, u64)> {
        self.alarms.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ready once its time has come.
struct Sleep {
    at: Time,
    alarm: Option<Alarm>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.cancel();
        if clock::now() >= self.at {
            return Poll::Ready(());
        }
        self.alarm = Some(TIMER.set(clock::instant(self.at), context.waker().clone()));
        Poll::Pending
    }
}

impl Sleep {
    fn cancel(&mut self) {
        if let Some(alarm) = self.alarm.take() {
            let waker = TIMER.lock().0.remove(&alarm);
            // Dropped without the lock: it may be the last that knows a task.
            drop(waker);
        }
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.cancel();
    }
}

impl Harness for ThreadPerTask {
    const NAME: &'static str = "threads";
    type Runtime = ThreadPerTask;
    type Transport = Memory;

    fn place() -> Place {
        Place::memory()
    }

    fn runtime(&self) -> ThreadPerTask {
        ThreadPerTask
    }

    fn transport(&self, place: &Place) -> Memory {
        place.store()
    }

    fn run(&self, case: impl Future<Output = ()>) {
        block_on(case);
    }
}

clamator_conformance::suite!(ThreadPerTask);
