//! An access token as callers hold it.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};
use zeroize::Zeroize as _;

use crate::contract::{Grant, TokenSource};

/// An access token, and what came with it.
///
/// `Debug` shows no secret, and dropping it wipes the tokens from memory.
pub struct Token(Grant);

impl From<Grant> for Token {
    fn from(grant: Grant) -> Self {
        Self(grant)
    }
}

impl Token {
    /// The same in the contract's terms. Its `Debug` prints the tokens.
    pub fn grant(&self) -> &Grant {
        &self.0
    }

    /// The access token itself (RFC 6749 §1.4).
    pub fn access_token(&self) -> &str {
        &self.0.access_token
    }

    /// Names the access token and tells nothing of it: its SHA-256, in hexadecimal.
    pub fn fingerprint(&self) -> String {
        Sha256::digest(&self.0.access_token).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// A kind of `Bearer`, as the provider spells it (RFC 6750).
    pub fn token_type(&self) -> &str {
        &self.0.token_type
    }

    /// What a request to the provider's API carries: pairs of a header's name and
    /// its value, `authorization` and `Bearer ...` almost always (RFC 6750 §2.1).
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.headers.iter().map(|header| (header.name.as_str(), header.value.as_str()))
    }

    /// Granted scopes.
    pub fn scopes(&self) -> &[String] {
        &self.0.scopes
    }

    /// When it expires; none where the provider did not say.
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.0.expires_at_ms.map(time)
    }

    /// When a program that lives long should ask again.
    pub fn renew_at(&self) -> Option<SystemTime> {
        self.0.renew_at_ms.map(time)
    }

    /// The verified ID token, as issued (OpenID Connect Core §2).
    pub fn id_token(&self) -> Option<&str> {
        self.0.id_token.as_deref()
    }

    /// Who logged in: one JSON object with the claims of the verified ID token,
    /// and over them those of userinfo where it was asked.
    pub fn claims(&self) -> Option<&str> {
        self.0.claims.as_deref()
    }

    /// One of the [`claims`](Self::claims) that is a text, such as `email`.
    pub fn claim(&self, name: &str) -> Option<String> {
        let claims: serde_json::Value = serde_json::from_str(self.claims()?).ok()?;
        claims.get(name)?.as_str().map(str::to_owned)
    }

    /// What an examination of the token brought, other than of userinfo: one JSON
    /// object.
    pub fn report(&self) -> Option<&str> {
        self.0.report.as_deref()
    }

    /// Where it came from: the store, a renewal, a login.
    pub fn source(&self) -> TokenSource {
        self.0.source
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token")
            .field("access_token", &"[secret]")
            .field("scopes", &self.0.scopes)
            .field("expires_at_ms", &self.0.expires_at_ms)
            .finish_non_exhaustive()
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.0.access_token.zeroize();
        self.0.id_token.zeroize();
        self.0.claims.zeroize();
        self.0.report.zeroize();
        self.0.headers.iter_mut().for_each(|header| header.value.zeroize());
    }
}

fn time(epoch_ms: u64) -> SystemTime {
    UNIX_EPOCH + Duration::from_millis(epoch_ms)
}
