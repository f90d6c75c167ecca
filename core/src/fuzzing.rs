//! What the fuzz targets compare with a second implementation. Not part of what is promised.

use bytes::Bytes;

use crate::envelope::{RequestId, parse_request, parse_response};
use crate::error::RpcError;

/// A request as the server's core sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Request {
    /// What its reply is told by; `None` makes it a notification.
    pub id: Option<RequestId>,
    /// The method, without the service.
    pub method: String,
    /// The params as JSON.
    pub params: Bytes,
}

/// A request; or under which id it is answered, if any, and what.
pub type ParsedRequest = Result<Request, (Option<RequestId>, RpcError)>;

/// The id of the call, and the result, the error, or why the reply can't be used.
pub type ParsedResponse = (Option<String>, Result<Result<Bytes, RpcError>, String>);

/// Reads a request.
///
/// # Errors
///
/// It is none.
pub fn request(envelope: &Bytes) -> ParsedRequest {
    let read = |request: crate::envelope::Request<'_>| Request {
        id: request.id,
        method: request.method.into_owned(),
        params: request.params,
    };
    parse_request(envelope).map(read).map_err(|invalid| (invalid.id, invalid.error))
}

/// Reads a reply.
#[must_use = "reading changes nothing"]
pub fn response(envelope: &Bytes) -> ParsedResponse {
    let response = parse_response(envelope);
    let id = response.id.map(|id| String::from_utf8_lossy(&id.text()).into_owned());
    (id, response.body)
}
