//! JSON to the user's types and back, with the tolerance and the strictness that the wire asks for.
//!
//! Reading is lenient in one point: where an integer is asked for, a whole float such as `5.0` or `5e3` is taken, because
//! a peer whose language has but one kind of number, or that keeps numbers as floats, writes whole ones that way. This
//! reaches through structs, sequences, tuples, the values of maps, options, newtypes and externally tagged enums. It
//! can't reach what serde buffers before it knows the type: untagged and internally or adjacently tagged enums, and
//! flattened fields; nor the keys of maps, which are strings. Strings and bools are never taken for numbers.
//!
//! Writing is strict in one point: NaN and the infinities, which JSON lacks, are an error instead of a silent `null`.
//!
//! Errors of both say where. What is right doesn't pay for that: reading runs once more with a note of where it is only
//! once something is wrong.

mod lenient;
mod probe;
mod strict;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use serde_path_to_error::{Path, Segment, Track};

use crate::error::{RpcError, codes};
use crate::text::shorten;
use lenient::Lenient;

pub use probe::is_struct;

/// A value that doesn't fit its type, or can't be written: where and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct CodecError {
    /// Where in the value, such as `items[3].price`; empty for the value as a whole.
    pub loc: String,
    /// What is wrong there.
    pub msg: String,
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.loc.is_empty() {
            f.write_str(&self.msg)
        } else {
            write!(f, "{}: {}", self.loc, self.msg)
        }
    }
}

/// Reads the params of a call.
///
/// ```
/// #[derive(serde::Deserialize)]
/// struct Item { count: u32 }
/// #[derive(serde::Deserialize)]
/// struct Order { items: Vec<Item> }
///
/// let order: Order = clamator_core::codec::from_params(br#"{"items":[{"count":5.0}]}"#)?;
/// assert_eq!(order.items[0].count, 5);
///
/// let wrong = clamator_core::codec::from_params::<Order>(br#"{"items":[{"count":"5"}]}"#).err().unwrap();
/// assert_eq!(wrong.code, -32602);
/// assert_eq!(wrong.data.unwrap()["errors"][0]["loc"], serde_json::json!(["items", 0, "count"]));
/// # Ok::<(), clamator_core::RpcError>(())
/// ```
///
/// # Errors
///
/// `-32602 Invalid params` with data `{"errors":[{"loc":[…],"msg":"…"}]}`, which the caller gets.
pub fn from_params<T: DeserializeOwned>(json: &[u8]) -> Result<T, RpcError> {
    if json.first() == Some(&b'[') && is_struct::<T>() {
        // serde would fill a struct from an array by position; the others know named params only.
        return Err(invalid_params(Vec::new(), "params are an array, an object is expected"));
    }
    read(json).map_err(|(loc, msg)| invalid_params(loc, msg))
}

fn invalid_params(loc: Vec<Step>, msg: impl Into<String>) -> RpcError {
    located(RpcError::new(codes::INVALID_PARAMS, "Invalid params"), loc, msg)
}

/// An error that says where, in the words of the other implementations.
fn located(error: RpcError, loc: Vec<Step>, msg: impl Into<String>) -> RpcError {
    let loc: Vec<Value> = loc.into_iter().map(Step::into_json).collect();
    error.with_data(json!({ "errors": [{ "loc": loc, "msg": msg.into() }] }))
}

/// Reads one of the params of a call by its name; `None` if it is absent, or doesn't fit `T`.
///
/// ```
/// use clamator_core::codec::param;
///
/// let params = br#"{"account":7.0,"cents":"12"}"#;
/// assert_eq!(param::<u64>(params, "account"), Some(7));
/// assert_eq!(param::<u64>(params, "cents"), None);
/// ```
#[must_use]
pub fn param<T: DeserializeOwned>(json: &[u8], name: &str) -> Option<T> {
    let params: BTreeMap<Cow<'_, str>, &RawValue> = serde_json::from_slice(json).ok()?;
    from_result(params.get(name)?.get().as_bytes()).ok()
}

/// Reads the result of a call.
///
/// # Errors
///
/// Where it doesn't fit `T`, and why.
pub fn from_result<T: DeserializeOwned>(json: &[u8]) -> Result<T, CodecError> {
    read(json).map_err(|(loc, msg)| CodecError { loc: join(&loc), msg })
}

/// Appends `value` to `out` as compact JSON. `out` is left as it was when that fails.
///
/// ```
/// use clamator_core::codec::write;
///
/// let mut out = b"params=".to_vec();
/// write(&mut out, &[1.5, 2.0])?;
/// assert_eq!(out, b"params=[1.5,2.0]");
///
/// let wrong = write(&mut out, &[1.5, f64::NAN]).unwrap_err();
/// assert_eq!(wrong.to_string(), "[1]: NaN is not a JSON number");
/// assert_eq!(out, b"params=[1.5,2.0]");
/// # Ok::<(), clamator_core::codec::CodecError>(())
/// ```
///
/// # Errors
///
/// A number that JSON lacks (NaN, the infinities), a map with keys that are no strings, or what `value` itself reports.
pub fn write<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> Result<(), CodecError> {
    append(out, value).map_err(|(loc, msg)| CodecError { loc: join(&loc), msg })
}

/// Appends the result of a call, like [`write`].
///
/// # Errors
///
/// `-32603 Result validation failed`, with where and why as data.
pub(crate) fn write_result<T: Serialize + ?Sized>(
    out: &mut Vec<u8>,
    result: &T,
) -> Result<(), RpcError> {
    let error = || RpcError::new(codes::INTERNAL_ERROR, "Result validation failed");
    append(out, result).map_err(|(loc, msg)| located(error(), loc, msg))
}

fn append<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) -> Result<(), (Vec<Step>, String)> {
    let before = out.len();
    strict::serialize(value, &mut serde_json::Serializer::new(&mut *out)).map_err(|(loc, error)| {
        out.truncate(before);
        (loc, message(&error))
    })
}

fn read<T: DeserializeOwned>(json: &[u8]) -> Result<T, (Vec<Step>, String)> {
    let mut input = serde_json::Deserializer::from_slice(json);
    let result = T::deserialize(Lenient(&mut input));
    result.and_then(|value| input.end().map(|()| value)).map_err(|error| locate::<T>(json, error))
}

/// Reads once more, to learn where it fails.
fn locate<T: DeserializeOwned>(json: &[u8], error: serde_json::Error) -> (Vec<Step>, String) {
    let mut track = Track::new();
    let mut input = serde_json::Deserializer::from_slice(json);
    let Err(error) =
        T::deserialize(serde_path_to_error::Deserializer::new(Lenient(&mut input), &mut track))
    else {
        // The value is right, so it is what comes after it.
        return (Vec::new(), message(&error));
    };
    let mut loc = steps(&track.path());
    let mut msg = message(&error);
    // Serde names the field that isn't there in its message only; what follows the name is for derived enums.
    if let Some(field) = msg.strip_prefix("missing field `").and_then(|rest| rest.split('`').next())
    {
        loc.push(Step::Key(field.to_owned()));
        msg.truncate("missing field ``".len() + field.len());
    }
    (loc, msg)
}

/// The message without the line and column in what is but one piece of an envelope.
fn message(error: &serde_json::Error) -> String {
    let mut text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    if text.ends_with(&place) {
        text.truncate(text.len() - place.len());
    }
    // Serde repeats the value that doesn't fit, however long.
    shorten(&text).into_owned()
}

/// One step down into a value.
enum Step {
    Key(String),
    Index(usize),
}

impl Step {
    fn into_json(self) -> Value {
        match self {
            Step::Key(key) => shorten(&key).into(),
            Step::Index(index) => index.into(),
        }
    }
}

fn steps(path: &Path) -> Vec<Step> {
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => Step::Index(*index),
            Segment::Map { key } => Step::Key(key.clone()),
            Segment::Enum { variant } => Step::Key(variant.clone()),
            Segment::Unknown => Step::Key("?".to_owned()),
        })
        .collect()
}

/// `items[3].price`
fn join(loc: &[Step]) -> String {
    let mut text = String::new();
    for step in loc {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => text.extend([".", key]),
            Step::Index(index) => text.push_str(&format!("[{index}]")),
        }
    }
    text
}
