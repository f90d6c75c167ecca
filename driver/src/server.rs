//! The server handle: register, start, stop.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::task::Waker;
use std::time::Duration;

use clamator_core::{
    Phase, RegisterError, ServerCore, ServerInput, ServerOutput, StartError, StopReport,
};

use crate::client::Launcher;
use crate::hub::{Desk, Hub};
use crate::service::Service;

pub(crate) type ServerHub = Hub<ServerCore, Jobs>;

/// The handlers that are to be run, for the run loop to take.
#[derive(Debug, Default)]
pub(crate) struct Jobs {
    pub(crate) services: Vec<Service>,
    pub(crate) queue: VecDeque<ServerOutput>,
}

impl Desk<ServerOutput> for Jobs {
    fn effect(&mut self, effect: ServerOutput, _wake: &mut Vec<Waker>) {
        self.queue.push_back(effect);
    }

    fn end(&mut self, _wake: &mut Vec<Waker>) {
        self.queue.clear();
    }
}

/// A server of any number of services under one key prefix. Clones are handles on the same server.
///
/// Servers that share a prefix form a pool: each call is handled by one of them. A server costs one task, one connection, and
/// one more for each service. When the last clone is dropped, it stops with its grace.
///
/// ```no_run
/// use std::time::Duration;
/// # async fn example(server: clamator_driver::Server, service: clamator_driver::Service, signal: impl Future)
/// # -> Result<(), Box<dyn std::error::Error>> {
/// server.register(service)?; // before the start
/// server.start().await?; // returns once it serves
/// signal.await;
/// let report = server.stop_within(Duration::from_secs(10)).await;
/// println!("finished {}, handed back {}, gave up {}", report.finished, report.handed_back, report.aborted);
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct Server {
    inner: Arc<Inner>,
}

struct Inner {
    hub: Arc<ServerHub>,
    launcher: Launcher<ServerHub>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.hub.input_and_wake(ServerInput::Stop { grace: None });
    }
}

impl Server {
    pub(crate) fn new(hub: Arc<ServerHub>, launcher: Launcher<ServerHub>) -> Server {
        Server { inner: Arc::new(Inner { hub, launcher }) }
    }

    /// Adds a service. All services are registered before the start.
    ///
    /// # Errors
    ///
    /// [`RegisterError`] if its name is taken, after the start, or if it is to run none at once or more than 512.
    pub fn register(&self, service: impl Into<Service>) -> Result<(), RegisterError> {
        let service = service.into();
        let refused = self.inner.hub.with(|state, _| {
            match state.core.register_with(service.contract().clone(), service.concurrency()) {
                Ok(_) => {
                    state.desk.services.push(service);
                    None
                }
                Err(error) => Some((error, service)),
            }
        });
        // What was refused is dropped here, without the lock: its handlers may have something to say about that.
        refused.map_or(Ok(()), |(error, _)| Err(error))
    }

    /// Connects, makes the groups that are missing, and begins to read; then it returns, and the server works in the
    /// background. Calling it again does nothing; a start that failed can be tried again.
    ///
    /// # Errors
    ///
    /// [`StartError::Unreachable`] with the address, if the store isn't there; [`StartError::Stopped`] after a stop.
    pub async fn start(&self) -> Result<(), StartError> {
        let stopped = self.inner.hub.look(|state| state.core.phase() == Phase::Stopped);
        if stopped {
            return Err(StartError::Stopped);
        }
        self.inner.launcher.launch(&self.inner.hub)?;
        self.inner.hub.start(ServerInput::Start).await
    }

    /// Stops: running handlers may finish within the option `shutdown_grace`; what was not begun goes back to the pool.
    /// Calling it again does nothing.
    pub async fn stop(&self) -> StopReport {
        self.inner.hub.stop(ServerInput::Stop { grace: None }).await
    }

    /// Stops with a grace of its own.
    pub async fn stop_within(&self, grace: Duration) -> StopReport {
        self.inner.hub.stop(ServerInput::Stop { grace: Some(grace) }).await
    }

    /// How much its core has in mind, for tests and simulations.
    #[doc(hidden)]
    #[must_use]
    pub fn load(&self) -> usize {
        self.inner.hub.look(|state| state.core.load())
    }

    /// Starts, waits for `signal`, and stops.
    ///
    /// # Errors
    ///
    /// What [`start`](Server::start) gives.
    pub async fn serve_until(&self, signal: impl Future) -> Result<StopReport, StartError> {
        self.start().await?;
        signal.await;
        Ok(self.stop().await)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = self.inner.hub.look(|state| state.core.phase());
        f.debug_struct("Server").field("phase", &phase).finish_non_exhaustive()
    }
}
