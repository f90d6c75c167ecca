//! What an application uses, whatever its executor: each runtime's crate re-exports all of it.

pub use clamator_core::{
    CallError, Contract, ContractError, Disconnected, Fault, GroupStart, IntoRpcError, MethodKind,
    MissingService, Misuse, NameError, NoReply, QueueFull, Refusal, RegisterError, Retention,
    RpcError, StartError, StopReport, StreamId, codes,
};

pub use crate::call::{Call, CallFuture, Notify, NotifyFuture};
pub use crate::client::Client;
pub use crate::context::CallContext;
pub use crate::error::ConfigError;
pub use crate::server::Server;
pub use crate::service::Service;
