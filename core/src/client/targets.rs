//! Where calls go: each name is put together with its stream once.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::call_name::CallName;
use crate::names::{Key, KeyPrefix, NameError, ServiceName};

/// How many names are remembered.
const MAX_NAMES: usize = 1024;

/// A method, and the stream that calls to it go to.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) name: CallName,
    pub(crate) stream: Key,
}

/// What was called so far.
#[derive(Debug)]
pub(crate) struct Targets {
    prefix: KeyPrefix,
    known: BTreeMap<String, Arc<Target>>,
    /// What was called last is often what is called next.
    last: Option<Arc<Target>>,
}

impl Targets {
    pub(crate) fn new(prefix: KeyPrefix) -> Targets {
        Targets { prefix, known: BTreeMap::new(), last: None }
    }

    /// Where calls of this name go.
    pub(crate) fn of(&mut self, name: &CallName) -> Result<Arc<Target>, NameError> {
        if let Some(last) = self.last.as_ref().filter(|last| last.name == *name) {
            return Ok(last.clone());
        }
        let target = self.find(name)?;
        self.last = Some(target.clone());
        Ok(target)
    }

    fn find(&mut self, name: &CallName) -> Result<Arc<Target>, NameError> {
        if let Some(target) = self.known.get(name.as_str()) {
            return Ok(target.clone());
        }
        let stream = self.stream_of(name.service())?;
        let target = Arc::new(Target { name: name.clone(), stream });
        if self.known.len() < MAX_NAMES {
            self.known.insert(name.as_str().to_owned(), target.clone());
        }
        Ok(target)
    }

    /// One key for all methods of a service: what is the same is found to be so at once.
    fn stream_of(&self, service: &str) -> Result<Key, NameError> {
        let another = self.known.range(format!("{service}.")..).next();
        if let Some((_, another)) = another.filter(|(_, target)| target.name.service() == service) {
            return Ok(another.stream.clone());
        }
        Ok(self.prefix.command_stream(&ServiceName::new(service)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn targets() -> Targets {
        Targets::new(KeyPrefix::new("p").unwrap())
    }

    #[test]
    fn a_name_goes_to_the_stream_of_its_service() {
        let mut targets = targets();
        for (service, method, stream) in [
            ("arith", "add", "p:cmds:arith"),
            ("arith", "add", "p:cmds:arith"),
            ("arith", "sub", "p:cmds:arith"),
            ("arith", "aaa", "p:cmds:arith"),
            ("a", "add", "p:cmds:a"),
            ("arith-2", "add", "p:cmds:arith-2"),
            ("arit", "hadd", "p:cmds:arit"),
        ] {
            let target = targets.of(&CallName::new(service, method)).unwrap();
            assert_eq!(target.stream.as_str(), stream);
            assert_eq!((target.name.service(), target.name.method()), (service, method));
        }
        assert_eq!(targets.known.len(), 6);
    }

    #[test]
    fn not_more_names_are_remembered_than_are_likely_to_be_methods() {
        let mut targets = targets();
        for service in 0..2 * MAX_NAMES {
            let name = CallName::new(&format!("s{service}"), "add");
            assert_eq!(targets.of(&name).unwrap().stream.as_str(), format!("p:cmds:s{service}"));
        }
        assert_eq!(targets.known.len(), MAX_NAMES);
    }
}
