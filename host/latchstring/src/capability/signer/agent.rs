//! [`AgentKey`]: a key in an SSH agent
//! ([draft-ietf-sshm-ssh-agent](https://datatracker.ietf.org/doc/draft-ietf-sshm-ssh-agent/)).
//!
//! Two messages of the protocol, by hand: the crates for it bring all kinds of keys and their
//! cryptography along.

use std::io;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sha2::{Digest as _, Sha256};
use ssh_encoding::{Decode, Encode as _, Mpint};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::OnceCell;

use super::public::Public;
use super::{PublicKey, Signer};
use crate::error::{Code, Error, printable};
use latchstring_core::contract::SigningAlgorithm;

const SCHEME: &str = "ssh-agent:";
/// The socket of the agent.
const SOCKET: &str = "SSH_AUTH_SOCK";

const FAILURE: u8 = 5;
const REQUEST_IDENTITIES: u8 = 11;
const IDENTITIES: u8 = 12;
const SIGN_REQUEST: u8 = 13;
const SIGNATURE: u8 = 14;
/// Flag: an RSA key signs with SHA-256.
const RSA_SHA2_256: u32 = 2;
/// Longest message that is read, in bytes. OpenSSH's agent sends none that is longer.
const LONGEST_MESSAGE: u32 = 256 * 1024;

/// A private key that an SSH agent signs with: Ed25519 (EdDSA), ECDSA on P-256 (ES256), or RSA
/// of 2048 bits or more (RS256). It never leaves the agent.
pub struct AgentKey {
    /// Fingerprint or comment.
    name: String,
    found: OnceCell<Found>,
}

/// The key as the agent has it.
struct Found {
    blob: Vec<u8>,
    public: Public,
    key: PublicKey,
}

/// A key that the agent offers.
struct Offered {
    blob: Vec<u8>,
    comment: String,
}

impl AgentKey {
    /// Names a key: `ssh-agent:SHA256:FINGERPRINT` or `ssh-agent:COMMENT`. Asks nobody yet.
    ///
    /// # Errors
    ///
    /// Returns `invalid-configuration` if the name has another form.
    pub fn named(name: &str) -> Result<Self, Error> {
        match name.strip_prefix(SCHEME) {
            Some(name) if !name.is_empty() => {
                Ok(Self { name: name.to_owned(), found: OnceCell::new() })
            }
            _ => Err(unusable(
                "the name of the key in the SSH agent is not understood",
                "write ssh-agent:SHA256:FINGERPRINT or ssh-agent:COMMENT, as ssh-add -l shows them",
            )),
        }
    }

    async fn found(&self) -> Result<&Found, Error> {
        self.found.get_or_try_init(|| self.find()).await
    }

    async fn find(&self) -> Result<Found, Error> {
        let offered = offered(&ask(&[REQUEST_IDENTITIES]).await?).ok_or_else(unclear)?;
        let (mut meant, others): (Vec<_>, Vec<_>) = offered
            .into_iter()
            .partition(|key| key.fingerprint() == self.name || key.comment == self.name);
        let Some(offered) = meant.pop() else {
            return Err(match others.as_slice() {
                [] => unusable(
                    "the SSH agent has no keys, or is locked",
                    "add the key with ssh-add FILE, or unlock the agent with ssh-add -X",
                ),
                others => unusable(
                    format!(
                        "the key {} is not in the SSH agent, which has {}",
                        printable(&self.name),
                        listed(others)
                    ),
                    "add it with ssh-add FILE, or name another as ssh-agent:SHA256:FINGERPRINT",
                ),
            });
        };
        if !meant.is_empty() {
            meant.push(offered);
            return Err(unusable(
                format!(
                    "several keys in the SSH agent are called {}: {}",
                    printable(&self.name),
                    listed(&meant)
                ),
                "name the key by its fingerprint: ssh-agent:SHA256:FINGERPRINT",
            ));
        }
        let public = public(&offered.blob).ok_or_else(|| {
            unusable(
                format!(
                    "the key {} in the SSH agent is of a kind or size that cannot be used",
                    offered.in_words()
                ),
                "use an Ed25519 key, an ECDSA key on P-256, or an RSA key of 2048 bits or more; \
                 keys of security keys sign for SSH alone",
            )
        })?;
        let mut key = public.key();
        // The protocol knows no PSS.
        key.algorithms.retain(|algorithm| *algorithm != SigningAlgorithm::Ps256);
        Ok(Found { blob: offered.blob, public, key })
    }
}

#[async_trait]
impl Signer for AgentKey {
    async fn public_key(&self) -> Result<PublicKey, Error> {
        self.found().await.map(|found| found.key.clone())
    }

    async fn sign(&self, algorithm: SigningAlgorithm, input: &[u8]) -> Result<Vec<u8>, Error> {
        let Found { blob, public, .. } = self.found().await?;
        let flags = match public {
            Public::Rsa { .. } => RSA_SHA2_256,
            _ => 0,
        };
        let answer = ask(&sign_request(blob, input, flags).ok_or_else(unclear)?).await?;
        if answer.first() == Some(&FAILURE) {
            return Err(Error::new(
                Code::AccessDenied,
                format!("the SSH agent does not sign with the key {}", printable(&self.name)),
                "confirm the signature when the agent asks, or unlock the agent with ssh-add -X",
            ));
        }
        let signature = signature(&answer, public).ok_or_else(unclear)?;
        public.check(algorithm, input, &signature, &printable(&self.name))?;
        Ok(signature)
    }
}

impl Offered {
    /// Returns the fingerprint as `ssh-add -l` shows it.
    fn fingerprint(&self) -> String {
        format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(&self.blob)))
    }

    fn in_words(&self) -> String {
        format!("{} ({})", self.fingerprint(), printable(&self.comment))
    }
}

fn listed(keys: &[Offered]) -> String {
    keys.iter().map(Offered::in_words).collect::<Vec<_>>().join(", ")
}

/// Sends a message to the agent, and returns its answer.
async fn ask(message: &[u8]) -> Result<Vec<u8>, Error> {
    let mut agent = connect().await?;
    let mut framed = Vec::new();
    let talked = async {
        message.encode(&mut framed).map_err(io::Error::other)?;
        agent.write_all(&framed).await?;
        let length = agent.read_u32().await?;
        if length > LONGEST_MESSAGE {
            return Err(io::Error::other("its answer is too long"));
        }
        let mut answer = vec![0; length as usize];
        agent.read_exact(&mut answer).await?;
        Ok(answer)
    };
    talked.await.map_err(|error| unreachable(&error.to_string()))
}

#[cfg(unix)]
async fn connect() -> Result<tokio::net::UnixStream, Error> {
    let Some(path) = std::env::var_os(SOCKET).filter(|path| !path.is_empty()) else {
        return Err(unreachable(&format!("{SOCKET} is not set")));
    };
    tokio::net::UnixStream::connect(path).await.map_err(|error| unreachable(&error.to_string()))
}

#[cfg(not(unix))]
async fn connect() -> Result<tokio::net::TcpStream, Error> {
    Err(unusable(
        format!("keys in an SSH agent are used on Unix only, by {SOCKET}"),
        "keep the key in a file or in a PKCS#11 token",
    ))
}

fn sign_request(blob: &[u8], input: &[u8], flags: u32) -> Option<Vec<u8>> {
    let mut message = vec![SIGN_REQUEST];
    blob.encode(&mut message).ok()?;
    input.encode(&mut message).ok()?;
    flags.encode(&mut message).ok()?;
    Some(message)
}

/// Returns the keys in an answer, or `None` if it is none.
fn offered(answer: &[u8]) -> Option<Vec<Offered>> {
    let mut rest = answer.strip_prefix(&[IDENTITIES])?;
    let count = u32::decode(&mut rest).ok()?;
    let mut keys = Vec::new();
    for _ in 0..count {
        let blob = string(&mut rest)?;
        let comment = String::from_utf8_lossy(&string(&mut rest)?).into_owned();
        keys.push(Offered { blob, comment });
    }
    Some(keys)
}

/// Returns a public key ([RFC 4253 §6.6](https://www.rfc-editor.org/rfc/rfc4253#section-6.6),
/// [RFC 5656 §3.1](https://www.rfc-editor.org/rfc/rfc5656#section-3.1),
/// [RFC 8709 §4](https://www.rfc-editor.org/rfc/rfc8709#section-4)), or `None` if tokens cannot
/// be signed with it.
fn public(mut blob: &[u8]) -> Option<Public> {
    let rest = &mut blob;
    match string(rest)?.as_slice() {
        b"ssh-ed25519" => Public::ed25519(&string(rest)?),
        b"ecdsa-sha2-nistp256" => {
            string(rest)?;
            Public::p256(&string(rest)?)
        }
        b"ssh-rsa" => {
            let (e, n) = (Mpint::decode(rest).ok()?, Mpint::decode(rest).ok()?);
            Public::rsa(n.as_positive_bytes()?, e.as_positive_bytes()?)
        }
        _ => None,
    }
}

/// Returns the signature in an answer in the form that tokens need, or `None` if it is none.
fn signature(answer: &[u8], public: &Public) -> Option<Vec<u8>> {
    let mut message = answer.strip_prefix(&[SIGNATURE])?;
    let signature = string(&mut message)?;
    let mut rest = signature.as_slice();
    let _format = string(&mut rest)?;
    let signature = string(&mut rest)?;
    let Public::P256(_) = public else { return Some(signature) };
    let mut rest = signature.as_slice();
    let (r, s) = (Mpint::decode(&mut rest).ok()?, Mpint::decode(&mut rest).ok()?);
    let mut fixed = vec![0; 64];
    for (part, number) in fixed.chunks_mut(32).zip([r, s]) {
        let number = number.as_positive_bytes()?;
        part[32_usize.checked_sub(number.len())?..].copy_from_slice(number);
    }
    Some(fixed)
}

fn string(rest: &mut &[u8]) -> Option<Vec<u8>> {
    Vec::decode(rest).ok()
}

fn unreachable(reason: &str) -> Error {
    unusable(
        format!("the SSH agent cannot be asked: {}", printable(reason)),
        "start one with: eval $(ssh-agent), and add the key with: ssh-add FILE",
    )
}

fn unclear() -> Error {
    Error::new(
        Code::HostFault,
        "the SSH agent sent an answer that cannot be read",
        format!("check which agent {SOCKET} leads to"),
    )
}

fn unusable(message: impl Into<String>, remedy: impl Into<String>) -> Error {
    Error::new(Code::InvalidConfiguration, message, remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framed(parts: &[&[u8]]) -> Vec<u8> {
        let mut out = Vec::new();
        for part in parts {
            part.encode(&mut out).expect("a short string");
        }
        out
    }

    #[test]
    fn a_signature_on_p256_is_two_numbers_of_32_bytes() {
        // A number whose first bit is set has a zero before it, a small one is shorter.
        let numbers = framed(&[&[&[0, 0x80][..], &[1; 31]].concat(), &[5]]);
        let answer = [&[SIGNATURE][..], &framed(&[&framed(&[b"ecdsa-sha2-nistp256", &numbers])])];
        let found = signature(&answer.concat(), &Public::P256([0; 64])).expect("a signature");
        assert_eq!(found, [&[0x80][..], &[1; 31], &[0; 31], &[5]].concat());
        let long = framed(&[&[1; 33], &[5]]);
        let answer = [&[SIGNATURE][..], &framed(&[&framed(&[b"ecdsa-sha2-nistp256", &long])])];
        assert!(signature(&answer.concat(), &Public::P256([0; 64])).is_none());
    }

    #[test]
    fn an_answer_that_is_cut_short_is_not_read() {
        let answer =
            [&[IDENTITIES, 0, 0, 0, 1][..], &framed(&[b"blob", b"ada@example.com"])].concat();
        assert_eq!(offered(&answer).expect("a key")[0].comment, "ada@example.com");
        for length in 0..answer.len() {
            assert!(offered(&answer[..length]).is_none(), "{length}");
        }
    }

    #[test]
    fn keys_of_other_kinds_are_not_used() {
        assert!(public(&framed(&[b"ssh-ed25519", &[7; 32]])).is_some());
        assert!(public(&framed(&[b"ssh-ed25519", &[7; 31]])).is_none());
        assert!(public(&framed(&[b"sk-ssh-ed25519@openssh.com", &[7; 32], b"ssh:"])).is_none());
        assert!(public(&framed(&[b"ssh-rsa", &[1, 0, 1], &[7; 128]])).is_none(), "1024 bits");
    }
}
