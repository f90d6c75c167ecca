//! What a call is named after: known to its caller and to the core, and copied for every call.

use std::fmt;
use std::sync::Arc;

/// The longest name that takes no memory of its own, and makes this type 48 bytes large.
const SHORT: usize = 45;

/// A service and one of its methods, such as `arith.add`. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct CallName(Text);

#[derive(Clone, PartialEq, Eq)]
enum Text {
    Short { service: u8, len: u8, text: [u8; SHORT] },
    Long { service: usize, text: Arc<str> },
}

impl CallName {
    pub(crate) fn new(service: &str, method: &str) -> CallName {
        let len = service.len() + 1 + method.len();
        let mut text = [0; SHORT];
        let (Some(whole), Ok(at), Ok(len)) =
            (text.get_mut(..len), u8::try_from(service.len()), u8::try_from(len))
        else {
            let text = format!("{service}.{method}").into();
            return CallName(Text::Long { service: service.len(), text });
        };
        let (first, second) = whole.split_at_mut(service.len());
        first.copy_from_slice(service.as_bytes());
        second[0] = b'.';
        second[1..].copy_from_slice(method.as_bytes());
        CallName(Text::Short { service: at, len, text })
    }

    /// The name as it stands on the wire: `arith.add`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            // It is made of two texts.
            Text::Short { len, text, .. } => {
                std::str::from_utf8(&text[..usize::from(*len)]).unwrap_or_default()
            }
            Text::Long { text, .. } => text,
        }
    }

    fn parts(&self) -> (&str, &str) {
        let service = match &self.0 {
            Text::Short { service, .. } => usize::from(*service),
            Text::Long { service, .. } => *service,
        };
        let (service, method) = self.as_str().split_at(service);
        (service, &method[1..])
    }

    /// The service.
    #[must_use]
    pub fn service(&self) -> &str {
        self.parts().0
    }

    /// The method, without the service.
    #[must_use]
    pub fn method(&self) -> &str {
        self.parts().1
    }
}

impl fmt::Debug for CallName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for CallName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_every_length_come_apart_again() {
        for service in 1..60 {
            for method in 1..60 {
                let (service, method) = ("s".repeat(service), "m".repeat(method));
                let name = CallName::new(&service, &method);
                assert_eq!((name.service(), name.method()), (&*service, &*method));
                assert_eq!(name.to_string(), format!("{service}.{method}"));
                assert_eq!(name.clone(), name);
            }
        }
    }

    #[test]
    fn a_usual_name_takes_no_memory_of_its_own() {
        assert_eq!(size_of::<CallName>(), 48);
        let name = CallName::new("customer-commands", "placeOrderForCustomer");
        assert!(matches!(name.0, Text::Short { .. }), "{name:?}");
    }
}
