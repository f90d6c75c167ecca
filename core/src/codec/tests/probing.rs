//! Which types can be the params object themselves.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::codec::is_struct;

#[derive(Deserialize)]
#[expect(dead_code, reason = "only asked about")]
struct Named {
    a: u8,
}

#[derive(Deserialize)]
struct Empty {}

#[derive(Deserialize)]
struct Unit;

#[derive(Deserialize)]
struct Newtype<T>(T);

#[derive(Deserialize)]
#[expect(dead_code, reason = "only asked about")]
struct Tuple(u8, u8);

#[derive(Deserialize)]
#[serde(transparent)]
#[expect(dead_code, reason = "only asked about")]
struct Transparent<T> {
    inner: T,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "only asked about")]
struct Flat {
    a: u8,
    #[serde(flatten)]
    rest: HashMap<String, Value>,
}

#[derive(Deserialize)]
enum Plain {
    #[expect(dead_code, reason = "only asked about")]
    A { a: u8 },
}

#[derive(Deserialize)]
#[serde(tag = "type")]
enum Tagged {
    #[expect(dead_code, reason = "only asked about")]
    A { a: u8 },
}

#[derive(Deserialize)]
#[serde(from = "Named")]
struct Converted;

impl From<Named> for Converted {
    fn from(_: Named) -> Converted {
        Converted
    }
}

#[test]
fn structs_and_maps_are_structs() {
    assert!(is_struct::<Named>());
    assert!(is_struct::<Empty>());
    assert!(is_struct::<Flat>());
    assert!(is_struct::<Converted>());
    assert!(is_struct::<HashMap<String, u8>>());
    assert!(is_struct::<BTreeMap<u8, u8>>());
    assert!(is_struct::<serde_json::Map<String, Value>>());
}

#[test]
fn wrappers_are_looked_through() {
    assert!(is_struct::<Box<Named>>());
    assert!(is_struct::<Newtype<Named>>());
    assert!(is_struct::<Newtype<Box<Newtype<Named>>>>());
    assert!(is_struct::<Transparent<Named>>());
    assert!(!is_struct::<Box<u8>>());
    assert!(!is_struct::<Newtype<u8>>());
    assert!(!is_struct::<Transparent<String>>());
}

#[test]
fn nothing_else_is_a_struct() {
    macro_rules! none {
        ($($ty:ty),* $(,)?) => { $(assert!(!is_struct::<$ty>(), "{}", stringify!($ty));)* };
    }
    none!(
        bool,
        i8,
        i16,
        i32,
        i64,
        i128,
        u8,
        u16,
        u32,
        u64,
        u128,
        f32,
        f64,
        char,
        String,
        (),
        Unit,
        Tuple,
        (u8, u8),
        Vec<Named>,
        [u8; 3],
        Option<Named>,
        Plain,
        Tagged,
        Value,
        Box<RawValue>,
        Box<str>,
        std::path::PathBuf,
        std::net::IpAddr,
        std::ffi::CString,
        serde::de::IgnoredAny,
    );
}
