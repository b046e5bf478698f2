//! Signed tokens in compact form, verified with a published key (RFC 7515,
//! RFC 7518 §3, RFC 8037 §3.1).
//!
//! Only asymmetric algorithms exist here: neither `none` nor an HMAC, which
//! would take a public key for a secret (RFC 8725 §2.1).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rsa::signature::Verifier;
use rsa::traits::PublicKeyParts as _;
use rsa::{BigUint, RsaPublicKey, pkcs1v15, pss};
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::protocol::jwk::Jwk;

/// RFC 7518 §3.3.
const RSA_MINIMUM_BITS: usize = 2048;

/// Keys tried for one token at the most: a set without key identifiers must
/// not buy unlimited work.
const KEYS_TRIED: usize = 4;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

impl Algorithm {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Rs256,
            "RS384" => Self::Rs384,
            "RS512" => Self::Rs512,
            "PS256" => Self::Ps256,
            "PS384" => Self::Ps384,
            "PS512" => Self::Ps512,
            "ES256" => Self::Es256,
            "ES384" => Self::Es384,
            // RFC 9864 names what "EdDSA" leaves to the key.
            "EdDSA" | "Ed25519" => Self::EdDsa,
            _ => return None,
        })
    }

    /// `kty` and `crv` of a key that fits.
    fn key_type(self) -> (&'static str, Option<&'static str>) {
        match self {
            Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512 => {
                ("RSA", None)
            }
            Self::Es256 => ("EC", Some("P-256")),
            Self::Es384 => ("EC", Some("P-384")),
            Self::EdDsa => ("OKP", Some("Ed25519")),
        }
    }

    /// The left half of the hash that goes with the algorithm, base64url:
    /// `at_hash` and `c_hash` (OIDC §3.1.3.6, §3.3.2.11).
    pub(crate) fn half_hash(self, text: &str) -> String {
        let hash = match self {
            Self::Rs256 | Self::Ps256 | Self::Es256 => Sha256::digest(text).to_vec(),
            Self::Rs384 | Self::Ps384 | Self::Es384 => Sha384::digest(text).to_vec(),
            Self::Rs512 | Self::Ps512 | Self::EdDsa => Sha512::digest(text).to_vec(),
        };
        URL_SAFE_NO_PAD.encode(&hash[..hash.len() / 2])
    }
}

/// A token taken apart; nothing in it is to be believed yet.
pub(crate) struct Jws<'a> {
    pub(crate) algorithm: Algorithm,
    kid: Option<String>,
    signing_input: &'a str,
    signature: Vec<u8>,
    payload: Vec<u8>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

impl<'a> Jws<'a> {
    /// The error is a phrase that follows "the ID token".
    pub(crate) fn parse(token: &'a str) -> Result<Self, String> {
        let (signing_input, signature) = token.rsplit_once('.').ok_or("is no signed token")?;
        let (header, payload) = signing_input.split_once('.').ok_or("is no signed token")?;
        let decode =
            |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| "is not base64url".to_owned());
        let header: Header = serde_json::from_slice(&decode(header)?)
            .map_err(|_| "has a header that cannot be read")?;
        if header.crit.is_some() {
            return Err("demands extensions that are not understood (crit)".to_owned());
        }
        let algorithm = Algorithm::parse(&header.alg).ok_or_else(|| {
            format!(
                "is signed with {}; expected RS, PS, ES256, ES384 or EdDSA",
                crate::protocol::failure::printable(&header.alg)
            )
        })?;
        Ok(Self {
            algorithm,
            kid: header.kid,
            signing_input,
            signature: decode(signature)?,
            payload: decode(payload)?,
        })
    }

    /// The key of `keys` that verifies the signature.
    ///
    /// A `kid` chooses; without one on either side every key of the right kind
    /// is tried.
    pub(crate) fn verify<'k>(&self, keys: &'k [Jwk]) -> Option<&'k Jwk> {
        keys.iter()
            .filter(|key| self.fits(key))
            .take(KEYS_TRIED)
            .find(|key| self.is_signed_by(key).unwrap_or(false))
    }

    /// The payload. Call it only after `verify`, or for a token verified before
    /// it was stored.
    pub(crate) fn into_payload(self) -> Vec<u8> {
        self.payload
    }

    fn fits(&self, key: &Jwk) -> bool {
        let (kty, crv) = self.algorithm.key_type();
        let same_or_silent = |field: &Option<String>, value: &str| {
            field.as_deref().is_none_or(|found| found == value)
        };
        let algorithm = key.alg.as_deref().map(Algorithm::parse);
        key.kty == kty
            && (crv.is_none() || key.crv.as_deref() == crv)
            && same_or_silent(&key.usage, "sig")
            && algorithm.is_none_or(|found| found == Some(self.algorithm))
            && self.kid.as_deref().is_none_or(|kid| same_or_silent(&key.kid, kid))
    }

    /// None where the key itself cannot be used.
    fn is_signed_by(&self, key: &Jwk) -> Option<bool> {
        let message = self.signing_input.as_bytes();
        Some(match self.algorithm {
            Algorithm::Rs256 => pkcs1_v15::<Sha256>(key, message, &self.signature)?,
            Algorithm::Rs384 => pkcs1_v15::<Sha384>(key, message, &self.signature)?,
            Algorithm::Rs512 => pkcs1_v15::<Sha512>(key, message, &self.signature)?,
            Algorithm::Ps256 => rsa_pss::<Sha256>(key, message, &self.signature)?,
            Algorithm::Ps384 => rsa_pss::<Sha384>(key, message, &self.signature)?,
            Algorithm::Ps512 => rsa_pss::<Sha512>(key, message, &self.signature)?,
            Algorithm::Es256 => {
                let point = sec1_point(key, 32)?;
                let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).ok()?;
                let signature = p256::ecdsa::Signature::from_slice(&self.signature).ok()?;
                key.verify(message, &signature).is_ok()
            }
            Algorithm::Es384 => {
                let point = sec1_point(key, 48)?;
                let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(&point).ok()?;
                let signature = p384::ecdsa::Signature::from_slice(&self.signature).ok()?;
                key.verify(message, &signature).is_ok()
            }
            Algorithm::EdDsa => {
                let point: [u8; 32] = decode(&key.x)?.try_into().ok()?;
                let key = ed25519_dalek::VerifyingKey::from_bytes(&point).ok()?;
                let signature = ed25519_dalek::Signature::from_slice(&self.signature).ok()?;
                key.verify_strict(message, &signature).is_ok()
            }
        })
    }
}

fn pkcs1_v15<D>(key: &Jwk, message: &[u8], signature: &[u8]) -> Option<bool>
where
    D: Digest + rsa::pkcs8::AssociatedOid,
{
    let signature = pkcs1v15::Signature::try_from(signature).ok()?;
    Some(pkcs1v15::VerifyingKey::<D>::new(rsa_key(key)?).verify(message, &signature).is_ok())
}

fn rsa_pss<D>(key: &Jwk, message: &[u8], signature: &[u8]) -> Option<bool>
where
    D: Digest + rsa::sha2::digest::FixedOutputReset,
{
    let signature = pss::Signature::try_from(signature).ok()?;
    Some(pss::VerifyingKey::<D>::new(rsa_key(key)?).verify(message, &signature).is_ok())
}

fn rsa_key(key: &Jwk) -> Option<RsaPublicKey> {
    let number = |field: &Option<String>| Some(BigUint::from_bytes_be(&decode(field)?));
    let key = RsaPublicKey::new(number(&key.n)?, number(&key.e)?).ok()?;
    (key.n().bits() >= RSA_MINIMUM_BITS).then_some(key)
}

/// An uncompressed point (SEC 1 §2.3.3); coordinates have a fixed length
/// (RFC 7518 §6.2.1.2).
fn sec1_point(key: &Jwk, length: usize) -> Option<Vec<u8>> {
    let (x, y) = (decode(&key.x)?, decode(&key.y)?);
    (x.len() == length && y.len() == length).then(|| [&[4], x.as_slice(), y.as_slice()].concat())
}

fn decode(field: &Option<String>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(field.as_deref()?).ok()
}
