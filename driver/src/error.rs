//! What can be wrong with what a builder was given.

use clamator_core::NameError;

/// A client or server that can't be built from what was given.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A key prefix or an instance id that can't be.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The address of the store can't be understood.
    #[error("{url:?} is not an address of a store: {reason}")]
    Url {
        /// What was given, without credentials.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Two ways to the store were given.
    #[error("both a URL and a client were given: give one of them")]
    UrlAndClient,
    /// A shared connection was given without saying where it leads.
    #[error(
        "a shared connection was given alone: give the client or the URL that it was made from too, for the blocking reads"
    )]
    SharedConnectionAlone,
    /// Certificates that can't be used.
    #[error("TLS can't be set up: {0}")]
    Tls(String),
    /// An option that doesn't make sense.
    #[error("{option} is {value}: {advice}")]
    Option {
        /// The option's name.
        option: &'static str,
        /// Its value.
        value: String,
        /// What it should be.
        advice: &'static str,
    },
    /// The operating system gave no random numbers.
    #[error("the operating system gives no random numbers: {0}")]
    NoEntropy(String),
}
