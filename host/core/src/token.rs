//! The access token that callers get.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use sha2::{Digest as _, Sha256};
use zeroize::Zeroize as _;

use crate::contract::{Grant, TokenSource};
use crate::error::Error;

/// An access token and what came with it.
///
/// `Debug` shows no secrets. Dropping it wipes the tokens from memory.
pub struct Token(Grant);

impl TryFrom<Grant> for Token {
    type Error = Error;

    /// Checks that tokens and headers are printable ASCII, because they are written into
    /// lines of text. Returns `sandbox-fault` if one is not
    /// ([RFC 6749 Appendix A.12](https://www.rfc-editor.org/rfc/rfc6749#appendix-A.12),
    /// [RFC 9110 §5.5](https://www.rfc-editor.org/rfc/rfc9110#section-5.5)).
    fn try_from(grant: Grant) -> Result<Self, Error> {
        let token = Self(grant);
        let grant = &token.0;
        let texts = [Some(&grant.access_token), Some(&grant.token_type), grant.id_token.as_ref()];
        let headers = grant.headers.iter().flat_map(|header| [&header.name, &header.value]);
        if !texts.into_iter().flatten().chain(headers).all(|text| is_one_line(text)) {
            return Err(Error::misbehaviour(
                "returned a token that contains line breaks or control characters",
            ));
        }
        Ok(token)
    }
}

impl Token {
    /// Returns this token in the contract's type, whose `Debug` prints the tokens.
    pub fn grant(&self) -> &Grant {
        &self.0
    }

    /// Returns the access token
    /// ([RFC 6749 §1.4](https://www.rfc-editor.org/rfc/rfc6749#section-1.4)).
    pub fn access_token(&self) -> &str {
        &self.0.access_token
    }

    /// Returns the SHA-256 hash of the access token in hexadecimal, which identifies the
    /// token without revealing it.
    pub fn fingerprint(&self) -> String {
        Sha256::digest(&self.0.access_token).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Returns the token type: `Bearer` in the provider's spelling
    /// ([RFC 6750](https://www.rfc-editor.org/rfc/rfc6750)), or `DPoP`
    /// ([RFC 9449](https://www.rfc-editor.org/rfc/rfc9449)).
    pub fn token_type(&self) -> &str {
        &self.0.token_type
    }

    /// Whether the token is bound to a key: each request with it needs a proof.
    pub fn is_bound(&self) -> bool {
        self.0.token_type.eq_ignore_ascii_case("dpop")
    }

    /// Returns the headers of a request to the provider's API, as pairs of name and value.
    /// Almost always this is `authorization` with `Bearer ...`
    /// ([RFC 6750 §2.1](https://www.rfc-editor.org/rfc/rfc6750#section-2.1)). The proof of a
    /// bound token is not among them.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.headers.iter().map(|header| (header.name.as_str(), header.value.as_str()))
    }

    /// Returns the granted scopes.
    pub fn scopes(&self) -> &[String] {
        &self.0.scopes
    }

    /// Returns when the token expires, or `None` if the provider did not say.
    pub fn expires_at(&self) -> Option<SystemTime> {
        self.0.expires_at_ms.and_then(time)
    }

    /// Returns when a long-running program should renew the token, or `None` if that is not
    /// known.
    pub fn renew_at(&self) -> Option<SystemTime> {
        self.0.renew_at_ms.and_then(time)
    }

    /// Returns the verified ID token as issued
    /// ([OpenID Connect Core §2](https://openid.net/specs/openid-connect-core-1_0.html#IDToken)),
    /// or `None` if there is none.
    pub fn id_token(&self) -> Option<&str> {
        self.0.id_token.as_deref()
    }

    /// Returns the claims about the user as a JSON object, or `None` if there are none:
    /// those of the verified ID token, overridden by those of userinfo if it was requested.
    pub fn claims(&self) -> Option<&str> {
        self.0.claims.as_deref()
    }

    /// Returns one of the [`claims`](Self::claims), such as `email`, or `None` if it is
    /// missing or not a string.
    pub fn claim(&self, name: &str) -> Option<String> {
        let claims: serde_json::Value = serde_json::from_str(self.claims()?).ok()?;
        claims.get(name)?.as_str().map(str::to_owned)
    }

    /// Returns the result of examining the token other than by userinfo, as a JSON object,
    /// or `None` if it was not examined.
    pub fn report(&self) -> Option<&str> {
        self.0.report.as_deref()
    }

    /// Returns what the user should know about this token, one line each: for example, that
    /// an ID token could not be checked and was not used, or that the token expires earlier
    /// than requested.
    pub fn notices(&self) -> &[String] {
        &self.0.notices
    }

    /// Returns what was granted in detail, as one JSON array
    /// ([RFC 9396 §7](https://www.rfc-editor.org/rfc/rfc9396#section-7)), or `None` if the
    /// provider did not say.
    pub fn authorization_details(&self) -> Option<&str> {
        self.0.authorization_details.as_deref()
    }

    /// Returns the names of authorization request parameters that are sent by default and
    /// that the provider refuses. Pass them to `LatchBuilder::parameter` with an empty
    /// value for later logins. Empty except after a login.
    pub fn refused_parameters(&self) -> &[String] {
        &self.0.refused_parameters
    }

    /// Returns where the token came from: the store, a renewal or a login.
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

/// Returns whether `text` is printable ASCII.
fn is_one_line(text: &str) -> bool {
    text.bytes().all(|byte| (0x20..=0x7e).contains(&byte))
}

/// Returns the time, or `None` if it is too late for this system's clock.
fn time(epoch_ms: u64) -> Option<SystemTime> {
    UNIX_EPOCH.checked_add(Duration::from_millis(epoch_ms))
}
