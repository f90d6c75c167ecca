//! The handle on an in-process stream store.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::broker::Broker;
use crate::monitor::Monitor;
use crate::store::Store;

/// An in-process stream store that clients and servers connect to instead of Redis.
///
/// Clones reach the same store. As a [`Link`](clamator_driver::Link) it works on every runtime; the runtimes that
/// share one `Memory` must share the start of their clock.
///
/// ```
/// # use clamator_memory::{ClientBuilder, Memory, ServerBuilder, VirtualTime};
/// let (memory, time) = (Memory::new(), VirtualTime::new());
/// let server = ServerBuilder::with("my-app", time.clone(), &memory).build()?;
/// let client = ClientBuilder::with("my-app", time.clone(), &memory).build()?;
/// time.run(async {
///     server.start().await?;
///     client.start().await
/// })
/// .unwrap();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Tests may look into it, and meddle:
///
/// ```
/// use clamator_core::Key;
/// use clamator_memory::Memory;
///
/// let memory = Memory::new();
/// assert!(memory.with(|store| store.is_empty()));
/// memory.with(|store| store.set_string(&Key::from("k"), "not a stream"));
/// assert!(memory.clone().with(|store| store.exists(&Key::from("k"))));
/// ```
#[derive(Clone)]
pub struct Memory {
    broker: Arc<Mutex<Broker>>,
}

impl Memory {
    /// A new, empty store with an address of its own.
    #[must_use]
    pub fn new() -> Memory {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        Memory { broker: Arc::new(Mutex::new(Broker::new(format!("memory:{number}")))) }
    }

    /// Looks into the store, or meddles with it behind everybody's back.
    ///
    /// Afterwards every read that waits is looked at: one whose stream or group is gone ends with the error that Redis
    /// gives, one for which there are entries gets them. `look` must not use this `Memory`.
    pub fn with<T>(&self, look: impl FnOnce(&mut Store) -> T) -> T {
        self.locked(|broker| {
            let answer = look(&mut broker.store);
            broker.settle();
            answer
        })
    }

    /// Tells somebody of every command that is executed from now on.
    pub fn monitor(&self, monitor: impl Monitor) {
        let before = self.locked(|broker| broker.monitor.replace(Box::new(monitor)));
        drop(before);
    }

    /// Uses the broker under the lock, and wakes whom that concerns after letting go of it.
    pub(crate) fn locked<T>(&self, work: impl FnOnce(&mut Broker) -> T) -> T {
        // A panic can only come from a closure given to `with`; the broker is whole between commands.
        let mut broker = self.broker.lock().unwrap_or_else(PoisonError::into_inner);
        let answer = work(&mut broker);
        let wakers = broker.take_wakers();
        drop(broker);
        for waker in wakers {
            waker.wake();
        }
        answer
    }
}

impl Default for Memory {
    fn default() -> Memory {
        Memory::new()
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.locked(|broker| broker.address().to_owned());
        f.debug_struct("Memory").field("address", &address).finish_non_exhaustive()
    }
}
