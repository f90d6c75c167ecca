//! From bytes to a request or a response. Whatever comes in, nothing panics.

use std::borrow::Cow;

use bytes::Bytes;
use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::scan;
use crate::error::{RpcError, codes};
use crate::names::{method_of, split_method};
use crate::random::Uuid;

/// The id of a request as it came: the JSON text of a string or a number, echoed byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Bytes);

impl RequestId {
    /// The JSON text, quotes included where it is a string.
    #[must_use]
    pub fn as_json(&self) -> &str {
        // It is a slice of a text that was checked.
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl RequestId {
    pub(super) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl std::fmt::Display for RequestId {
    /// Strings without their quotes.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&string_of(&self.0).unwrap_or(Cow::Borrowed(self.as_json())))
    }
}

/// A request, or a notification when it has no id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Request<'a> {
    /// What its reply is told by; `None` makes it a notification.
    pub(crate) id: Option<RequestId>,
    /// The method, without the service.
    pub(crate) method: Cow<'a, str>,
    /// The params as JSON; `{}` when absent or null.
    pub(crate) params: Bytes,
}

/// Something that isn't a request, and what may be said about it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct InvalidRequest {
    /// To be answered under this id, where one could be had.
    pub(crate) id: Option<RequestId>,
    /// What to answer.
    pub(crate) error: RpcError,
}

/// A reply.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Response {
    /// Which call it belongs to, where that can be told.
    pub(crate) id: Option<Uuid>,
    /// The result as JSON, the error, or what is wrong with the reply.
    pub(crate) body: Result<Result<Bytes, RpcError>, String>,
}

/// The fields of an envelope, each as its JSON text, which is UTF-8.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Wire<'a> {
    pub(super) jsonrpc: Option<&'a [u8]>,
    pub(super) method: Option<&'a [u8]>,
    pub(super) params: Option<&'a [u8]>,
    pub(super) id: Option<&'a [u8]>,
    pub(super) result: Option<&'a [u8]>,
    pub(super) error: Option<&'a [u8]>,
}

/// The same, as serde_json reads it.
#[derive(Deserialize)]
struct Fields<'a> {
    #[serde(borrow, default)]
    jsonrpc: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    method: Option<&'a RawValue>,
    #[serde(borrow, default)]
    params: Option<&'a RawValue>,
    #[serde(borrow, default)]
    id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "present")]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<&'a RawValue>,
}

/// Tells `null` from absent.
fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Reads a request or a notification.
pub(crate) fn parse_request(envelope: &Bytes) -> Result<Request<'_>, InvalidRequest> {
    let wire = read(envelope).map_err(|error| InvalidRequest { id: None, error })?;
    let id = match wire.id.map(|id| request_id(envelope, id)).transpose() {
        Ok(id) => id,
        Err(reason) => return Err(InvalidRequest { id: None, error: invalid_request(reason) }),
    };
    match method(&wire) {
        Ok(method) => {
            let params =
                wire.params.map_or(Bytes::from_static(b"{}"), |params| slice(envelope, params));
            Ok(Request { id, method, params })
        }
        Err(reason) => Err(InvalidRequest { id, error: invalid_request(reason) }),
    }
}

fn method<'a>(wire: &Wire<'a>) -> Result<Cow<'a, str>, String> {
    check_version(wire)?;
    if wire.result.is_some() || wire.error.is_some() {
        return Err("it is a response".to_owned());
    }
    if let Some(method) = wire.method.and_then(inside).and_then(method_of) {
        return Ok(Cow::Borrowed(method));
    }
    let full =
        wire.method.and_then(string_of).ok_or("it has no method, or one that is not a string")?;
    split_method(&full).map(|(_service, method)| Cow::Owned(method.to_owned()))
}

/// Reads a reply.
pub(crate) fn parse_response(envelope: &Bytes) -> Response {
    let wire = match read(envelope) {
        Ok(wire) => wire,
        Err(error) => {
            let id = std::str::from_utf8(envelope).ok().and_then(id_in_what_is_not_json);
            return Response { id, body: Err(error.to_string()) };
        }
    };
    let id = wire.id.and_then(uuid);
    Response { id, body: body(envelope, &wire) }
}

fn uuid(json: &[u8]) -> Option<Uuid> {
    Uuid::parse(inside(json)?).or_else(|| Uuid::parse(string_of(json)?.as_bytes()))
}

/// The id in a reply that isn't JSON, such as one with the `NaN` that Python writes: its caller learns at once that the reply
/// can't be used. That the id is one of ours is all the proof that is needed.
fn id_in_what_is_not_json(text: &str) -> Option<Uuid> {
    text.match_indices(r#""id""#).find_map(|(at, key)| {
        let value = text[at + key.len()..].trim_start().strip_prefix(':')?.trim_start();
        Uuid::parse(value.strip_prefix('"')?.split('"').next()?.as_bytes())
    })
}

fn body(envelope: &Bytes, wire: &Wire<'_>) -> Result<Result<Bytes, RpcError>, String> {
    check_version(wire)?;
    match (wire.result, wire.error) {
        (Some(result), None) => Ok(Ok(slice(envelope, result))),
        (None, Some(error)) => rpc_error(error).map(Err),
        (Some(_), Some(_)) => Err("it has both a result and an error".to_owned()),
        (None, None) => Err("it has neither a result nor an error".to_owned()),
    }
}

fn rpc_error(error: &[u8]) -> Result<RpcError, String> {
    #[derive(Deserialize)]
    struct WireError {
        code: f64,
        message: String,
        #[serde(default)]
        data: Option<Value>,
    }
    if !error.starts_with(b"{") {
        return Err("its error is not an object".to_owned());
    }
    let error: WireError =
        serde_json::from_slice(error).map_err(|e| format!("its error can't be read: {e}"))?;
    // Codes are small whole numbers; Python may write them as floats.
    let code = error.code as i64;
    if code as f64 != error.code {
        return Err(format!("its error code {} is not a whole number", error.code));
    }
    Ok(RpcError { code, message: error.message, data: error.data })
}

fn check_version(wire: &Wire<'_>) -> Result<(), String> {
    let is_2 =
        |version| version == b"\"2.0\"" || string_of(version).is_some_and(|text| text == "2.0");
    if wire.jsonrpc.is_some_and(is_2) { Ok(()) } else { Err("jsonrpc is not \"2.0\"".to_owned()) }
}

/// The object with its fields still as text, or the error that says what it is instead.
fn read(envelope: &Bytes) -> Result<Wire<'_>, RpcError> {
    let is_text = scan::is_ascii(envelope) || std::str::from_utf8(envelope).is_ok();
    if is_text && let Some(wire) = scan::read(envelope) {
        return Ok(wire);
    }
    let text = std::str::from_utf8(envelope)
        .map_err(|error| parse_error(format!("the envelope is not UTF-8: {error}")))?;
    read_with_serde(text)
}

/// Whatever is unusual or wrong.
pub(super) fn read_with_serde(text: &str) -> Result<Wire<'_>, RpcError> {
    // A struct would also be read from an array.
    if !text.trim_start_matches([' ', '\t', '\n', '\r']).starts_with('{') {
        return Err(match serde_json::from_str::<IgnoredAny>(text) {
            Ok(_) => invalid_request("it is not an object (batches are not supported)".to_owned()),
            Err(error) => parse_error(error.to_string()),
        });
    }
    let fields: Fields<'_> = serde_json::from_str(text).map_err(|error| {
        if error.is_data() {
            invalid_request(error.to_string())
        } else {
            parse_error(error.to_string())
        }
    })?;
    Ok(Wire {
        jsonrpc: fields.jsonrpc.map(bytes),
        method: fields.method.map(bytes),
        params: fields.params.map(bytes),
        id: fields.id.map(bytes),
        result: fields.result.map(bytes),
        error: fields.error.map(bytes),
    })
}

fn bytes(json: &RawValue) -> &[u8] {
    json.get().as_bytes()
}

fn parse_error(reason: String) -> RpcError {
    RpcError::new(codes::PARSE_ERROR, "Parse error").with_data(reason)
}

fn invalid_request(reason: String) -> RpcError {
    RpcError::new(codes::INVALID_REQUEST, "Invalid Request").with_data(reason)
}

fn request_id(envelope: &Bytes, id: &[u8]) -> Result<RequestId, String> {
    match id.first() {
        Some(b'"' | b'-' | b'0'..=b'9') => Ok(RequestId(slice(envelope, id))),
        _ => Err("its id is neither a string nor a number".to_owned()),
    }
}

/// The part of the envelope that `raw` points at, without copying it.
fn slice(envelope: &Bytes, raw: &[u8]) -> Bytes {
    envelope.slice_ref(raw)
}

/// What stands between the quotes of a JSON string.
fn inside(json: &[u8]) -> Option<&[u8]> {
    json.strip_prefix(b"\"")?.strip_suffix(b"\"")
}

/// The text of a JSON string.
fn string_of(json: &[u8]) -> Option<Cow<'_, str>> {
    let inside = inside(json)?;
    if scan::is_plain(inside) {
        return std::str::from_utf8(inside).ok().map(Cow::Borrowed);
    }
    serde_json::from_slice::<String>(json).ok().map(Cow::Owned)
}
