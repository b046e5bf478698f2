//! Authorization codes (RFC 6749 §4.1.2).

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::sessions::{Grant, SessionId};
use crate::random::random_text;

/// An unused code, and the values that it is bound to.
pub(crate) struct Code {
    pub(crate) grant: Grant,
    pub(crate) redirect_uri: String,
    /// Code challenge of method S256 (RFC 7636 §4.2).
    pub(crate) code_challenge: Option<String>,
    pub(crate) expires_at_ms: u64,
}

/// Proof of a token request that a code belongs to it. `None`: not to be checked.
pub(crate) struct Proof<'a> {
    pub(crate) client_id: &'a str,
    pub(crate) redirect_uri: Option<&'a str>,
    pub(crate) code_verifier: Option<&'a str>,
}

/// Result of an attempt to redeem a code.
pub(crate) enum Redemption {
    Granted(Grant),
    /// A second attempt. Holds the session that the first one opened, if it succeeded.
    Spent(Option<SessionId>),
}

#[derive(Default)]
pub(crate) struct Codes(HashMap<String, CodeState>);

enum CodeState {
    Fresh(Box<Code>),
    Spent(Option<SessionId>),
}

impl Codes {
    pub(crate) fn issue(&mut self, code: Code) -> String {
        let text = random_text();
        self.0.insert(text.clone(), CodeState::Fresh(Box::new(code)));
        text
    }

    /// Uses up a code. The error is the reason.
    pub(super) fn redeem(
        &mut self,
        code: &str,
        proof: &Proof<'_>,
        now_ms: u64,
    ) -> Result<Redemption, &'static str> {
        let state = self.0.get_mut(code).ok_or("this code was never issued")?;
        match std::mem::replace(state, CodeState::Spent(None)) {
            CodeState::Spent(session) => {
                *state = CodeState::Spent(session);
                Ok(Redemption::Spent(session))
            }
            CodeState::Fresh(code) => {
                code.check(proof, now_ms)?;
                Ok(Redemption::Granted(code.grant))
            }
        }
    }

    /// Remembers the session that a code has opened.
    pub(super) fn opened(&mut self, code: &str, session: SessionId) {
        self.0.insert(code.to_owned(), CodeState::Spent(Some(session)));
    }
}

impl Code {
    fn check(&self, proof: &Proof<'_>, now_ms: u64) -> Result<(), &'static str> {
        if now_ms >= self.expires_at_ms {
            return Err("this code has expired");
        }
        if proof.client_id != self.grant.client_id {
            return Err("this code was issued to another client");
        }
        if proof.redirect_uri.is_some_and(|sent| sent != self.redirect_uri) {
            return Err("redirect_uri is not that of the authorization request");
        }
        let challenge = proof.code_verifier.map(s256);
        if challenge.is_some() && challenge != self.code_challenge {
            return Err("code_verifier does not fit the code_challenge");
        }
        Ok(())
    }
}

/// The code challenge of a verifier (RFC 7636 §4.6).
fn s256(code_verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(code_verifier))
}
