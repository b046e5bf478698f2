//! Secrets of a session, derived from the host's random bytes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::contract::Failure;

/// Least number of bytes from the host.
const REQUIRED: usize = 32;

/// The host's random bytes, from which any number of independent secrets are derived.
pub(crate) struct Entropy(Vec<u8>);

impl Entropy {
    /// Takes the host's bytes. Fails with `invalid-configuration` if there are fewer than
    /// 32, or if all are the same, as in a buffer that the host forgot to fill.
    pub(crate) fn new(bytes: Vec<u8>) -> Result<Self, Failure> {
        if bytes.len() < REQUIRED || bytes.iter().all(|byte| *byte == bytes[0]) {
            return Err(Failure::configuration(
                format!(
                    "the host gave no usable entropy; expected {REQUIRED} random bytes or more"
                ),
                "fill `entropy` from a cryptographic random source",
            ));
        }
        Ok(Self(bytes))
    }

    /// Returns 256 bits for `label`, independent of those for other labels.
    fn draw(&self, label: &str) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update((label.len() as u64).to_be_bytes());
        hash.update(label);
        hash.update(&self.0);
        hash.finalize().into()
    }

    /// Returns 256 bits for `label` as 43 characters of base64url: the form of a
    /// `code_verifier` (RFC 7636 §4.1), a `state` and a `nonce`.
    pub(crate) fn secret(&self, label: &str) -> String {
        URL_SAFE_NO_PAD.encode(self.draw(label))
    }

    /// Returns new random bytes for another attempt, which shares no secret with this
    /// one.
    pub(crate) fn fork(&self) -> Self {
        Self(self.draw("another try").to_vec())
    }

    /// Returns a number below `limit`, for jitter; zero if `limit` is zero.
    pub(crate) fn below(&self, label: &str, limit: u64) -> u64 {
        let [a, b, c, d, e, f, g, h, ..] = self.draw(label);
        u64::from_be_bytes([a, b, c, d, e, f, g, h]).checked_rem(limit).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_give_independent_secrets() {
        let entropy = Entropy::new((0..32).collect()).unwrap();
        assert_ne!(entropy.secret("state"), entropy.secret("nonce"));
        assert_eq!(entropy.secret("state"), entropy.secret("state"));
        assert_eq!(entropy.secret("state").len(), 43);
    }

    #[test]
    fn another_attempt_has_other_secrets() {
        let first = Entropy::new((0..32).collect()).unwrap();
        let second = first.fork();
        assert_ne!(first.secret("state"), second.secret("state"));
        assert_ne!(second.secret("state"), second.fork().secret("state"));
    }

    #[test]
    fn a_short_or_unfilled_buffer_is_rejected() {
        assert!(Entropy::new((0..31).collect()).is_err());
        assert!(Entropy::new(vec![0; 64]).is_err());
    }
}
