//! What is written, and what is refused.

use std::collections::BTreeMap;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::codec::{CodecError, write};

fn text<T: Serialize + ?Sized>(value: &T) -> String {
    let mut out = Vec::new();
    write(&mut out, value).unwrap();
    String::from_utf8(out).unwrap()
}

fn error<T: Serialize + ?Sized>(value: &T) -> CodecError {
    let mut out = b"before".to_vec();
    let error = write(&mut out, value).unwrap_err();
    assert_eq!(out, b"before", "{error}");
    error
}

#[derive(Serialize)]
struct Unit;

#[derive(Serialize)]
struct Newtype<T>(T);

#[derive(Serialize)]
struct Tuple<T>(u8, T);

#[derive(Serialize)]
struct Named<T> {
    #[serde(rename = "first")]
    a: u8,
    b: T,
    #[serde(skip_serializing_if = "Option::is_none")]
    c: Option<u8>,
}

fn named<T>(b: T) -> Named<T> {
    Named { a: 1, b, c: None }
}

#[derive(Serialize)]
struct Flat<T> {
    a: u8,
    #[serde(flatten)]
    rest: T,
}

#[derive(Serialize)]
enum Choice<T> {
    Unit,
    Newtype(T),
    Tuple(u8, T),
    Named {
        a: T,
        #[serde(skip_serializing_if = "Option::is_none")]
        b: Option<u8>,
    },
}

#[derive(Serialize)]
#[serde(tag = "type")]
enum Tagged<T> {
    Named { a: T },
}

#[derive(Serialize)]
#[serde(untagged)]
enum Untagged<T> {
    Bare(T),
}

/// Gives its key and its value one after the other.
struct Halves<T>(T);

impl<T: Serialize> Serialize for Halves<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_key("half")?;
        map.serialize_value(&self.0)?;
        map.end()
    }
}

#[test]
fn everything_is_written_as_serde_json_does() {
    macro_rules! same {
        ($($value:expr),* $(,)?) => {$(
            assert_eq!(text(&$value), serde_json::to_string(&$value).unwrap(), "{}", stringify!($value));
        )*};
    }
    same!(
        true,
        'x',
        "text \u{1} \"\u{e9}",
        String::from("s"),
        (),
        None::<u8>,
        Some(5),
        Some(Some(1.5)),
        i8::MIN,
        i16::MIN,
        i32::MIN,
        i64::MIN,
        i128::MIN,
        u8::MAX,
        u16::MAX,
        u32::MAX,
        u64::MAX,
        u128::MAX,
        1.5f32,
        -0.0f64,
        f64::MAX,
        f64::MIN_POSITIVE,
        2.0f64,
        1e300,
        Unit,
        Newtype(1.5),
        Tuple(1, 2.5),
        (1, "a", 2.5),
        [1.0, 2.0],
        vec![vec![1.5], vec![]],
        Vec::<u8>::new(),
        named(1.5),
        Named { a: 1, b: (), c: Some(2) },
        Flat { a: 1, rest: named(2.5) },
        Flat { a: 1, rest: BTreeMap::from([("x", 1.5)]) },
        Choice::<u8>::Unit,
        Choice::Newtype(1.5),
        Choice::Tuple(1, 2.5),
        Choice::Named { a: 1.5, b: None },
        Choice::Named { a: 1.5, b: Some(1) },
        Tagged::Named { a: 1.5 },
        Untagged::Bare(1.5),
        Halves(1.5),
        BTreeMap::from([("a", 1.5), ("b", 2.5)]),
        BTreeMap::from([(1, true)]),
        BTreeMap::from([(i128::MIN, ())]),
        std::net::Ipv4Addr::LOCALHOST,
        std::time::Duration::from_millis(1500),
        json!({"a": [1, 2.5, null, -3, "x"], "b": u64::MAX}),
        Value::Null,
        serde_json::Number::from(5),
        std::ffi::CString::new("hi").unwrap(),
    );
    assert_eq!(text("text"), r#""text""#, "unsized");
    assert_eq!(text(&[1.5, 2.0][..]), "[1.5,2.0]", "unsized");
}

#[test]
fn what_is_written_is_appended() {
    let mut out = b"[".to_vec();
    write(&mut out, &1).unwrap();
    out.push(b',');
    write(&mut out, &json!({"a": 2})).unwrap();
    assert_eq!(out, br#"[1,{"a":2}"#);
}

#[test]
fn raw_values_are_written_as_they_are() {
    let raw = RawValue::from_string(r#"{ "a": 5.0 }"#.to_owned()).unwrap();
    assert_eq!(text(&raw), r#"{ "a": 5.0 }"#);
    assert_eq!(text(&named(&raw)), r#"{"first":1,"b":{ "a": 5.0 }}"#);
    assert_eq!(text(&vec![&raw, &raw]), r#"[{ "a": 5.0 },{ "a": 5.0 }]"#);
}

#[test]
fn numbers_that_json_lacks_are_refused_and_named() {
    for (number, name) in [(f64::NAN, "NaN"), (f64::INFINITY, "inf"), (f64::NEG_INFINITY, "-inf")] {
        let refused =
            CodecError { loc: String::new(), msg: format!("{name} is not a JSON number") };
        assert_eq!(error(&number), refused);
        assert_eq!(error(&(number as f32)), refused);
        assert_eq!(error(&Some(number)), refused);
        assert_eq!(error(&Newtype(number)), refused);
        assert_eq!(error(&Untagged::Bare(number)), refused);
    }
}

#[test]
fn refused_numbers_are_found_in_every_place() {
    macro_rules! found {
        ($($value:expr => $loc:literal;)*) => {$(
            let found = error(&$value);
            assert_eq!((found.loc.as_str(), found.msg.as_str()), ($loc, "NaN is not a JSON number"));
        )*};
    }
    let nan = f64::NAN;
    found! {
        [1.0, nan] => "[1]";
        (1, nan) => "[1]";
        Tuple(1, f32::NAN) => "[1]";
        named(nan) => "b";
        named(named(Some(nan))) => "b.b";
        Flat { a: 1, rest: named(nan) } => "b";
        Flat { a: 1, rest: BTreeMap::from([("x", vec![nan])]) } => "x[0]";
        Choice::Newtype(nan) => "Newtype";
        Choice::Newtype(Newtype(named(Some(nan)))) => "Newtype.b";
        Choice::Tuple(1, nan) => "Tuple[1]";
        Choice::Named { a: nan, b: None } => "Named.a";
        Tagged::Named { a: nan } => "a";
        Halves(nan) => "half";
        BTreeMap::from([("a", 1.0), ("b", nan)]) => "b";
        BTreeMap::from([(7, vec![named(nan)])]) => "7[0].b";
        named(vec![json!(1), json!({"deep": 1})].into_iter().map(|v| (v, nan)).collect::<Vec<_>>()) => "b[0][1]";
    }
}

#[test]
fn other_failures_are_reported_too() {
    let keyed = BTreeMap::from([((1, 2), "x")]);
    assert_eq!(
        error(&named(keyed)),
        CodecError { loc: "b.[1,2]".to_owned(), msg: "key must be a string".to_owned() }
    );

    struct Fails;
    impl Serialize for Fails {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("not today"))
        }
    }
    assert_eq!(error(&named(vec![Fails])).to_string(), "b[0]: not today");
    assert_eq!(error(&Fails).to_string(), "not today");
}
