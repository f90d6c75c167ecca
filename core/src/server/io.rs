//! What goes in and out of a server's core.

use std::time::Duration;

use bytes::Bytes;

use crate::command::StreamId;
use crate::contract::MethodKind;
use crate::envelope::RequestId;
use crate::error::RpcError;
use crate::names::MethodName;
use crate::output::LinkInput;

/// The core's name for a run of a handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

impl JobId {
    /// How many services it can tell apart.
    pub(super) const SERVICES: usize = 1 << 16;

    /// The `number`-th one of a server, for a service. Later ones are greater.
    pub(super) fn new(number: u64, service: usize) -> JobId {
        JobId(number << 16 | (service & 0xffff) as u64)
    }

    /// Its service, if that is one of the first 65,536.
    pub(super) fn service(self) -> usize {
        (self.0 & 0xffff) as usize
    }
}

/// A handler to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// To be given back with its outcome.
    pub id: JobId,
    /// The service, numbered in the order of registration.
    pub service: usize,
    /// The entry of the command stream.
    pub entry: StreamId,
    /// The request's id; `None` for a notification.
    pub request_id: Option<RequestId>,
    /// The method's wire name.
    pub method: MethodName,
    /// Its params, as JSON.
    pub params: Bytes,
    /// Whether the contract says that it answers.
    pub kind: MethodKind,
    /// How often the entry was delivered, this time included.
    pub deliveries: u64,
}

/// A request whose key is to be found out: requests of one key run in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Keying {
    /// The service, numbered in the order of registration.
    pub service: usize,
    /// The entry of the command stream.
    pub entry: StreamId,
    /// The method's wire name.
    pub method: MethodName,
    /// Its params, as JSON.
    pub params: Bytes,
}

/// What came of a [`Keying`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Keyed {
    /// It follows those of the same key.
    Key(Bytes),
    /// It has no key: it follows nothing.
    Free,
    /// The application's code panicked, with this message: the request fails.
    Panicked(String),
}

/// How a handler ended.
#[derive(Clone, Debug, PartialEq)]
pub enum JobOutcome {
    /// With a reply, made by [`success_response`](crate::success_response); or, for a notification, well.
    Done(Option<Bytes>),
    /// With an error.
    Failed(RpcError),
    /// With a panic, and its message.
    Panicked(String),
}

/// What a driver tells a [`ServerCore`](crate::ServerCore).
#[derive(Clone, Debug, PartialEq)]
pub enum ServerInput {
    /// Connect and make the groups. Answered by [`Output::Started`](crate::Output::Started).
    Start,
    /// Finish what runs, for that long. Answered by [`Output::Stopped`](crate::Output::Stopped).
    Stop {
        /// How long running handlers may take; the option `shutdown_grace` if `None`.
        grace: Option<Duration>,
    },
    /// A handler ended.
    Finished(JobId, JobOutcome),
    /// The key of a request.
    Keyed {
        /// The service.
        service: usize,
        /// The entry.
        entry: StreamId,
        /// Its key.
        key: Keyed,
    },
    /// Something came back from the link.
    Link(LinkInput),
    /// The time that [`Machine::poll_timeout`](crate::Machine::poll_timeout) gave has come.
    Timeout,
}

/// What only a server asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum ServerOutput {
    /// Run this handler; answer with [`ServerInput::Finished`].
    Run(Job),
    /// Find out the key of this request; answer with [`ServerInput::Keyed`], in any order.
    Key(Keying),
    /// Drop this handler; its outcome isn't wanted any more.
    Abort(JobId),
    /// Another consumer may run the same entry from now on.
    LeaseLost(JobId),
}
