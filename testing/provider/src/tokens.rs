//! Access tokens, ID tokens and token responses.

use serde_json::{Map, Value, json};

use crate::claims::{Login, members};
use crate::context::{Context, lock};
use crate::dialect::{AccessToken, Dialect, IdToken};
use crate::issuer::Issuer;
use crate::jwt::at_hash;
use crate::random::random_text;
use crate::state::State;
use crate::state::sessions::{Good, SessionId};

/// Tokens that are about to be issued.
pub(crate) struct Issuance<'a> {
    pub(crate) session: SessionId,
    /// Scopes of the access token, which may be fewer than those of the session.
    pub(crate) scopes: Vec<String>,
    pub(crate) issuer: &'a Issuer,
    /// The code that they are granted for.
    pub(crate) code: Option<&'a str>,
    /// Whether they are renewed: no user is present.
    pub(crate) is_renewed: bool,
}

impl Issuance<'_> {
    /// The login that the tokens describe.
    pub(crate) fn login<'a>(&'a self, state: &'a State) -> Login<'a> {
        let grant = state.sessions.grant(self.session);
        Login {
            user: state.users.user(grant.user),
            grant,
            scopes: &self.scopes,
            issuer: self.issuer,
            code: self.code,
            is_renewed: self.is_renewed,
        }
    }
}

/// Returns a token response without a refresh token (RFC 6749 §5.1).
pub(crate) fn response(
    dialect: &Dialect,
    context: &Context,
    state: &mut State,
    issuance: &Issuance<'_>,
) -> Map<String, Value> {
    let access_token = access_token(dialect.access_token, context, state, issuance);
    let mut response = members(json!({
        "access_token": access_token,
        "token_type": dialect.token_type,
        "expires_in": context.expires_in,
        "scope": issuance.scopes.join(" "),
    }));
    let login = issuance.login(state);
    let brings_id_token = match dialect.id_token {
        IdToken::Always => true,
        IdToken::Openid => login.has("openid"),
        IdToken::OpenidAndCode => login.has("openid") && login.code.is_some(),
    };
    if brings_id_token {
        let id_token = id_token(dialect, context, &login, &access_token);
        response.insert("id_token".into(), json!(id_token));
    }
    response
}

/// Issues an access token.
pub(crate) fn access_token(
    kind: AccessToken,
    context: &Context,
    state: &mut State,
    issuance: &Issuance<'_>,
) -> String {
    let now_ms = context.now_ms();
    let expires_at_ms = now_ms + context.expires_in * 1000;
    let access_token = match kind {
        AccessToken::Opaque => random_text(),
        AccessToken::Signed(more) => {
            let login = issuance.login(state);
            let mut claims = members(json!({
                "iss": issuance.issuer.url(),
                "sub": login.user.id,
                "iat": now_ms / 1000,
                "exp": expires_at_ms / 1000,
                // Tokens that are issued in the same second must differ.
                "jti": random_text(),
            }));
            claims.extend(more(&login));
            lock(&context.keys).issue(claims)
        }
    };
    let scopes = issuance.scopes.clone();
    let good = Good { session: issuance.session, scopes, expires_at_ms };
    state.sessions.keep_access_token(&access_token, good);
    access_token
}

/// Returns an ID token with the usual claims (OpenID Connect Core §2) and those of the
/// dialect.
fn id_token(dialect: &Dialect, context: &Context, login: &Login<'_>, access_token: &str) -> String {
    let now = context.now_ms() / 1000;
    let mut claims = members(json!({
        "iss": login.issuer.url(),
        "aud": login.grant.client_id,
        "iat": now,
        "exp": now + context.expires_in,
        "auth_time": login.grant.auth_time,
    }));
    if dialect.at_hash {
        claims.insert("at_hash".into(), json!(at_hash(access_token)));
    }
    // Only the response to a login has the nonce (OpenID Connect Core §12.2).
    let nonce = login.grant.nonce.as_ref().filter(|_| !login.is_renewed);
    claims.extend(nonce.map(|nonce| ("nonce".into(), json!(nonce))));
    claims.extend((dialect.id_token_claims)(login));
    lock(&context.keys).issue(claims)
}
