//! Keys that sign ID tokens. All are published or made up, and protect nothing.

use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::SeedableRng as _;
use rsa::signature::{RandomizedSigner as _, SignatureEncoding as _, Signer as _};
use rsa::traits::PublicKeyParts as _;
use rsa::{BoxedUint, PrivateKey, pkcs1v15, pss};
use serde_json::{Value, json};
use sha2::digest::const_oid::AssociatedOid;
use sha2::digest::{FixedOutputReset, Update};
use sha2::{Digest, Sha256, Sha384, Sha512};

/// A provider's signing key.
#[derive(Clone)]
pub(super) struct Key {
    pub(super) kid: String,
    private: Private,
}

#[derive(Clone)]
enum Private {
    Rsa(&'static PrivateKey),
    P256([u8; 32]),
    P384([u8; 48]),
    P521([u8; 66]),
    /// The client secret, which is not published.
    Secret(&'static str),
    Ed25519([u8; 32]),
}

/// The key of RFC 7515 Appendix A.2: 2048 bits.
static RSA: LazyLock<PrivateKey> = LazyLock::new(|| {
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
static SHORT_RSA: LazyLock<PrivateKey> = LazyLock::new(|| {
    let power = BoxedUint::one_with_precision(522) << 521u32;
    let gap = "5ae79787c40d069948033feb708f65a2fc44a36477663b851449048e16ec79bf7";
    let gap = BoxedUint::from_str_radix_vartime(gap, 16).unwrap();
    rsa_from_primes(&power - 1u8, power - gap)
});

/// A key of 8191 bits. Its primes are p of RFC 3526 §5 and (p - 1) / 2, which is also
/// prime.
static LONG_RSA: LazyLock<PrivateKey> = LazyLock::new(|| {
    let prime = "ffffffffffffffffc90fdaa22168c234c4c6628b80dc1cd129024e088a67cc74020bbea63b13\
        9b22514a08798e3404ddef9519b3cd3a431b302b0a6df25f14374fe1356d6d51c245e485b576\
        625e7ec6f44c42e9a637ed6b0bff5cb6f406b7edee386bfb5a899fa5ae9f24117c4b1fe64928\
        6651ece45b3dc2007cb8a163bf0598da48361c55d39a69163fa8fd24cf5f83655d23dca3ad96\
        1c62f356208552bb9ed529077096966d670c354e4abc9804f1746c08ca18217c32905e462e36\
        ce3be39e772c180e86039b2783a2ec07a28fb5c55df06f4c52c9de2bcbf6955817183995497c\
        ea956ae515d2261898fa051015728e5a8aaac42dad33170d04507a33a85521abdf1cba64ecfb\
        850458dbef0a8aea71575d060c7db3970f85a6e1e4c7abf5ae8cdb0933d71e8c94e04a25619d\
        cee3d2261ad2ee6bf12ffa06d98a0864d87602733ec86a64521f2b18177b200cbbe117577a61\
        5d6c770988c0bad946e208e24fa074e5ab3143db5bfce0fd108e4b82d120a92108011a723c12\
        a787e6d788719a10bdba5b2699c327186af4e23c1a946834b6150bda2583e9ca2ad44ce8dbbb\
        c2db04de8ef92e8efc141fbecaa6287c59474e6bc05d99b2964fa090c3a2233ba186515be7ed\
        1f612970cee2d7afb81bdd762170481cd0069127d5b05aa993b4ea988d8fddc186ffb7dc90a6\
        c08f4df435c934063199ffffffffffffffff";
    let prime = BoxedUint::from_str_radix_vartime(prime, 16).unwrap();
    rsa_from_primes(&prime >> 1u32, prime)
});

impl Key {
    /// The key for `algorithm`. Its `kid` is its key type.
    pub(super) fn for_algorithm(algorithm: &str) -> Self {
        let (kid, private) = match &algorithm[..2] {
            "RS" | "PS" => ("rsa", Private::Rsa(&RSA)),
            "ES" if algorithm == "ES384" => ("p384", Private::P384([7; 48])),
            "ES" if algorithm == "ES512" => {
                let mut secret = [7; 66];
                secret[0] = 0;
                ("p521", Private::P521(secret))
            }
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

    /// The client secret, for HMACs.
    pub(super) fn secret(secret: &'static str) -> Self {
        Self { kid: "secret".to_owned(), private: Private::Secret(secret) }
    }

    /// A key of almost the longest accepted size.
    pub(super) fn long_rsa() -> Self {
        Self { kid: "long".to_owned(), private: Private::Rsa(&LONG_RSA) }
    }

    pub(super) fn short_rsa() -> Self {
        Self { kid: "short".to_owned(), private: Private::Rsa(&SHORT_RSA) }
    }

    /// The key as the provider publishes it.
    pub(super) fn jwk(&self) -> Value {
        let mut jwk = match &self.private {
            Private::Rsa(key) => json!({
                "kty": "RSA",
                "n": encode(&key.n_bytes()),
                "e": encode(&key.e_bytes()),
            }),
            Private::P256(secret) => {
                let key = p256::ecdsa::SigningKey::from_slice(secret).unwrap();
                ec_jwk("P-256", key.verifying_key().to_sec1_point(false).as_bytes())
            }
            Private::P384(secret) => {
                let key = p384::ecdsa::SigningKey::from_slice(secret).unwrap();
                ec_jwk("P-384", key.verifying_key().to_sec1_point(false).as_bytes())
            }
            Private::P521(secret) => {
                let key = p521::ecdsa::SigningKey::from_slice(secret).unwrap();
                ec_jwk("P-521", key.verifying_key().to_sec1_point(false).as_bytes())
            }
            Private::Secret(_) => panic!("a secret is not published"),
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
            (Private::P521(secret), _) => {
                let key = p521::ecdsa::SigningKey::from_slice(secret).unwrap();
                let signature: p521::ecdsa::Signature = key.sign(input);
                signature.to_vec()
            }
            (Private::Secret(secret), "HS256") => hmac::<Hmac<Sha256>>(secret, input),
            (Private::Secret(secret), "HS384") => hmac::<Hmac<Sha384>>(secret, input),
            (Private::Secret(secret), "HS512") => hmac::<Hmac<Sha512>>(secret, input),
            (Private::Secret(_), _) => panic!("a secret cannot sign {algorithm}"),
            (Private::Ed25519(secret), _) => {
                ed25519_dalek::SigningKey::from_bytes(secret).sign(input).to_vec()
            }
            (Private::Rsa(_), _) => panic!("an RSA key cannot sign {algorithm}"),
        };
        encode(&signature)
    }
}

fn hmac<M: Mac + KeyInit>(secret: &str, input: &[u8]) -> Vec<u8> {
    let mac = M::new_from_slice(secret.as_bytes()).unwrap();
    mac.chain_update(input).finalize().into_bytes().to_vec()
}

fn pkcs1_v15<D>(key: &PrivateKey, input: &[u8]) -> Vec<u8>
where
    D: Digest + AssociatedOid,
{
    pkcs1v15::SigningKey::<D>::new(key.clone()).sign(input).to_vec()
}

fn rsa_pss<D>(key: &PrivateKey, input: &[u8]) -> Vec<u8>
where
    D: Digest + FixedOutputReset + Update,
{
    let mut salt = ChaCha8Rng::seed_from_u64(1);
    pss::SigningKey::<D>::new(key.clone()).sign_with_rng(&mut salt, input).to_vec()
}

fn rsa_from_primes(p: BoxedUint, q: BoxedUint) -> PrivateKey {
    PrivateKey::from_p_q(p, q, BoxedUint::from(65537u32)).unwrap()
}

fn number(text: &str) -> BoxedUint {
    BoxedUint::from_be_slice_vartime(&URL_SAFE_NO_PAD.decode(text).unwrap())
}

fn ec_jwk(curve: &str, uncompressed_point: &[u8]) -> Value {
    let (x, y) = uncompressed_point[1..].split_at(uncompressed_point.len() / 2);
    json!({ "kty": "EC", "crv": curve, "x": encode(x), "y": encode(y) })
}

pub(super) fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}
