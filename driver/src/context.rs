//! What a handler may know about its call, and what a call made inside of a handler must know about the handler.

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clamator_core::{Caller, RequestId, StreamId};

/// What a handler may know about the call that it handles.
///
/// ```
/// use clamator_driver::{CallContext, RpcError};
///
/// async fn charge(context: &CallContext, cents: u64) -> Result<u64, RpcError> {
///     if context.is_redelivery() {
///         // It may have been charged before: look it up under the service's name and `context.entry()`.
///     }
///     Ok(cents)
/// }
/// # drop(charge(&CallContext::for_test("shop", "charge"), 1));
/// ```
#[derive(Clone, Debug)]
pub struct CallContext {
    pub(crate) service: Arc<str>,
    pub(crate) method: Arc<str>,
    pub(crate) request_id: Option<RequestId>,
    pub(crate) entry: StreamId,
    pub(crate) deliveries: u64,
    pub(crate) lease_lost: Arc<AtomicBool>,
}

impl CallContext {
    /// A context to call a handler with in a test: a first delivery of entry `0-0`, without a request id.
    ///
    /// ```
    /// let context = clamator_driver::CallContext::for_test("arith", "add");
    /// assert!(!context.is_redelivery());
    /// ```
    #[must_use]
    pub fn for_test(service: &str, method: &str) -> CallContext {
        CallContext {
            service: service.into(),
            method: method.into(),
            request_id: None,
            entry: StreamId::MIN,
            deliveries: 1,
            lease_lost: Arc::default(),
        }
    }

    /// The same context, as if the entry had been delivered this often.
    #[must_use]
    pub fn with_deliveries(mut self, deliveries: u64) -> CallContext {
        self.deliveries = deliveries;
        self
    }

    /// The service that was called.
    #[must_use]
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The method that was called, by its wire name.
    #[must_use]
    pub fn method(&self) -> &str {
        &self.method
    }

    /// The request's id, without quotes; `None` for a notification.
    #[must_use]
    pub fn request_id(&self) -> Option<String> {
        self.request_id.as_ref().map(ToString::to_string)
    }

    /// The entry of the command stream: the same for every delivery of one request, so it makes a good key for idempotence.
    #[must_use]
    pub fn entry(&self) -> StreamId {
        self.entry
    }

    /// How often the request was delivered, this time included. More than once means that it may have been executed before.
    #[must_use]
    pub fn deliveries(&self) -> u64 {
        self.deliveries
    }

    /// Whether the request was delivered before, so that it may have been executed, in part or as a whole.
    #[must_use]
    pub fn is_redelivery(&self) -> bool {
        self.deliveries > 1
    }

    /// Whether another server may be handling the same request by now: this one was silent for longer than
    /// `consumer_claim_idle`.
    #[must_use]
    pub fn lease_lost(&self) -> bool {
        self.lease_lost.load(Ordering::Relaxed)
    }
}

thread_local! {
    /// The handler that is being polled on this thread.
    static CALLER: RefCell<Option<Arc<Caller>>> = const { RefCell::new(None) };
}

/// The handler that is being polled on this thread, if there is one.
pub(crate) fn caller() -> Option<Arc<Caller>> {
    CALLER.with_borrow(Clone::clone)
}

/// For as long as this is there, calls on this thread come from that handler. Then it is as it was before, also after a panic.
pub(crate) struct Calling(Option<Arc<Caller>>);

impl Calling {
    pub(crate) fn from(caller: Arc<Caller>) -> Calling {
        Calling(CALLER.replace(Some(caller)))
    }
}

impl Drop for Calling {
    fn drop(&mut self) {
        CALLER.set(self.0.take());
    }
}
