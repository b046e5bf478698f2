//! What signs in transcripts, and what is known of who signed before.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::Ed25519KeyPair;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// Published, so that nobody takes it for a key: signs every token in transcripts.
pub(super) const SEED: &[u8; 32] = b"latchstring transcript test key!";

/// Signs nothing: stands for every key that did not sign.
pub(super) const OTHER_SEED: &[u8; 32] = b"latchstring transcript other key";

/// What is known of the tokens seen so far.
#[derive(Default)]
pub(super) struct Signed {
    /// Whether the provider's keys are to verify nothing, as they did.
    pub(super) are_broken: bool,
    pub(super) seen: Vec<Seen>,
}

/// A token's header.
pub(super) struct Seen {
    pub(super) kid: Option<String>,
    /// The type of the key that it was signed with.
    pub(super) kty: &'static str,
}

/// The type of key of an algorithm that can be verified with a published one (RFC
/// 7518 §3.1, RFC 8037 §3.1).
pub(super) fn key_type(algorithm: &str) -> Option<&'static str> {
    match algorithm {
        "RS256" | "RS384" | "RS512" | "PS256" | "PS384" | "PS512" => Some("RSA"),
        "ES256" | "ES384" | "ES512" => Some("EC"),
        "EdDSA" | "Ed25519" => Some("OKP"),
        _ => None,
    }
}

/// OIDC §3.1.3.6.
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
