//! Trusted certificates in addition to the system's, and this client's certificate.

use std::path::Path;
use std::sync::Arc;
use std::{env, fs};

use rustls::client::danger::ServerCertVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;
use zeroize::Zeroizing;

use crate::error::{Code, Error, printable};

/// The HTTP versions to offer, the preferred first
/// ([RFC 7301](https://www.rfc-editor.org/rfc/rfc7301)).
const ALPN: &[&str] = if cfg!(feature = "http2") { &["h2", "http/1.1"] } else { &["http/1.1"] };

// Certificates to trust: a file, and folders, as OpenSSL reads them.
const CERT_FILE: &str = "SSL_CERT_FILE";
const CERT_DIR: &str = "SSL_CERT_DIR";

/// The TLS settings in addition to the system's certificates.
#[derive(Clone, Default)]
pub(super) struct Trust {
    roots: Vec<CertificateDer<'static>>,
    identity: Option<Arc<SingleCertAndKey>>,
}

impl Trust {
    /// Trusts the certificates in a PEM file.
    pub(super) fn add_ca_file(&mut self, path: &Path) -> Result<(), Error> {
        self.add_roots(File { what: "CA file", flag: "--ca-file", path })
    }

    fn add_roots(&mut self, file: File) -> Result<(), Error> {
        let roots = file.certificates()?;
        let mut store = RootCertStore::empty();
        for root in &roots {
            store.add(root.clone()).map_err(|error| {
                file.unusable(&format!("contains no usable certificate ({error})"))
            })?;
        }
        self.roots.extend(roots);
        Ok(())
    }

    /// Sets the certificate of this client: one PEM file with the certificate and its
    /// chain, and one with the private key.
    pub(super) fn identify(&mut self, certificate: &Path, key: &Path) -> Result<(), Error> {
        let file = File { what: "client certificate", flag: "--client-cert", path: certificate };
        let chain = file.certificates()?;
        let key = File { what: "client key", flag: "--client-key", path: key };
        let certified = CertifiedKey::from_der(chain, key.private_key()?, &provider());
        let certified = certified.map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                key.unusable(&format!("does not belong to the certificate in {}", file.place()))
            }
            error => key.unusable(&format!("cannot be used ({error})")),
        })?;
        self.identity = Some(Arc::new(SingleCertAndKey::from(certified)));
        Ok(())
    }

    pub(super) fn has_identity(&self) -> bool {
        self.identity.is_some()
    }

    /// Returns a TLS configuration that trusts the system's certificates and those added
    /// here. If `identified`, the client's certificate is shown to a server that asks for
    /// it.
    ///
    /// On Linux and similar systems, the verifier reads `SSL_CERT_FILE` and `SSL_CERT_DIR`
    /// instead of the system's certificates, as OpenSSL does. On macOS and Windows it does
    /// not, so they are read here and added.
    pub(super) fn config(&self, identified: bool) -> Result<ClientConfig, String> {
        let mut roots = self.roots.clone();
        if cfg!(any(target_vendor = "apple", windows)) {
            roots.extend(named_roots(
                env::var_os(CERT_FILE).as_deref().map(Path::new),
                env::var_os(CERT_DIR).iter().flat_map(env::split_paths),
            )?);
        }
        // Elsewhere, this is when the system's certificates are loaded.
        let verifier = match cfg!(windows) && roots.is_empty() {
            true => Verifier::new(provider()),
            false => Verifier::new_with_extra_roots(roots, provider()),
        };
        let verifier = verifier.map_err(unloadable)?;
        let verifier: Arc<dyn ServerCertVerifier> = Arc::new(verifier);
        let builder = tls_versions()?.dangerous().with_custom_certificate_verifier(verifier);
        let mut config = match &self.identity {
            Some(identity) if identified => {
                builder.with_client_cert_resolver(Arc::<SingleCertAndKey>::clone(identity))
            }
            _ => builder.with_no_client_auth(),
        };
        config.alpn_protocols = ALPN.iter().map(|name| name.as_bytes().to_vec()).collect();
        Ok(config)
    }
}

/// Returns a TLS configuration for a database: it trusts the system's certificates, and
/// those in the PEM file `roots`.
#[cfg(feature = "postgres")]
pub(crate) fn tls_config(roots: Option<&Path>) -> Result<ClientConfig, Error> {
    let mut trust = Trust::default();
    if let Some(path) = roots {
        trust.add_roots(File { what: "CA file", flag: "sslrootcert", path })?;
    }
    let mut config = trust.config(false).map_err(|reason| {
        let remedy = "name the certificates to trust with sslrootcert in the URL";
        Error::new(Code::InvalidConfiguration, reason, remedy)
    })?;
    config.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(config)
}

/// Returns a configuration for connections without TLS, because loading certificates takes
/// milliseconds.
pub(super) fn without_certificates() -> Result<ClientConfig, String> {
    Ok(tls_versions()?.with_root_certificates(RootCertStore::empty()).with_no_client_auth())
}

fn tls_versions() -> Result<rustls::ConfigBuilder<ClientConfig, rustls::WantsVerifier>, String> {
    let builder =
        ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions();
    builder.map_err(|error| error.to_string())
}

/// Returns the cryptography provider. It is not installed for the whole process, which
/// belongs to the program that embeds this library.
fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

fn unloadable(error: rustls::Error) -> String {
    let reason = match error {
        rustls::Error::General(reason) => reason,
        error => error.to_string(),
    };
    let named = [CERT_FILE, CERT_DIR].into_iter().filter_map(|name| {
        let value = env::var(name).ok()?;
        Some(format!("; {name} is {value}"))
    });
    let named: String = named.collect();
    printable(&format!("this system's certificates cannot be loaded ({reason}{named})"))
}

/// Returns the certificates in this file and in the files of these folders.
fn named_roots(
    file: Option<&Path>,
    folders: impl Iterator<Item = std::path::PathBuf>,
) -> Result<Vec<CertificateDer<'static>>, String> {
    let failed = |name: &str, path: &Path, reason: String| {
        printable(&format!("{name} names {}, which cannot be used: {reason}", path.display()))
    };
    let mut roots = Vec::new();
    if let Some(path) = file.filter(|path| !path.as_os_str().is_empty()) {
        let file = File { what: "certificate file", flag: CERT_FILE, path };
        let found = file.certificates();
        roots.extend(found.map_err(|error| failed(CERT_FILE, path, error.message().to_owned()))?);
    }
    for folder in folders.filter(|folder| !folder.as_os_str().is_empty()) {
        let entries =
            fs::read_dir(&folder).map_err(|error| failed(CERT_DIR, &folder, error.to_string()))?;
        for entry in entries.flatten() {
            // Such folders have other files too.
            let file = File { what: "certificate file", flag: CERT_DIR, path: &entry.path() };
            roots.extend(file.certificates().unwrap_or_default());
        }
    }
    Ok(roots)
}

/// A PEM file that a flag or an environment variable names.
struct File<'a> {
    what: &'a str,
    flag: &'a str,
    path: &'a Path,
}

impl File<'_> {
    fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, Error> {
        let certificates: Result<Vec<_>, _> =
            CertificateDer::pem_slice_iter(&self.read()?).collect();
        match certificates {
            Ok(certificates) if certificates.is_empty() => {
                Err(self.unusable("contains no certificate in PEM (-----BEGIN CERTIFICATE-----)"))
            }
            Ok(certificates) => Ok(certificates),
            Err(_) => Err(self.unusable("is damaged: it is not PEM")),
        }
    }

    fn private_key(&self) -> Result<PrivateKeyDer<'static>, Error> {
        let text = self.read()?;
        if String::from_utf8_lossy(&text).contains("ENCRYPTED") {
            return Err(self.unusable("is encrypted, which is not supported"));
        }
        PrivateKeyDer::from_pem_slice(&text).map_err(|_| {
            self.unusable("contains no private key in PEM (-----BEGIN PRIVATE KEY-----)")
        })
    }

    fn read(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let read = fs::read(self.path).map(Zeroizing::new);
        read.map_err(|error| self.unusable(&format!("cannot be read: {error}")))
    }

    fn place(&self) -> String {
        self.path.display().to_string()
    }

    fn unusable(&self, reason: &str) -> Error {
        Error::new(
            Code::InvalidConfiguration,
            format!("the {} {} {reason}", self.what, self.place()),
            format!("check {}", self.flag),
        )
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair};

    use super::*;

    fn certificate() -> String {
        let key = KeyPair::generate().expect("a key");
        CertificateParams::new(vec![]).and_then(|one| one.self_signed(&key)).expect("one").pem()
    }

    #[test]
    fn the_variables_of_openssl_name_a_file_and_folders() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = |name: &str| folder.path().join(name);
        fs::create_dir(place("certs")).expect("a folder");
        fs::write(place("two.pem"), certificate() + &certificate()).expect("a file");
        fs::write(place("certs/one.pem"), certificate()).expect("a file");
        fs::write(place("certs/README"), "none of these").expect("a file");
        let count = |file: Option<&str>, folders: &[&str]| {
            let folders: Vec<_> = folders.iter().map(|name| place(name)).collect();
            named_roots(file.map(place).as_deref(), folders.into_iter()).map(|roots| roots.len())
        };
        assert_eq!(count(None, &[]), Ok(0));
        assert_eq!(count(Some("two.pem"), &[]), Ok(2));
        assert_eq!(count(Some("two.pem"), &["certs"]), Ok(3));
        let missing = count(Some("nowhere.pem"), &[]).expect_err("a file that is not there");
        assert!(missing.contains(CERT_FILE) && missing.contains("nowhere.pem"), "{missing}");
        let missing = count(None, &["nowhere"]).expect_err("a folder that is not there");
        assert!(missing.contains(CERT_DIR) && missing.contains("nowhere"), "{missing}");
    }
}
