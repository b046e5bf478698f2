//! Grants: codes, families of tokens, and how they end.
//!
//! A family is everything that was issued for one login. It ends as a whole if a code or
//! refresh token is used twice: one of the two uses was by a thief, and nothing shows
//! which (RFC 6749 §10.5, RFC 9700 §4.14.2).

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::keys::random_text;

/// A user's consent.
#[derive(Clone)]
pub(crate) struct Consent {
    pub(crate) name: String,
    pub(crate) scopes: Vec<String>,
    /// Resource indicators (RFC 8707 §2).
    pub(crate) resources: Vec<String>,
    pub(crate) nonce: Option<String>,
    /// Seconds since 1970-01-01T00:00:00Z (OpenID Connect Core §2).
    pub(crate) auth_time: u64,
}

/// An unused authorization code, and the values that it is bound to.
pub(crate) struct Code {
    pub(crate) consent: Consent,
    pub(crate) redirect_uri: String,
    pub(crate) code_challenge: String,
    pub(crate) expires_at_ms: u64,
}

/// Index of a family in its `Grants`.
#[derive(Clone, Copy)]
pub(crate) struct FamilyId(usize);

/// The reason why a grant is invalid, for `error_description`.
pub(crate) type Reason = &'static str;

/// Everything that the provider remembers. Time is an argument, in milliseconds since
/// 1970-01-01T00:00:00Z.
#[derive(Default)]
pub(crate) struct Grants {
    codes: HashMap<String, CodeState>,
    families: Vec<Family>,
    access_tokens: HashMap<String, AccessToken>,
    refresh_tokens: HashMap<String, RefreshToken>,
}

enum CodeState {
    Fresh(Code),
    /// The family that the code started. `None` if the attempt failed.
    Spent(Option<FamilyId>),
}

struct Family {
    consent: Consent,
    revoked: bool,
}

struct AccessToken {
    family: FamilyId,
    scopes: Vec<String>,
    expires_at_ms: u64,
}

struct RefreshToken {
    family: FamilyId,
    rotated: bool,
}

impl Grants {
    pub(crate) fn issue_code(&mut self, code: Code) -> String {
        let text = random_text();
        self.codes.insert(text.clone(), CodeState::Fresh(code));
        text
    }

    /// Redeems a code, which is valid for one attempt, successful or not. A second
    /// attempt revokes what the first one granted (RFC 6749 §4.1.2).
    pub(crate) fn redeem_code(
        &mut self,
        code: &str,
        redirect_uri: &str,
        code_verifier: &str,
        now_ms: u64,
    ) -> Result<FamilyId, Reason> {
        let state = self.codes.get_mut(code).ok_or("this code was never issued")?;
        match std::mem::replace(state, CodeState::Spent(None)) {
            CodeState::Spent(family) => {
                *state = CodeState::Spent(family);
                if let Some(family) = family {
                    self.revoke_family(family);
                }
                Err("this code was used before; what it granted is revoked")
            }
            CodeState::Fresh(bound) => {
                bound.check(redirect_uri, code_verifier, now_ms)?;
                let family = FamilyId(self.families.len());
                *state = CodeState::Spent(Some(family));
                self.families.push(Family { consent: bound.consent, revoked: false });
                Ok(family)
            }
        }
    }

    /// Returns the family of a valid refresh token. A rotated one revokes its family (RFC
    /// 9700 §4.14.2).
    pub(crate) fn refreshable(&mut self, refresh_token: &str) -> Result<FamilyId, Reason> {
        let known = self.refresh_tokens.get(refresh_token);
        let known = known.ok_or("this refresh token was never issued")?;
        let (family, rotated) = (known.family, known.rotated);
        if self.families[family.0].revoked {
            return Err("this session was revoked");
        }
        if rotated {
            self.revoke_family(family);
            return Err("this refresh token was used before; its session is revoked");
        }
        Ok(family)
    }

    pub(crate) fn consent(&self, family: FamilyId) -> &Consent {
        &self.families[family.0].consent
    }

    pub(crate) fn issue_access_token(
        &mut self,
        family: FamilyId,
        scopes: Vec<String>,
        expires_at_ms: u64,
    ) -> String {
        let text = random_text();
        let token = AccessToken { family, scopes, expires_at_ms };
        self.access_tokens.insert(text.clone(), token);
        text
    }

    /// Issues a refresh token that replaces all earlier ones of its family.
    pub(crate) fn issue_refresh_token(&mut self, family: FamilyId) -> String {
        for token in self.refresh_tokens.values_mut() {
            token.rotated |= token.family.0 == family.0;
        }
        let text = random_text();
        let token = RefreshToken { family, rotated: false };
        self.refresh_tokens.insert(text.clone(), token);
        text
    }

    /// Returns the consent and scopes of a valid access token, otherwise `None`.
    pub(crate) fn bearer(&self, access_token: &str, now_ms: u64) -> Option<(&Consent, &[String])> {
        let token = self.access_tokens.get(access_token)?;
        let family = &self.families[token.family.0];
        let good = !family.revoked && now_ms < token.expires_at_ms;
        good.then_some((&family.consent, &token.scopes))
    }

    /// Revokes a token: a refresh token together with its family, an access token alone
    /// (RFC 7009 §2.1). An unknown token counts as revoked (§2.2).
    pub(crate) fn revoke(&mut self, token: &str) {
        if let Some(refresh_token) = self.refresh_tokens.get(token) {
            self.revoke_family(refresh_token.family);
        }
        self.access_tokens.remove(token);
    }

    fn revoke_family(&mut self, family: FamilyId) {
        self.families[family.0].revoked = true;
    }
}

impl Code {
    fn check(&self, redirect_uri: &str, code_verifier: &str, now_ms: u64) -> Result<(), Reason> {
        if now_ms >= self.expires_at_ms {
            return Err("this code has expired");
        }
        if redirect_uri != self.redirect_uri {
            return Err("redirect_uri is not that of the authorization request");
        }
        // Comparison of RFC 7636 §4.6.
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(code_verifier));
        if challenge != self.code_challenge {
            return Err("code_verifier does not fit the code_challenge");
        }
        Ok(())
    }
}
