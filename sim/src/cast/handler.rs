//! A handler: it does what the plan says of its call.

use std::time::Duration;

use clamator_core::StreamId;
use clamator_driver::{RpcError, Runtime as _};
use serde::{Deserialize, Serialize};

use super::Process;
use super::inner::Inner;
use crate::event::{CallId, End, Event, RunId};
use crate::plan::How;
use crate::stage::Due;

/// The params of every call: its number, and its key.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(super) struct Params {
    pub(super) n: CallId,
    pub(super) key: u64,
}

/// A run, which is told of when it is dropped.
struct Running<'a> {
    process: &'a Process,
    run: RunId,
    how: End,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.process.watch.see(&Event::Ended { run: self.run, how: self.how });
        self.process.watch.count(1);
    }
}

/// Handles a call. The result is its number.
pub(super) async fn handle(
    process: &Process,
    own: Option<&Inner>,
    call: CallId,
    entry: StreamId,
    deliveries: u64,
) -> Result<CallId, RpcError> {
    let (run, earlier, is_calm) = process.watch.book(|book| {
        let earlier = book.call(call).runs.len();
        (book.runs.len(), earlier, book.calm_since.is_some())
    });
    process.watch.see(&Event::Began { run, life: process.life, call, entry, deliveries });
    let mut running = Running { process, run, how: End::Dropped };
    let plan = &process.plan.calls[call as usize];
    let takes = match plan.how {
        How::Hang if earlier == 0 && !is_calm => {
            process.plan.calm_at.saturating_sub(process.host.stage().now()) + plan.takes
        }
        How::Poison if !is_calm => {
            // Its process dies, at the next step of the world.
            let stage = process.host.stage();
            stage.at(stage.now(), Due::Cue(crate::world::poisoned(process.host.node())));
            std::future::pending::<()>().await;
            0
        }
        _ => plan.takes,
    };
    if takes > 0 {
        let until = process.host.now() + Duration::from_nanos(takes);
        process.host.sleep_until(until).await;
    }
    if let (Some(own), Some(inner)) = (own, plan.inner) {
        own.call(inner).await;
    }
    match plan.how {
        How::Fail => {
            running.how = End::Failed;
            Err(RpcError::new(-32001, "as planned"))
        }
        How::Panic => {
            running.how = End::Panicked;
            drop(running);
            // Without the hook that writes to standard error.
            std::panic::resume_unwind(Box::new("as planned"))
        }
        _ => {
            running.how = End::Finished;
            Ok(call)
        }
    }
}
