//! A provider that follows the specifications: OAuth 2.0 with what RFC 9700 recommends,
//! and OpenID Connect.

use serde_json::{Map, Value, json};

use crate::answer::Answer;
use crate::claims::by_scope;
use crate::dialect::{AccessToken, Body, Dialect, IdToken, Pages, Redirects, RefreshToken};
use crate::dialect::{Route, Wanted};
use crate::endpoint::Endpoint;
use crate::issuer::IssuerRule;
use crate::keys::Signing;
use crate::refusal::Refusal;

/// The demo provider. The other dialects begin with it.
pub static DEMO: Dialect = STANDARD;

pub(super) const STANDARD: Dialect = Dialect {
    name: "demo",
    issuer: IssuerRule { scheme: "http", path: "", any_path: false },
    routes: &[
        Route::new("{issuer}/.well-known/openid-configuration", Endpoint::Metadata),
        Route::new("{issuer}/.well-known/oauth-authorization-server", Endpoint::Metadata),
        Route::new("{issuer}/authorize", Endpoint::Authorization),
        Route::new("{issuer}/token", Endpoint::Token),
        Route::new("{issuer}/userinfo", Endpoint::Userinfo),
        Route::new("{issuer}/revoke", Endpoint::Revocation),
        Route::new("{issuer}/jwks", Endpoint::Jwks),
    ],
    more_metadata,
    scopes: &["openid", "profile", "email", "offline_access"],
    drops_unknown_scopes: true,

    client_id: "demo",
    accepts_any_client: false,
    authentication_methods: &[],
    // The loopback literals (RFC 8252 §7.3), and not `localhost` (§8.3).
    redirect_uris: &["http://127.0.0.1/callback", "http://[::1]/callback"],
    redirects: Redirects::AnyPort,

    code_challenge: Wanted::Always,
    required_scope: None,
    refused_prompts: &["none"],
    spells_login_required: false,
    names_issuer: true,
    pages: Pages::Login,

    body: Body::Form,
    redirect_uri: Wanted::Always,
    code_verifier: Wanted::Always,
    device: None,

    signing: Signing::Es256,
    token_type: "Bearer",
    expires_in: 3600,
    access_token: AccessToken::Opaque,
    id_token: IdToken::Openid,
    id_token_claims: |login| by_scope(login, false),
    at_hash: true,
    refresh_token: RefreshToken::OfflineAccess,
    rotates_refresh_tokens: true,
    repeats_refresh_token: false,
    reuse_ends_session: true,

    userinfo: |login| by_scope(login, false),
    userinfo_scope: Some("openid"),
    introspection: |_| Map::new(),
    client_at_introspection: Wanted::Always,
    client_at_revocation: Wanted::Always,
    revokes_only_refresh_tokens: false,

    granted,
    refused: Refusal::answer,
    not_found: |_, _| Answer::new(404, "text/plain", "there is nothing here\n"),

    polls_own_route: false,
};

fn granted(members: Map<String, Value>) -> Answer {
    let answer = if members.is_empty() {
        // A revocation has nothing to say (RFC 7009 §2.2).
        Answer::new(200, "text/plain", "")
    } else {
        Answer::json(200, &Value::Object(members))
    };
    answer.not_stored()
}

fn more_metadata(authentication_method: &str) -> Value {
    json!({
        "response_modes_supported": ["query"],
        "revocation_endpoint_auth_methods_supported": [authentication_method],
        "claims_supported": [
            "iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash",
            "name", "preferred_username", "email", "email_verified",
        ],
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
    })
}
