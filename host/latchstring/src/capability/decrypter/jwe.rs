//! Encrypted tokens in compact form ([RFC 7516](https://www.rfc-editor.org/rfc/rfc7516)): with a
//! key agreement on P-256, and AES with GCM or with CBC and an HMAC
//! ([RFC 7518 §4.6, §5](https://www.rfc-editor.org/rfc/rfc7518#section-4.6)).
//!
//! Nothing else is supported. RSAES-PKCS1-v1_5 leaks what it decrypts (RFC 8725 §3.2),
//! compressed content could be of any size, and passwords (`PBES2`) are guessed.

use aes::{Aes128, Aes256};
use aes_kw::{KwAes128, KwAes256};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockCipherDecrypt, BlockModeDecrypt, KeyInit, KeyIvInit};
use p256::{PublicKey, SecretKey};
use ring::{aead, digest, hmac};
use serde::Deserialize;
use serde_json::Value;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use crate::error::printable;

type Secret = Zeroizing<Vec<u8>>;

/// The header of a token (RFC 7516 §4.1).
#[derive(Deserialize)]
struct Header {
    alg: String,
    enc: String,
    epk: Option<EphemeralKey>,
    #[serde(default)]
    apu: String,
    #[serde(default)]
    apv: String,
    crit: Option<Value>,
    zip: Option<Value>,
}

/// The sender's part of the key agreement, on the curve of the client's key.
#[derive(Deserialize)]
struct EphemeralKey {
    crv: String,
    x: String,
    y: String,
}

/// Returns what is in an encrypted token. The error is a phrase that follows "what the provider
/// sent".
pub(super) fn decrypt(key: &SecretKey, token: &str) -> Result<Zeroizing<String>, String> {
    let parts: Vec<&str> = token.split('.').collect();
    let [protected, wrapped, nonce, content, tag] = parts[..] else {
        return Err("is no encrypted token".to_owned());
    };
    let header: Header = decode(protected)
        .and_then(|json| serde_json::from_slice(&json).ok())
        .ok_or("has a header that cannot be read")?;
    if header.crit.is_some() || header.zip.is_some() {
        return Err("requires what is not supported (crit or zip)".to_owned());
    }
    let encryption = Encryption::parse(&header.enc)
        .ok_or_else(|| format!("is encrypted with {}, unsupported", printable(&header.enc)))?;
    let management = Management::parse(&header.alg).ok_or_else(|| {
        format!(
            "is encrypted with {}; expected ECDH-ES, ECDH-ES+A128KW or ECDH-ES+A256KW",
            printable(&header.alg)
        )
    })?;
    let open = || {
        let content_key = management.content_key(key, &header, encryption, &decode(wrapped)?)?;
        let sealed = Sealed {
            protected: protected.as_bytes(),
            nonce: decode(nonce)?,
            content: decode(content)?,
            tag: decode(tag)?,
        };
        let plain = encryption.open(&content_key, sealed)?;
        std::str::from_utf8(&plain).ok().map(|text| Zeroizing::new(text.to_owned()))
    };
    open().ok_or_else(|| "cannot be decrypted with this key".to_owned())
}

/// How the key of the content is found (RFC 7518 §4.6).
#[derive(Clone, Copy)]
enum Management {
    /// It is the agreed key.
    Direct,
    /// The agreed key wraps it.
    A128Kw,
    A256Kw,
}

impl Management {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "ECDH-ES" => Self::Direct,
            "ECDH-ES+A128KW" => Self::A128Kw,
            "ECDH-ES+A256KW" => Self::A256Kw,
            _ => return None,
        })
    }

    /// `None`: this is not the key that the token was encrypted for.
    fn content_key(
        self,
        key: &SecretKey,
        header: &Header,
        encryption: Encryption,
        wrapped: &[u8],
    ) -> Option<Secret> {
        let (purpose, length) = match self {
            Self::Direct => (&header.enc, encryption.key_length()),
            Self::A128Kw => (&header.alg, 16),
            Self::A256Kw => (&header.alg, 32),
        };
        let agreed = agree(key, header, purpose, length)?;
        let mut unwrapped = Zeroizing::new(vec![0; encryption.key_length()]);
        let is_expected_length = wrapped.len() == unwrapped.len() + aes_kw::IV_LEN;
        match self {
            Self::Direct => return wrapped.is_empty().then_some(agreed),
            _ if !is_expected_length => return None,
            Self::A128Kw => {
                KwAes128::new_from_slice(&agreed).ok()?.unwrap_key(wrapped, &mut unwrapped)
            }
            Self::A256Kw => {
                KwAes256::new_from_slice(&agreed).ok()?.unwrap_key(wrapped, &mut unwrapped)
            }
        }
        .ok()?;
        Some(unwrapped)
    }
}

/// Derives a key of this length, in bytes, from the client's key and the sender's: one or two
/// rounds of Concat KDF (RFC 7518 §4.6.2).
fn agree(key: &SecretKey, header: &Header, purpose: &str, length: usize) -> Option<Secret> {
    let sender = header.epk.as_ref().filter(|sender| sender.crv == "P-256")?;
    let point = [vec![4], decode(&sender.x)?, decode(&sender.y)?].concat();
    let sender = PublicKey::from_sec1_bytes(&point).ok()?;
    let agreed = p256::ecdh::diffie_hellman(key.to_nonzero_scalar(), sender.as_affine());
    let parties = [decode(&header.apu)?, decode(&header.apv)?];
    let number = |number: usize| u32::try_from(number).map(u32::to_be_bytes).ok();
    let mut derived = Zeroizing::new(Vec::new());
    for round in 1.. {
        let mut hash = digest::Context::new(&digest::SHA256);
        hash.update(&number(round)?);
        hash.update(agreed.raw_secret_bytes());
        for field in [purpose.as_bytes(), &parties[0], &parties[1]] {
            hash.update(&number(field.len())?);
            hash.update(field);
        }
        hash.update(&number(length * 8)?);
        derived.extend(hash.finish().as_ref());
        if derived.len() >= length {
            break;
        }
    }
    derived.truncate(length);
    Some(derived)
}

/// Encrypted content, with what was encrypted along with it.
struct Sealed<'a> {
    protected: &'a [u8],
    nonce: Vec<u8>,
    content: Vec<u8>,
    tag: Vec<u8>,
}

/// Encryption of the content (RFC 7518 §5.1).
#[derive(Clone, Copy)]
enum Encryption {
    A128Gcm,
    A256Gcm,
    A128CbcHs256,
    A256CbcHs512,
}

impl Encryption {
    fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "A128GCM" => Self::A128Gcm,
            "A256GCM" => Self::A256Gcm,
            "A128CBC-HS256" => Self::A128CbcHs256,
            "A256CBC-HS512" => Self::A256CbcHs512,
            _ => return None,
        })
    }

    /// In bytes.
    fn key_length(self) -> usize {
        match self {
            Self::A128Gcm => 16,
            Self::A256Gcm | Self::A128CbcHs256 => 32,
            Self::A256CbcHs512 => 64,
        }
    }

    fn open(self, key: &[u8], sealed: Sealed<'_>) -> Option<Secret> {
        match self {
            Self::A128Gcm => gcm(&aead::AES_128_GCM, key, sealed),
            Self::A256Gcm => gcm(&aead::AES_256_GCM, key, sealed),
            Self::A128CbcHs256 => cbc_hmac::<Aes128>(hmac::HMAC_SHA256, key, &sealed),
            Self::A256CbcHs512 => cbc_hmac::<Aes256>(hmac::HMAC_SHA512, key, &sealed),
        }
    }
}

/// AES in GCM (RFC 7518 §5.3).
fn gcm(algorithm: &'static aead::Algorithm, key: &[u8], sealed: Sealed<'_>) -> Option<Secret> {
    let Sealed { protected, nonce, content, tag } = sealed;
    let key = aead::LessSafeKey::new(aead::UnboundKey::new(algorithm, key).ok()?);
    let nonce = aead::Nonce::try_assume_unique_for_key(&nonce).ok()?;
    let mut opened = Zeroizing::new([content, tag].concat());
    let length = key.open_in_place(nonce, aead::Aad::from(protected), &mut opened).ok()?.len();
    opened.truncate(length);
    Some(opened)
}

/// AES in CBC, authenticated with an HMAC (RFC 7518 §5.2.2.2). Nothing is decrypted before its
/// tag was checked.
fn cbc_hmac<C: BlockCipherDecrypt + KeyInit>(
    algorithm: hmac::Algorithm,
    key: &[u8],
    sealed: &Sealed<'_>,
) -> Option<Secret> {
    let Sealed { protected, nonce, content, tag } = sealed;
    let (mac_key, content_key) = key.split_at(key.len() / 2);
    let mut mac = hmac::Context::with_key(&hmac::Key::new(algorithm, mac_key));
    let bits = u64::try_from(protected.len()).ok()? * 8;
    for part in [protected, &nonce[..], content, &bits.to_be_bytes()] {
        mac.update(part);
    }
    let expected = mac.sign();
    let is_authentic = expected.as_ref()[..mac_key.len()].ct_eq(tag);
    if !bool::from(is_authentic) {
        return None;
    }
    let cipher = cbc::Decryptor::<C>::new_from_slices(content_key, nonce).ok()?;
    cipher.decrypt_padded_vec::<Pkcs7>(content).ok().map(Zeroizing::new)
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}
