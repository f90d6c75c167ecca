//! Names and keys: what may be called how, and where it lies in Redis.
//!
//! Everything is checked when it is made, so that the rest of the core never meets a bad name.

use std::borrow::Borrow;
use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use crate::random::Uuid;
use crate::text::shorten;

/// A name that the wire doesn't allow.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NameError {
    /// A service name must match `^[a-z][a-z0-9-]*$`.
    #[error(
        "{0:?} is not a service name: start with a lowercase letter, go on with lowercase letters, digits and hyphens"
    )]
    Service(String),
    /// A method name must match `^[a-z][a-zA-Z0-9]*$`.
    #[error(
        "{0:?} is not a method name: start with a lowercase letter, go on with letters and digits (camelCase on the wire)"
    )]
    Method(String),
    /// A key prefix must not be empty.
    #[error(
        "the key prefix is empty: choose one that no other use of this Redis shares, such as \"my-app\""
    )]
    EmptyPrefix,
    /// An instance id must not be empty.
    #[error("the instance id is empty: leave it out to get a random one")]
    EmptyInstanceId,
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, Hash)]
        pub struct $name(Arc<str>);

        // Most that are compared are clones of one.
        impl Ord for $name {
            fn cmp(&self, other: &Self) -> Ordering {
                if Arc::ptr_eq(&self.0, &other.0) { Ordering::Equal } else { self.0.cmp(&other.0) }
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl $name {
            /// The text, as it stands on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_type! {
    /// The name of a service, such as `arith`: `^[a-z][a-z0-9-]*$`.
    ServiceName
}
name_type! {
    /// The name of a method as it stands on the wire, such as `placeOrder`: `^[a-z][a-zA-Z0-9]*$`.
    MethodName
}
name_type! {
    /// The literal beginning of every key that a set of services and clients shares. Any text but the empty one.
    KeyPrefix
}
name_type! {
    /// What tells one client or server apart from every other under the same prefix.
    InstanceId
}
name_type! {
    /// A complete key in Redis.
    Key
}
name_type! {
    /// What a group, or a consumer in one, is called in Redis. Any text.
    Name
}

macro_rules! any_text {
    ($name:ident) => {
        impl From<String> for $name {
            fn from(text: String) -> $name {
                $name(text.into())
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> $name {
                $name(text.into())
            }
        }
    };
}

impl Borrow<str> for Key {
    fn borrow(&self) -> &str {
        &self.0
    }
}

any_text!(Key);
any_text!(Name);

impl PartialEq<str> for Name {
    fn eq(&self, other: &str) -> bool {
        *self.0 == *other
    }
}

impl PartialEq<&str> for Name {
    fn eq(&self, other: &&str) -> bool {
        *self.0 == **other
    }
}

impl std::ops::Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl ServiceName {
    /// Checks and takes a service name.
    ///
    /// ```
    /// use clamator_core::ServiceName;
    /// assert!(ServiceName::new("custom-commands").is_ok());
    /// assert!(ServiceName::new("Arith").is_err());
    /// ```
    ///
    /// # Errors
    ///
    /// [`NameError::Service`] if the wire doesn't allow it.
    pub fn new(name: &str) -> Result<ServiceName, NameError> {
        if is_service_name(name) {
            Ok(ServiceName(name.into()))
        } else {
            Err(NameError::Service(name.to_owned()))
        }
    }
}

impl From<MethodName> for Arc<str> {
    fn from(name: MethodName) -> Arc<str> {
        name.0
    }
}

impl MethodName {
    /// Checks and takes a method name, in its wire form.
    ///
    /// # Errors
    ///
    /// [`NameError::Method`] if the wire doesn't allow it.
    pub fn new(name: &str) -> Result<MethodName, NameError> {
        if is_method_name(name) {
            Ok(MethodName(name.into()))
        } else {
            Err(NameError::Method(name.to_owned()))
        }
    }
}

impl InstanceId {
    /// Checks and takes an instance id.
    ///
    /// # Errors
    ///
    /// [`NameError::EmptyInstanceId`] if it is empty.
    pub fn new(id: &str) -> Result<InstanceId, NameError> {
        if id.is_empty() {
            return Err(NameError::EmptyInstanceId);
        }
        Ok(InstanceId(id.into()))
    }
}

impl InstanceId {
    pub(crate) fn from_uuid(uuid: Uuid) -> InstanceId {
        InstanceId(uuid.to_string().into())
    }
}

impl KeyPrefix {
    /// Checks and takes a key prefix.
    ///
    /// # Errors
    ///
    /// [`NameError::EmptyPrefix`] if it is empty.
    pub fn new(prefix: &str) -> Result<KeyPrefix, NameError> {
        if prefix.is_empty() {
            return Err(NameError::EmptyPrefix);
        }
        Ok(KeyPrefix(prefix.into()))
    }

    /// The stream of requests and notifications for `service`.
    ///
    /// ```
    /// use clamator_core::{KeyPrefix, ServiceName};
    /// let prefix = KeyPrefix::new("my-app/tenant-42").unwrap();
    /// let arith = ServiceName::new("arith").unwrap();
    /// assert_eq!(prefix.command_stream(&arith).as_str(), "my-app/tenant-42:cmds:arith");
    /// ```
    #[must_use]
    pub fn command_stream(&self, service: &ServiceName) -> Key {
        Key::from(format!("{self}:cmds:{service}"))
    }

    /// The stream of a service's requests that were begun too often: `<prefix>:dead:<service>`.
    #[must_use]
    pub fn dead_letter_stream(&self, service: &ServiceName) -> Key {
        Key::from(format!("{self}:dead:{service}"))
    }

    /// The stream of replies to one client.
    #[must_use]
    pub fn reply_stream(&self, client: &InstanceId) -> Key {
        Key::from(format!("{self}:replies:{client}"))
    }

    /// Whether replies may be written to `key`: it lies below `<prefix>:replies:`.
    #[must_use]
    pub fn confines_reply_to(&self, key: &str) -> bool {
        key.strip_prefix(self.as_str())
            .and_then(|rest| rest.strip_prefix(":replies:"))
            .is_some_and(|client| !client.is_empty())
    }
}

/// The name of one server among the consumers of a service's group.
pub(crate) fn consumer_name(service: &ServiceName, instance: &InstanceId) -> Name {
    Name::from(format!("{service}:{instance}"))
}

/// The method in a name such as `arith.add`, if [`split_method`] finds nothing wrong with it.
pub(crate) fn method_of(full: &[u8]) -> Option<&str> {
    // What may stand in the name of a service ends at the dot.
    let dot = full.iter().position(|byte| MEANS[usize::from(*byte)] & IN_SERVICE == 0)?;
    let (service, rest) = full.split_at_checked(dot)?;
    let method = rest.strip_prefix(b".")?;
    let good = service.first()?.is_ascii_lowercase() && is_name(method, IN_METHOD | HYPHEN);
    if good { std::str::from_utf8(method).ok() } else { None }
}

/// Splits `arith.add` at its first dot and checks both halves.
///
/// # Errors
///
/// What is wrong with it.
pub(crate) fn split_method(full: &str) -> Result<(&str, &str), String> {
    // A plain search: there is no long way to the dot.
    let dot = full.bytes().position(|b| b == b'.');
    let Some((service, method)) = dot.map(|at| (&full[..at], &full[at + 1..])) else {
        let full = shorten(full);
        return Err(format!("method {full:?} is not of the form \"<service>.<method>\""));
    };
    if !is_service_name(service) {
        return Err(NameError::Service(shorten(service).into_owned()).to_string());
    }
    // The oldest TypeScript peers let hyphens into method names: such a name can't be defined
    // here, so it can only turn out not to be found.
    if !is_name(method.as_bytes(), IN_METHOD | HYPHEN) {
        return Err(NameError::Method(shorten(method).into_owned()).to_string());
    }
    Ok((service, method))
}

/// Whether the wire allows `name` for a service.
#[must_use]
pub fn is_service_name(name: &str) -> bool {
    is_name(name.as_bytes(), IN_SERVICE)
}

/// Whether the wire allows `name` for a method.
#[must_use]
pub fn is_method_name(name: &str) -> bool {
    is_name(name.as_bytes(), IN_METHOD)
}

fn is_name(name: &[u8], made_of: u8) -> bool {
    name.first().is_some_and(u8::is_ascii_lowercase)
        && name.iter().all(|byte| MEANS[usize::from(*byte)] & made_of != 0)
}

const IN_SERVICE: u8 = 1;
const IN_METHOD: u8 = 2;
const HYPHEN: u8 = 4;

/// In which names each byte may stand.
const MEANS: [u8; 256] = {
    let mut means = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        means[byte] = match byte as u8 {
            b'a'..=b'z' | b'0'..=b'9' => IN_SERVICE | IN_METHOD,
            b'A'..=b'Z' => IN_METHOD,
            b'-' => IN_SERVICE | HYPHEN,
            _ => 0,
        };
        byte += 1;
    }
    means
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn service_names_are_lowercase_with_digits_and_hyphens() {
        for good in ["a", "arith", "custom-commands", "s3", "a-"] {
            assert!(is_service_name(good), "{good}");
        }
        for bad in ["", "Arith", "1a", "-a", "a_b", "a.b", "a b", "ä", "aÄ", "a\n"] {
            assert!(!is_service_name(bad), "{bad}");
        }
    }

    #[test]
    fn method_names_are_camel_case() {
        for good in ["a", "add", "placeOrder", "v2"] {
            assert!(is_method_name(good), "{good}");
        }
        for bad in ["", "Add", "place-order", "place_order", "2v", "a.b", "é"] {
            assert!(!is_method_name(bad), "{bad}");
        }
    }

    #[test]
    fn a_full_name_is_split_at_the_first_dot() {
        for byte in 0..=0x7f {
            for at in 0..=9 {
                let mut full = b"arith.add".to_vec();
                full.insert(at, byte);
                let full = String::from_utf8(full).unwrap();
                let method = split_method(&full).ok().map(|(_, method)| method);
                assert_eq!(method_of(full.as_bytes()), method, "{full}");
            }
        }
        assert_eq!(split_method("arith.add"), Ok(("arith", "add")));
        assert_eq!(split_method("arith.group-cancel"), Ok(("arith", "group-cancel")));
        for bad in
            ["arith", "arith.", ".add", "arith.add.more", "arith.Add", "Arith.add", "arith.1", ""]
        {
            assert!(split_method(bad).is_err() && method_of(bad.as_bytes()).is_none(), "{bad}");
        }
    }

    #[test]
    fn replies_stay_below_the_prefix() {
        let prefix = KeyPrefix::new("p{1}/a b").unwrap();
        let client = InstanceId::new("c1").unwrap();
        assert!(prefix.confines_reply_to(prefix.reply_stream(&client).as_str()));
        assert!(prefix.confines_reply_to("p{1}/a b:replies:c1.2"));
        for outside in [
            "p{1}/a b:replies:",
            "p{1}/a b:cmds:arith",
            "other:replies:c1",
            "",
            "p{1}/a b",
            "xp{1}/a b:replies:c",
        ] {
            assert!(!prefix.confines_reply_to(outside), "{outside}");
        }
    }

    #[test]
    fn empty_names_are_refused_with_advice() {
        assert_eq!(KeyPrefix::new(""), Err(NameError::EmptyPrefix));
        assert_eq!(InstanceId::new(""), Err(NameError::EmptyInstanceId));
        assert!(NameError::EmptyPrefix.to_string().contains("my-app"));
    }

    #[test]
    fn a_consumer_is_named_after_its_service_and_instance() {
        let service = ServiceName::new("arith").unwrap();
        let instance = InstanceId::new("i1").unwrap();
        assert_eq!(consumer_name(&service, &instance), "arith:i1");
    }
}
