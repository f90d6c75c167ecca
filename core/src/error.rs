//! What can go wrong, sorted by who can do something about it.
//!
//! A caller matches on [`CallError`]; a handler returns [`RpcError`]; misuse of the API is [`Misuse`], apart from
//! everything that a peer or the network did.

use std::any::Any;
use std::fmt;
use std::time::Duration;

use serde_json::Value;

use crate::command::{Fault, Refusal};
use crate::names::{NameError, ServiceName};
use crate::refusal::advice;

/// The codes that JSON-RPC 2.0 reserves. `-32000` to `-32099` are the application's own.
pub mod codes {
    /// What was received is not JSON.
    pub const PARSE_ERROR: i64 = -32700;
    /// What was received is JSON, but not a request.
    pub const INVALID_REQUEST: i64 = -32600;
    /// The service has no such method.
    pub const METHOD_NOT_FOUND: i64 = -32601;
    /// The params don't fit the method.
    pub const INVALID_PARAMS: i64 = -32602;
    /// The handler failed, or its result doesn't fit the contract.
    pub const INTERNAL_ERROR: i64 = -32603;
}

/// An error that travels to the caller: a code, a message, and data.
///
/// Returned from a handler it goes out as it is. `?` makes one out of any ordinary error, as a caller of the other
/// implementations sees it: `-32603 Internal error` with the error's name and message as data. (This is why
/// `RpcError` doesn't itself implement [`std::error::Error`]; as part of a [`CallError`] it does.)
///
/// ```
/// use clamator_core::RpcError;
///
/// fn parse(text: &str) -> Result<i32, RpcError> {
///     if text.is_empty() {
///         return Err(RpcError::new(-32001, "nothing to parse"));
///     }
///     Ok(text.parse()?)
/// }
///
/// assert_eq!(parse("").unwrap_err().code, -32001);
/// let error = parse("x").unwrap_err();
/// assert_eq!((error.code, error.message.as_str()), (-32603, "Internal error"));
/// assert_eq!(error.data.unwrap()["name"], "ParseIntError");
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RpcError {
    /// What kind of error, for programs.
    pub code: i64,
    /// What went wrong, for people.
    pub message: String,
    /// Anything more; on the wire `null` when absent.
    pub data: Option<Value>,
}

impl RpcError {
    /// An error without data.
    #[must_use]
    pub fn new(code: i64, message: impl Into<String>) -> RpcError {
        RpcError { code, message: message.into(), data: None }
    }

    /// The same error with data.
    #[must_use]
    pub fn with_data(mut self, data: impl Into<Value>) -> RpcError {
        self.data = Some(data.into());
        self
    }

    /// `-32603 Internal error`, with what failed as data.
    #[must_use]
    pub fn internal(name: &str, message: impl fmt::Display) -> RpcError {
        RpcError::new(codes::INTERNAL_ERROR, "Internal error")
            .with_data(serde_json::json!({ "name": name, "message": message.to_string() }))
    }

    /// `-32601 Method not found`.
    #[must_use]
    pub fn method_not_found() -> RpcError {
        RpcError::new(codes::METHOD_NOT_FOUND, "Method not found")
    }
}

impl fmt::Display for RpcError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.code)?;
        match &self.data {
            Some(data) => write!(f, ": {data}"),
            None => Ok(()),
        }
    }
}

/// An ordinary error becomes an internal error; the [`RpcError`] inside of a [`CallError`] passes through.
impl<E: std::error::Error + 'static> From<E> for RpcError {
    fn from(error: E) -> RpcError {
        if let Some(CallError::Rpc(inner)) = (&error as &dyn Any).downcast_ref::<CallError>() {
            return inner.clone();
        }
        RpcError::internal(short_type_name::<E>(), error)
    }
}

impl From<RpcError> for Box<dyn std::error::Error + Send + Sync> {
    fn from(error: RpcError) -> Self {
        Box::new(CallError::Rpc(error))
    }
}

impl From<RpcError> for Box<dyn std::error::Error> {
    fn from(error: RpcError) -> Self {
        Box::new(CallError::Rpc(error))
    }
}

/// `ParseIntError` for `core::num::ParseIntError`.
fn short_type_name<T>() -> &'static str {
    let full = std::any::type_name::<T>();
    let path = full.split('<').next().unwrap_or(full);
    path.rsplit("::").next().unwrap_or(path)
}

/// What a handler's error becomes on the wire.
///
/// [`RpcError`] goes out as it is; every type that implements [`std::error::Error`] goes out as
/// `-32603 Internal error` with data `{"name", "message"}`. A type of your own that should be more than that, a code of its
/// own for example, implements this trait instead of [`std::error::Error`] (the compiler allows only one of the two).
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't be the error of a contract's method",
    note = "return `RpcError`, a type that implements `std::error::Error`, or one that implements `IntoRpcError`; for `anyhow::Error`, `Box<dyn Error>` or a text: `.map_err(|e| RpcError::internal(\"Error\", e))`"
)]
pub trait IntoRpcError {
    /// The error that the caller gets.
    fn into_rpc_error(self) -> RpcError;
}

impl IntoRpcError for RpcError {
    fn into_rpc_error(self) -> RpcError {
        self
    }
}

impl<E: std::error::Error + 'static> IntoRpcError for E {
    fn into_rpc_error(self) -> RpcError {
        RpcError::from(self)
    }
}

/// Why a call has no result.
///
/// ```
/// use clamator_core::CallError;
///
/// /// Whether it is safe to call again, though the handler isn't idempotent.
/// fn was_not_executed(error: &CallError) -> bool {
///     match error {
///         CallError::Rpc(error) => error.code == -32601, // no such method
///         CallError::Transport { may_have_executed, .. }
///         | CallError::Stopped { may_have_executed } => !may_have_executed,
///         CallError::NoSuchService { .. } | CallError::TooManyCalls { .. } => true,
///         CallError::QueueFull { .. } => true,
///         CallError::Refused(_) | CallError::NotStarted | CallError::Misuse(_) => true,
///         _ => false, // a timeout, among others
///     }
/// }
/// assert!(was_not_executed(&CallError::NotStarted));
/// ```
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum CallError {
    /// The server answered with an error.
    #[error("{0}")]
    Rpc(RpcError),
    /// No reply came in time. The request had left, so it may have been executed, or still may be.
    #[error(
        "no reply from {service}.{method} within {after:?}: {why}; the call may still be executed"
    )]
    Timeout {
        /// The service that was called.
        service: String,
        /// The method that was called.
        method: String,
        /// The call's timeout.
        after: Duration,
        /// What is known of the reason.
        why: NoReply,
    },
    /// No server has made the service's stream yet.
    #[error(
        "no server has made the stream {stream:?} yet (waited {waited:?}): start one, or check the key prefix and the service's name"
    )]
    NoSuchService {
        /// The stream that isn't there.
        stream: String,
        /// For how long it was waited for.
        waited: Duration,
    },
    /// The store couldn't be reached, or the connection was lost.
    #[error("{fault}; {}", may_have_been_executed(*.may_have_executed))]
    Transport {
        /// What happened, and where.
        fault: Fault,
        /// Whether the request may have reached the store, so that a server may have executed it.
        may_have_executed: bool,
    },
    /// So many requests of this client are unanswered that the replies of more might not fit into its reply stream. The call
    /// waited for its turn until its deadline, and was not sent.
    #[error(
        "the call to {service} was not sent: too many calls of this client wait for replies (its reply stream holds {limit}): is {service} running? Raise reply_stream_max_len on both sides, or use more clients"
    )]
    TooManyCalls {
        /// The service that was to be called.
        service: String,
        /// The option `reply_stream_max_len`.
        limit: usize,
    },
    /// So many calls of this client wait to be sent that there was no room for this one: at once, or with
    /// [`QueueFull::Wait`](crate::QueueFull::Wait) until its deadline. It was not sent.
    #[error(
        "the call was not sent: {calls} calls of this client with {bytes} bytes wait to be sent already{}; make fewer at once, raise max_queued_calls and max_queued_bytes, or let calls wait for room (QueueFull::Wait)",
        in_brackets(.not_connected.as_ref())
    )]
    QueueFull {
        /// How many wait.
        calls: usize,
        /// How many bytes they have.
        bytes: usize,
        /// Why they wait, if it is that there is no connection.
        not_connected: Option<Fault>,
    },
    /// The store refused the request; it was not executed.
    #[error("the request was refused by the store: {0}")]
    Refused(Refusal),
    /// The reply can't be understood.
    #[error(
        "the reply of {service}.{method} can't be used: {reason}; do both sides have the same contract?"
    )]
    Protocol {
        /// The service that was called.
        service: String,
        /// The method that was called.
        method: String,
        /// What is wrong with the reply.
        reason: String,
    },
    /// The client was not started yet.
    #[error("the client was not started: call start() first")]
    NotStarted,
    /// The client was stopped before the reply came.
    #[error("the client was stopped; {}", may_have_been_executed(*.may_have_executed))]
    Stopped {
        /// Whether the request had left, so that a server may have executed it.
        may_have_executed: bool,
    },
    /// The executor that the client was started on is gone.
    #[error(
        "the runtime that the client was started on has ended (each #[tokio::test] has a runtime of its own, for example): make the client on the runtime that uses it"
    )]
    Ended,
    /// The call can't be made as it is.
    #[error(transparent)]
    Misuse(#[from] Misuse),
}

/// What a client knows of why a reply didn't come in time.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoReply {
    /// Nothing.
    #[error("a server may be slow, stopped or missing")]
    Unknown,
    /// There is no connection to read replies from.
    #[error("the connection for replies is lost: {0}")]
    NotConnected(Fault),
    /// Replies to this client were removed from its stream before it had read them, since the call was made. It may have
    /// been among them.
    #[error(
        "replies to this client were trimmed before it could read them, and this one may have been among them: raise reply_stream_max_len on the servers to that of the client"
    )]
    Trimmed,
}

fn in_brackets(fault: Option<&Fault>) -> String {
    fault.map_or_else(String::new, |fault| format!(" ({fault})"))
}

fn may_have_been_executed(may: bool) -> &'static str {
    if may { "the call may have been executed" } else { "the call was not executed" }
}

/// The API was used in a way that can't work. Nothing was sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Misuse {
    /// A name that the wire doesn't allow.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The params can't be written as JSON.
    #[error("the params of {service}.{method} can't be written as JSON: {reason}")]
    Params {
        /// The service to be called.
        service: String,
        /// The method to be called.
        method: String,
        /// Where and why.
        reason: String,
    },
    /// The message is larger than the option `max_message_bytes`.
    #[error(
        "the message has {bytes} bytes, more than max_message_bytes ({limit}): send less, or raise the option on both sides"
    )]
    TooLarge {
        /// The message's size.
        bytes: usize,
        /// The option's value.
        limit: usize,
    },
    /// A handler waits for a call to its own serial service on its own server, which would wait for the handler.
    #[error(
        "a handler of {service} called {service} on its own server and would wait for itself for ever: call the code directly, or send a notification"
    )]
    Reentrant {
        /// The service.
        service: ServiceName,
    },
}

/// Why a server or a client didn't start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// It was stopped before. Make a new one.
    #[error("it was stopped, and can't be started again: make a new one")]
    Stopped,
    /// The store can't be reached. `start` may be called again.
    #[error(
        "can't reach the store: {0}; is it running there? The address comes from the builder, else from REDIS_URL"
    )]
    Unreachable(Fault),
    /// The store refused what a start needs. `start` may be called again.
    #[error("the store refused to set up {what}: {refusal}")]
    Refused {
        /// What was to be set up.
        what: String,
        /// The store's answer.
        refusal: Refusal,
    },
    /// The store runs no scripts for this user, and the server wasn't told to do without. `start` may be called again.
    #[error("the store runs no scripts, which a server needs: {refusal}{}", advice(.refusal))]
    NoScripts {
        /// The store's answer.
        refusal: Refusal,
    },
    /// There is no executor to run on.
    #[error("{0}")]
    NoRuntime(String),
    /// The executor that it was started on is gone.
    #[error(
        "the runtime that it was started on has ended (each #[tokio::test] has a runtime of its own, for example): make a new one on the runtime that uses it"
    )]
    Ended,
}

/// Why a service wasn't registered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The name is taken.
    #[error("service {0} is registered already on this server")]
    Duplicate(ServiceName),
    /// The server runs already.
    #[error("service {0} was registered after start: register every service before")]
    AfterStart(ServiceName),
    /// Nothing is left to be registered on.
    #[error("service {0} was registered after stop: make a new server")]
    AfterStop(ServiceName),
    /// It is to run none at all at once, or too many.
    #[error(
        "service {service} can't run {asked} requests at once: choose 1 to {most}, and more servers for more"
    )]
    Concurrency {
        /// The service.
        service: ServiceName,
        /// How many requests it is to run at once.
        asked: usize,
        /// The most that it may: [`Concurrency::MOST`](crate::Concurrency::MOST).
        most: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_ordinary_error_becomes_an_internal_error() {
        let error: RpcError = "x".parse::<f64>().unwrap_err().into();
        assert_eq!(error.code, codes::INTERNAL_ERROR);
        assert_eq!(error.message, "Internal error");
        assert_eq!(
            error.data,
            Some(
                serde_json::json!({"name": "ParseFloatError", "message": "invalid float literal"})
            )
        );
    }

    #[test]
    fn an_rpc_error_of_a_nested_call_passes_through() {
        let inner =
            RpcError::new(-32001, "division by zero").with_data(serde_json::json!({"a": 1}));
        assert_eq!(RpcError::from(CallError::Rpc(inner.clone())), inner);
        let other = RpcError::from(CallError::NotStarted);
        assert_eq!(other.data.unwrap()["name"], "CallError");
    }

    #[test]
    fn generic_errors_are_named_without_their_path_and_arguments() {
        assert_eq!(short_type_name::<std::sync::mpsc::SendError<String>>(), "SendError");
        assert_eq!(short_type_name::<u8>(), "u8");
    }

    #[test]
    fn an_rpc_error_fits_where_any_error_is_asked_for() {
        fn fails() -> Result<(), Box<dyn std::error::Error>> {
            Err(RpcError::new(-32001, "no"))?
        }
        fn fails_across_threads() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
            Err(RpcError::new(-32001, "no").with_data(7))?
        }
        assert_eq!(fails().unwrap_err().to_string(), "no (-32001)");
        assert_eq!(fails_across_threads().unwrap_err().to_string(), "no (-32001): 7");
    }

    #[test]
    fn errors_say_whether_the_call_may_have_been_executed() {
        let fault = Fault { address: "127.0.0.1:1".into(), cause: "connection refused".into() };
        let unsent = CallError::Transport { fault: fault.clone(), may_have_executed: false };
        assert_eq!(
            unsent.to_string(),
            "connection refused (127.0.0.1:1); the call was not executed"
        );
        let sent = CallError::Transport { fault, may_have_executed: true };
        assert!(sent.to_string().ends_with("may have been executed"));
    }
}
