//! In place of `tls.rs`, without the feature `tls`.

use std::io;

use clamator_driver::ConfigError;

use crate::config::without_credentials;
use crate::link::BoxedStream;

#[derive(Clone, Default)]
pub(crate) struct TlsOptions;

impl TlsOptions {
    pub(crate) fn is_given(&self) -> bool {
        false
    }

    pub(crate) fn build(&self, url: &str) -> Result<Tls, ConfigError> {
        Err(ConfigError::Url {
            url: without_credentials(url),
            reason: "TLS is not built in: turn on the feature `tls` of clamator-tokio, clamator-smol or clamator-async-std \
                     (clamator-tokio = { …, features = [\"tls\"] })"
                .to_owned(),
        })
    }
}

/// There is none.
#[derive(Clone)]
pub(crate) enum Tls {}

impl Tls {
    pub(crate) async fn wrap(&self, _host: &str, _stream: BoxedStream) -> io::Result<BoxedStream> {
        match *self {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_feature_is_named() {
        let error = TlsOptions.build("rediss://me:secret@h").err().unwrap().to_string();
        assert!(error.contains("feature `tls`") && error.contains("rediss://h"), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}
