//! Random codes, tokens and keys.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// 256 random bits as text, for a code or a token.
pub(crate) fn random_text() -> String {
    URL_SAFE_NO_PAD.encode(random_bytes::<32>())
}

/// `count` random letters of an alphabet.
pub(crate) fn random_letters(alphabet: &[u8], count: usize) -> String {
    let letter = |byte: u8| char::from(alphabet[usize::from(byte) % alphabet.len()]);
    (0..count).map(|_| letter(random_bytes::<1>()[0])).collect()
}

pub(crate) fn random_bytes<const LENGTH: usize>() -> [u8; LENGTH] {
    let mut bytes = [0; LENGTH];
    // OK because a system without randomness cannot run a provider at all.
    getrandom::fill(&mut bytes).expect("the system's random source answers");
    bytes
}
