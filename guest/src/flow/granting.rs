//! Adds verified ID tokens to sessions, and builds grants from sessions.

use crate::contract::{Client, Grant, TokenSource};
use crate::protocol::dialect::api_headers;
use crate::protocol::entropy::Entropy;
use crate::protocol::id_token::{Claims, IdToken, claims_of_verified, display_name};
use crate::protocol::schedule;
use crate::protocol::stored::Stored;
use crate::protocol::token::NOT_APPLICABLE;

/// Copies the user, the issuer and the key of a verified ID token into the session.
pub(crate) fn remember(session: &mut Stored, id_token: IdToken) {
    session.subject = Some(id_token.subject().to_owned());
    session.issuer_name = Some(id_token.issuer().to_owned());
    session.display_name = display_name(&id_token.claims).or(session.display_name.take());
    session.id_token = Some(id_token.text);
    session.id_token_key = id_token.key;
}

/// Returns the grant of a session.
pub(crate) fn grant(
    client: &Client,
    session: Stored,
    entropy: &Entropy,
    source: TokenSource,
) -> Grant {
    // An adopted session has no access token before its first renewal.
    let access_token = session.access_token.as_deref();
    // No API takes what is no access token.
    let access_token = access_token.filter(|_| session.token_type != NOT_APPLICABLE);
    let headers = access_token.map(|token| api_headers(client, token)).unwrap_or_default();
    let claims = session.id_token.as_deref().and_then(claims_of_verified);
    Grant {
        renew_at_ms: schedule::renew_at_ms(&session, entropy),
        access_token: session.access_token.unwrap_or_default(),
        token_type: session.token_type,
        scopes: session.scopes,
        expires_at_ms: session.expires_at_ms,
        id_token: session.id_token,
        claims: claims.map(to_json),
        report: None,
        refresh_token_hint: session.refresh_token.as_deref().map(hint),
        headers,
        authorization_details: session.authorization_details.map(|details| details.to_string()),
        source,
        notices: Vec::new(),
        refused_parameters: Vec::new(),
    }
}

/// Returns the grant of a session, with the claims of userinfo replacing those of the ID
/// token.
pub(crate) fn grant_with_claims(
    client: &Client,
    session: Stored,
    entropy: &Entropy,
    source: TokenSource,
    userinfo: Claims,
) -> Grant {
    let mut claims = session.id_token.as_deref().and_then(claims_of_verified).unwrap_or_default();
    claims.extend(userinfo);
    let grant = grant(client, session, entropy, source);
    Grant { claims: Some(to_json(claims)), ..grant }
}

/// Returns the grant of a session, with a report about its access token.
pub(crate) fn grant_with_report(
    client: &Client,
    session: Stored,
    entropy: &Entropy,
    source: TokenSource,
    report: Claims,
) -> Grant {
    let grant = grant(client, session, entropy, source);
    Grant { report: Some(to_json(report)), ..grant }
}

pub(crate) fn to_json(claims: Claims) -> String {
    serde_json::Value::Object(claims).to_string()
}

/// The first characters of a token, or a placeholder if the rest would be too short to
/// stay secret.
fn hint(secret: &str) -> String {
    const SHOWN: usize = 8;
    match secret.get(..SHOWN) {
        Some(first) if secret.len() > 2 * SHOWN => format!("{first}..."),
        _ => "****".to_owned(),
    }
}
