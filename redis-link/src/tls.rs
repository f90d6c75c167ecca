//! TLS over whatever byte stream a runtime has opened.

use std::fmt::Display;
use std::io;
use std::sync::Arc;

use clamator_driver::ConfigError;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{CertificateError, ClientConfig, Error, RootCertStore};

use crate::config::Redis;
use crate::link::BoxedStream;

/// What [`Redis`] was told about certificates.
#[derive(Clone, Default)]
pub(crate) struct TlsOptions {
    /// PEM; without it what the system trusts.
    roots: Option<Vec<u8>>,
    /// PEM: certificates and key.
    identity: Option<(Vec<u8>, Vec<u8>)>,
    name: Option<String>,
}

/// Certificates for `rediss://`. There with the feature `tls`.
impl Redis {
    /// Trusts servers whose certificates these authorities have signed (PEM, one or more), and no others. Without this
    /// the authorities that the system trusts are asked.
    ///
    /// ```
    /// # fn example() -> std::io::Result<()> {
    /// use clamator_redis::Redis;
    ///
    /// let redis = Redis::url("rediss://redis.internal:6380").with_root_certificate(std::fs::read("ca.pem")?);
    /// # Ok(()) }
    /// ```
    #[must_use]
    pub fn with_root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Redis {
        self.tls.roots = Some(pem.into());
        self
    }

    /// Shows this certificate (PEM, its chain after it) to servers that ask for one, and proves it with this key (PEM).
    #[must_use]
    pub fn with_client_certificate(
        mut self,
        certificate_pem: impl Into<Vec<u8>>,
        key_pem: impl Into<Vec<u8>>,
    ) -> Redis {
        self.tls.identity = Some((certificate_pem.into(), key_pem.into()));
        self
    }

    /// Expects the server's certificate to be for this name, instead of for the host of the URL: for tunnels and addresses that
    /// no certificate has.
    #[must_use]
    pub fn with_tls_name(mut self, name: impl Into<String>) -> Redis {
        self.tls.name = Some(name.into());
        self
    }
}

impl TlsOptions {
    pub(crate) fn is_given(&self) -> bool {
        self.roots.is_some() || self.identity.is_some() || self.name.is_some()
    }

    /// Reads the certificates: a wrong one is found before anything is opened.
    pub(crate) fn build(&self, _url: &str) -> Result<Tls, ConfigError> {
        let roots = match &self.roots {
            Some(pem) => given_roots(pem)?,
            None => roots_of_the_system()?,
        };
        // Named here, so that it doesn't depend on what the rest of a program has installed.
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| wrong("rustls can't be set up", error))?
            .with_root_certificates(roots);
        let config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some((certificates, key)) => {
                let what = "the client certificate";
                let certificates = parsed(what, certificates)?;
                let key = PrivateKeyDer::from_pem_slice(key)
                    .map_err(|error| wrong("the client certificate's key is not PEM", error))?;
                builder
                    .with_client_auth_cert(certificates, key)
                    .map_err(|error| wrong("the client certificate and its key", error))?
            }
        };
        if let Some(name) = &self.name {
            server_name(name)
                .map_err(|error| wrong("the name given to with_tls_name can't be one", error))?;
        }
        Ok(Tls { connector: Arc::new(config).into(), name: self.name.clone() })
    }
}

/// How connections are made safe.
#[derive(Clone)]
pub(crate) struct Tls {
    connector: TlsConnector,
    name: Option<String>,
}

impl Tls {
    /// Shakes hands with the server at `host`.
    pub(crate) async fn wrap(&self, host: &str, stream: BoxedStream) -> io::Result<BoxedStream> {
        let name = self.name.as_deref().unwrap_or(host);
        match self.connector.connect(server_name(name)?, stream).await {
            Ok(stream) => Ok(Box::new(stream)),
            Err(error) => Err(explained(error, name)),
        }
    }
}

fn server_name(name: &str) -> io::Result<ServerName<'static>> {
    ServerName::try_from(name.to_owned())
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, format!("{name:?}: {error}")))
}

fn given_roots(pem: &[u8]) -> Result<RootCertStore, ConfigError> {
    let what = "the root certificate";
    let mut roots = RootCertStore::empty();
    for certificate in parsed(what, pem)? {
        roots.add(certificate).map_err(|error| wrong(what, error))?;
    }
    Ok(roots)
}

fn roots_of_the_system() -> Result<RootCertStore, ConfigError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // One that nobody can read is no reason not to trust the others.
    let (trusted, _) = roots.add_parsable_certificates(found.certs);
    if trusted > 0 {
        return Ok(roots);
    }
    let why = found.errors.first().map(|error| format!(" ({error})")).unwrap_or_default();
    Err(ConfigError::Tls(format!(
        "this system has no certificates of authorities that it trusts{why}: install them (Debian: ca-certificates), or \
         give the server's own authority to Redis::with_root_certificate"
    )))
}

fn parsed(what: &str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let certificates = CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>();
    match certificates {
        Err(error) => Err(wrong(&format!("{what} is not PEM"), error)),
        Ok(none) if none.is_empty() => {
            Err(ConfigError::Tls(format!("{what} has no certificate in it: give PEM")))
        }
        Ok(certificates) => Ok(certificates),
    }
}

fn wrong(what: &str, error: impl Display) -> ConfigError {
    ConfigError::Tls(format!("{what}: {error}"))
}

/// The error of a handshake, with what to do about it.
fn explained(error: io::Error, name: &str) -> io::Error {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<Error>());
    let advice = match cause {
        // A bad signature is that of another authority with the same name.
        Some(Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        )) => {
            "the server's certificate is signed by nobody who is trusted here: give its authority's certificate to \
             Redis::with_root_certificate"
                .to_owned()
        }
        Some(Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        )) => format!(
            "the server's certificate is not for {name:?}: connect to a name that it is for, or say which one to expect with \
             Redis::with_tls_name"
        ),
        Some(Error::InvalidMessage(_)) => {
            "the server doesn't speak TLS on this port: connect to its TLS port, or without TLS by redis://".to_owned()
        }
        _ => return io::Error::new(error.kind(), format!("no TLS connection: {error}")),
    };
    io::Error::new(error.kind(), format!("{advice} ({error})"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(redis: &Redis) -> String {
        match redis.tls.build("rediss://h") {
            Err(ConfigError::Tls(problem)) => problem,
            Err(error) => panic!("{error}"),
            Ok(_) => panic!("it is accepted"),
        }
    }

    #[test]
    fn what_is_not_a_certificate_is_found_when_it_is_built() {
        let redis = || Redis::url("rediss://h");
        let ca = clamator_testkit::Certificates::new().ca();
        for (redis, about) in [
            (redis().with_root_certificate("no"), "the root certificate"),
            (redis().with_root_certificate(Vec::new()), "the root certificate"),
            (
                redis().with_root_certificate(&*ca).with_client_certificate("no", "no"),
                "the client certificate",
            ),
            (
                redis().with_root_certificate(&*ca).with_client_certificate(&*ca, "no"),
                "the client certificate's key",
            ),
            (redis().with_root_certificate(&*ca).with_tls_name("a b"), "with_tls_name"),
        ] {
            let problem = problem(&redis);
            assert!(problem.contains(about), "{problem}");
        }
    }

    #[test]
    fn errors_of_a_handshake_say_what_to_do() {
        let said = |error: Error| explained(io::Error::other(error), "h").to_string();
        let invalid = |error| said(Error::InvalidCertificate(error));
        for stranger in [CertificateError::UnknownIssuer, CertificateError::BadSignature] {
            assert!(invalid(stranger).contains("with_root_certificate"));
        }
        assert!(invalid(CertificateError::NotValidForName).contains("not for \"h\""));
        assert!(invalid(CertificateError::Revoked).starts_with("no TLS connection"));
        let plain = tokio_rustls::rustls::InvalidMessage::InvalidContentType;
        assert!(said(plain.into()).contains("redis://"));
    }
}
