//! The network as a link: what clients and servers of a world talk over.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use clamator_core::{Command, ConnectionId, Fault, Lane, MissingService, Outcome};
use clamator_driver::{ConfigError, Connection, Link, Runtime as _, Transport};

use super::{ADDRESS, Cut, Net, fault};
use crate::event::{Event, LifeId};
use crate::stage::Host;

/// The way of one process to the store of its world.
#[derive(Clone, Debug)]
pub(crate) struct SimLink {
    net: Arc<Net>,
    life: LifeId,
}

impl SimLink {
    pub(super) fn new(net: Arc<Net>, life: LifeId) -> SimLink {
        SimLink { net, life }
    }
}

impl Transport<Host> for SimLink {
    type Link = SimLink;

    fn into_link(self) -> Result<SimLink, ConfigError> {
        Ok(self)
    }
}

impl Link<Host> for SimLink {
    type Connection = SimConnection;

    fn connect(
        &self,
        host: &Host,
        lane: Lane,
    ) -> impl Future<Output = Result<SimConnection, Fault>> + Send + 'static {
        let (net, life, host) = (self.net.clone(), self.life, host.clone());
        async move {
            net.watch.see(&Event::Connecting { life, lane });
            // There and back, as the handshakes of the real ones.
            host.sleep_until(host.now() + nanos(net.one_way(host.node()))).await;
            let pipe = net.connect(host.node(), life, lane)?;
            let connection = SimConnection { net: net.clone(), pipe };
            host.sleep_until(host.now() + nanos(net.one_way(host.node()))).await;
            match net.lock().pipes[pipe].is_open {
                true => Ok(connection),
                false => Err(fault("the connection was lost")),
            }
        }
    }

    fn address(&self) -> String {
        ADDRESS.to_owned()
    }

    fn missing_service(&self) -> MissingService {
        MissingService::Wait
    }
}

fn nanos(nanos: u64) -> std::time::Duration {
    std::time::Duration::from_nanos(nanos)
}

/// A connection of a process to the store of its world.
#[derive(Debug)]
pub(crate) struct SimConnection {
    net: Arc<Net>,
    pipe: usize,
}

impl Connection for SimConnection {
    fn run(
        &mut self,
        commands: Vec<Command>,
    ) -> impl Future<Output = Vec<Outcome>> + Send + 'static {
        let count = commands.len();
        match self.net.send(self.pipe, commands) {
            Ok(run) => Answers { net: self.net.clone(), awaited: Ok(run) },
            Err(fault) => {
                self.net.watch.count(count as u64);
                let unsent = vec![Outcome::NotSent(fault); count];
                Answers { net: self.net.clone(), awaited: Err(unsent) }
            }
        }
    }

    fn id(&self) -> Option<ConnectionId> {
        self.net.lock().pipes[self.pipe].end.as_ref().and_then(Connection::id)
    }
}

impl Drop for SimConnection {
    fn drop(&mut self) {
        self.net.cut(self.pipe, &Cut::by_process());
    }
}

/// The answers of a pipeline.
struct Answers {
    net: Arc<Net>,
    awaited: Result<usize, Vec<Outcome>>,
}

impl Future for Answers {
    type Output = Vec<Outcome>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Vec<Outcome>> {
        let run = match &mut self.awaited {
            Ok(run) => *run,
            Err(unsent) => return Poll::Ready(std::mem::take(unsent)),
        };
        let mut inner = self.net.lock();
        let Some(found) = inner.runs.get_mut(run) else { return Poll::Pending };
        match found.outcomes.take() {
            Some(outcomes) => Poll::Ready(outcomes),
            None => {
                let before = found.waker.replace(context.waker().clone());
                drop(inner);
                drop(before);
                Poll::Pending
            }
        }
    }
}

impl Drop for Answers {
    fn drop(&mut self) {
        if let Ok(run) = self.awaited {
            let run = self.net.lock().runs.try_remove(run);
            drop(run);
        }
    }
}
