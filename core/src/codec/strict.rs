//! A serializer around serde_json's that refuses the numbers that JSON lacks, and knows where it failed.
//!
//! serde_json writes NaN and the infinities as `null`, which the other side would take for an absent value.

use std::cell::RefCell;
use std::fmt::Display;

use serde::ser::{
    Error, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};

use super::Step;

/// Writes `value`; on failure also says where, from the outside in.
#[inline]
pub(super) fn serialize<T, S>(value: &T, serializer: S) -> Result<S::Ok, (Vec<Step>, S::Error)>
where
    T: Serialize + ?Sized,
    S: Serializer,
{
    let trail = Trail::default();
    value.serialize(Strict { inner: serializer, trail: &trail }).map_err(|error| {
        let mut steps = trail.0.into_inner();
        steps.reverse();
        (steps, error)
    })
}

/// The way back from a failure, from the inside out. It stays empty, and costs nothing, until something fails.
#[derive(Default)]
struct Trail(RefCell<Vec<Step>>);

impl Trail {
    #[inline]
    fn mark<T, E>(&self, result: Result<T, E>, step: impl FnOnce() -> Step) -> Result<T, E> {
        if result.is_err() {
            self.0.borrow_mut().push(step());
        }
        result
    }
}

/// Wraps a serializer or a value, and by that everything below.
struct Strict<'t, T> {
    inner: T,
    trail: &'t Trail,
}

/// Wraps what takes the parts of a value.
struct Parts<'t, P> {
    inner: P,
    trail: &'t Trail,
    /// The variant that the parts are of.
    variant: Option<&'static str>,
    /// How many parts were taken.
    taken: usize,
    /// The key whose value comes next.
    key: Option<String>,
}

impl<T: Serialize + ?Sized> Serialize for Strict<'_, &T> {
    #[inline]
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.inner.serialize(Strict { inner: serializer, trail: self.trail })
    }
}

impl<'t, S> Strict<'t, S> {
    #[inline]
    fn below<'v, T: ?Sized>(&self, value: &'v T) -> Strict<'t, &'v T> {
        Strict { inner: value, trail: self.trail }
    }
}

fn check<E: Error>(number: f64) -> Result<(), E> {
    if number.is_finite() {
        Ok(())
    } else {
        Err(E::custom(format_args!("{number} is not a JSON number")))
    }
}

macro_rules! leaves {
    ($($method:ident($($arg:ident: $ty:ty),*);)*) => {$(
        #[inline]
        fn $method(self, $($arg: $ty),*) -> Result<S::Ok, S::Error> {
            self.inner.$method($($arg),*)
        }
    )*};
}

macro_rules! parts {
    ($($method:ident($($arg:ident: $ty:ty),*) -> $parts:ident of $variant:expr;)*) => {$(
        #[inline]
        fn $method(self, $($arg: $ty),*) -> Result<Self::$parts, S::Error> {
            let inner = self.inner.$method($($arg),*)?;
            Ok(Parts { inner, trail: self.trail, variant: $variant, taken: 0, key: None })
        }
    )*};
}

impl<'t, S: Serializer> Serializer for Strict<'t, S> {
    type Ok = S::Ok;
    type Error = S::Error;
    type SerializeSeq = Parts<'t, S::SerializeSeq>;
    type SerializeTuple = Parts<'t, S::SerializeTuple>;
    type SerializeTupleStruct = Parts<'t, S::SerializeTupleStruct>;
    type SerializeTupleVariant = Parts<'t, S::SerializeTupleVariant>;
    type SerializeMap = Parts<'t, S::SerializeMap>;
    type SerializeStruct = Parts<'t, S::SerializeStruct>;
    type SerializeStructVariant = Parts<'t, S::SerializeStructVariant>;

    #[inline]
    fn serialize_f32(self, number: f32) -> Result<S::Ok, S::Error> {
        check(number.into())?;
        self.inner.serialize_f32(number)
    }

    #[inline]
    fn serialize_f64(self, number: f64) -> Result<S::Ok, S::Error> {
        check(number)?;
        self.inner.serialize_f64(number)
    }

    leaves! {
        serialize_bool(value: bool);
        serialize_i8(value: i8);
        serialize_i16(value: i16);
        serialize_i32(value: i32);
        serialize_i64(value: i64);
        serialize_i128(value: i128);
        serialize_u8(value: u8);
        serialize_u16(value: u16);
        serialize_u32(value: u32);
        serialize_u64(value: u64);
        serialize_u128(value: u128);
        serialize_char(value: char);
        serialize_str(value: &str);
        serialize_bytes(value: &[u8]);
        serialize_none();
        serialize_unit();
        serialize_unit_struct(name: &'static str);
        serialize_unit_variant(name: &'static str, index: u32, variant: &'static str);
    }

    parts! {
        serialize_seq(len: Option<usize>) -> SerializeSeq of None;
        serialize_tuple(len: usize) -> SerializeTuple of None;
        serialize_tuple_struct(name: &'static str, len: usize) -> SerializeTupleStruct of None;
        serialize_tuple_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
            -> SerializeTupleVariant of Some(variant);
        serialize_map(len: Option<usize>) -> SerializeMap of None;
        serialize_struct(name: &'static str, len: usize) -> SerializeStruct of None;
        serialize_struct_variant(name: &'static str, index: u32, variant: &'static str, len: usize)
            -> SerializeStructVariant of Some(variant);
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        let value = self.below(value);
        self.inner.serialize_some(&value)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let value = self.below(value);
        self.inner.serialize_newtype_struct(name, &value)
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        name: &'static str,
        index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<S::Ok, S::Error> {
        let value = self.below(value);
        let result = self.inner.serialize_newtype_variant(name, index, variant, &value);
        self.trail.mark(result, || Step::Key(variant.to_owned()))
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<S::Ok, S::Error> {
        self.inner.collect_str(value)
    }
}

impl<'t, P> Parts<'t, P> {
    /// Writes one part and, if that fails, says which.
    #[inline]
    fn part<T: ?Sized, E>(
        &mut self,
        value: &T,
        step: impl FnOnce(usize) -> Step,
        write: impl FnOnce(&mut P, &Strict<'t, &T>) -> Result<(), E>,
    ) -> Result<(), E> {
        let result = write(&mut self.inner, &Strict { inner: value, trail: self.trail });
        let result = self.trail.mark(result, || step(self.taken));
        self.taken += 1;
        match self.variant {
            Some(variant) => self.trail.mark(result, || Step::Key(variant.to_owned())),
            None => result,
        }
    }
}

macro_rules! elements {
    ($($parts:ident::$method:ident;)*) => {$(
        impl<P: $parts> $parts for Parts<'_, P> {
            type Ok = P::Ok;
            type Error = P::Error;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), P::Error> {
                self.part(value, Step::Index, |parts, value| parts.$method(value))
            }

            #[inline]
            fn end(self) -> Result<P::Ok, P::Error> {
                self.inner.end()
            }
        }
    )*};
}

elements! {
    SerializeSeq::serialize_element;
    SerializeTuple::serialize_element;
    SerializeTupleStruct::serialize_field;
    SerializeTupleVariant::serialize_field;
}

macro_rules! fields {
    ($($parts:ident;)*) => {$(
        impl<P: $parts> $parts for Parts<'_, P> {
            type Ok = P::Ok;
            type Error = P::Error;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(
                &mut self,
                key: &'static str,
                value: &T,
            ) -> Result<(), P::Error> {
                self.part(value, |_| Step::Key(key.to_owned()), |parts, value| parts.serialize_field(key, value))
            }

            #[inline]
            fn end(self) -> Result<P::Ok, P::Error> {
                self.inner.end()
            }
        }
    )*};
}

fields! {
    SerializeStruct;
    SerializeStructVariant;
}

// Keys pass: serde_json itself refuses one that isn't finite.
impl<P: SerializeMap> SerializeMap for Parts<'_, P> {
    type Ok = P::Ok;
    type Error = P::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), P::Error> {
        self.key = Some(text_of(key));
        self.inner.serialize_key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), P::Error> {
        let key = self.key.take().unwrap_or_default();
        self.part(value, |_| Step::Key(key), |parts, value| parts.serialize_value(value))
    }

    // What maps call as a rule: here the key's text is made only when it is needed.
    #[inline]
    fn serialize_entry<K: Serialize + ?Sized, V: Serialize + ?Sized>(
        &mut self,
        key: &K,
        value: &V,
    ) -> Result<(), P::Error> {
        self.part(
            value,
            |_| Step::Key(text_of(key)),
            |parts, value| parts.serialize_entry(key, value),
        )
    }

    #[inline]
    fn end(self) -> Result<P::Ok, P::Error> {
        self.inner.end()
    }
}

/// A key as it stands in an error's path.
fn text_of<K: Serialize + ?Sized>(key: &K) -> String {
    match serde_json::to_value(key) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(other) => other.to_string(),
        Err(error) => error.to_string(),
    }
}
