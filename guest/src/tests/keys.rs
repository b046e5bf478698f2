//! Keys to sign ID tokens with. All are published or made up: none guards anything.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rsa::signature::{RandomizedSigner as _, SignatureEncoding as _, Signer as _};
use rsa::traits::PublicKeyParts as _;
use rsa::{BigUint, RsaPrivateKey, pkcs1v15, pss};
use serde_json::{Value, json};
use sha2::{Sha256, Sha384, Sha512};

/// A provider's signing key.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) kid: String,
    private: Private,
}

#[derive(Clone)]
enum Private {
    Rsa(&'static RsaPrivateKey),
    P256([u8; 32]),
    P384([u8; 48]),
    Ed25519([u8; 32]),
}

/// The key of RFC 7515 Appendix A.2: 2048 bits.
static RSA: LazyLock<RsaPrivateKey> = LazyLock::new(|| {
    rsa_from_primes(
        number(
            "4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc",
        ),
        number(
            "uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc",
        ),
    )
});

/// A key of 1042 bits: too short. Its primes are the field and the order of the
/// curve P-521.
static SHORT_RSA: LazyLock<RsaPrivateKey> = LazyLock::new(|| {
    let power = BigUint::from(1u8) << 521usize;
    let gap = "5ae79787c40d069948033feb708f65a2fc44a36477663b851449048e16ec79bf7";
    let gap = BigUint::parse_bytes(gap.as_bytes(), 16).unwrap();
    rsa_from_primes(power.clone() - 1u8, power - gap)
});

impl Key {
    /// The key that `algorithm` needs; its `kid` is the kind of key.
    pub(super) fn for_algorithm(algorithm: &str) -> Self {
        let (kid, private) = match &algorithm[..2] {
            "RS" | "PS" => ("rsa", Private::Rsa(&RSA)),
            "ES" if algorithm == "ES384" => ("p384", Private::P384([7; 48])),
            "ES" => ("p256", Private::P256([7; 32])),
            "Ed" => ("ed25519", Private::Ed25519([7; 32])),
            _ => panic!("no key for {algorithm}"),
        };
        Self { kid: kid.to_owned(), private }
    }

    /// One of many keys for ES256.
    pub(super) fn numbered(number: u8) -> Self {
        Self { kid: format!("p256-{number}"), private: Private::P256([number; 32]) }
    }

    pub(super) fn short_rsa() -> Self {
        Self { kid: "short".to_owned(), private: Private::Rsa(&SHORT_RSA) }
    }

    /// As the provider publishes it.
    pub(super) fn jwk(&self) -> Value {
        let mut jwk = match &self.private {
            Private::Rsa(key) => json!({
                "kty": "RSA",
                "n": encode(&key.n().to_bytes_be()),
                "e": encode(&key.e().to_bytes_be()),
            }),
            Private::P256(secret) => {
                let key = p256::ecdsa::SigningKey::from_slice(secret).unwrap();
                ec_jwk("P-256", key.verifying_key().to_encoded_point(false).as_bytes())
            }
            Private::P384(secret) => {
                let key = p384::ecdsa::SigningKey::from_slice(secret).unwrap();
                ec_jwk("P-384", key.verifying_key().to_encoded_point(false).as_bytes())
            }
            Private::Ed25519(secret) => {
                let key = ed25519_dalek::SigningKey::from_bytes(secret).verifying_key();
                json!({ "kty": "OKP", "crv": "Ed25519", "x": encode(key.as_bytes()) })
            }
        };
        jwk["kid"] = json!(self.kid);
        jwk["use"] = json!("sig");
        jwk
    }

    /// A signature in the form of a JWS.
    pub(super) fn sign(&self, algorithm: &str, input: &str) -> String {
        let input = input.as_bytes();
        let signature = match (&self.private, algorithm) {
            (Private::Rsa(key), "RS256") => pkcs1_v15::<Sha256>(key, input),
            (Private::Rsa(key), "RS384") => pkcs1_v15::<Sha384>(key, input),
            (Private::Rsa(key), "RS512") => pkcs1_v15::<Sha512>(key, input),
            (Private::Rsa(key), "PS256") => rsa_pss::<Sha256>(key, input),
            (Private::Rsa(key), "PS384") => rsa_pss::<Sha384>(key, input),
            (Private::Rsa(key), "PS512") => rsa_pss::<Sha512>(key, input),
            (Private::P256(secret), _) => {
                let key = p256::ecdsa::SigningKey::from_slice(secret).unwrap();
                let signature: p256::ecdsa::Signature = key.sign(input);
                signature.to_vec()
            }
            (Private::P384(secret), _) => {
                let key = p384::ecdsa::SigningKey::from_slice(secret).unwrap();
                let signature: p384::ecdsa::Signature = key.sign(input);
                signature.to_vec()
            }
            (Private::Ed25519(secret), _) => {
                ed25519_dalek::SigningKey::from_bytes(secret).sign(input).to_vec()
            }
            (Private::Rsa(_), _) => panic!("an RSA key cannot sign {algorithm}"),
        };
        encode(&signature)
    }
}

fn pkcs1_v15<D>(key: &RsaPrivateKey, input: &[u8]) -> Vec<u8>
where
    D: rsa::sha2::Digest + rsa::pkcs8::AssociatedOid,
{
    pkcs1v15::SigningKey::<D>::new(key.clone()).sign(input).to_vec()
}

fn rsa_pss<D>(key: &RsaPrivateKey, input: &[u8]) -> Vec<u8>
where
    D: rsa::sha2::Digest + rsa::sha2::digest::FixedOutputReset,
{
    let mut salt = ChaCha8Rng::seed_from_u64(1);
    pss::SigningKey::<D>::new(key.clone()).sign_with_rng(&mut salt, input).to_vec()
}

fn rsa_from_primes(p: BigUint, q: BigUint) -> RsaPrivateKey {
    RsaPrivateKey::from_primes(vec![p, q], BigUint::from(65537u32)).unwrap()
}

fn number(text: &str) -> BigUint {
    BigUint::from_bytes_be(&URL_SAFE_NO_PAD.decode(text).unwrap())
}

fn ec_jwk(curve: &str, uncompressed_point: &[u8]) -> Value {
    let (x, y) = uncompressed_point[1..].split_at(uncompressed_point.len() / 2);
    json!({ "kty": "EC", "crv": curve, "x": encode(x), "y": encode(y) })
}

pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
