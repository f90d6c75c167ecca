//! What is read without serde_json is read as serde_json reads it: the two are compared on envelopes of every kind, on what is
//! left of them after damage, and on what is no JSON at all.

use proptest::prelude::*;
use proptest::sample::select;

use super::parse::{Wire, read_with_serde};
use super::scan;

/// Whether it was read without serde_json; then both have read the same.
fn agree(text: &str) -> bool {
    let quick = scan::read(text.as_bytes());
    if let Some(wire) = quick {
        assert_eq!(Ok(wire), read_with_serde(text), "{text}");
    }
    quick.is_some()
}

#[test]
fn what_the_implementations_write_is_read_without_serde() {
    for text in [
        r#"{"jsonrpc":"2.0","method":"arith.add","params":{"a":2,"b":3},"id":"0b5c1ff4-9d5c-4e7e-8b0a-0123456789ab"}"#,
        r#"{"jsonrpc": "2.0", "method": "arith.add", "params": {"a": -2.0e3, "s": "\u00e9\""}, "id": "x"}"#,
        r#"{"jsonrpc":"2.0","method":"arith.ping","params":{"n":[true,false,null,[],{},"é"]}}"#,
        r#"{"jsonrpc":"2.0","id":"x","result":null}"#,
        r#"{"jsonrpc":"2.0","id":"x","error":{"code":-32001.0,"message":"no","data":null}}"#,
        "\n{ \"id\" : null ,\t\"result\":1 } \r",
    ] {
        assert!(agree(text), "{text}");
    }
}

#[test]
fn null_is_told_from_absent_where_that_matters() {
    let wire = scan::read(
        br#"{"jsonrpc":null,"method":null,"params":null,"id":null,"result":null,"error":null}"#,
    );
    let null = Some(&b"null"[..]);
    assert_eq!(wire, Some(Wire { method: null, result: null, ..Wire::default() }));
}

#[test]
fn what_is_unusual_or_wrong_is_left_to_serde() {
    let deep = format!(r#"{{"id":{}1{}}}"#, "[".repeat(33), "]".repeat(33));
    for text in [
        "",
        " ",
        "{}",
        "{",
        "[]",
        "3",
        r#"{"id":1"#,
        r#"{"id":1}}"#,
        r#"{"id":1,}"#,
        r#"{,"id":1}"#,
        r#"{"id":1 "result":1}"#,
        r#"{"id":1,"id":2}"#,
        r#"{"id":null,"id":2}"#,
        r#"{"more":1}"#,
        r#"{"\u0069d":1}"#,
        r#"{"id"1}"#,
        r#"{id:1}"#,
        r#"{"id":NaN}"#,
        r#"{"id":-}"#,
        r#"{"id":01}"#,
        r#"{"id":1.}"#,
        r#"{"id":.1}"#,
        r#"{"id":+1}"#,
        r#"{"id":1e}"#,
        r#"{"id":1e+}"#,
        r#"{"id":-a}"#,
        r#"{"id":tru}"#,
        r#"{"id":nul"#,
        r#"{"id":truee}"#,
        r#"{"id":"\x"}"#,
        r#"{"id":"\u12g4"}"#,
        r#"{"id":"\u123"#,
        "{\"id\":\"\n\"}",
        "{\"id\":\"\u{0}\"}",
        r#"{"id":"a}"#,
        r#"{"id":[1,]}"#,
        r#"{"id":[,1]}"#,
        r#"{"id":[1}"#,
        r#"{"id":{"a":1]}"#,
        r#"{"id":{"a"}}"#,
        r#"{"id":{1:2}}"#,
        r#"{"id":{"a":1,}}"#,
        "{\"id\":\u{b}1}",
        "\u{feff}{\"id\":1}",
        &deep,
    ] {
        assert!(!agree(text), "{text}");
    }
}

#[test]
fn a_string_of_any_length_ends_where_it_ends() {
    for len in 0..40 {
        let text = format!(r#"{{"id":"{}","result":1}}"#, "é~".repeat(len));
        assert!(agree(&text), "{text}");
        for special in ["\\\"", "\\\\", "\u{1f}", "\"", "\u{7f}", "\u{80}", "\u{2028}"] {
            agree(&format!(r#"{{"id":"{}{special}{}"}}"#, "a".repeat(len), "b".repeat(9)));
        }
    }
}

/// A value as JSON text, with all that JSON allows and a little more.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        select(vec![
            "null",
            "true",
            "false",
            "0",
            "-0",
            "1",
            "-12.50",
            "1e5",
            "1E-400",
            "0.1e+7",
            "1.5E300",
            "123456789012345678901234567890",
            "\"2.0\"",
            "\"a.b\"",
            "\"\"",
            "\"\\u00e9\\ud800\"",
            "\"\\n\\/\"",
            "[]",
            "{}",
            "NaN",
            "-Infinity",
            "01",
            "1.",
            "'a'",
        ])
        .prop_map(str::to_owned),
        "\"[ -~é€😀]{0,20}\"",
        any::<f64>().prop_map(|number| format!("{number:e}")),
        any::<i64>().prop_map(|number| number.to_string()),
    ];
    leaf.prop_recursive(6, 40, 4, |inner| {
        prop_oneof![
            (prop::collection::vec(inner.clone(), 0..4), space()).prop_map(
                |(values, space)| format!("[{space}{}{space}]", values.join(&format!("{space},")))
            ),
            (prop::collection::vec((name(), inner), 0..4), space())
                .prop_map(|(fields, space)| object(&fields, &space)),
        ]
    })
}

fn name() -> impl Strategy<Value = String> {
    let own = select(vec!["jsonrpc", "method", "params", "id", "result", "error"]);
    prop_oneof![30 => own.prop_map(str::to_owned), 1 => "[a-zé]{0,9}", 1 => Just("\\u0069d".to_owned())]
}

fn space() -> impl Strategy<Value = String> {
    prop_oneof![6 => Just(String::new()), 1 => Just(" ".to_owned()), 1 => "[ \t\r\n]{0,3}"]
}

fn object(fields: &[(String, String)], space: &str) -> String {
    let fields: Vec<_> = fields
        .iter()
        .map(|(name, value)| format!("\"{name}\"{space}:{space}{value}{space}"))
        .collect();
    format!("{space}{{{space}{}}}{space}", fields.join(&format!(",{space}")))
}

fn envelope() -> impl Strategy<Value = String> {
    (prop::collection::vec((name(), value()), 0..6), space())
        .prop_map(|(fields, space)| object(&fields, &space))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn envelopes_of_every_kind_are_read_alike(text in envelope()) {
        agree(&text);
    }

    #[test]
    fn damaged_envelopes_are_read_alike(
        text in envelope(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), 0..3, select(b"{}[]\",:\\ \tutn0-.eE\x01\x7f\xc3\xa9\xff".to_vec())), 1..4),
    ) {
        let mut bytes = text.into_bytes();
        for (at, how, byte) in damage {
            let at = at.index(bytes.len());
            match how {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => drop(bytes.remove(at)),
            }
            if bytes.is_empty() {
                break;
            }
        }
        if let Ok(text) = std::str::from_utf8(&bytes) {
            agree(text);
        }
    }

    #[test]
    fn a_value_that_is_passed_over_is_json(value in ".{0,60}") {
        agree(&format!("{{\"id\":{value}}}"));
        agree(&format!("{{\"id\":\"{value}\"}}"));
        agree(&value);
    }
}
