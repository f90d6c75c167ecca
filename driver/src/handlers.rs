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
    Caller, Job, JobId, JobOutcome, RpcError, ServerCore, ServerInput, ServerOutput, ServiceName,
};
use futures_util::FutureExt;
use futures_util::future::{AbortHandle, Abortable};

use crate::adapter::Runtime;
use crate::context::{CallContext, Handling};
use crate::pace::{Pace, Paced};
use crate::run_loop::Work;
use crate::server::{Jobs, ServerHub};
use crate::service::Service;

/// A handler that was spawned.
struct Running {
    abort: AbortHandle,
    lease_lost: Arc<AtomicBool>,
}

/// What a call from a handler of this service must know.
pub(crate) trait Callers: Fn(&ServiceName) -> Caller + Send + 'static {}

impl<F: Fn(&ServiceName) -> Caller + Send + 'static> Callers for F {}

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
        let Some((pace, handler)) = self.handler(job, lease_lost.clone()) else {
            // The core lets only methods of the contract through, and each has a handler.
            let outcome = JobOutcome::Failed(RpcError::method_not_found());
            return hub.input(ServerInput::Finished(id, outcome));
        };
        let handler = AssertUnwindSafe(handler).catch_unwind();
        let quick = pace.is_quick();
        let mut handler = Box::pin(Paced::new(pace, hub.clock(), handler));
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
                let caller = Arc::new((self.caller)(service.contract().service()));
                self.services.push((service.clone(), caller));
            }
            std::mem::take(&mut state.desk.queue)
        });
        let any = !queue.is_empty();
        for output in queue {
            match output {
                ServerOutput::Run(job) => self.run(hub, context, job),
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
        any
    }
}

fn outcome(result: Result<JobOutcome, Box<dyn Any + Send>>) -> JobOutcome {
    result.unwrap_or_else(|panic| {
        let message = panic
            .downcast_ref::<&str>()
            .map(|message| (*message).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "a panic without a message".to_owned());
        JobOutcome::Panicked(message)
    })
}
