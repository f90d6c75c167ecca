//! JSON-RPC envelopes, read strictly.

use std::fmt;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::case::Outcome;
use super::site::cut;
use super::store::Entry;

/// An error as it stands in a reply.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Failure {
    pub(crate) code: i64,
    pub(crate) message: String,
    /// None if it is absent, which it may not be; `null` is a value.
    pub(crate) data: Option<Value>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error {} {}", self.code, self.message)?;
        match &self.data {
            Some(data) => write!(f, ": {}", cut(&data.to_string())),
            None => Ok(()),
        }
    }
}

/// A reply that a server under test wrote.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) entry: Entry,
    /// The JSON text of the id.
    pub(crate) id: String,
    pub(crate) body: Result<Value, Failure>,
}

impl Reply {
    /// The result; an error reply is an error.
    pub(crate) fn result(&self) -> Outcome<&Value> {
        self.body.as_ref().map_err(|error| format!("it was answered with {error}"))
    }

    /// The error; a result is an error.
    pub(crate) fn failure(&self) -> Outcome<&Failure> {
        match &self.body {
            Ok(result) => {
                Err(format!("it was answered with a result: {}", cut(&result.to_string())))
            }
            Err(error) => Ok(error),
        }
    }
}

#[derive(Deserialize)]
struct Wire<'a> {
    jsonrpc: Value,
    #[serde(borrow)]
    id: &'a RawValue,
    #[serde(default, deserialize_with = "present")]
    result: Option<Value>,
    #[serde(default, deserialize_with = "present")]
    error: Option<Value>,
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// Reads a reply; anything that the wire doesn't allow is an error.
pub(crate) fn read_reply(entry: Entry) -> Outcome<Reply> {
    let envelope = entry.field("envelope").ok_or("a reply without an envelope")?;
    let text = std::str::from_utf8(envelope).map_err(|_| "a reply that is not UTF-8")?;
    let wrong = |why: &str| format!("a reply that {why}: {}", cut(text));
    let wire: Wire<'_> =
        serde_json::from_str(text).map_err(|e| wrong(&format!("can't be read ({e})")))?;
    if wire.jsonrpc != "2.0" {
        return Err(wrong("isn't jsonrpc \"2.0\""));
    }
    let id = wire.id.get().to_owned();
    let body = match (wire.result, wire.error) {
        (Some(result), None) => Ok(result),
        (None, Some(error)) => Err(failure(&error).ok_or_else(|| wrong("has no proper error"))?),
        (Some(_), Some(_)) => return Err(wrong("has both a result and an error")),
        (None, None) => return Err(wrong("has neither a result nor an error")),
    };
    Ok(Reply { entry, id, body })
}

fn failure(error: &Value) -> Option<Failure> {
    Some(Failure {
        code: error.get("code")?.as_i64()?,
        message: error.get("message")?.as_str()?.to_owned(),
        data: error.get("data").cloned(),
    })
}

/// Whether two ids are the same JSON value. Numbers are compared by their text: what was written is what comes back.
pub(crate) fn same_id(a: &str, b: &str) -> bool {
    match (serde_json::from_str::<String>(a), serde_json::from_str::<String>(b)) {
        (Ok(a), Ok(b)) => a == b,
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(envelope: &str) -> Outcome<Reply> {
        let fields = vec![(b"envelope".to_vec(), envelope.as_bytes().to_vec())];
        read_reply(Entry { id: "1-0".into(), fields })
    }

    #[test]
    fn replies_are_read() {
        let reply = read(r#"{"jsonrpc": "2.0", "id": 1.50, "result": null}"#).unwrap();
        assert_eq!((reply.id.as_str(), reply.result().unwrap()), ("1.50", &Value::Null));
        let error =
            read(r#"{"jsonrpc":"2.0","id":"a","error":{"code":-1,"message":"m"}}"#).unwrap();
        assert_eq!(error.failure().unwrap().data, None);
    }

    #[test]
    fn what_is_not_a_reply_is_told() {
        for (envelope, why) in [
            ("{", "can't be read"),
            (r#"{"jsonrpc":"2.0","result":1}"#, "id"),
            (r#"{"jsonrpc":"1.0","id":1,"result":1}"#, "jsonrpc"),
            (r#"{"jsonrpc":"2.0","id":1}"#, "neither"),
            (r#"{"jsonrpc":"2.0","id":1,"result":1,"error":null}"#, "both"),
            (r#"{"jsonrpc":"2.0","id":1,"error":{"code":"1","message":""}}"#, "no proper error"),
            (r#"{"jsonrpc":"2.0","id":1,"result":NaN}"#, "can't be read"),
        ] {
            let error = read(envelope).unwrap_err();
            assert!(error.contains(why), "{envelope}: {error}");
        }
    }

    #[test]
    fn ids_are_compared_as_what_they_are() {
        assert!(same_id(r#""\u00e9""#, "\"é\""));
        assert!(!same_id("1", "\"1\""));
        assert!(!same_id("1.5", "1.50"));
    }
}
