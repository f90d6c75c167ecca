//! Running handlers: polled once where they are dispatched if they are known to be quick about it, spawned if they aren't, or
//! aren't ready, and never able to take the server down.

use std::any::Any;
use std::collections::HashMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use clamator_core::{
    Caller, Job, JobId, JobOutcome, Keyed, Keying, Machine, RpcError, ServerCore, ServerInput,
    ServerOutput, ServiceName,
};
use futures_util::FutureExt;
use futures_util::future::{AbortHandle, Abortable};

use crate::adapter::Runtime;
use crate::context::{CallContext, Handling};
use crate::order::panic_message;
use crate::pace::{Pace, Paced, QUICK, QUICK_AMONG_OTHERS};
use crate::run_loop::Work;
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

/// The handlers of one server.
pub(crate) struct Handlers<R, C> {
    runtime: R,
    caller: C,
    services: Vec<(Service, Arc<Caller>)>,
    running: HashMap<JobId, Running>,
    /// Those that ended in their tasks since the last look.
    ended: Arc<std::sync::Mutex<Vec<JobId>>>,
}

impl<R: Runtime, C: Callers> Handlers<R, C> {
    pub(crate) fn new(runtime: R, caller: C) -> Handlers<R, C> {
        let (services, running) = (Vec::new(), HashMap::new());
        Handlers { runtime, caller, services, running, ended: Arc::default() }
    }

    fn run(&mut self, hub: &Arc<ServerHub>, context: &Context<'_>, job: Job) {
        let id = job.id;
        let lease_lost = Arc::new(AtomicBool::new(false));
        // Handlers that may run at the same time must get the chance to.
        let is_serial = self.services.get(job.service).is_none_or(|(_, caller)| caller.serial);
        let limit = if is_serial { QUICK } else { QUICK_AMONG_OTHERS };
        let Some((pace, handler)) = self.handler(job, lease_lost.clone()) else {
            // The core lets only methods of the contract through, and each has a handler.
            let outcome = JobOutcome::Failed(RpcError::method_not_found());
            return hub.input(ServerInput::Finished(id, outcome));
        };
        let handler = AssertUnwindSafe(handler).catch_unwind();
        let quick = pace.is_quick();
        let mut handler = Box::pin(Paced::new(pace, limit, hub.clock(), handler));
        if !quick {
            // It may block. An executor of several threads may put it on this one, next: being woken lets another
            // thread have the run loop, and with it the connections.
            context.waker().wake_by_ref();
        } else if let Poll::Ready(result) =
            // The task that it is spawned on, if it comes to that, polls it again: nobody needs to be woken by this poll.
            handler.as_mut().poll(&mut Context::from_waker(Waker::noop()))
        {
            return hub.input(ServerInput::Finished(id, outcome(result)));
        }
        let (abort, registration) = AbortHandle::new_pair();
        self.running.insert(id, Running { abort, lease_lost });
        let (hub, ended) = (hub.clone(), self.ended.clone());
        self.runtime.spawn(async move {
            let result = Abortable::new(handler, registration).await;
            ended.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(id);
            if let Ok(result) = result {
                hub.input_and_wake(ServerInput::Finished(id, outcome(result)));
            }
        });
    }

    fn handler(
        &self,
        job: Job,
        lease_lost: Arc<AtomicBool>,
    ) -> Option<(Pace, Handling<impl Future<Output = JobOutcome> + Send + use<R, C>>)> {
        let (service, caller) = self.services.get(job.service)?;
        let (handler, pace) = service.handler(&job.method)?.clone();
        let context = CallContext {
            service: service.contract().service().as_str().into(),
            method: job.method,
            request_id: job.request_id.clone(),
            entry: job.entry,
            deliveries: job.deliveries,
            lease_lost,
        };
        // Called inside of the future, so that a panic before its first await is caught too.
        let run = async move { handler(job.params, job.request_id, context).await };
        Some((pace, Handling::new(caller.clone(), run)))
    }

    /// Finds out the key of a request: outside of the lock, as it is the application's own code.
    fn key(&self, keying: &Keying) -> ServerInput {
        let order = self.services.get(keying.service).and_then(|(service, _)| service.order());
        let key = order.map_or(Keyed::Free, |order| order.of(keying));
        ServerInput::Keyed { service: keying.service, entry: keying.entry, key }
    }

    fn forget_ended(&mut self) {
        let ended = std::mem::take(
            &mut *self.ended.lock().unwrap_or_else(std::sync::PoisonError::into_inner),
        );
        for id in ended {
            self.running.remove(&id);
        }
    }
}

impl<R: Runtime, C: Callers> Work<ServerCore, Jobs> for Handlers<R, C> {
    fn work(&mut self, hub: &Arc<ServerHub>, context: &Context<'_>) -> bool {
        self.forget_ended();
        let queue = hub.with(|state, _| {
            // Services may still be added after a start that failed.
            for service in state.desk.services.iter().skip(self.services.len()) {
                let is_serial = state.core.is_serial(self.services.len());
                let caller = Arc::new((self.caller)(service.contract().service(), is_serial));
                self.services.push((service.clone(), caller));
            }
            std::mem::take(&mut state.desk.queue)
        });
        let any = !queue.is_empty();
        let mut keyed = Vec::new();
        for output in queue {
            match output {
                ServerOutput::Run(job) => self.run(hub, context, job),
                ServerOutput::Key(keying) => keyed.push(self.key(&keying)),
                ServerOutput::Abort(id) => {
                    if let Some(running) = self.running.remove(&id) {
                        running.abort.abort();
                    }
                }
                ServerOutput::LeaseLost(id) => {
                    if let Some(running) = self.running.get(&id) {
                        running.lease_lost.store(true, Ordering::Relaxed);
                    }
                }
            }
        }
        if !keyed.is_empty() {
            hub.with(|state, now| {
                keyed.into_iter().for_each(|input| state.core.handle_input(now, input));
            });
        }
        any
    }
}

fn outcome(result: Result<JobOutcome, Box<dyn Any + Send>>) -> JobOutcome {
    result.unwrap_or_else(|panic| JobOutcome::Panicked(panic_message(&*panic)))
}
