//! Finds out what a type asks a deserializer for, without a value.

use std::cell::Cell;

use serde::de::value::Error;
use serde::de::{DeserializeOwned, Deserializer, Error as _, Visitor};

/// Whether `T` deserializes as a struct or a map by serde's data model, so that it can be the params object itself.
///
/// Newtypes, boxes and `#[serde(transparent)]` are looked through. What asks serde for *any* value, as untagged and
/// internally tagged enums do, is not a struct: only a value would tell.
///
/// ```
/// use clamator_core::codec::is_struct;
///
/// #[derive(serde::Deserialize)]
/// struct Order { item: String }
///
/// assert!(is_struct::<Order>());
/// assert!(!is_struct::<String>());
/// ```
#[must_use]
pub fn is_struct<T: DeserializeOwned>() -> bool {
    let found = Cell::new(false);
    // It ends with an error whatever `T` is, but for a type that takes nothing at all.
    let _ = T::deserialize(Probe { found: &found });
    found.get()
}

struct Probe<'a> {
    found: &'a Cell<bool>,
}

impl Probe<'_> {
    fn found<T>(self) -> Result<T, Error> {
        self.found.set(true);
        self.other()
    }

    fn other<T>(self) -> Result<T, Error> {
        Err(Error::custom("only asking"))
    }
}

macro_rules! answers {
    ($($method:ident($($ty:ty),*) => $answer:ident;)*) => {$(
        fn $method<V: Visitor<'de>>(self, $(_: $ty,)* _: V) -> Result<V::Value, Error> {
            self.$answer()
        }
    )*};
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Error;

    answers! {
        deserialize_struct(&'static str, &'static [&'static str]) => found;
        deserialize_map() => found;

        deserialize_any() => other;
        deserialize_bool() => other;
        deserialize_i8() => other;
        deserialize_i16() => other;
        deserialize_i32() => other;
        deserialize_i64() => other;
        deserialize_i128() => other;
        deserialize_u8() => other;
        deserialize_u16() => other;
        deserialize_u32() => other;
        deserialize_u64() => other;
        deserialize_u128() => other;
        deserialize_f32() => other;
        deserialize_f64() => other;
        deserialize_char() => other;
        deserialize_str() => other;
        deserialize_string() => other;
        deserialize_bytes() => other;
        deserialize_byte_buf() => other;
        deserialize_option() => other;
        deserialize_unit() => other;
        deserialize_unit_struct(&'static str) => other;
        deserialize_seq() => other;
        deserialize_tuple(usize) => other;
        deserialize_tuple_struct(&'static str, usize) => other;
        deserialize_enum(&'static str, &'static [&'static str]) => other;
        deserialize_identifier() => other;
        deserialize_ignored_any() => other;
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }
}
