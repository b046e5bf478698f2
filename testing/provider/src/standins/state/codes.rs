//! Authorization codes (RFC 6749 §4.1.2).

use std::collections::HashMap;

use crate::random_text;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::sessions::Grant;

/// An unused code, and the values that it is bound to.
pub(crate) struct Code {
    pub(crate) grant: Grant,
    pub(crate) redirect_uri: String,
    /// Code challenge of method S256 (RFC 7636 §4.2).
    pub(crate) code_challenge: Option<String>,
    pub(crate) expires_at_ms: u64,
}

/// Proof of a token request that a code belongs to it.
pub(crate) struct Proof<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) redirect_uri: Option<&'a str>,
    pub(crate) code_verifier: Option<&'a str>,
}

/// Whether a system checks a part of the proof.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Always,
    /// Checked only if it was sent.
    IfSent,
    Never,
}

#[derive(Default)]
pub(crate) struct Codes(HashMap<String, Code>);

impl Codes {
    pub(crate) fn issue(&mut self, code: Code) -> String {
        let text = random_text();
        self.0.insert(text.clone(), code);
        text
    }

    /// Redeems a code, which is valid for one attempt, successful or not.
    pub(crate) fn redeem(
        &mut self,
        code: &str,
        proof: &Proof<'_>,
        redirect_uri: Wanted,
        code_verifier: Wanted,
        now_ms: u64,
    ) -> Result<Grant, &'static str> {
        let code = self.0.remove(code).ok_or("this code was never issued or is spent")?;
        if now_ms >= code.expires_at_ms {
            return Err("this code has expired");
        }
        if proof.client_id != code.grant.client_id {
            return Err("this code was issued to another client");
        }
        let sent = proof.redirect_uri;
        if !fits(redirect_uri, sent, |sent| sent == code.redirect_uri) {
            return Err("redirect_uri is not that of the authorization request");
        }
        let challenge = code.code_challenge.as_deref();
        if !fits(code_verifier, proof.code_verifier, |sent| challenge == Some(&s256(sent))) {
            return Err("code_verifier does not fit the code_challenge");
        }
        Ok(code.grant)
    }
}

fn fits(wanted: Wanted, sent: Option<&str>, is_right: impl Fn(&str) -> bool) -> bool {
    match (wanted, sent) {
        (Wanted::Never, _) | (Wanted::IfSent, None) => true,
        (Wanted::Always, None) => false,
        (Wanted::Always | Wanted::IfSent, Some(sent)) => is_right(sent),
    }
}

/// The code challenge of a verifier (RFC 7636 §4.6).
fn s256(code_verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(code_verifier))
}
