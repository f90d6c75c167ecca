//! What the fuzz targets compare with a second implementation. Not part of what is promised.

use bytes::Bytes;

use crate::envelope::{Request, RequestId, parse_request, parse_response};
use crate::error::RpcError;

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
    parse_request(envelope).map_err(|invalid| (invalid.id, invalid.error))
}

/// Reads a reply.
#[must_use = "reading changes nothing"]
pub fn response(envelope: &Bytes) -> ParsedResponse {
    let response = parse_response(envelope);
    let id = response.id.map(|id| String::from_utf8_lossy(&id.text()).into_owned());
    (id, response.body)
}
