//! What a service offers: the names of its methods and whether each answers.

use std::collections::BTreeMap;

use crate::names::{MethodName, NameError, ServiceName};

/// Whether a method answers its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MethodKind {
    /// Every call gets a result or an error.
    Request,
    /// Fire and forget: nothing comes back.
    Notification,
}

/// A contract that can't be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ContractError {
    /// A name that the wire doesn't allow.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Two methods of one name.
    #[error("service {service} has two methods named {method}")]
    DuplicateMethod {
        /// The service.
        service: ServiceName,
        /// The name that is there twice.
        method: MethodName,
    },
}

/// The names of a service and its methods, as they stand on the wire.
///
/// ```
/// use clamator_core::{Contract, MethodKind};
///
/// let arith = Contract::new("arith")?
///     .with_method("add", MethodKind::Request)?
///     .with_method("ping", MethodKind::Notification)?;
/// assert_eq!(arith.kind_of("ping"), Some(MethodKind::Notification));
/// assert_eq!(arith.kind_of("mul"), None);
/// # Ok::<(), clamator_core::ContractError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contract {
    service: ServiceName,
    methods: BTreeMap<MethodName, MethodKind>,
}

impl Contract {
    /// A contract without methods.
    ///
    /// # Errors
    ///
    /// [`ContractError::Name`] if the wire doesn't allow the name.
    pub fn new(service: &str) -> Result<Contract, ContractError> {
        Ok(Contract { service: ServiceName::new(service)?, methods: BTreeMap::new() })
    }

    /// Adds a method under its wire name.
    ///
    /// # Errors
    ///
    /// [`ContractError::Name`] if the wire doesn't allow the name, [`ContractError::DuplicateMethod`] if it is taken.
    pub fn with_method(
        mut self,
        method: &str,
        kind: MethodKind,
    ) -> Result<Contract, ContractError> {
        let method = MethodName::new(method)?;
        if self.methods.insert(method.clone(), kind).is_some() {
            return Err(ContractError::DuplicateMethod { service: self.service, method });
        }
        Ok(self)
    }

    /// The service's name.
    #[must_use]
    pub fn service(&self) -> &ServiceName {
        &self.service
    }

    /// Whether `method` answers; `None` if there is no such method.
    #[must_use]
    pub fn kind_of(&self, method: &str) -> Option<MethodKind> {
        self.find(method).map(|(_, kind)| kind)
    }

    pub(crate) fn find(&self, method: &str) -> Option<(&MethodName, MethodKind)> {
        self.methods().find(|(name, _)| name.as_str() == method)
    }

    /// All methods, sorted by name.
    pub fn methods(&self) -> impl Iterator<Item = (&MethodName, MethodKind)> {
        self.methods.iter().map(|(name, kind)| (name, *kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_once() {
        let twice = Contract::new("arith")
            .unwrap()
            .with_method("add", MethodKind::Request)
            .unwrap()
            .with_method("add", MethodKind::Notification);
        assert_eq!(twice.unwrap_err().to_string(), "service arith has two methods named add");
    }

    #[test]
    fn names_are_checked_where_a_contract_is_made() {
        assert!(Contract::new("Arith").is_err());
        assert!(
            Contract::new("arith")
                .unwrap()
                .with_method("place_order", MethodKind::Request)
                .is_err()
        );
    }

    #[test]
    fn methods_are_listed_by_name() {
        let contract = Contract::new("s")
            .unwrap()
            .with_method("b", MethodKind::Request)
            .unwrap()
            .with_method("a", MethodKind::Notification)
            .unwrap();
        let names: Vec<_> =
            contract.methods().map(|(name, kind)| (name.as_str().to_owned(), kind)).collect();
        assert_eq!(
            names,
            [("a".to_owned(), MethodKind::Notification), ("b".to_owned(), MethodKind::Request)]
        );
    }
}
