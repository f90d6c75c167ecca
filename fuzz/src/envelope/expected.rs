//! What an envelope is, by the letter of `docs/wire.md`.

use clamator_core::{RpcError, codes};

use crate::json::{Json, Kind, Read, has_twice, read};

/// The names that mean something.
pub(super) const NAMES: [&str; 6] = ["jsonrpc", "method", "params", "id", "result", "error"];

/// What a request comes to. Texts are as they came.
#[derive(Debug, PartialEq)]
pub(super) enum Request {
    Valid {
        id: Option<String>,
        method: String,
        params: String,
    },
    /// Answered under this id, if there is one, with an error of this code.
    Invalid {
        id: Option<String>,
        code: i64,
    },
}

/// What a reply comes to.
#[derive(Debug, PartialEq)]
pub(super) struct Response {
    pub(super) id: Id,
    /// `None`: it can't be used.
    pub(super) body: Option<Result<String, RpcError>>,
}

#[derive(Debug, PartialEq)]
pub(super) enum Id {
    Known(Option<String>),
    /// It isn't a JSON object, but an id may be found in it (C8).
    Any,
}

/// F8, F9: which of the two codes it would be, if anybody could be told.
fn object(bytes: &[u8]) -> Result<Json<'_>, i64> {
    let text = std::str::from_utf8(bytes).map_err(|_| codes::PARSE_ERROR)?;
    let Read { value, names, .. } = read(text);
    if has_twice(&names, &NAMES) {
        return Err(codes::INVALID_REQUEST);
    }
    let value = value.ok_or(codes::PARSE_ERROR)?;
    match value.kind {
        Kind::Object(_) => Ok(value),
        _ => Err(codes::INVALID_REQUEST),
    }
}

/// A member that is there and isn't `null`.
fn some<'a, 'b>(object: &'b Json<'a>, name: &str) -> Option<&'b Json<'a>> {
    object.member(name).filter(|value| !value.is_null())
}

fn is_version_2(object: &Json<'_>) -> bool {
    object.member("jsonrpc").and_then(Json::string) == Some("2.0")
}

pub(super) fn request(bytes: &[u8]) -> Request {
    let object = match object(bytes) {
        Ok(object) => object,
        Err(code) => return Request::Invalid { id: None, code },
    };
    let code = codes::INVALID_REQUEST;
    // E6, E9
    let id = match some(&object, "id") {
        None => None,
        Some(Json { text, kind: Kind::String(_) | Kind::Number }) => Some((*text).to_owned()),
        Some(_) => return Request::Invalid { id: None, code },
    };
    let is_response = object.member("result").is_some() || some(&object, "error").is_some();
    if !is_version_2(&object) || is_response {
        return Request::Invalid { id, code };
    }
    let Some(method) = object.member("method").and_then(Json::string).and_then(method) else {
        return Request::Invalid { id, code };
    };
    // E10
    let params = some(&object, "params").map_or("{}", |params| params.text).to_owned();
    Request::Valid { id, method: method.to_owned(), params }
}

/// K7, with the hyphens of the oldest peers.
fn method(full: &str) -> Option<&str> {
    let (service, method) = full.split_once('.')?;
    let is_name = |name: &str, more: fn(char) -> bool| {
        name.starts_with(|first: char| first.is_ascii_lowercase())
            && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || more(c))
    };
    let good =
        is_name(service, |c| c == '-') && is_name(method, |c| c == '-' || c.is_ascii_uppercase());
    good.then_some(method)
}

pub(super) fn response(bytes: &[u8]) -> Response {
    let Ok(object) = object(bytes) else { return Response { id: Id::Any, body: None } };
    let id = object.member("id").and_then(Json::string).and_then(uuid);
    let body = match (object.member("result"), some(&object, "error")) {
        _ if !is_version_2(&object) => None,
        (Some(result), None) => Some(Ok(result.text.to_owned())),
        (None, Some(error)) => rpc_error(error).map(Err),
        _ => None,
    };
    Response { id: Id::Known(id), body }
}

/// In lowercase.
pub(super) fn uuid(text: &str) -> Option<String> {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    let hex = parts.iter().all(|part| part.chars().all(|digit| digit.is_ascii_hexdigit()));
    (hex && lengths == [8, 4, 4, 4, 12]).then(|| text.to_lowercase())
}

/// E18
fn rpc_error(error: &Json<'_>) -> Option<RpcError> {
    let members = error.members();
    let names: Vec<Option<String>> = members.iter().map(|(name, _)| name.clone()).collect();
    if has_twice(&names, &["code", "message", "data"]) || names.contains(&None) {
        return None;
    }
    let code = error.member("code").filter(|code| matches!(code.kind, Kind::Number))?;
    let code: f64 = code.text.parse().ok()?;
    let message = error.member("message")?.string()?.to_owned();
    let data = match some(error, "data") {
        // In its object, so that it lies as deep as it came.
        Some(data) => {
            let object = format!("{{\"data\":{}}}", data.text);
            Some(serde_json::from_str::<serde_json::Value>(&object).ok()?["data"].take())
        }
        None => None,
    };
    let is_whole = code.is_finite() && code.fract() == 0.0 && code.abs() <= 2_f64.powi(63);
    is_whole.then_some(RpcError { code: code as i64, message, data })
}
