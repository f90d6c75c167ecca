//! What is read into which type.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Debug;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::codec::{from_params, from_result};

#[track_caller]
fn reads<T: DeserializeOwned + PartialEq + Debug>(text: &str, expected: T) {
    assert_eq!(from_result::<T>(text.as_bytes()).as_ref(), Ok(&expected), "result {text}");
    assert_eq!(from_params::<T>(text.as_bytes()).as_ref(), Ok(&expected), "params {text}");
}

#[track_caller]
fn refuses<T: DeserializeOwned + Debug>(text: &str, why: &str) {
    let error = from_result::<T>(text.as_bytes()).unwrap_err();
    assert!(error.msg.contains(why), "{text}: {error}");
    from_params::<T>(text.as_bytes()).unwrap_err();
}

#[test]
fn whole_floats_are_integers_of_every_width() {
    reads("5.0", 5i8);
    reads("5.0", 5i16);
    reads("5.0", 5i32);
    reads("5.0", 5i64);
    reads("5.0", 5i128);
    reads("5.0", 5u8);
    reads("5.0", 5u16);
    reads("5.0", 5u32);
    reads("5.0", 5u64);
    reads("5.0", 5u128);
    reads("-3.0", -3i8);
    reads("-3.0", -3i16);
    reads("-3.0", -3i32);
    reads("-3.0", -3i64);
    reads("-3.0", -3i128);
    reads("5e3", 5000i32);
    reads("5E+3", 5000u128);
    reads("1500e-2", 15u8);
    reads("0.0", 0u8);
    reads("0.0", 0i128);
    reads("-0.0", 0u8);
    reads("-0.0", 0u128);
}

#[test]
fn integers_stay_exact() {
    reads("18446744073709551615", u64::MAX);
    reads("9007199254740993", 9_007_199_254_740_993i64);
    reads("9223372036854775807", i64::MAX);
    reads("-9223372036854775808", i64::MIN);
    reads("340282366920938463463374607431768211455", u128::MAX);
    reads("170141183460469231731687303715884105727", i128::MAX);
    reads("-170141183460469231731687303715884105728", i128::MIN);
    reads(" 7 ", 7u128);
    reads(" -7 ", -7i128);
}

#[test]
fn large_whole_floats_are_taken_up_to_the_type_s_range() {
    reads("9007199254740992.0", 9_007_199_254_740_992u64);
    reads("18446744073709549568.0", 18_446_744_073_709_549_568u64);
    refuses::<u64>("18446744073709551616.0", "expected u64");
    reads("9223372036854774784.0", 9_223_372_036_854_774_784i64);
    refuses::<i64>("9223372036854775808.0", "expected i64");
    reads("-9223372036854774784.0", -9_223_372_036_854_774_784i64);
    refuses::<i64>("-9223372036854777856.0", "expected i64");
    reads(
        "170141183460469212842221372237303250944.0",
        170_141_183_460_469_212_842_221_372_237_303_250_944i128,
    );
    refuses::<i128>("170141183460469231731687303715884105728.0", "expected i128");
    reads("-170141183460469231731687303715884105728.0", i128::MIN);
    refuses::<i128>("-170141183460469269510619166673045815296.0", "expected i128");
    reads(
        "340282366920938425684442744474606501888.0",
        340_282_366_920_938_425_684_442_744_474_606_501_888u128,
    );
    refuses::<u128>("340282366920938463463374607431768211456.0", "expected u128");
}

#[test]
fn integers_out_of_range_are_never_rounded_into_it() {
    refuses::<i64>("-9223372036854775809", "expected i64");
    refuses::<i64>("-9223372036854775808.0", "expected i64");
    refuses::<u64>("18446744073709551616", "expected u64");
    refuses::<i128>("-170141183460469231731687303715884105729", "expected i128");
    refuses::<i128>("170141183460469231731687303715884105728", "expected i128");
    refuses::<u128>("340282366920938463463374607431768211456", "expected u128");
    refuses::<u128>("-1", "integer `-1`, expected u128");
    refuses::<u128>("-1.0", "expected u128");
    refuses::<u8>("256.0", "integer `256`, expected u8");
    refuses::<i8>("-129.0", "integer `-129`, expected i8");
    refuses::<u8>("-1.0", "integer `-1`, expected u8");
    refuses::<u64>("1e999", "number out of range");
    refuses::<u128>("1e999", "number out of range");
}

#[test]
fn fractions_are_no_integers() {
    refuses::<u8>("5.5", "floating point `5.5`, expected u8");
    refuses::<i64>("-0.1", "floating point `-0.1`, expected i64");
    refuses::<i128>("5.5", "floating point `5.5`, expected i128");
    refuses::<u128>("1e-3", "floating point `0.001`, expected u128");
}

#[test]
fn nothing_else_is_coerced() {
    refuses::<u8>("\"5\"", "invalid type: string \"5\", expected u8");
    refuses::<i128>("\"5\"", "invalid type: string \"5\", expected i128");
    refuses::<u128>("[5]", "invalid type: sequence, expected u128");
    refuses::<u128>("null", "invalid type: null, expected u128");
    refuses::<u32>("true", "invalid type: boolean `true`, expected u32");
    refuses::<f64>("\"5\"", "invalid type: string \"5\", expected f64");
    refuses::<f64>("true", "expected f64");
    refuses::<bool>("1", "expected a boolean");
    refuses::<bool>("\"true\"", "expected a boolean");
    refuses::<String>("5.0", "expected a string");
    refuses::<i128>("", "EOF");
    refuses::<i128>("nope", "expected ident");
}

#[test]
fn floats_take_integers() {
    reads("5", 5.0f64);
    reads("-5", -5.0f32);
    reads("0.25", 0.25f64);
}

#[derive(Debug, PartialEq, Deserialize)]
struct Meters(u32);

#[derive(Debug, PartialEq, Deserialize)]
struct Pair(u8, i16);

#[derive(Debug, PartialEq, Deserialize)]
struct Nothing;

#[derive(Debug, PartialEq, Deserialize)]
enum Shape {
    Point,
    Circle(u32),
    Line(u32, u32),
    Box { width: u32, height: Option<u64> },
}

#[derive(Debug, PartialEq, Deserialize)]
struct Everything {
    #[serde(default)]
    missing: Option<u8>,
    null: Option<u8>,
    some: Option<Option<u8>>,
    newtype: Meters,
    tuple: (u8, String, Pair),
    seq: Vec<Vec<i32>>,
    array: [u16; 2],
    map: BTreeMap<String, BTreeMap<u8, u64>>,
    shapes: Vec<Shape>,
    boxed: Box<u8>,
    unit: (),
    nothing: Nothing,
    char: char,
}

#[test]
fn whole_floats_are_taken_everywhere_below() {
    reads(
        r#"{"null":null,"some":1.0,"newtype":2.0,"tuple":[3.0,"4.0",[5.0,-6.0]],"seq":[[7.0],[],[8.0,9]],
            "array":[10.0,11.0],"map":{"12":{"13":14.0},"15":{}},"ignored":{"deep":[1.5]},
            "shapes":["Point",{"Circle":16.0},{"Line":[17.0,18.0]},{"Box":{"width":19.0,"height":20.0}}],
            "boxed":21.0,"unit":null,"nothing":null,"char":"x"}"#,
        Everything {
            missing: None,
            null: None,
            some: Some(Some(1)),
            newtype: Meters(2),
            tuple: (3, "4.0".to_owned(), Pair(5, -6)),
            seq: vec![vec![7], vec![], vec![8, 9]],
            array: [10, 11],
            map: BTreeMap::from([
                ("12".to_owned(), BTreeMap::from([(13, 14)])),
                ("15".to_owned(), BTreeMap::new()),
            ]),
            shapes: vec![
                Shape::Point,
                Shape::Circle(16),
                Shape::Line(17, 18),
                Shape::Box { width: 19, height: Some(20) },
            ],
            boxed: Box::new(21),
            unit: (),
            nothing: Nothing,
            char: 'x',
        },
    );
}

#[test]
fn a_struct_may_be_a_sequence_within_a_value_but_params_are_named() {
    #[derive(Debug, PartialEq, Deserialize)]
    struct Two {
        a: u8,
        b: u8,
    }
    assert_eq!(from_result::<Two>(b"[1.0,2]"), Ok(Two { a: 1, b: 2 }));
    reads(r#"{"two":[1.0,2]}"#, HashMap::from([("two".to_owned(), Two { a: 1, b: 2 })]));
    let error = from_params::<Two>(b"[1.0,2]").unwrap_err();
    assert_eq!(
        error.data.unwrap()["errors"][0]["msg"],
        "params are an array, an object is expected"
    );
    assert_eq!(from_params::<Vec<u8>>(b"[1.0,2]"), Ok(vec![1, 2]));
}

#[test]
fn keys_stay_as_serde_json_has_them() {
    reads(r#"{"1":2.0}"#, HashMap::from([(1u8, 2u8)]));
    reads(r#"{"1":2.0}"#, HashMap::from([(1i128, 2i128)]));
    reads(r#"{"true":2.0}"#, HashMap::from([(true, 2u8)]));
    refuses::<HashMap<u8, u8>>(r#"{"1.0":2}"#, "expected");
}

#[test]
fn bytes_come_as_numbers_or_as_text() {
    struct Bytes(Vec<u8>);
    impl<'de> Deserialize<'de> for Bytes {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Bytes, D::Error> {
            struct Visitor;
            impl<'de> serde::de::Visitor<'de> for Visitor {
                type Value = Bytes;
                fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                    f.write_str("bytes")
                }
                fn visit_bytes<E>(self, bytes: &[u8]) -> Result<Bytes, E> {
                    Ok(Bytes(bytes.to_vec()))
                }
                fn visit_seq<A: serde::de::SeqAccess<'de>>(
                    self,
                    mut parts: A,
                ) -> Result<Bytes, A::Error> {
                    let mut bytes = Vec::new();
                    while let Some(byte) = parts.next_element()? {
                        bytes.push(byte);
                    }
                    Ok(Bytes(bytes))
                }
            }
            deserializer.deserialize_byte_buf(Visitor)
        }
    }
    assert_eq!(from_params::<Bytes>(br#""plain""#).unwrap().0, b"plain");
    assert_eq!(from_params::<Bytes>(br#""esc\"aped""#).unwrap().0, b"esc\"aped");
    assert_eq!(from_params::<Bytes>(b"[104.0,105]").unwrap().0, b"hi");
}

#[test]
fn values_of_any_type_stay_what_they_are() {
    let text = r#"{"a":[1,2.0,-3,1e3,null,true,"x\n",{"b":18446744073709551615}]}"#;
    reads::<Value>(text, serde_json::from_str(text).unwrap());
    let read: Value = from_params(b"[5.0, 5]").unwrap();
    assert!(read[0].is_f64() && read[1].is_u64());
    reads("5.0", json!(5.0));
    reads("null", None::<Value>);
    reads("5.5", serde_json::Number::from_f64(5.5).unwrap());
}

#[test]
fn raw_values_are_kept_byte_for_byte() {
    #[derive(Deserialize)]
    struct Holder {
        raw: Box<RawValue>,
        more: Vec<Box<RawValue>>,
    }
    let read: Holder =
        from_params(br#"{"raw": { "a" : 5.0, "b":"\u0041" } ,"more":[1.50, "x"]}"#).unwrap();
    assert_eq!(read.raw.get(), r#"{ "a" : 5.0, "b":"\u0041" }"#);
    assert_eq!(read.more[0].get(), "1.50");
    assert_eq!(read.more[1].get(), r#""x""#);
    assert_eq!(from_result::<Box<RawValue>>(b" [5.0] ").unwrap().get(), "[5.0]");
}

/// What the module's documentation says can't be reached.
#[test]
fn what_serde_buffers_is_read_as_serde_json_does() {
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        Number(u8),
        Other(f64),
    }
    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(tag = "type")]
    enum Tagged {
        Circle { radius: u32 },
    }
    #[derive(Debug, PartialEq, Deserialize)]
    struct Inner {
        n: u32,
    }
    #[derive(Debug, PartialEq, Deserialize)]
    struct Outer {
        direct: u32,
        #[serde(flatten)]
        inner: Inner,
    }
    reads("5", Untagged::Number(5));
    reads("5.0", Untagged::Other(5.0));
    reads(r#"{"type":"Circle","radius":5}"#, Tagged::Circle { radius: 5 });
    refuses::<Tagged>(r#"{"type":"Circle","radius":5.0}"#, "expected u32");
    reads(r#"{"direct":4.0,"n":5}"#, Outer { direct: 4, inner: Inner { n: 5 } });
    refuses::<Outer>(r#"{"direct":4,"n":5.0}"#, "expected u32");
}

#[test]
fn deep_nesting_is_an_error_and_no_crash() {
    let text = "[".repeat(10_000) + &"]".repeat(10_000);
    refuses::<Value>(&text, "recursion limit exceeded");
    refuses::<i128>(&text, "expected i128");
}

#[test]
fn the_format_is_human_readable() {
    reads(r#""127.0.0.1""#, std::net::Ipv4Addr::LOCALHOST);
}
