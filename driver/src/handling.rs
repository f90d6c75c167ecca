//! One handler under way: its calls know that they come from it, and its panic is its outcome.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use clamator_core::{Caller, JobOutcome, RequestId};

use crate::context::{CallContext, Calling};
use crate::order::panic_message;
use crate::service::{Handler, HandlerFuture};

/// What is handled.
pub(crate) struct Handled {
    pub(crate) params: Bytes,
    pub(crate) request_id: Option<RequestId>,
    pub(crate) context: CallContext,
}

/// A handler under way.
pub(crate) struct Handling {
    caller: Arc<Caller>,
    stage: Stage,
}

enum Stage {
    /// Called by the first poll, so that a panic before its first await is caught too.
    New(Handler, Handled),
    Begun(HandlerFuture),
    Ended,
}

impl Handling {
    pub(crate) fn new(caller: Arc<Caller>, handler: Handler, handled: Handled) -> Handling {
        Handling { caller, stage: Stage::New(handler, handled) }
    }
}

impl Stage {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<JobOutcome> {
        match std::mem::replace(self, Stage::Ended) {
            Stage::New(handler, Handled { params, request_id, context }) => {
                *self = Stage::Begun(handler(params, request_id, context));
            }
            begun => *self = begun,
        }
        match self {
            Stage::Begun(future) => future.as_mut().poll(context),
            Stage::New(..) | Stage::Ended => Poll::Pending,
        }
    }
}

impl Future for Handling {
    type Output = JobOutcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<JobOutcome> {
        let _calling = Calling::from(self.caller.clone());
        let result = catch_unwind(AssertUnwindSafe(|| self.stage.poll(context)));
        result.unwrap_or_else(|panic| {
            self.stage = Stage::Ended;
            Poll::Ready(JobOutcome::Panicked(panic_message(&*panic)))
        })
    }
}
