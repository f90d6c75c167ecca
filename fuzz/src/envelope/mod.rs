//! Envelopes: what the core makes of them is what a second implementation makes of them.

mod expected;

use bytes::Bytes;
use clamator_core::RequestId;
use clamator_core::fuzzing::Request;
use clamator_core::fuzzing::{self, ParsedRequest, ParsedResponse};
use serde_json::Value;

use crate::json::{Read, has_twice, read};
use crate::memory::within;
use expected::Id;

/// What is compared.
#[derive(Clone, Copy, Debug)]
pub struct Parsers {
    /// Reads requests.
    pub request: fn(&Bytes) -> ParsedRequest,
    /// Reads replies.
    pub response: fn(&Bytes) -> ParsedResponse,
}

/// Those of the core.
pub const PARSERS: Parsers = Parsers { request: fuzzing::request, response: fuzzing::response };

/// The target.
pub fn run(data: &[u8]) {
    compare(data, &PARSERS);
}

/// Reads an envelope with these parsers and with the second implementation. Panics if they don't agree.
pub fn compare(data: &[u8], parsers: &Parsers) {
    check_reader(data);
    let envelope = Bytes::copy_from_slice(data);
    // What is kept of the envelope is shared with it; the rest are names, and messages of a limited length.
    let most = 16 * 1024 + 16 * data.len();
    assert_eq!(within(most, || request(&envelope, parsers)), expected::request(data));
    let (id, body) = within(most, || (parsers.response)(&envelope));
    let expected = expected::response(data);
    assert_eq!(body.ok().map(|body| body.map(|result| text(&result))), expected.body);
    match expected.id {
        Id::Known(expected) => assert_eq!(id, expected),
        // Whatever is found must stand there.
        Id::Any => {
            let text = String::from_utf8_lossy(data).to_lowercase();
            assert!(id.is_none_or(|id| text.contains(&format!("\"{id}"))));
        }
    }
}

fn request(envelope: &Bytes, parsers: &Parsers) -> expected::Request {
    let id = |id: Option<RequestId>| id.map(|id| id.as_json().to_owned());
    match (parsers.request)(envelope) {
        Ok(Request { id: came, method, params }) => {
            expected::Request::Valid { id: id(came), method, params: text(&params) }
        }
        Err((came, error)) => expected::Request::Invalid { id: id(came), code: error.code },
    }
}

fn text(json: &[u8]) -> String {
    std::str::from_utf8(json).expect("it was cut from a text").to_owned()
}

/// The second implementation is itself compared with a third one, where that reads the same language.
fn check_reader(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Read { value: found, names, is_odd } = read(text);
    match (&found, serde_json::from_str::<Value>(text)) {
        (None, Ok(value)) => panic!("it is JSON: {value}"),
        (Some(_), Err(error)) => assert!(is_odd, "it isn't JSON: {error}"),
        (Some(found), Ok(value)) if !has_twice(&names, &expected::NAMES) => {
            for name in expected::NAMES {
                let member = found.member(name);
                let member = member.map(|member| serde_json::from_str::<Value>(member.text));
                assert_eq!(member.transpose().ok().flatten().as_ref(), value.get(name), "{name}");
            }
        }
        _ => {}
    }
}
