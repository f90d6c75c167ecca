//! What generated code refers to.

pub use clamator_core::{Contract, ContractError, IntoRpcError, MethodKind, RpcError, codec};
pub use serde;

pub use crate::call::{Call, Notify};
pub use crate::client::Client;
pub use crate::context::CallContext;
pub use crate::service::Service;

/// The two halves of what a method returns.
#[diagnostic::on_unimplemented(
    message = "a method of a contract returns a `Result`",
    note = "return `Result<T, RpcError>`, or mark the method `#[notification]`"
)]
pub trait MethodResult {
    /// What the caller gets.
    type Ok;
    /// What becomes an error of the wire.
    type Err;
}

impl<T, E> MethodResult for Result<T, E> {
    type Ok = T;
    type Err = E;
}

/// Unwraps what the macro has checked when it ran: names that the wire allows, each once.
///
/// # Panics
///
/// When the macro and the core disagree about names, which would be a bug of this project.
pub fn checked<T>(result: Result<T, ContractError>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("the contract macro let a bad name through: {error}"),
    }
}
