//! The signing keys of transcripts, and what is known of the recorded signatures.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::Ed25519KeyPair;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// Seed of the key that signs every token in transcripts. Published here so that it is
/// never mistaken for a real key.
pub(super) const SEED: &[u8; 32] = b"latchstring transcript test key!";

/// Seed of the key that replaces every published key that signed no token.
pub(super) const OTHER_SEED: &[u8; 32] = b"latchstring transcript other key";

/// The recorded signatures seen so far.
#[derive(Default)]
pub(super) struct Signed {
    /// Whether the replaced keys must verify no signature, because the recorded keys did
    /// not.
    pub(super) are_broken: bool,
    pub(super) seen: Vec<Seen>,
}

/// The header of a token.
pub(super) struct Seen {
    pub(super) kid: Option<String>,
    /// The type of the key that signed the token.
    pub(super) kty: &'static str,
}

/// Returns the type of the published keys that verify this algorithm, or `None` if no
/// published key can (RFC 7518 §3.1, RFC 8037 §3.1).
pub(super) fn key_type(algorithm: &str) -> Option<&'static str> {
    match algorithm {
        "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" => Some("RSA"),
        "ES256" | "ES384" | "ES512" => Some("EC"),
        "EdDSA" | "Ed25519" => Some("OKP"),
        _ => None,
    }
}

/// Returns the first half of the hash, as `at_hash` and `c_hash` contain it (OpenID Connect
/// Core §3.1.3.6).
pub(super) fn half_hash(algorithm: &str, text: &str) -> Option<String> {
    let hash = match algorithm {
        "RS256" | "PS256" | "ES256" => Sha256::digest(text).to_vec(),
        "RS384" | "PS384" | "ES384" => Sha384::digest(text).to_vec(),
        "RS512" | "PS512" | "ES512" | "EdDSA" | "Ed25519" => Sha512::digest(text).to_vec(),
        _ => return None,
    };
    Some(URL_SAFE_NO_PAD.encode(&hash[..hash.len() / 2]))
}

pub(super) fn key_pair(seed: &[u8; 32]) -> Option<Ed25519KeyPair> {
    Ed25519KeyPair::from_seed_unchecked(seed).ok()
}
