//! Which requests of a service follow each other: the application's own code gives each a key.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use clamator_core::{Keyed, Keying, codec};
use serde::de::DeserializeOwned;

/// A request that has come in, as [`Service::ordered_by`](crate::Service::ordered_by) shows it.
pub struct Incoming<'a> {
    method: &'a str,
    params: &'a [u8],
}

impl<'a> Incoming<'a> {
    /// The method that is called, by its wire name.
    #[must_use]
    pub fn method(&self) -> &'a str {
        self.method
    }

    /// One of the params, by its name on the wire; `None` if it is absent or doesn't fit `T`.
    #[must_use]
    pub fn param<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        codec::param(self.params, name)
    }

    /// All params; `None` if they don't fit `T`.
    #[must_use]
    pub fn params<T: DeserializeOwned>(&self) -> Option<T> {
        codec::from_params(self.params).ok()
    }
}

impl fmt::Debug for Incoming<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming").field("method", &self.method).finish_non_exhaustive()
    }
}

type Key = dyn Fn(&Incoming<'_>) -> Option<String> + Send + Sync;

/// Gives each request its key.
#[derive(Clone)]
pub(crate) struct Order {
    key: Arc<Key>,
}

impl Order {
    pub(crate) fn by<K: fmt::Display>(
        key: impl Fn(&Incoming<'_>) -> Option<K> + Send + Sync + 'static,
    ) -> Order {
        Order { key: Arc::new(move |incoming| key(incoming).map(|key| key.to_string())) }
    }

    /// The key of a request, or that it panicked at it.
    pub(crate) fn of(&self, keying: &Keying) -> Keyed {
        let incoming = Incoming { method: keying.method.as_str(), params: &keying.params };
        match catch_unwind(AssertUnwindSafe(|| (self.key)(&incoming))) {
            Ok(Some(key)) => Keyed::Key(Bytes::from(key)),
            Ok(None) => Keyed::Free,
            Err(panic) => Keyed::Panicked(panic_message(&*panic)),
        }
    }
}

/// What a panic says.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|message| (*message).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".to_owned())
}

#[cfg(test)]
mod tests {
    use clamator_core::{MethodName, StreamId};

    use super::*;

    fn keyed<K: fmt::Display>(
        params: &str,
        key: impl Fn(&Incoming<'_>) -> Option<K> + Send + Sync + 'static,
    ) -> Keyed {
        let (method, params) =
            (MethodName::new("add").unwrap(), Bytes::copy_from_slice(params.as_bytes()));
        Order::by(key).of(&Keying { service: 0, entry: StreamId::MIN, method, params })
    }

    #[test]
    fn a_key_is_whatever_can_be_written_down() {
        let key = |text: &'static str| Keyed::Key(Bytes::from_static(text.as_bytes()));
        let account = r#"{"account": 7.0, "name": "é"}"#;
        assert_eq!(keyed(account, |call| call.param::<u64>("account")), key("7"));
        assert_eq!(keyed(account, |call| call.param::<String>("name")), key("é"));
        assert_eq!(keyed(account, |call| Some(call.method().to_owned())), key("add"));
    }

    #[test]
    fn what_is_absent_or_does_not_fit_gives_no_key() {
        for params in ["{}", r#"{"account":"x"}"#, r#"{"account":null}"#, "[7]", "7", "{"] {
            assert_eq!(keyed(params, |call| call.param::<u64>("account")), Keyed::Free, "{params}");
        }
    }

    #[test]
    fn a_panic_is_caught_with_its_message() {
        let panics = |call: &Incoming<'_>| -> Option<String> { panic!("at {}", call.method()) };
        assert_eq!(keyed("{}", panics), Keyed::Panicked("at add".to_owned()));
    }
}
