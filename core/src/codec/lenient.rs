//! A deserializer around serde_json's that takes whole floats where an integer is asked for.

use std::fmt;
use std::str::FromStr;

use serde::Deserialize;
use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, MapAccess, SeqAccess, VariantAccess, Visitor,
};
use serde_json::value::RawValue;

/// Wraps a deserializer, a seed, or the access to the parts of a value, and by that everything below.
pub(super) struct Lenient<T>(pub(super) T);

/// Wraps a visitor: where an integer was asked for (`WHOLE`), or else only for the sake of what is below.
struct Visit<V, const WHOLE: bool>(V);

const TWO_63: f64 = 9_223_372_036_854_775_808.0;
const TWO_64: f64 = 2.0 * TWO_63;
const TWO_127: f64 = TWO_63 * TWO_64;
const TWO_128: f64 = TWO_64 * TWO_64;

fn whole<V>(visitor: V) -> Visit<V, true> {
    Visit(visitor)
}

fn through<V>(visitor: V) -> Visit<V, false> {
    Visit(visitor)
}

/// For what has no parts and isn't an integer.
fn as_is<V>(visitor: V) -> V {
    visitor
}

macro_rules! deserialize {
    ($($method:ident($($arg:ident: $ty:ty),*) => $wrap:ident;)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, $($arg: $ty,)* visitor: V) -> Result<V::Value, D::Error> {
            self.0.$method($($arg,)* $wrap(visitor))
        }
    )*};
}

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Lenient<D> {
    type Error = D::Error;

    deserialize! {
        deserialize_i8() => whole;
        deserialize_i16() => whole;
        deserialize_i32() => whole;
        deserialize_i64() => whole;
        deserialize_u8() => whole;
        deserialize_u16() => whole;
        deserialize_u32() => whole;
        deserialize_u64() => whole;

        deserialize_any() => through;
        deserialize_bytes() => through;
        deserialize_byte_buf() => through;
        deserialize_option() => through;
        deserialize_newtype_struct(name: &'static str) => through;
        deserialize_seq() => through;
        deserialize_tuple(len: usize) => through;
        deserialize_tuple_struct(name: &'static str, len: usize) => through;
        deserialize_map() => through;
        deserialize_struct(name: &'static str, fields: &'static [&'static str]) => through;
        deserialize_enum(name: &'static str, variants: &'static [&'static str]) => through;

        deserialize_bool() => as_is;
        deserialize_f32() => as_is;
        deserialize_f64() => as_is;
        deserialize_char() => as_is;
        deserialize_str() => as_is;
        deserialize_string() => as_is;
        deserialize_unit() => as_is;
        deserialize_unit_struct(name: &'static str) => as_is;
        deserialize_identifier() => as_is;
        deserialize_ignored_any() => as_is;
    }

    // serde_json shows a visitor no float where 128 bits are asked for, so these two read the number's text.

    fn deserialize_i128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let text = <&RawValue>::deserialize(self.0)?.get();
        match wide(text, |float| (-TWO_127..TWO_127).contains(&float), |float| float as i128) {
            Some(number) => visitor.visit_i128(number),
            None => explain(text, visitor),
        }
    }

    fn deserialize_u128<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        let text = <&RawValue>::deserialize(self.0)?.get();
        match wide(text, |float| (0.0..TWO_128).contains(&float), |float| float as u128) {
            Some(number) => visitor.visit_u128(number),
            None => explain(text, visitor),
        }
    }
}

/// The integer in `text`: digits exactly, a whole float if it `fits`.
fn wide<N: FromStr>(text: &str, fits: fn(f64) -> bool, cast: fn(f64) -> N) -> Option<N> {
    if text.bytes().all(|b| b == b'-' || b.is_ascii_digit()) {
        return text.parse().ok();
    }
    let float: f64 = text.parse().ok()?;
    (is_whole(float) && fits(float)).then(|| cast(float))
}

/// Lets the visitor say itself what is wrong with `text`.
fn explain<'de, V: Visitor<'de>, E: Error>(text: &'de str, visitor: V) -> Result<V::Value, E> {
    serde_json::Deserializer::from_str(text).deserialize_any(visitor).map_err(E::custom)
}

fn is_whole(float: f64) -> bool {
    float.fract() == 0.0
}

// What isn't forwarded here ends, by serde's defaults, in what is: serde_json calls nothing else.
impl<'de, V: Visitor<'de>, const WHOLE: bool> Visitor<'de> for Visit<V, WHOLE> {
    type Value = V::Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.expecting(f)
    }

    #[inline]
    fn visit_f64<E: Error>(self, float: f64) -> Result<V::Value, E> {
        if WHOLE && is_whole(float) {
            if (0.0..TWO_64).contains(&float) {
                return self.0.visit_u64(float as u64);
            }
            // -2^63 itself is left out: the integers just below it, too long for serde_json, look the same by now.
            if -TWO_63 < float && float < 0.0 {
                return self.0.visit_i64(float as i64);
            }
        }
        self.0.visit_f64(float)
    }

    #[inline]
    fn visit_u64<E: Error>(self, number: u64) -> Result<V::Value, E> {
        self.0.visit_u64(number)
    }

    #[inline]
    fn visit_i64<E: Error>(self, number: i64) -> Result<V::Value, E> {
        self.0.visit_i64(number)
    }

    fn visit_bool<E: Error>(self, bool: bool) -> Result<V::Value, E> {
        self.0.visit_bool(bool)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<V::Value, E> {
        self.0.visit_str(text)
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<V::Value, E> {
        self.0.visit_borrowed_str(text)
    }

    fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<V::Value, E> {
        self.0.visit_bytes(bytes)
    }

    fn visit_borrowed_bytes<E: Error>(self, bytes: &'de [u8]) -> Result<V::Value, E> {
        self.0.visit_borrowed_bytes(bytes)
    }

    fn visit_unit<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_unit()
    }

    fn visit_none<E: Error>(self) -> Result<V::Value, E> {
        self.0.visit_none()
    }

    #[inline]
    fn visit_some<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.0.visit_some(Lenient(inner))
    }

    #[inline]
    fn visit_newtype_struct<D: Deserializer<'de>>(self, inner: D) -> Result<V::Value, D::Error> {
        self.0.visit_newtype_struct(Lenient(inner))
    }

    #[inline]
    fn visit_seq<A: SeqAccess<'de>>(self, parts: A) -> Result<V::Value, A::Error> {
        self.0.visit_seq(Lenient(parts))
    }

    #[inline]
    fn visit_map<A: MapAccess<'de>>(self, parts: A) -> Result<V::Value, A::Error> {
        self.0.visit_map(Lenient(parts))
    }

    #[inline]
    fn visit_enum<A: EnumAccess<'de>>(self, parts: A) -> Result<V::Value, A::Error> {
        self.0.visit_enum(Lenient(parts))
    }
}

impl<'de, S: DeserializeSeed<'de>> DeserializeSeed<'de> for Lenient<S> {
    type Value = S::Value;

    #[inline]
    fn deserialize<D: Deserializer<'de>>(self, inner: D) -> Result<S::Value, D::Error> {
        self.0.deserialize(Lenient(inner))
    }
}

impl<'de, A: SeqAccess<'de>> SeqAccess<'de> for Lenient<A> {
    type Error = A::Error;

    #[inline]
    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        self.0.next_element_seed(Lenient(seed))
    }
}

impl<'de, A: MapAccess<'de>> MapAccess<'de> for Lenient<A> {
    type Error = A::Error;

    // Keys are strings, in which serde_json finds the numbers that are asked for.
    #[inline]
    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, A::Error> {
        self.0.next_key_seed(seed)
    }

    #[inline]
    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, A::Error> {
        self.0.next_value_seed(Lenient(seed))
    }
}

impl<'de, A: EnumAccess<'de>> EnumAccess<'de> for Lenient<A> {
    type Error = A::Error;
    type Variant = Lenient<A::Variant>;

    #[inline]
    fn variant_seed<S: DeserializeSeed<'de>>(
        self,
        seed: S,
    ) -> Result<(S::Value, Self::Variant), A::Error> {
        self.0.variant_seed(seed).map(|(variant, content)| (variant, Lenient(content)))
    }
}

impl<'de, A: VariantAccess<'de>> VariantAccess<'de> for Lenient<A> {
    type Error = A::Error;

    fn unit_variant(self) -> Result<(), A::Error> {
        self.0.unit_variant()
    }

    #[inline]
    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, A::Error> {
        self.0.newtype_variant_seed(Lenient(seed))
    }

    #[inline]
    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, A::Error> {
        self.0.tuple_variant(len, through(visitor))
    }

    #[inline]
    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, A::Error> {
        self.0.struct_variant(fields, through(visitor))
    }
}
