//! One call: made when it is awaited, forgotten when it is dropped.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use clamator_core::{CallError, CallKey, CallName, ClientInput, Machine, Misuse, Outgoing, codec};
use serde::de::DeserializeOwned;

use crate::client::{Client, Slot};
use crate::context;

/// A call that is made when it is awaited. Dropping it before its outcome forgets it here; the server isn't told.
///
/// ```no_run
/// use std::time::Duration;
/// use clamator_driver::{Call, CallError};
///
/// async fn patient(call: Call<f64>) -> Result<f64, CallError> {
///     call.timeout(Duration::from_secs(60)).await
/// }
/// ```
#[must_use = "a call is made when it is awaited"]
pub struct Call<T> {
    request: InFlight,
    result: PhantomData<fn() -> T>,
}

impl<T> Call<T> {
    pub(crate) fn new(client: Client, outgoing: Result<Outgoing, Misuse>) -> Call<T> {
        Call { request: InFlight::new(client, outgoing), result: PhantomData }
    }

    /// Waits at most this long for the reply, instead of the client's `default_timeout`: from the start of the call, round
    /// trip and handler included.
    pub fn timeout(mut self, timeout: Duration) -> Call<T> {
        self.request.timeout = Some(timeout);
        self
    }
}

impl<T: DeserializeOwned> IntoFuture for Call<T> {
    type Output = Result<T, CallError>;
    type IntoFuture = CallFuture<T>;

    fn into_future(self) -> CallFuture<T> {
        CallFuture { request: self.request, result: PhantomData }
    }
}

/// The outcome of a [`Call`].
#[must_use = "a call is made when it is awaited"]
pub struct CallFuture<T> {
    request: InFlight,
    result: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Future for CallFuture<T> {
    type Output = Result<T, CallError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Poll::Ready(result) = self.request.poll(context) else { return Poll::Pending };
        Poll::Ready(result.and_then(|json| {
            codec::from_result(&json).map_err(|error| {
                let (service, method) = self.request.names();
                CallError::Protocol { service, method, reason: error.to_string() }
            })
        }))
    }
}

/// A notification that is sent when it is awaited. Its outcome says that the store has it, not that a server has seen it.
#[must_use = "a notification is sent when it is awaited"]
pub struct Notify {
    request: InFlight,
}

impl Notify {
    pub(crate) fn new(client: Client, outgoing: Result<Outgoing, Misuse>) -> Notify {
        Notify { request: InFlight::new(client, outgoing) }
    }
}

impl IntoFuture for Notify {
    type Output = Result<(), CallError>;
    type IntoFuture = NotifyFuture;

    fn into_future(self) -> NotifyFuture {
        NotifyFuture { request: self.request }
    }
}

/// The outcome of a [`Notify`].
#[must_use = "a notification is sent when it is awaited"]
pub struct NotifyFuture {
    request: InFlight,
}

impl Future for NotifyFuture {
    type Output = Result<(), CallError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.request.poll(context).map_ok(|_| ())
    }
}

/// What a call and a notification have in common.
struct InFlight {
    client: Client,
    timeout: Option<Duration>,
    stage: Stage,
}

/// How far it has come. There may be a hundred thousand of them, so that nothing is kept twice.
enum Stage {
    New(Result<Outgoing, Misuse>),
    /// The core has it, under this name of the driver's.
    Given(CallName, CallKey),
    Over(Option<CallName>),
}

impl InFlight {
    fn new(client: Client, outgoing: Result<Outgoing, Misuse>) -> InFlight {
        InFlight { client, timeout: None, stage: Stage::New(outgoing) }
    }

    fn name(&self) -> Option<&CallName> {
        match &self.stage {
            Stage::New(outgoing) => outgoing.as_ref().ok().map(Outgoing::name),
            Stage::Given(name, _) => Some(name),
            Stage::Over(name) => name.as_ref(),
        }
    }

    fn names(&self) -> (String, String) {
        let names = |name: &CallName| (name.service().to_owned(), name.method().to_owned());
        self.name().map(names).unwrap_or_default()
    }

    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Bytes, CallError>> {
        match std::mem::replace(&mut self.stage, Stage::Over(None)) {
            Stage::New(Ok(outgoing)) => {
                let name = outgoing.name().clone();
                let given = self.give(None, outgoing, context);
                self.stage = match &given {
                    Ok((key, None)) => Stage::Given(name, *key),
                    Ok((_, Some(_))) | Err(_) => Stage::Over(Some(name)),
                };
                given?.1.map_or(Poll::Pending, Poll::Ready)
            }
            Stage::New(Err(misuse)) => Poll::Ready(Err(misuse.into())),
            Stage::Given(name, key) => {
                self.stage = Stage::Given(name, key);
                self.look(key, context)
            }
            // Polled again after its outcome, which a future may answer as it likes; a panic helps nobody.
            over @ Stage::Over(_) => {
                self.stage = over;
                Poll::Pending
            }
        }
    }

    /// Looks what became of a call that the core has.
    fn look(&mut self, key: CallKey, context: &mut Context<'_>) -> Poll<Result<Bytes, CallError>> {
        // A waker that is replaced is dropped after the lock was let go of: it may be all that keeps a task, and whatever that
        // task owns, alive.
        let was = self.client.hub().look(|state| match state.desk.get_mut(key) {
            Some(Slot::Waiting(waker) | Slot::InLine(waker, _)) => {
                let waits_already = waker.will_wake(context.waker());
                let new = (!waits_already).then(|| context.waker().clone());
                new.map(|new| Slot::Waiting(std::mem::replace(waker, new)))
            }
            Some(slot @ Slot::Admitted(_)) => {
                Some(std::mem::replace(slot, Slot::Waiting(context.waker().clone())))
            }
            Some(Slot::Settled(_) | Slot::Changing) | None => state.desk.remove(key),
        });
        let result = match was {
            Some(Slot::Settled(result)) => result.map_err(|error| *error),
            Some(Slot::Admitted(outgoing)) => match self.give(Some(key), *outgoing, context)? {
                (_, Some(result)) => result,
                (_, None) => return Poll::Pending,
            },
            _ => return Poll::Pending,
        };
        self.stage = Stage::Over(self.name().cloned());
        Poll::Ready(result)
    }

    /// Gives the call to the core: under a new name, or again under the old one, once there is room for it. Its outcome, if it
    /// has one at once.
    fn give(
        &self,
        key: Option<CallKey>,
        outgoing: Outgoing,
        context: &mut Context<'_>,
    ) -> Result<(CallKey, Option<Result<Bytes, CallError>>), CallError> {
        let (timeout, caller) = (self.timeout, context::caller().as_deref().cloned());
        let hub = self.client.hub();
        // Cloned out of the lock: somebody else's code.
        let waker = context.waker().clone();
        let (key, settled) = hub.with_desk(
            |state, now| {
                if state.is_ended() {
                    return Err(CallError::Ended);
                }
                let key = key.unwrap_or_else(|| state.desk.insert(waker));
                state.core.handle_input(now, ClientInput::Call { key, outgoing, timeout, caller });
                Ok(key)
            },
            // Whoever is settled is woken.
            |calls, given, woken| {
                given.map(|key| (key, woken.then(|| calls.take_settled(key)).flatten()))
            },
        )?;
        hub.wake_run_loop();
        Ok((key, settled))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let Stage::Given(_, key) = self.stage else { return };
        let hub = self.client.hub();
        let forgotten = hub.with(|state, now| {
            let slot = state.desk.remove(key);
            if slot.is_some() {
                state.core.handle_input(now, ClientInput::Cancel(key));
            }
            slot
        });
        // A stop may have waited for this call only.
        if let Some(Slot::Waiting(_) | Slot::InLine(..) | Slot::Admitted(_)) = forgotten {
            hub.wake_run_loop();
        }
    }
}

impl<T> fmt::Debug for Call<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Call").field("name", &self.request.name()).finish_non_exhaustive()
    }
}

impl<T> fmt::Debug for CallFuture<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallFuture").field("name", &self.request.name()).finish_non_exhaustive()
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notify").field("name", &self.request.name()).finish_non_exhaustive()
    }
}

impl fmt::Debug for NotifyFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NotifyFuture").field("name", &self.request.name()).finish_non_exhaustive()
    }
}
