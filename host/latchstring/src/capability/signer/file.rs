//! [`KeyFile`]: a key in a file.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use ring::rand::SystemRandom;
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256,
    RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject as _;
use serde::Deserialize;
use zeroize::Zeroizing;

use super::public::{Public, RSA_BITS};
use super::{PublicKey, Signer};
use crate::capability::ownership::check_permissions;
use crate::error::{Code, Error};
use crate::files;
use latchstring_core::contract::SigningAlgorithm;

/// A private key in a file: PKCS#8 in PEM, or a JSON Web Key
/// ([RFC 7517](https://www.rfc-editor.org/rfc/rfc7517)). Signs with ES256, EdDSA, PS256 or
/// RS256, whichever fits the key.
pub struct KeyFile {
    key: Key,
    public: PublicKey,
}

enum Key {
    P256(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(Box<RsaKeyPair>),
}

/// A private JSON Web Key. Holds a secret: has no `Debug`.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    #[serde(default)]
    crv: String,
    kid: Option<String>,
    alg: Option<String>,
    d: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    p: Option<String>,
    q: Option<String>,
    dp: Option<String>,
    dq: Option<String>,
    qi: Option<String>,
}

impl KeyFile {
    /// Reads the key.
    ///
    /// # Errors
    ///
    /// Returns `invalid-configuration`, naming the file, if others may read it, or if it has
    /// no key that can be used.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, Error> {
        let file = File(path.as_ref().to_owned());
        file.check_permissions()?;
        let text = file.text()?;
        let is_jwk = text.trim_ascii_start().starts_with(b"{");
        if is_jwk { file.jwk(&text) } else { file.pem(&text) }
    }

    /// Reads the key, or makes one on P-256 if there is no such file. Only the user can read
    /// it.
    ///
    /// # Errors
    ///
    /// Fails like [`read`](Self::read), and with `not-saved` if the file cannot be written.
    pub fn read_or_make(path: impl AsRef<Path>) -> Result<Self, Error> {
        let path = path.as_ref();
        if !path.exists() {
            make(path).map_err(|error| {
                Error::new(
                    Code::NotSaved,
                    format!("the key {} cannot be written: {error}", path.display()),
                    "free some space or repair the folder",
                )
            })?;
        }
        Self::read(path)
    }
}

#[async_trait]
impl Signer for KeyFile {
    async fn public_key(&self) -> Result<PublicKey, Error> {
        Ok(self.public.clone())
    }

    async fn sign(&self, algorithm: SigningAlgorithm, input: &[u8]) -> Result<Vec<u8>, Error> {
        let random = SystemRandom::new();
        let signed = match &self.key {
            Key::P256(key) => key.sign(&random, input).map(|signature| signature.as_ref().to_vec()),
            Key::Ed25519(key) => Ok(key.sign(input).as_ref().to_vec()),
            Key::Rsa(key) => {
                let padding: &'static dyn RsaEncoding = match algorithm {
                    SigningAlgorithm::Rs256 => &RSA_PKCS1_SHA256,
                    _ => &RSA_PSS_SHA256,
                };
                let mut signature = vec![0; key.public().modulus_len()];
                key.sign(padding, &random, input, &mut signature).map(|()| signature)
            }
        };
        signed.map_err(|_| {
            Error::new(
                Code::HostFault,
                "the client's key could not sign",
                "check that the system's random device is available",
            )
        })
    }
}

impl Key {
    fn public(&self) -> Option<Public> {
        match self {
            Self::P256(key) => Public::p256(key.public_key().as_ref()),
            Self::Ed25519(key) => Public::ed25519(key.public_key().as_ref()),
            Self::Rsa(key) => {
                let public: ring::rsa::PublicKeyComponents<Vec<u8>> = key.public().into();
                Public::rsa(&public.n, &public.e)
            }
        }
    }
}

struct File(PathBuf);

impl File {
    fn unusable(&self, reason: &str) -> Error {
        Error::new(
            Code::InvalidConfiguration,
            format!("the client's key {} {reason}", self.0.display()),
            "name a PEM file (-----BEGIN PRIVATE KEY-----) or a JSON Web Key with an EC key on \
             P-256, an Ed25519 key, or an RSA key of 2048 bits or more",
        )
    }

    /// Refuses a key that other users can read.
    fn check_permissions(&self) -> Result<(), Error> {
        check_permissions(&self.0, "the client's key")
            .map_err(|error| self.unusable(&format!("cannot be read: {error}")))?
    }

    fn text(&self) -> Result<Zeroizing<Vec<u8>>, Error> {
        let text = fs::read(&self.0).map(Zeroizing::new);
        text.map_err(|error| self.unusable(&format!("cannot be read: {error}")))
    }

    fn pem(&self, text: &[u8]) -> Result<KeyFile, Error> {
        if String::from_utf8_lossy(text).contains("ENCRYPTED") {
            return Err(self.unusable("is encrypted, which is not supported"));
        }
        let der = PrivateKeyDer::from_pem_slice(text)
            .map_err(|_| self.unusable("contains no private key"))?;
        let key = match &der {
            PrivateKeyDer::Pkcs8(der) => {
                let der = der.secret_pkcs8_der();
                let ec = || {
                    EcdsaKeyPair::from_pkcs8(
                        &ECDSA_P256_SHA256_FIXED_SIGNING,
                        der,
                        &SystemRandom::new(),
                    )
                };
                ec().map(Key::P256)
                    .or_else(|_| Ed25519KeyPair::from_pkcs8_maybe_unchecked(der).map(Key::Ed25519))
                    .or_else(|_| RsaKeyPair::from_pkcs8(der).map(Box::new).map(Key::Rsa))
            }
            PrivateKeyDer::Pkcs1(der) => {
                RsaKeyPair::from_der(der.secret_pkcs1_der()).map(Box::new).map(Key::Rsa)
            }
            _ => {
                return Err(self.unusable(
                    "is an EC key in the old form; convert it: openssl pkcs8 -topk8 -nocrypt",
                ));
            }
        };
        let key = key.map_err(|_| self.unusable("is of a kind or size that cannot be used"))?;
        self.checked(key, None)
    }

    fn jwk(&self, text: &[u8]) -> Result<KeyFile, Error> {
        let jwk: Jwk =
            serde_json::from_slice(text).map_err(|_| self.unusable("is not a JSON Web Key"))?;
        let part = |name: &str, value: &Option<String>| {
            let text = value.as_deref().unwrap_or_default();
            match URL_SAFE_NO_PAD.decode(text).map(Zeroizing::new) {
                Ok(bytes) if !bytes.is_empty() => Ok(bytes),
                _ => Err(self.unusable(&format!("lacks {name}, or has it in another form"))),
            }
        };
        let unusable = |_| self.unusable("is damaged, or its parts do not belong together");
        let key = match (&*jwk.kty, &*jwk.crv) {
            ("EC", "P-256") => {
                let (d, x, y) = (part("d", &jwk.d)?, part("x", &jwk.x)?, part("y", &jwk.y)?);
                let point = [&[4], &x[..], &y[..]].concat();
                let key = EcdsaKeyPair::from_private_key_and_public_key(
                    &ECDSA_P256_SHA256_FIXED_SIGNING,
                    &d,
                    &point,
                    &SystemRandom::new(),
                );
                Key::P256(key.map_err(unusable)?)
            }
            ("OKP", "Ed25519") => {
                let (d, x) = (part("d", &jwk.d)?, part("x", &jwk.x)?);
                let key = Ed25519KeyPair::from_seed_and_public_key(&d, &x);
                Key::Ed25519(key.map_err(unusable)?)
            }
            ("RSA", _) => {
                let components = ring::rsa::KeyPairComponents {
                    public_key: ring::rsa::PublicKeyComponents {
                        n: part("n", &jwk.n)?,
                        e: part("e", &jwk.e)?,
                    },
                    d: part("d", &jwk.d)?,
                    p: part("p", &jwk.p)?,
                    q: part("q", &jwk.q)?,
                    dP: part("dp", &jwk.dp)?,
                    dQ: part("dq", &jwk.dq)?,
                    qInv: part("qi", &jwk.qi)?,
                };
                Key::Rsa(Box::new(RsaKeyPair::from_components(&components).map_err(unusable)?))
            }
            _ => return Err(self.unusable("is of a kind that cannot be used")),
        };
        let mut file = self.checked(key, jwk.kid)?;
        if let Some(name) = &jwk.alg {
            let named = algorithm(name).filter(|named| file.public.algorithms.contains(named));
            let named = named.ok_or_else(|| self.unusable("is for another algorithm"))?;
            file.public.algorithms = vec![named];
        }
        Ok(file)
    }

    fn checked(&self, key: Key, id: Option<String>) -> Result<KeyFile, Error> {
        let public = key.public().ok_or_else(|| {
            self.unusable(&format!("is an RSA key of fewer than {RSA_BITS} bits"))
        })?;
        Ok(KeyFile { key, public: PublicKey { id, ..public.key() } })
    }
}

/// Writes a new key on P-256, unless another process is faster.
fn make(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    files::create_folders(folder)?;
    let random = SystemRandom::new();
    let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random)
        .map_err(|_| std::io::Error::other("the system has no random bytes"))?;
    let text = Zeroizing::new(STANDARD.encode(key.as_ref()));
    let mut file = files::new_private(folder, ".", ".tmp")?;
    writeln!(file, "-----BEGIN PRIVATE KEY-----")?;
    for line in text.as_bytes().chunks(64) {
        file.write_all(line)?;
        file.write_all(b"\n")?;
    }
    writeln!(file, "-----END PRIVATE KEY-----")?;
    file.as_file().sync_all()?;
    match files::put_new(file, path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

/// Returns the algorithm with this name in tokens.
fn algorithm(name: &str) -> Option<SigningAlgorithm> {
    Some(match name {
        "ES256" => SigningAlgorithm::Es256,
        "EdDSA" | "Ed25519" => SigningAlgorithm::Eddsa,
        "PS256" => SigningAlgorithm::Ps256,
        "RS256" => SigningAlgorithm::Rs256,
        _ => return None,
    })
}
