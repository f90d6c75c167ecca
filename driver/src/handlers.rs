//! Running handlers: polled once where they are dispatched if they are known to be quick about it, spawned if they aren't, or
//! aren't ready, and never able to take the server down.

use std::collections::{HashMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use clamator_core::{
    Caller, Job, JobId, JobOutcome, Keyed, Keying, RpcError, ServerCore, ServerInput, ServerOutput,
    ServiceName, Time,
};
use futures_util::future::{AbortHandle, Abortable};

use crate::adapter::Runtime;
use crate::context::CallContext;
use crate::handling::{Handled, Handling};
use crate::pace::{Pace, Paced, QUICK, QUICK_AMONG_OTHERS};
use crate::run_loop::{SLICE, Work, Worked};
use crate::server::{Jobs, ServerHub};
use crate::service::Service;

/// A handler that was spawned.
struct Running {
    abort: AbortHandle,
    lease_lost: Arc<AtomicBool>,
}

/// What a call from a handler of this service, which is serial or isn't, must know.
pub(crate) trait Callers: Fn(&ServiceName, bool) -> Caller + Send + 'static {}

impl<F: Fn(&ServiceName, bool) -> Caller + Send + 'static> Callers for F {}

/// A service as its handlers need it.
struct Served {
    service: Service,
    name: Arc<str>,
    caller: Arc<Caller>,
    /// For how long the first poll of a handler may take in the run loop.
    limit: Duration,
}

/// The handlers of one server.
pub(crate) struct Handlers<R, C> {
    runtime: R,
    caller: C,
    services: Vec<Served>,
    /// What is to be done, if a slice wasn't enough for all of it.
    queue: VecDeque<ServerOutput>,
    running: HashMap<JobId, Running>,
    /// Those that ended in their tasks since the last look.
    ended: Arc<std::sync::Mutex<Vec<JobId>>>,
}

impl<R: Runtime, C: Callers> Handlers<R, C> {
    pub(crate) fn new(runtime: R, caller: C) -> Handlers<R, C> {
        let (services, queue, running) = (Vec::new(), VecDeque::new(), HashMap::new());
        Handlers { runtime, caller, services, queue, running, ended: Arc::default() }
    }

    /// Runs a handler. Gives its outcome if it ended at once; `now` goes on by what that took.
    fn run(
        &mut self,
        hub: &Arc<ServerHub>,
        context: &Context<'_>,
        job: Job,
        now: &mut Time,
    ) -> Option<JobOutcome> {
        let id = job.id;
        let lease_lost = Arc::new(AtomicBool::new(false));
        let Some((mut handler, pace, limit)) = self.handler(job, lease_lost.clone()) else {
            // The core lets only methods of the contract through, and each has a handler.
            return Some(JobOutcome::Failed(RpcError::method_not_found()));
        };
        if pace.is_quick() {
            // The task that it is spawned on, if it comes to that, polls it again: nobody needs to be woken by this poll.
            let result = Pin::new(&mut handler).poll(&mut Context::from_waker(Waker::noop()));
            let began = std::mem::replace(now, hub.now());
            pace.took(*now - began, limit);
            if let Poll::Ready(outcome) = result {
                return Some(outcome);
            }
            self.spawn(hub, id, lease_lost, handler);
        } else {
            // It may block. An executor of several threads may put it on this one, next: being woken lets another
            // thread have the run loop, and with it the connections.
            context.waker().wake_by_ref();
            self.spawn(hub, id, lease_lost, Paced::new(pace, limit, hub.clock(), handler));
        }
        None
    }

    fn spawn(
        &mut self,
        hub: &Arc<ServerHub>,
        id: JobId,
        lease_lost: Arc<AtomicBool>,
        handler: impl Future<Output = JobOutcome> + Send + 'static,
    ) {
        let (abort, registration) = AbortHandle::new_pair();
        self.running.insert(id, Running { abort, lease_lost });
        let (hub, ended) = (hub.clone(), self.ended.clone());
        self.runtime.spawn(async move {
            let result = Abortable::new(handler, registration).await;
            ended.lock().unwrap_or_else(PoisonError::into_inner).push(id);
            if let Ok(outcome) = result {
                hub.input_and_wake(ServerInput::Finished(id, outcome));
            }
        });
    }

    fn handler(&self, job: Job, lease_lost: Arc<AtomicBool>) -> Option<(Handling, Pace, Duration)> {
        let Served { service, name, caller, limit } = self.services.get(job.service)?;
        let (handler, pace) = service.handler(job.method.as_str())?;
        let context = CallContext {
            service: name.clone(),
            method: job.method.into(),
            request_id: job.request_id.clone(),
            entry: job.entry,
            deliveries: job.deliveries,
            lease_lost,
        };
        let call = Handled { params: job.params, request_id: job.request_id, context };
        Some((Handling::new(caller.clone(), handler.clone(), call), pace.clone(), *limit))
    }

    /// Finds out the key of a request: outside of the lock, as it is the application's own code.
    fn key(&self, keying: &Keying) -> ServerInput {
        let order = self.services.get(keying.service).and_then(|served| served.service.order());
        let key = order.map_or(Keyed::Free, |order| order.of(keying));
        ServerInput::Keyed { service: keying.service, entry: keying.entry, key }
    }

    fn forget_ended(&mut self) {
        let ended = std::mem::take(&mut *self.ended.lock().unwrap_or_else(PoisonError::into_inner));
        for id in ended {
            self.running.remove(&id);
        }
    }

    /// Services may still be added after a start that failed.
    fn learn_services(&mut self, core: &ServerCore, registered: &[Service]) {
        for service in &registered[self.services.len()..] {
            let is_serial = core.is_serial(self.services.len());
            let name = service.contract().service();
            self.services.push(Served {
                service: service.clone(),
                name: name.as_str().into(),
                caller: Arc::new((self.caller)(name, is_serial)),
                // Handlers that may run at the same time must get the chance to.
                limit: if is_serial { QUICK } else { QUICK_AMONG_OTHERS },
            });
        }
    }
}

impl<R: Runtime, C: Callers> Work<ServerCore, Jobs> for Handlers<R, C> {
    fn work(&mut self, hub: &Arc<ServerHub>, context: &Context<'_>) -> Worked {
        self.forget_ended();
        let mut queue = std::mem::take(&mut self.queue);
        hub.look(|state| {
            self.learn_services(&state.core, &state.desk.services);
            queue.append(&mut state.desk.queue);
        });
        if queue.is_empty() {
            self.queue = queue;
            return Worked::Nothing;
        }
        let mut now = hub.now();
        let until = now + SLICE;
        while let Some(output) = queue.pop_front() {
            let input = match output {
                ServerOutput::Run(job) => {
                    let id = job.id;
                    let outcome = self.run(hub, context, job, &mut now);
                    outcome.map(|outcome| ServerInput::Finished(id, outcome))
                }
                ServerOutput::Key(keying) => Some(self.key(&keying)),
                ServerOutput::Abort(id) => {
                    if let Some(running) = self.running.remove(&id) {
                        running.abort.abort();
                    }
                    None
                }
                ServerOutput::LeaseLost(id) => {
                    if let Some(running) = self.running.get(&id) {
                        running.lease_lost.store(true, Ordering::Relaxed);
                    }
                    None
                }
            };
            if let Some(input) = input {
                // What follows from it is done next.
                hub.input_at(now, input, |desk| queue.append(&mut desk.queue));
            }
            if now >= until {
                break;
            }
        }
        self.queue = queue;
        if self.queue.is_empty() { Worked::All } else { Worked::Enough }
    }
}
