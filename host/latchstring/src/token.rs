//! An access token as callers hold it.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};
use zeroize::Zeroize as _;

use crate::contract::{Grant, TokenSource};
use crate::error::Error;

/// An access token, and what came with it.
///
/// `Debug` shows no secret, and dropping it wipes the tokens from memory.
pub struct Token(Grant);

impl TryFrom<Grant> for Token {
    type Error = Error;

    /// Tokens and headers end up in lines of text: one that could end its line
    /// early fails with `sandbox-fault` (RFC 6749 Appendix A.12, RFC 9110 §5.5).
    fn try_from(grant: Grant) -> Result<Self, Error> {
        let token = Self(grant);
        let grant = &token.0;
        let texts = [Some(&grant.access_token), Some(&grant.token_type), grant.id_token.as_ref()];
        let headers = grant.headers.iter().flat_map(|header| [&header.name, &header.value]);
        if !texts.into_iter().flatten().chain(headers).all(|text| is_one_line(text)) {
            return Err(Error::misbehaviour("handed out a token that no line of text may hold"));
        }
        Ok(token)
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
        self.0.expires_at_ms.and_then(time)
    }

    /// When a program that lives long should ask again.
    pub fn renew_at(&self) -> Option<SystemTime> {
        self.0.renew_at_ms.and_then(time)
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

    /// What the user should know about this token, one line each: an ID token that could
    /// not be checked and was not used, a life shorter than was asked for.
    pub fn notices(&self) -> &[String] {
        &self.0.notices
    }

    /// Names of authorization request parameters that are sent by default and that the
    /// provider refuses: give them to [`LatchBuilder::parameter`] with an empty value
    /// for later logins. Empty but after a login.
    ///
    /// [`LatchBuilder::parameter`]: crate::LatchBuilder::parameter
    pub fn refused_parameters(&self) -> &[String] {
        &self.0.refused_parameters
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

/// Printable ASCII.
fn is_one_line(text: &str) -> bool {
    text.bytes().all(|byte| (0x20..=0x7e).contains(&byte))
}

/// None where it is further off than this system can tell.
fn time(epoch_ms: u64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_millis(epoch_ms))
}
