//! Certificates of a test's own, and files of them for `redis-server`.

use std::fs;
use std::path::PathBuf;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair,
};
use tempfile::TempDir;

use crate::support::unique_prefix;

/// An authority that nobody else trusts, a certificate for a server, and one for a client.
#[derive(Debug)]
pub struct Certificates {
    dir: TempDir,
}

impl Certificates {
    /// Makes new ones.
    #[must_use]
    pub fn new() -> Self {
        Self::of(&["localhost", "127.0.0.1"])
    }

    /// Makes new ones, for a server of these names.
    ///
    /// # Panics
    ///
    /// If they can't be made or written.
    #[must_use]
    pub fn of(names: &[&str]) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory can be made");
        let certificates = Self { dir };
        let key = || KeyPair::generate().expect("a key can be made");
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, unique_prefix("authority"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = CertifiedIssuer::self_signed(params, key()).expect("an authority can be made");
        certificates.write("ca.pem", &ca.pem());
        for (name, names, purpose) in [
            ("server", names, ExtendedKeyUsagePurpose::ServerAuth),
            ("client", &["client"][..], ExtendedKeyUsagePurpose::ClientAuth),
        ] {
            let names = names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
            let mut params = CertificateParams::new(names).expect("the names are names");
            params.extended_key_usages = vec![purpose];
            let key = key();
            let certificate = params.signed_by(&key, &ca).expect("a certificate can be made");
            certificates.write(&format!("{name}.pem"), &certificate.pem());
            certificates.write(&format!("{name}.key"), &key.serialize_pem());
        }
        certificates
    }

    /// The authority's certificate (PEM).
    #[must_use]
    pub fn ca(&self) -> String {
        self.read("ca.pem")
    }

    /// A client's certificate and key (PEM).
    #[must_use]
    pub fn client(&self) -> (String, String) {
        (self.read("client.pem"), self.read("client.key"))
    }

    /// Arguments that make `redis-server` speak TLS on `port`, next to its other one.
    pub(crate) fn arguments(&self, port: u16, clients: &str) -> Vec<String> {
        let path = |name| self.path(name).to_string_lossy().into_owned();
        vec![
            "--tls-port".to_owned(),
            port.to_string(),
            "--tls-cert-file".to_owned(),
            path("server.pem"),
            "--tls-key-file".to_owned(),
            path("server.key"),
            "--tls-ca-cert-file".to_owned(),
            path("ca.pem"),
            "--tls-auth-clients".to_owned(),
            clients.to_owned(),
        ]
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn write(&self, name: &str, pem: &str) {
        fs::write(self.path(name), pem).expect("a temporary file can be written");
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).expect("what was written can be read")
    }
}

impl Default for Certificates {
    fn default() -> Self {
        Self::new()
    }
}
