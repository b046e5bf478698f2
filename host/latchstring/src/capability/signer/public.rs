//! Public keys of the kinds that tokens are signed with.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
#[cfg(any(feature = "pkcs11", feature = "ssh-agent"))]
use ring::{
    error::Unspecified,
    signature::{
        ECDSA_P256_SHA256_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
        RsaPublicKeyComponents, UnparsedPublicKey,
    },
};

use super::PublicKey;
#[cfg(any(feature = "pkcs11", feature = "ssh-agent"))]
use crate::error::{Code, Error};
use latchstring_core::contract::SigningAlgorithm;

/// Smallest RSA key, in bits
/// ([RFC 7518 §3.3](https://www.rfc-editor.org/rfc/rfc7518#section-3.3)).
pub(super) const RSA_BITS: usize = 2048;

/// A public key.
pub(super) enum Public {
    /// Both coordinates of a point on P-256, one after the other.
    P256([u8; 64]),
    Ed25519([u8; 32]),
    /// Modulus and exponent, without leading zeros.
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
}

impl Public {
    /// Returns the key for a point in its uncompressed form, or `None` if it is none
    /// ([SEC 1 §2.3.3](https://www.secg.org/sec1-v2.pdf)).
    pub(super) fn p256(point: &[u8]) -> Option<Self> {
        let coordinates = point.strip_prefix(&[4])?;
        coordinates.try_into().ok().map(Self::P256)
    }

    /// Returns the key, or `None` if it is none.
    pub(super) fn ed25519(key: &[u8]) -> Option<Self> {
        key.try_into().ok().map(Self::Ed25519)
    }

    /// Returns the key, or `None` if it has fewer than [`RSA_BITS`] bits.
    pub(super) fn rsa(n: &[u8], e: &[u8]) -> Option<Self> {
        let trimmed = |number: &[u8]| {
            let zeros = number.iter().take_while(|byte| **byte == 0).count();
            number[zeros..].to_vec()
        };
        let n = trimmed(n);
        let unused = n.first().map_or(0, |first| first.leading_zeros() as usize);
        (n.len() * 8 - unused >= RSA_BITS).then(|| Self::Rsa { n, e: trimmed(e) })
    }

    /// Returns the key as others see it, with every algorithm that fits it.
    pub(super) fn key(&self) -> PublicKey {
        use SigningAlgorithm::{Eddsa, Es256, Ps256, Rs256};

        let algorithms = match self {
            Self::P256(_) => vec![Es256],
            Self::Ed25519(_) => vec![Eddsa],
            Self::Rsa { .. } => vec![Ps256, Rs256],
        };
        PublicKey { jwk: self.jwk(), id: None, algorithms }
    }

    /// Checks a signature that was made elsewhere. What keeps the key may hold a public key
    /// that does not belong to it; a provider would refuse the signature and not say why.
    #[cfg(any(feature = "pkcs11", feature = "ssh-agent"))]
    pub(super) fn check(
        &self,
        algorithm: SigningAlgorithm,
        input: &[u8],
        signature: &[u8],
        name: &str,
    ) -> Result<(), Error> {
        let checked = match (self, algorithm) {
            (Self::P256(point), SigningAlgorithm::Es256) => {
                let key = [&[4], &point[..]].concat();
                UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key).verify(input, signature)
            }
            (Self::Ed25519(key), SigningAlgorithm::Eddsa) => {
                UnparsedPublicKey::new(&ED25519, key).verify(input, signature)
            }
            (Self::Rsa { n, e }, SigningAlgorithm::Ps256) => {
                RsaPublicKeyComponents { n, e }.verify(&RSA_PSS_2048_8192_SHA256, input, signature)
            }
            (Self::Rsa { n, e }, SigningAlgorithm::Rs256) => RsaPublicKeyComponents { n, e }
                .verify(&RSA_PKCS1_2048_8192_SHA256, input, signature),
            _ => Err(Unspecified),
        };
        checked.map_err(|_| {
            Error::new(
                Code::HostFault,
                format!("the signature of the key {name} does not fit its public key"),
                "check that the public key with the same id belongs to it",
            )
        })
    }

    /// Written by hand, because the order counts.
    fn jwk(&self) -> String {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        match self {
            Self::P256(point) => {
                let (x, y) = point.split_at(32);
                let (x, y) = (encode(x), encode(y));
                format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#)
            }
            Self::Ed25519(x) => {
                let x = encode(x);
                format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#)
            }
            Self::Rsa { n, e } => {
                let (e, n) = (encode(e), encode(n));
                format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#)
            }
        }
    }
}
