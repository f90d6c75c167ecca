//! Who is on stage: servers, clients, a server of another make, and the handlers that they run.

mod client;
pub(crate) mod custom;
mod handler;
mod inner;
mod peer;
mod server;

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};
use std::time::Duration;

use self::custom::Script;
use crate::dice::Dice;
use crate::event::LifeId;
use crate::net::Net;
use crate::plan::Plan;
use crate::stage::Host;
use crate::watch::Watch;

/// What every command stream, reply stream and stream of what was put aside begins with.
pub(crate) const PREFIX: &str = "w";

/// What a process has.
#[derive(Clone, Debug)]
pub(crate) struct Process {
    pub(crate) life: LifeId,
    pub(crate) host: Host,
    pub(crate) net: Arc<Net>,
    pub(crate) watch: Arc<Watch>,
    pub(crate) plan: Arc<Plan>,
    pub(crate) order: Order,
    pub(crate) instance: String,
    pub(crate) dice: Dice,
    /// How much its core has in mind, once there is one.
    pub(crate) gauge: Gauge,
    /// What it does, if it isn't what the plan says.
    pub(crate) script: Option<Arc<dyn Script>>,
}

type Ask = Box<dyn Fn() -> usize + Send>;

/// A way to ask a process how much its core has in mind. It knows what it asks, and no more: it must not keep it alive.
#[derive(Clone, Default)]
pub(crate) struct Gauge {
    ask: Arc<Mutex<Option<Ask>>>,
}

impl Gauge {
    fn reads(&self, ask: impl Fn() -> usize + Send + 'static) {
        *self.ask.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(ask));
    }

    /// Its process is over, or its core stops.
    fn reads_nothing(&self) {
        let before = self.ask.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(before);
    }

    pub(crate) fn read(&self) -> usize {
        let ask = self.ask.lock().unwrap_or_else(PoisonError::into_inner);
        ask.as_ref().map_or(0, |ask| ask())
    }
}

impl std::fmt::Debug for Gauge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gauge").finish_non_exhaustive()
    }
}

/// The order to stop, which a process waits for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Order {
    inner: Arc<Mutex<(Option<Duration>, Option<Waker>)>>,
}

impl Order {
    pub(crate) fn stop(&self, grace: Duration) {
        let waker = {
            let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
            inner.0.get_or_insert(grace);
            inner.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Waits for it. Gives the grace.
    pub(crate) fn told(&self) -> impl Future<Output = Duration> + Send + Unpin + use<> {
        let inner = self.inner.clone();
        std::future::poll_fn(move |context| {
            let mut inner = inner.lock().unwrap_or_else(PoisonError::into_inner);
            match inner.0 {
                Some(grace) => Poll::Ready(grace),
                None => {
                    inner.1 = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
    }
}

/// What a process does, by the machine's number in the plan.
pub(crate) async fn live(process: Process) {
    let servers = process.plan.servers.len();
    let at = process.host.node() - 1;
    if let Some(script) = process.script.clone() {
        return match at.checked_sub(servers) {
            Some(client) => custom::live_as_client(process, client, script).await,
            None => custom::live_as_server(process, at, script).await,
        };
    }
    match at.checked_sub(servers) {
        Some(client) => client::live(process, client).await,
        None if process.plan.servers[at].is_peer => peer::live(process).await,
        None => server::live(process, at).await,
    }
}
