//! Where errors point, and what they say.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::codec::{CodecError, from_params, from_result};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only read into")]
struct Item {
    price: f64,
    count: u32,
    #[serde(default)]
    wide: Option<u128>,
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only read into")]
enum Shape {
    Circle(u32),
    Box { width: u32 },
}

#[derive(Debug, Deserialize)]
#[expect(dead_code, reason = "only read into")]
struct Order {
    items: Vec<Item>,
    #[serde(default)]
    shape: Option<Shape>,
    #[serde(default)]
    notes: HashMap<String, BTreeMap<u8, bool>>,
}

fn fails<T: DeserializeOwned>(text: &str) -> (Value, String, CodecError) {
    let error = from_params::<T>(text.as_bytes()).err().expect("it should not fit");
    assert_eq!((error.code, error.message.as_str()), (-32602, "Invalid params"));
    let data = error.data.expect("data says where");
    assert_eq!(data.as_object().unwrap().len(), 1, "{data}");
    let errors = data["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 1);
    assert_eq!(errors[0].as_object().unwrap().len(), 2, "{data}");
    let result = from_result::<T>(text.as_bytes()).err().expect("it should not fit");
    let msg = errors[0]["msg"].as_str().unwrap().to_owned();
    assert_eq!(result.msg, msg);
    (errors[0]["loc"].clone(), msg, result)
}

#[test]
fn errors_name_the_path() {
    let cases = [
        (
            r#"{"items":[{"price":1,"count":1},{"price":"x","count":1}]}"#,
            json!(["items", 1, "price"]),
            "items[1].price",
            "invalid type: string \"x\", expected f64",
        ),
        (
            r#"{"items":[{"price":1,"count":1.5}]}"#,
            json!(["items", 0, "count"]),
            "items[0].count",
            "invalid type: floating point `1.5`, expected u32",
        ),
        (
            r#"{"items":[{"price":1,"count":1,"wide":"9"}]}"#,
            json!(["items", 0, "wide"]),
            "items[0].wide",
            "invalid type: string \"9\", expected u128",
        ),
        (
            r#"{"items":[{"price":1}]}"#,
            json!(["items", 0, "count"]),
            "items[0].count",
            "missing field `count`",
        ),
        (r#"{"shape":null}"#, json!(["items"]), "items", "missing field `items`"),
        (
            r#"{"items":[],"shape":{"Circle":-1}}"#,
            json!(["shape", "Circle"]),
            "shape.Circle",
            "invalid value: integer `-1`, expected u32",
        ),
        (
            r#"{"items":[],"shape":{"Box":{"width":null}}}"#,
            json!(["shape", "Box", "width"]),
            "shape.Box.width",
            "invalid type: null, expected u32",
        ),
        (
            r#"{"items":[],"notes":{"a b":{"7":0}}}"#,
            json!(["notes", "a b", "7"]),
            "notes.a b.7",
            "invalid type: integer `0`, expected a boolean",
        ),
    ];
    for (text, loc, joined, msg) in cases {
        let (found_loc, found_msg, result) = fails::<Order>(text);
        assert_eq!((&found_loc, found_msg.as_str()), (&loc, msg), "{text}");
        assert_eq!(result, CodecError { loc: joined.to_owned(), msg: msg.to_owned() });
        assert_eq!(result.to_string(), format!("{joined}: {msg}"));
    }
}

#[test]
fn unknown_keys_of_a_closed_struct_are_named() {
    let (loc, msg, _) = fails::<Order>(r#"{"items":[{"price":1,"count":1,"cuont":2}]}"#);
    assert_eq!(loc, json!(["items", 0, "cuont"]));
    assert_eq!(msg, "unknown field `cuont`, expected one of `price`, `count`, `wide`");
}

#[test]
fn errors_of_the_whole_value_have_no_path() {
    let cases = [
        ("5", "invalid type: integer `5`, expected struct Order"),
        (r#"{"items":[]} x"#, "trailing characters"),
        (r#"{"items":[]}{}"#, "trailing characters"),
        ("", "EOF while parsing a value"),
    ];
    for (text, expected) in cases {
        let (loc, msg, result) = fails::<Order>(text);
        assert_eq!((loc, msg.as_str()), (json!([]), expected), "{text}");
        assert_eq!(result.to_string(), expected);
    }
    assert!(from_params::<u8>(b" 5 \n").is_ok(), "white space may follow");
}

#[test]
fn a_path_may_begin_with_an_index() {
    let (loc, _, result) = fails::<Vec<Vec<u8>>>("[[],[1,-2]]");
    assert_eq!(loc, json!([1, 1]));
    assert_eq!(result.loc, "[1][1]");
}

#[test]
fn messages_of_ones_own_are_kept() {
    #[derive(Debug)]
    struct Picky;
    impl<'de> Deserialize<'de> for Picky {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Picky, D::Error> {
            let text = String::deserialize(deserializer)?;
            Err(serde::de::Error::custom(text))
        }
    }
    for text in ["not today at line", "the field is missing field `x`", "no ` end"] {
        let (loc, msg, _) = fails::<Vec<Picky>>(&json!([text]).to_string());
        assert_eq!((loc, msg.as_str()), (json!([0]), text));
    }
}

#[test]
fn a_value_that_does_not_fit_is_repeated_in_brief() {
    let long = format!("\"{}\"", "x".repeat(100_000));
    let error = from_params::<u8>(long.as_bytes()).unwrap_err();
    assert!(error.to_string().len() < 1000, "{}", error.to_string().len());
    let key = format!(r#"{{"{}":"no"}}"#, "k".repeat(100_000));
    let error = from_params::<HashMap<String, u8>>(key.as_bytes()).unwrap_err();
    assert!(error.to_string().len() < 1000, "{}", error.to_string().len());
}
