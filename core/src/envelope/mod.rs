//! JSON-RPC 2.0 envelopes: strict to parse, exact to build, and copied as little as possible.

mod build;
mod parse;
mod scan;

pub use build::{Outgoing, success_response};
pub(crate) use build::{error_response, fields};
pub use parse::RequestId;
pub(crate) use parse::{Request, parse_request, parse_response};

/// The field that carries an envelope.
pub(crate) const ENVELOPE: &[u8] = b"envelope";
/// The field that says where the reply goes.
pub(crate) const REPLY_TO: &[u8] = b"reply-to";

#[cfg(test)]
mod golden;
#[cfg(test)]
mod likeness;
