//! Endpoints `/token` and `/revoke` (RFC 6749 §4.1.3 and §6, RFC 7009).

use serde_json::json;

use crate::answer::Answer;
use crate::asked::{Asked, Parameters};
use crate::client_authentication::{authenticated, invalid_request};
use crate::grants::{FamilyId, Grants};
use crate::id_token::{IdToken, at_hash};
use crate::shared::{Shared, lock};
use crate::user;

/// A grant to respond with.
struct Grant {
    family: FamilyId,
    scopes: Vec<String>,
    /// Whether the user has just logged in. Only the response to a login has the nonce
    /// (OpenID Connect Core §12.2).
    first: bool,
}

pub(crate) fn token(shared: &Shared, asked: &Asked) -> Answer {
    let grants = &mut lock(&shared.grants);
    authenticated(asked, &shared.options)
        .and_then(|form| match form.one("grant_type") {
            Some("authorization_code") => redeem(grants, form, shared.now_ms()),
            Some("refresh_token") => refresh(grants, form),
            Some(_) => Err(refusal("unsupported_grant_type", "use a code or a refresh token")),
            None => Err(invalid_request("grant_type is missing")),
        })
        .map_or_else(|refusal| refusal, |grant| respond(shared, grants, grant))
}

/// Revokes a token. The response does not depend on the token (RFC 7009 §2.2).
pub(crate) fn revoke(shared: &Shared, asked: &Asked) -> Answer {
    let form = match authenticated(asked, &shared.options) {
        Ok(form) => form,
        Err(refusal) => return refusal,
    };
    let Some(token) = form.one("token") else {
        return invalid_request("token is missing");
    };
    lock(&shared.grants).revoke(token);
    Answer::new(200, "text/plain", "").not_stored()
}

fn redeem(grants: &mut Grants, form: &Parameters, now_ms: u64) -> Result<Grant, Answer> {
    let code = required(form, "code")?;
    let redirect_uri = required(form, "redirect_uri")?;
    let code_verifier = required(form, "code_verifier")?;
    let family = grants
        .redeem_code(code, redirect_uri, code_verifier, now_ms)
        .map_err(|reason| refusal("invalid_grant", reason))?;
    let consent = grants.consent(family);
    let scopes = consent.scopes.clone();
    check_resources(form, &consent.resources)?;
    Ok(Grant { family, scopes, first: true })
}

/// Renews tokens. The request may ask for fewer scopes than were granted, never for more
/// (RFC 6749 §6). The refresh token is used up only if everything else is right.
fn refresh(grants: &mut Grants, form: &Parameters) -> Result<Grant, Answer> {
    let refresh_token = required(form, "refresh_token")?;
    let family =
        grants.refreshable(refresh_token).map_err(|reason| refusal("invalid_grant", reason))?;
    let consent = grants.consent(family);
    let scopes = match form.one("scope") {
        None => consent.scopes.clone(),
        Some(scope) => scope.split(' ').map(str::to_owned).collect(),
    };
    if !scopes.iter().all(|scope| consent.scopes.contains(scope)) {
        return Err(refusal("invalid_scope", "this scope was not granted"));
    }
    check_resources(form, &consent.resources)?;
    Ok(Grant { family, scopes, first: false })
}

fn respond(shared: &Shared, grants: &mut Grants, grant: Grant) -> Answer {
    let Grant { family, scopes, first } = grant;
    let (now_ms, expires_in) = (shared.now_ms(), shared.options.expires_in);
    let expires_at_ms = now_ms + expires_in * 1000;
    let access_token = grants.issue_access_token(family, scopes.clone(), expires_at_ms);
    let mut response = json!({
        "access_token": access_token,
        "token_type": "Bearer",
        "expires_in": expires_in,
        "scope": scopes.join(" "),
    });
    let consent = grants.consent(family).clone();
    let has = |scopes: &[String], name: &str| scopes.iter().any(|scope| scope == name);
    // Depends on the user's consent: a request for fewer scopes does not end the session.
    let renews = first || shared.options.rotates_refresh_tokens;
    if renews && has(&consent.scopes, "offline_access") {
        response["refresh_token"] = json!(grants.issue_refresh_token(family));
    }
    if has(&scopes, "openid") {
        let mut claims = user::claims(&consent.name, &scopes);
        claims.insert("iss".into(), json!(shared.issuer));
        claims.insert("aud".into(), json!(shared.options.client_id));
        claims.insert("iat".into(), json!(now_ms / 1000));
        claims.insert("exp".into(), json!(expires_at_ms / 1000));
        claims.insert("auth_time".into(), json!(consent.auth_time));
        claims.insert("at_hash".into(), json!(at_hash(&access_token)));
        if let Some(nonce) = consent.nonce.filter(|_| first) {
            claims.insert("nonce".into(), json!(nonce));
        }
        let keys = lock(&shared.keys);
        let id_token = IdToken::new(keys.current_kid(), claims);
        response["id_token"] = json!(keys.sign(&id_token));
    }
    Answer::json(200, &response).not_stored()
}

fn required<'a>(form: &'a Parameters, name: &str) -> Result<&'a str, Answer> {
    form.one(name).ok_or_else(|| invalid_request(&format!("{name} is missing")))
}

/// Accepts only resources that the authorization request named (RFC 8707 §2.2).
fn check_resources(form: &Parameters, granted: &[String]) -> Result<(), Answer> {
    let known = |resource| granted.iter().any(|known| known == resource);
    if form.all("resource").all(known) {
        Ok(())
    } else {
        Err(refusal("invalid_target", "this resource was not granted"))
    }
}

fn refusal(error: &str, description: &str) -> Answer {
    Answer::error(400, error, description).not_stored()
}
