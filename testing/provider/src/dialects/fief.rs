//! Fief: an issuer that calls itself https however it is reached, one redirect URI,
//! refresh tokens that rotate, and access tokens that say how the user logged in.

use serde_json::{Map, Value, json};

use super::demo::STANDARD;
use crate::answer::Answer;
use crate::claims::{Login, members};
use crate::dialect::{AccessToken, Dialect, Pages, Redirects, Route};
use crate::endpoint::Endpoint;
use crate::issuer::IssuerRule;
use crate::jwt::at_hash;
use crate::keys::Signing;

/// The `acr` of a user who has just logged in.
const LOGGED_IN: &str = "1";

/// The `acr` after a refresh, at which no user was present.
const REFRESHED: &str = "0";

/// Permissions of every user.
const PERMISSIONS: [&str; 2] = ["castles:read", "castles:create"];

/// Fief. Everything is under the path of a tenant, if there is one.
pub static FIEF: Dialect = Dialect {
    name: "fief",
    issuer: IssuerRule { scheme: "https", path: "{tenant}", any_path: false },
    routes: &[
        Route::new("{issuer}/.well-known/openid-configuration", Endpoint::Metadata),
        Route::new("{issuer}/.well-known/jwks.json", Endpoint::Jwks),
        Route::new("{issuer}/authorize", Endpoint::Authorization),
        Route::new("{issuer}/api/token", Endpoint::Token),
        Route::new("{issuer}/api/userinfo", Endpoint::Userinfo),
    ],
    more_metadata: |_| {
        json!({
            "response_modes_supported": ["query"],
            "acr_values_supported": [REFRESHED, LOGGED_IN],
            "ui_locales_supported": ["en-US", "fr-FR"],
        })
    },
    scopes: &["openid", "offline_access"],
    drops_unknown_scopes: false,

    client_id: "cli-app",
    redirect_uris: &["http://localhost:51562/callback"],
    redirects: Redirects::Exact,

    required_scope: Some("openid"),
    refused_prompts: &["consent", "none"],
    spells_login_required: true,
    names_issuer: false,
    pages: Pages::LoginThenConsent,

    signing: Signing::Rs256,
    token_type: "bearer",
    access_token: AccessToken::Signed(access_token_claims),
    id_token_claims,
    reuse_ends_session: false,

    userinfo: profile,
    userinfo_scope: None,

    // An unknown client gets this status too.
    refused: |refusal| refusal.with_status(400),
    not_found: |_, _| Answer::json(404, &json!({ "detail": "Not Found" })),
    ..STANDARD
};

fn acr(login: &Login<'_>) -> &'static str {
    if login.is_renewed { REFRESHED } else { LOGGED_IN }
}

fn access_token_claims(login: &Login<'_>) -> Map<String, Value> {
    let client_id = &login.grant.client_id;
    members(json!({
        "aud": [client_id],
        "azp": client_id,
        "client_id": client_id,
        "scope": login.scopes.join(" "),
        "acr": acr(login),
        "permissions": PERMISSIONS,
    }))
}

fn id_token_claims(login: &Login<'_>) -> Map<String, Value> {
    let mut claims = profile(login);
    claims.insert("acr".into(), json!(acr(login)));
    claims.insert("azp".into(), json!(login.grant.client_id));
    // The same hash over the code (OpenID Connect Core §3.3.2.11).
    claims.extend(login.code.map(|code| ("c_hash".into(), json!(at_hash(code)))));
    claims
}

/// Claims about a user, whatever the scopes are.
fn profile(login: &Login<'_>) -> Map<String, Value> {
    members(json!({
        "sub": login.user.id,
        "email": login.user.email(),
        "email_verified": true,
        "is_active": true,
        "fields": { "name": login.user.name },
    }))
}
