//! Signed tokens in compact form (RFC 7515, RFC 7518 §3, RFC 8037 §3.1).
//!
//! Asymmetric algorithms are verified only with published keys, and HMACs only with the
//! client secret: a public key must never be accepted as a shared secret (RFC 8725 §2.1).
//! `none` is not supported.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use p256::elliptic_curve::point::AffineCoordinates;
use rsa::signature::Verifier;
use rsa::{BoxedUint, PublicKey, pkcs1v15, pss};
use serde::Deserialize;
use serde_json::Value;
use sha2::digest::const_oid::AssociatedOid;
use sha2::digest::{FixedOutputReset, Update};
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::protocol::jwk::Jwk;

/// Accepted sizes of RSA keys, in bits. RFC 7518 §3.3 sets the lower limit; the upper
/// limit bounds the work for one signature.
const RSA_BITS: std::ops::RangeInclusive<usize> = 2048..=8192;

/// Upper limit on the work for one token, in units of one attempt with a 2048-bit RSA
/// key. A key set without key identifiers must not cause unlimited work.
const WORK: usize = 60;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    Es512,
    EdDsa,
    Hs256,
    Hs384,
    Hs512,
}

impl Algorithm {
    /// Returns the algorithm of this name. Returns `None` for `none` and for unknown
    /// names.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Rs256,
            "RS384" => Self::Rs384,
            "RS512" => Self::Rs512,
            "PS256" => Self::Ps256,
            "PS384" => Self::Ps384,
            "PS512" => Self::Ps512,
            "ES256" => Self::Es256,
            "ES384" => Self::Es384,
            "ES512" => Self::Es512,
            "HS256" => Self::Hs256,
            "HS384" => Self::Hs384,
            "HS512" => Self::Hs512,
            // RFC 9864 gives the algorithm a name that includes the curve.
            "EdDSA" | "Ed25519" => Self::EdDsa,
            _ => return None,
        })
    }

    /// The name of the algorithm (RFC 7518 §3.1, RFC 8037 §3.1).
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::EdDsa => "EdDSA",
            Self::Hs256 => "HS256",
            Self::Hs384 => "HS384",
            Self::Hs512 => "HS512",
        }
    }

    /// Whether the key that verifies a signature can also make one.
    pub(crate) fn is_symmetric(self) -> bool {
        matches!(self, Self::Hs256 | Self::Hs384 | Self::Hs512)
    }

    /// Returns the `kty` and `crv` of published keys for this algorithm. Returns `None`
    /// for HMACs.
    fn key_type(self) -> Option<(&'static str, Option<&'static str>)> {
        Some(match self {
            Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512 => {
                ("RSA", None)
            }
            Self::Es256 => ("EC", Some("P-256")),
            Self::Es384 => ("EC", Some("P-384")),
            Self::Es512 => ("EC", Some("P-521")),
            Self::EdDsa => ("OKP", Some("Ed25519")),
            Self::Hs256 | Self::Hs384 | Self::Hs512 => return None,
        })
    }

    /// Returns the left half of the hash for this algorithm, in base64url: `at_hash` and
    /// `c_hash` (OIDC §3.1.3.6, §3.3.2.11).
    pub(crate) fn half_hash(self, text: &str) -> String {
        let hash = match self {
            Self::Rs256 | Self::Ps256 | Self::Es256 | Self::Hs256 => Sha256::digest(text).to_vec(),
            Self::Rs384 | Self::Ps384 | Self::Es384 | Self::Hs384 => Sha384::digest(text).to_vec(),
            Self::Rs512 | Self::Ps512 | Self::Es512 | Self::EdDsa | Self::Hs512 => {
                Sha512::digest(text).to_vec()
            }
        };
        URL_SAFE_NO_PAD.encode(&hash[..hash.len() / 2])
    }
}

/// The reason why no published key verifies a signature.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unverified {
    /// None of the matching keys made the signature.
    NoKey,
    /// None of this many keys made the signature, and more of them match.
    TooManyKeys(usize),
    /// A matching RSA key has an unsupported size, in bits.
    KeySize(usize),
}

impl Unverified {
    /// The reason as a phrase that follows "the ID token".
    pub(crate) fn in_words(self) -> String {
        match self {
            Self::NoKey => "is not signed by any of the provider's published keys".to_owned(),
            Self::TooManyKeys(tried) => format!(
                "was signed by none of the first {tried} published keys that fit it; no more are tried"
            ),
            Self::KeySize(bits) => format!(
                "may be signed with an RSA key of {bits} bits; keys of {} to {} bits are accepted",
                RSA_BITS.start(),
                RSA_BITS.end()
            ),
        }
    }
}

/// Whether a token has the parts of an encrypted one (RFC 7516 §9).
pub(crate) fn is_encrypted(token: &str) -> bool {
    token.split('.').count() == 5
}

/// A parsed token. Its content is not verified yet.
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

/// The reason why a token is not as good as its signature.
pub(crate) enum Rejection {
    /// None of the keys verifies the signature; another key might.
    UnknownKey(Unverified),
    /// A phrase that follows "the ID token".
    Failed(String),
}

impl Rejection {
    pub(crate) fn in_words(self) -> String {
        match self {
            Self::UnknownKey(reason) => reason.in_words(),
            Self::Failed(reason) => reason,
        }
    }
}

/// A token whose signature was verified.
pub(crate) struct Verified<'k> {
    pub(crate) algorithm: Algorithm,
    pub(crate) payload: Vec<u8>,
    /// The published key that verified the signature. `None` if it was the client secret.
    pub(crate) key: Option<&'k Jwk>,
}

/// Checks the signature, with the client secret if that may have made it.
pub(crate) fn verify<'k>(
    token: &str,
    keys: &'k [Jwk],
    secret: Option<&str>,
) -> Result<Verified<'k>, Rejection> {
    let jws = Jws::parse(token).map_err(Rejection::Failed)?;
    let algorithm = jws.algorithm;
    let key = if algorithm.is_symmetric() {
        jws.check_secret(secret).map_err(Rejection::Failed)?;
        None
    } else {
        Some(jws.verify(keys).map_err(Rejection::UnknownKey)?)
    };
    Ok(Verified { algorithm, payload: jws.payload, key })
}

impl<'a> Jws<'a> {
    /// Parses a token. The error is a phrase that follows "the ID token".
    pub(crate) fn parse(token: &'a str) -> Result<Self, String> {
        if is_encrypted(token) {
            return Err("is encrypted, and no key to decrypt it is set".to_owned());
        }
        let (signing_input, signature) = token.rsplit_once('.').ok_or("is not a signed token")?;
        let (header, payload) = signing_input.split_once('.').ok_or("is not a signed token")?;
        let decode =
            |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| "is not base64url".to_owned());
        let header: Header = serde_json::from_slice(&decode(header)?)
            .map_err(|_| "has a header that cannot be read")?;
        if header.crit.is_some() {
            return Err("requires extensions that are not supported (crit)".to_owned());
        }
        let algorithm = Algorithm::parse(&header.alg).ok_or_else(|| {
            format!(
                "is signed with {}; expected RS, PS, ES256, ES384, ES512 or EdDSA",
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

    /// Returns the key that verifies the signature.
    ///
    /// A `kid` selects the key. If the token or the key has none, every key of the right
    /// type is tried.
    pub(crate) fn verify<'k>(&self, keys: &'k [Jwk]) -> Result<&'k Jwk, Unverified> {
        let mut unverified = Unverified::NoKey;
        let mut work = 0;
        for (tried, key) in keys.iter().filter(|key| self.fits(key)).enumerate() {
            work += self.work(key);
            if work > WORK {
                return Err(Unverified::TooManyKeys(tried));
            }
            match self.is_signed_by(key) {
                Ok(true) => return Ok(key),
                Ok(false) | Err(Unverified::NoKey) => {}
                Err(reason) => unverified = reason,
            }
        }
        Err(unverified)
    }

    /// Cost of one attempt with this key, relative to RSA with 2048 bits. Measured in the
    /// sandbox.
    fn work(&self, key: &Jwk) -> usize {
        match self.algorithm {
            Algorithm::EdDsa => 1,
            Algorithm::Es256 => 2,
            Algorithm::Es384 | Algorithm::Es512 => 9,
            _ => {
                // The length of the modulus in bytes, at six bits a character and without
                // leading zeros. The work grows with its square.
                let digits = key.n.as_deref().unwrap_or_default().trim_start_matches('A');
                let length = digits.len() * 3 / 4;
                // A key of more than 8192 bits is rejected before any arithmetic.
                if length > 1024 { 1 } else { length.pow(2).div_ceil(256 * 256).max(1) }
            }
        }
    }

    fn check_secret(&self, secret: Option<&str>) -> Result<(), String> {
        let Some(secret) = secret else {
            return Err(format!(
                "is signed with {}, which needs a shared secret; expected a published key",
                self.algorithm.name()
            ));
        };
        match self.is_signed_with(secret) {
            true => Ok(()),
            false => Err("is not signed with this client's secret".to_owned()),
        }
    }

    /// Whether the signature is an HMAC with this secret (OIDC §10.1). Always false for
    /// an asymmetric algorithm.
    pub(crate) fn is_signed_with(&self, secret: &str) -> bool {
        let (secret, message) = (secret.as_bytes(), self.signing_input.as_bytes());
        match self.algorithm {
            Algorithm::Hs256 => hmac::<Hmac<Sha256>>(secret, message, &self.signature),
            Algorithm::Hs384 => hmac::<Hmac<Sha384>>(secret, message, &self.signature),
            Algorithm::Hs512 => hmac::<Hmac<Sha512>>(secret, message, &self.signature),
            _ => false,
        }
    }

    /// The payload. Call this only after the signature was verified.
    pub(crate) fn into_payload(self) -> Vec<u8> {
        self.payload
    }

    fn fits(&self, key: &Jwk) -> bool {
        let Some((kty, crv)) = self.algorithm.key_type() else { return false };
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

    /// Whether this key made the signature. The error says why the key cannot be used.
    fn is_signed_by(&self, key: &Jwk) -> Result<bool, Unverified> {
        let (message, signature) = (self.signing_input.as_bytes(), self.signature.as_slice());
        match self.algorithm {
            Algorithm::Rs256 => return pkcs1_v15::<Sha256>(key, message, signature),
            Algorithm::Rs384 => return pkcs1_v15::<Sha384>(key, message, signature),
            Algorithm::Rs512 => return pkcs1_v15::<Sha512>(key, message, signature),
            Algorithm::Ps256 => return rsa_pss::<Sha256>(key, message, signature),
            Algorithm::Ps384 => return rsa_pss::<Sha384>(key, message, signature),
            Algorithm::Ps512 => return rsa_pss::<Sha512>(key, message, signature),
            Algorithm::Es256 => es256(key, message, signature),
            Algorithm::Es384 => es384(key, message, signature),
            Algorithm::Es512 => es512(key, message, signature),
            Algorithm::EdDsa => eddsa(key, message, signature),
            Algorithm::Hs256 | Algorithm::Hs384 | Algorithm::Hs512 => None,
        }
        .ok_or(Unverified::NoKey)
    }
}

fn hmac<M: Mac + KeyInit>(secret: &[u8], message: &[u8], signature: &[u8]) -> bool {
    M::new_from_slice(secret)
        .is_ok_and(|mac| mac.chain_update(message).verify_slice(signature).is_ok())
}

fn pkcs1_v15<D>(key: &Jwk, message: &[u8], signature: &[u8]) -> Result<bool, Unverified>
where
    D: Digest + AssociatedOid,
{
    let key = pkcs1v15::VerifyingKey::<D>::new(rsa_key(key)?);
    let signature = pkcs1v15::Signature::try_from(signature);
    Ok(signature.is_ok_and(|signature| key.verify(message, &signature).is_ok()))
}

fn rsa_pss<D>(key: &Jwk, message: &[u8], signature: &[u8]) -> Result<bool, Unverified>
where
    D: Digest + FixedOutputReset + Update,
{
    let key = pss::VerifyingKey::<D>::new(rsa_key(key)?);
    let signature = pss::Signature::try_from(signature);
    Ok(signature.is_ok_and(|signature| key.verify(message, &signature).is_ok()))
}

fn rsa_key(key: &Jwk) -> Result<PublicKey, Unverified> {
    let number = |field: &Option<String>| {
        let bytes = decode(field).ok_or(Unverified::NoKey)?;
        // Leading zeros would be computed with, and any number of them may be published.
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        Ok(BoxedUint::from_be_slice_vartime(&bytes[zeros..]))
    };
    let (n, e) = (number(&key.n)?, number(&key.e)?);
    let bits = n.bit_width_vartime() as usize;
    if !RSA_BITS.contains(&bits) {
        return Err(Unverified::KeySize(bits));
    }
    PublicKey::new_with_size_limits(n, e, RSA_BITS).map_err(|_| Unverified::NoKey)
}

// Each of these functions returns `None` if the key or the signature is malformed.

fn es256(key: &Jwk, message: &[u8], signature: &[u8]) -> Option<bool> {
    let key = p256::ecdsa::VerifyingKey::from_affine(point(key)?).ok()?;
    let signature = p256::ecdsa::Signature::from_slice(signature).ok()?;
    Some(key.verify(message, &signature).is_ok())
}

fn es384(key: &Jwk, message: &[u8], signature: &[u8]) -> Option<bool> {
    let key = p384::ecdsa::VerifyingKey::from_affine(point(key)?).ok()?;
    let signature = p384::ecdsa::Signature::from_slice(signature).ok()?;
    Some(key.verify(message, &signature).is_ok())
}

fn es512(key: &Jwk, message: &[u8], signature: &[u8]) -> Option<bool> {
    let key = p521::ecdsa::VerifyingKey::from_affine(point(key)?).ok()?;
    let signature = p521::ecdsa::Signature::from_slice(signature).ok()?;
    Some(key.verify(message, &signature).is_ok())
}

fn eddsa(key: &Jwk, message: &[u8], signature: &[u8]) -> Option<bool> {
    let point: [u8; 32] = decode(&key.x)?.try_into().ok()?;
    let key = ed25519_dalek::VerifyingKey::from_bytes(&point).ok()?;
    let signature = ed25519_dalek::Signature::from_slice(signature).ok()?;
    Some(key.verify_strict(message, &signature).is_ok())
}

/// The point with the key's coordinates, which have a fixed length (RFC 7518 §6.2.1.2). Not by
/// way of SEC 1: compressed points are not in use, and to expand them takes a lot of code.
fn point<P>(key: &Jwk) -> Option<P>
where
    P: AffineCoordinates<FieldRepr: for<'a> TryFrom<&'a [u8]>>,
{
    let coordinate = |field| P::FieldRepr::try_from(&decode(field)?).ok();
    P::from_coordinates(&coordinate(&key.x)?, &coordinate(&key.y)?).into()
}

fn decode(field: &Option<String>) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(field.as_deref()?).ok()
}
