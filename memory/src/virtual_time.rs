//! A virtual clock and the single-threaded executor that moves it.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use clamator_core::Time;
use clamator_driver::Runtime;

/// A runtime whose clock jumps instead of running: hours pass in milliseconds, and every run is the same.
///
/// Tasks run one at a time, in the order in which they were woken. When none can run, the clock jumps to the next
/// timer; timers of the same time go off in the order in which they were set. Clones share one clock and its tasks.
///
/// All tasks must wait for each other or for the clock only: for a wake-up from another thread nothing waits, and a
/// run that has neither a task to run nor a timer ends as a deadlock.
///
/// ```
/// use std::time::Duration;
/// use clamator_memory::VirtualTime;
///
/// let time = VirtualTime::new();
/// let waited = time.run(async {
///     let start = time.now();
///     time.sleep(Duration::from_secs(3600)).await; // returns at once
///     time.now() - start
/// });
/// assert_eq!(waited, Duration::from_secs(3600));
/// ```
#[derive(Clone, Default)]
pub struct VirtualTime {
    shared: Arc<Shared>,
}

type TaskId = u64;

type TaskFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

struct Task {
    /// But while it is polled.
    future: Option<TaskFuture>,
    waker: Waker,
    is_ready: bool,
}

/// The number of the future that [`VirtualTime::run`] was given.
const MAIN: TaskId = 0;

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    now: Time,
    running: bool,
    last_task: TaskId,
    tasks: BTreeMap<TaskId, Task>,
    /// Who was woken, in order; each is in it at most once.
    ready: VecDeque<TaskId>,
    is_main_ready: bool,
    last_timer: u64,
    timers: BTreeMap<(Time, u64), Waker>,
}

impl VirtualTime {
    /// A clock that stands at its start.
    #[must_use]
    pub fn new() -> VirtualTime {
        VirtualTime::default()
    }

    /// The time now.
    #[must_use]
    pub fn now(&self) -> Time {
        self.shared.lock().now
    }

    /// Ready once `at` has come.
    pub fn sleep_until(&self, at: Time) -> VirtualSleep {
        VirtualSleep { shared: Arc::clone(&self.shared), at, timer: None }
    }

    /// Ready after `duration`.
    pub fn sleep(&self, duration: Duration) -> VirtualSleep {
        self.sleep_until(self.now() + duration)
    }

    /// Runs a task in the background of the present [`run`](VirtualTime::run), or else of the next one.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let future: TaskFuture = Box::pin(task);
        let mut state = self.shared.lock();
        state.last_task += 1;
        let id = state.last_task;
        let (future, waker) = (Some(future), self.shared.waker(id));
        state.tasks.insert(id, Task { future, waker, is_ready: false });
        state.make_ready(id);
    }

    /// Lets every other task that can run have its turn, without moving the clock.
    pub async fn yield_now(&self) {
        let mut yielded = false;
        poll_fn(|context| {
            if mem::replace(&mut yielded, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    /// Runs `main` to its end, and the spawned tasks next to it. Tasks that are left then are dropped: nothing
    /// outlives a run. The clock stays where it is.
    ///
    /// # Panics
    ///
    /// - If every task waits and no timer is set.
    /// - If `main` or a task panics.
    /// - If this clock is in a `run` already.
    pub fn run<F: Future>(&self, main: F) -> F::Output {
        let _running = Running::begin(&self.shared);
        let mut main = pin!(main);
        let main_waker = self.shared.waker(MAIN);
        loop {
            let Some(id) = self.shared.next_task() else {
                panic!("deadlock: every task waits and no timer is set");
            };
            if id == MAIN {
                if let Poll::Ready(output) =
                    main.as_mut().poll(&mut Context::from_waker(&main_waker))
                {
                    return output;
                }
                continue;
            }
            // Out of the table while it is polled, so that it can spawn and wake.
            let Some((mut future, waker)) = self.shared.lock().take(id) else { continue };
            if future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
                self.shared.lock().put_back(id, future);
            } else {
                let ended = self.shared.lock().tasks.remove(&id);
                drop(ended);
            }
        }
    }
}

impl Runtime for VirtualTime {
    type Sleep = VirtualSleep;

    fn now(&self) -> Time {
        VirtualTime::now(self)
    }

    fn sleep_until(&self, at: Time) -> VirtualSleep {
        VirtualTime::sleep_until(self, at)
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        VirtualTime::spawn(self, task);
    }
}

impl fmt::Debug for VirtualTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.shared.lock();
        f.debug_struct("VirtualTime")
            .field("now", &state.now)
            .field("tasks", &state.tasks.len())
            .field("timers", &state.timers.len())
            .finish()
    }
}

impl State {
    fn make_ready(&mut self, task: TaskId) {
        // One that has ended has nothing to do.
        let Some(is_ready) = self.is_ready(task) else { return };
        if !mem::replace(is_ready, true) {
            self.ready.push_back(task);
        }
    }

    fn is_ready(&mut self, task: TaskId) -> Option<&mut bool> {
        match task {
            MAIN => Some(&mut self.is_main_ready),
            _ => self.tasks.get_mut(&task).map(|task| &mut task.is_ready),
        }
    }

    /// A task's future, which is to be polled, and what wakes it.
    fn take(&mut self, task: TaskId) -> Option<(TaskFuture, Waker)> {
        let task = self.tasks.get_mut(&task)?;
        Some((task.future.take()?, task.waker.clone()))
    }

    fn put_back(&mut self, task: TaskId, future: TaskFuture) {
        if let Some(task) = self.tasks.get_mut(&task) {
            task.future = Some(future);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing foreign runs under the lock, so a poisoned state is whole.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waker(self: &Arc<Shared>, task: TaskId) -> Waker {
        Waker::from(Arc::new(TaskWaker { shared: Arc::clone(self), task }))
    }

    /// The task whose turn it is. If there is none, the clock jumps to the next timer.
    fn next_task(&self) -> Option<TaskId> {
        loop {
            let mut state = self.lock();
            if let Some(id) = state.ready.pop_front() {
                if let Some(is_ready) = state.is_ready(id) {
                    *is_ready = false;
                }
                return Some(id);
            }
            let ((at, _), waker) = state.timers.pop_first()?;
            state.now = state.now.max(at);
            drop(state);
            waker.wake();
        }
    }
}

/// While it exists, the clock is in a `run`. Its end, by a panic too, drops the tasks that are left.
struct Running<'a> {
    shared: &'a Shared,
}

impl Running<'_> {
    fn begin(shared: &Shared) -> Running<'_> {
        let mut state = shared.lock();
        assert!(!state.running, "this VirtualTime is in a run already");
        state.running = true;
        state.ready.retain(|task| *task != MAIN);
        state.ready.push_front(MAIN);
        state.is_main_ready = true;
        drop(state);
        Running { shared }
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        loop {
            // A task's end may spawn others.
            let tasks = mem::take(&mut self.shared.lock().tasks);
            if tasks.is_empty() {
                break;
            }
            drop(tasks);
        }
        let mut state = self.shared.lock();
        state.ready.clear();
        state.is_main_ready = false;
        state.running = false;
    }
}

struct TaskWaker {
    shared: Arc<Shared>,
    task: TaskId,
}

impl Wake for TaskWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.shared.lock().make_ready(self.task);
    }
}

/// What [`VirtualTime::sleep_until`] returns.
#[must_use = "a sleep does nothing unless it is awaited"]
pub struct VirtualSleep {
    shared: Arc<Shared>,
    at: Time,
    /// The number of the timer that was set.
    timer: Option<u64>,
}

impl Future for VirtualSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.shared.lock();
        if state.now >= self.at {
            return Poll::Ready(());
        }
        let number = self.timer.unwrap_or_else(|| {
            state.last_timer += 1;
            state.last_timer
        });
        let replaced = state.timers.insert((self.at, number), context.waker().clone());
        drop(state);
        drop(replaced);
        self.timer = Some(number);
        Poll::Pending
    }
}

impl Drop for VirtualSleep {
    fn drop(&mut self) {
        if let Some(number) = self.timer {
            let waker = self.shared.lock().timers.remove(&(self.at, number));
            drop(waker);
        }
    }
}

impl fmt::Debug for VirtualSleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VirtualSleep").field("at", &self.at).finish_non_exhaustive()
    }
}
