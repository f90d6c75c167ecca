//! The client handle: start, stop, and calls by name.

use std::collections::hash_map::Entry;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;

use bytes::Bytes;
use clamator_core::{
    CallError, CallKey, ClientCore, ClientInput, ClientOutput, MethodKind, Outgoing, Phase,
    StartError, StopReport,
};
use rustc_hash::FxHashMap;
use serde::Serialize;

use crate::call::{Call, Notify};
use crate::hub::{Desk, Hub};
use crate::run_loop::{Work, Worked};

pub(crate) type ClientHub = Hub<ClientCore, Calls>;

/// One caller that waits. There may be a hundred thousand of them.
#[derive(Debug)]
pub(crate) enum Slot {
    /// For a moment.
    Changing,
    Waiting(Waker),
    /// There is no room for the call yet: its message is kept here.
    InLine(Waker, Box<Outgoing>),
    /// There is room for it now: its future makes the call again.
    Admitted(Box<Outgoing>),
    Settled(Result<Bytes, Box<CallError>>),
}

/// The callers that wait, by the names that the core knows their calls by.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    next: u64,
    slots: FxHashMap<CallKey, Slot>,
}

impl Calls {
    /// A caller waits, under a new name. Later names are greater, by which the core knows who came first.
    pub(crate) fn insert(&mut self, waker: Waker) -> CallKey {
        self.next += 1;
        let key = CallKey(self.next);
        self.slots.insert(key, Slot::Waiting(waker));
        key
    }

    pub(crate) fn get_mut(&mut self, key: CallKey) -> Option<&mut Slot> {
        self.slots.get_mut(&key)
    }

    pub(crate) fn remove(&mut self, key: CallKey) -> Option<Slot> {
        self.slots.remove(&key)
    }

    /// Takes the outcome of a call, if there is one.
    pub(crate) fn take_settled(&mut self, key: CallKey) -> Option<Result<Bytes, CallError>> {
        let Entry::Occupied(slot) = self.slots.entry(key) else { return None };
        if !matches!(slot.get(), Slot::Settled(_)) {
            return None;
        }
        match slot.remove() {
            Slot::Settled(result) => Some(result.map_err(|error| *error)),
            _ => None,
        }
    }
}

impl Desk<ClientOutput> for Calls {
    fn effect(&mut self, effect: ClientOutput, wake: &mut Vec<Waker>) {
        // A caller that is gone has taken its slot along.
        match effect {
            ClientOutput::Settle(key, result) => self.settle(key, result, wake),
            ClientOutput::HandBack(key, outgoing) => self.change(key, |slot| match slot {
                Slot::Waiting(waker) => Slot::InLine(waker, Box::new(outgoing)),
                slot => slot,
            }),
            ClientOutput::Admit(key) => self.change(key, |slot| match slot {
                Slot::InLine(waker, outgoing) => {
                    wake.push(waker);
                    Slot::Admitted(outgoing)
                }
                slot => slot,
            }),
        }
    }

    fn end(&mut self, wake: &mut Vec<Waker>) {
        for slot in self.slots.values_mut() {
            slot.settle(Err(CallError::Ended), wake);
        }
    }
}

impl Calls {
    fn settle(&mut self, key: CallKey, result: Result<Bytes, CallError>, wake: &mut Vec<Waker>) {
        if let Some(slot) = self.get_mut(key) {
            slot.settle(result, wake);
        }
    }

    fn change(&mut self, key: CallKey, change: impl FnOnce(Slot) -> Slot) {
        if let Some(slot) = self.get_mut(key) {
            let was = std::mem::replace(slot, Slot::Changing);
            *slot = change(was);
        }
    }
}

impl Slot {
    /// The first outcome counts.
    fn settle(&mut self, result: Result<Bytes, CallError>, wake: &mut Vec<Waker>) {
        if let Slot::Waiting(_) | Slot::InLine(..) = self
            && let Slot::Waiting(waker) | Slot::InLine(waker, _) =
                std::mem::replace(self, Slot::Settled(result.map_err(Box::new)))
        {
            wake.push(waker);
        }
    }
}

/// A client has nothing to do in its run loop but to carry commands: callers are woken where they are settled.
pub(crate) struct NoWork;

impl Work<ClientCore, Calls> for NoWork {
    fn work(&mut self, _hub: &Arc<ClientHub>, _context: &Context<'_>) -> Worked {
        Worked::Nothing
    }
}

/// Spawns the run loop on the executor that it was built for.
pub(crate) type Launch<H> = Box<dyn FnMut(&Arc<H>) -> Result<(), StartError> + Send>;

/// A run loop that is spawned at most once, at the first start.
pub(crate) struct Launcher<H> {
    launch: Mutex<Option<Launch<H>>>,
}

impl<H> Launcher<H> {
    pub(crate) fn new(launch: Launch<H>) -> Launcher<H> {
        Launcher { launch: Mutex::new(Some(launch)) }
    }

    pub(crate) fn launch(&self, hub: &Arc<H>) -> Result<(), StartError> {
        let mut launch = self.launch.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(run) = launch.as_mut() {
            run(hub)?;
            *launch = None;
        }
        Ok(())
    }
}

/// A client of any number of services under one key prefix. Clones share one connection, one reply stream and one run loop.
///
/// Make one for the application's lifetime, [`start`](Client::start) it, and hand it to the typed clients. It costs one
/// task, two connections and one key. When the last clone is dropped, it stops.
///
/// ```no_run
/// use std::time::Duration;
/// use serde_json::{Value, json};
/// # async fn example(client: clamator_driver::Client) -> Result<(), Box<dyn std::error::Error>> {
/// client.start().await?;
/// let sum: Value = client.call("arith", "add", &json!({"a": 2, "b": 3})).timeout(Duration::from_secs(1)).await?;
/// client.notify("arith", "ping", &json!({"n": 1})).await?; // Redis has it
/// client.stop_within(Duration::from_secs(5)).await; // calls under way may finish
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
}

struct Inner {
    hub: Arc<ClientHub>,
    launcher: Launcher<ClientHub>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.hub.input_and_wake(ClientInput::Stop { wait: Duration::ZERO });
    }
}

impl Client {
    pub(crate) fn new(hub: Arc<ClientHub>, launcher: Launcher<ClientHub>) -> Client {
        Client { inner: Arc::new(Inner { hub, launcher }) }
    }

    pub(crate) fn hub(&self) -> &Arc<ClientHub> {
        &self.inner.hub
    }

    /// Connects. Calling it again does nothing; a start that failed can be tried again.
    ///
    /// # Errors
    ///
    /// [`StartError::Unreachable`] with the address, if the store isn't there; [`StartError::Stopped`] after a stop.
    pub async fn start(&self) -> Result<(), StartError> {
        let stopped = self.hub().look(|state| state.core.phase() == Phase::Stopped);
        if stopped {
            return Err(StartError::Stopped);
        }
        self.inner.launcher.launch(self.hub())?;
        self.hub().start(ClientInput::Start).await
    }

    /// Stops at once: calls under way fail with [`CallError::Stopped`]. The reply stream is deleted.
    /// Calling it again does nothing.
    pub async fn stop(&self) -> StopReport {
        self.stop_within(Duration::ZERO).await
    }

    /// Stops once the calls under way have their outcome, but after `wait` at the latest. New calls fail at once.
    pub async fn stop_within(&self, wait: Duration) -> StopReport {
        self.hub().stop(ClientInput::Stop { wait }).await
    }

    /// How much its core has in mind, for tests and simulations.
    #[doc(hidden)]
    #[must_use]
    pub fn load(&self) -> usize {
        self.hub().look(|state| state.core.load())
    }

    /// A call by its wire names. The typed clients of a contract are easier to use.
    ///
    /// ```no_run
    /// # async fn example(client: clamator_driver::Client) -> Result<(), clamator_driver::CallError> {
    /// use serde_json::{Value, json};
    ///
    /// let sum: Value = client.call("arith", "add", &json!({"a": 2, "b": 3})).await?;
    /// # Ok(()) }
    /// ```
    pub fn call<T>(
        &self,
        service: &str,
        method: &str,
        params: &(impl Serialize + ?Sized),
    ) -> Call<T> {
        Call::new(self.clone(), Outgoing::new(MethodKind::Request, service, method, params))
    }

    /// A notification by its wire names: nothing comes back but that the store has it.
    pub fn notify(
        &self,
        service: &str,
        method: &str,
        params: &(impl Serialize + ?Sized),
    ) -> Notify {
        Notify::new(self.clone(), Outgoing::new(MethodKind::Notification, service, method, params))
    }
}

impl From<&Client> for Client {
    fn from(client: &Client) -> Client {
        client.clone()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = self.hub().look(|state| state.core.phase());
        f.debug_struct("Client").field("phase", &phase).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_calls_have_greater_names_also_where_earlier_ones_are_gone() {
        let mut calls = Calls::default();
        let names = [(); 3].map(|()| calls.insert(Waker::noop().clone()));
        calls.remove(names[1]);
        calls.remove(names[0]);
        let later = [(); 2].map(|()| calls.insert(Waker::noop().clone()));
        assert!(names[2] < later[0] && later[0] < later[1]);
    }

    #[test]
    fn a_waiting_caller_costs_little() {
        assert!(size_of::<(CallKey, Slot)>() <= 56);
    }
}
