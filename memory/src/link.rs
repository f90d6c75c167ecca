//! [`Memory`] as a link: connections to it, and the futures of their runs.

use std::fmt;
use std::future::{self, Future};
use std::pin::Pin;
use std::task::{Context, Poll};

use clamator_core::{Command, ConnectionId, Fault, Lane, MissingService, Outcome, Time};
use clamator_driver::{Connection, Link, Runtime};

use crate::broker::{Progress, RunId, Started};
use crate::memory::Memory;

impl<R: Runtime> Link<R> for Memory {
    type Connection = MemoryConnection<R>;

    fn connect(
        &self,
        runtime: &R,
        _lane: Lane,
    ) -> impl Future<Output = Result<MemoryConnection<R>, Fault>> + Send + 'static {
        let id = self.locked(|broker| broker.connect());
        let connection = MemoryConnection { memory: self.clone(), runtime: runtime.clone(), id };
        future::ready(Ok(connection))
    }

    fn address(&self) -> String {
        self.locked(|broker| broker.address().to_owned())
    }

    /// In one process everybody can see whether a server is there, so there is nothing to wait for.
    fn missing_service(&self) -> MissingService {
        MissingService::Fail
    }
}

/// A connection to a [`Memory`].
///
/// Commands are executed when [`run`](Connection::run) is called, as if their bytes left right then; only a read that
/// finds nothing waits. Dropping the future of a run takes a waiting read back, so that no entry is handed to nobody.
pub struct MemoryConnection<R> {
    memory: Memory,
    runtime: R,
    id: ConnectionId,
}

impl<R: Runtime> Connection for MemoryConnection<R> {
    fn run(
        &mut self,
        commands: Vec<Command>,
    ) -> impl Future<Output = Vec<Outcome>> + Send + 'static {
        let now = self.runtime.now();
        match self.memory.locked(|broker| broker.start(now, self.id, commands)) {
            Started::Ended(outcomes) => Running::Ended(outcomes),
            Started::Waits(run) => Running::Waits(Ticket {
                memory: self.memory.clone(),
                runtime: self.runtime.clone(),
                run: Some(run),
                alarm: None,
            }),
        }
    }

    fn id(&self) -> Option<ConnectionId> {
        Some(self.id)
    }
}

impl<R> Drop for MemoryConnection<R> {
    fn drop(&mut self) {
        self.memory.locked(|broker| broker.close(self.id));
    }
}

impl<R> fmt::Debug for MemoryConnection<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryConnection").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The future of a run.
enum Running<R: Runtime> {
    Ended(Vec<Outcome>),
    Waits(Ticket<R>),
}

impl<R: Runtime> Future for Running<R> {
    type Output = Vec<Outcome>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Vec<Outcome>> {
        match &mut *self {
            Running::Ended(outcomes) => Poll::Ready(std::mem::take(outcomes)),
            Running::Waits(ticket) => ticket.poll(context),
        }
    }
}

/// What stands for a run that the broker keeps. Dropping it takes the run back.
struct Ticket<R: Runtime> {
    memory: Memory,
    runtime: R,
    /// `None` once its outcomes were taken.
    run: Option<RunId>,
    /// When the read that it waits in is over.
    alarm: Option<Alarm<R>>,
}

struct Alarm<R: Runtime> {
    at: Time,
    sleep: Pin<Box<R::Sleep>>,
}

/// Nothing is pinned in place: a runtime's sleep is boxed.
impl<R: Runtime> Unpin for Running<R> {}

impl<R: Runtime> Ticket<R> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Vec<Outcome>> {
        let Some(run) = self.run else { return Poll::Ready(Vec::new()) };
        loop {
            let at = match self.memory.locked(|broker| broker.poll(run, context.waker())) {
                Progress::Ended(outcomes) => {
                    self.run = None;
                    self.alarm = None;
                    return Poll::Ready(outcomes);
                }
                Progress::Queued => {
                    self.alarm = None;
                    return Poll::Pending;
                }
                Progress::BlockedUntil(at) => at,
            };
            if self.poll_alarm(at, context).is_pending() {
                return Poll::Pending;
            }
            self.alarm = None;
            let now = self.runtime.now();
            self.memory.locked(|broker| broker.time_out(now, run, at));
        }
    }

    /// Ready once `at` has come. The alarm is set when it is first asked for.
    fn poll_alarm(&mut self, at: Time, context: &mut Context<'_>) -> Poll<()> {
        let alarm = match self.alarm.take() {
            Some(alarm) if alarm.at == at => alarm,
            _ => Alarm { at, sleep: Box::pin(self.runtime.sleep_until(at)) },
        };
        self.alarm.insert(alarm).sleep.as_mut().poll(context)
    }
}

impl<R: Runtime> Drop for Ticket<R> {
    fn drop(&mut self) {
        if let Some(run) = self.run {
            self.memory.locked(|broker| broker.abandon(run));
        }
    }
}
