//! AuthGate: code grant and device grant, metadata that names neither the device
//! authorization endpoint nor the introspection endpoint, and tokens that are signed with
//! a secret by default.
//!
//! It has a route of its own, `/oauth/tokeninfo`, which describes the access token in the
//! header.

use serde_json::{Map, Value, json};

use super::demo::STANDARD;
use crate::answer::Answer;
use crate::asked::Asked;
use crate::bearer::bearer;
use crate::claims::{Login, by_scope, members};
use crate::context::Context;
use crate::dialect::{AccessToken, Dialect, IdToken, Pages, Redirects, RefreshToken};
use crate::dialect::{Route, Wanted};
use crate::endpoint::Endpoint;
use crate::keys::Signing;
use crate::state::devices::DeviceRules;

/// AuthGate in its default configuration: signed with HS256, so that no client can check a
/// token.
pub static AUTHGATE: Dialect = BY_DEFAULT;

/// AuthGate that signs with RS256 and publishes its keys.
pub static AUTHGATE_WITH_KEYS: Dialect = Dialect { signing: Signing::Rs256, ..BY_DEFAULT };

const BY_DEFAULT: Dialect = Dialect {
    name: "authgate",
    routes: &[
        Route::new("/.well-known/openid-configuration", Endpoint::Metadata),
        Route::new("/.well-known/jwks.json", Endpoint::Jwks),
        Route::new("/oauth/authorize", Endpoint::Authorization),
        Route::new("/oauth/token", Endpoint::Token),
        Route::new("/oauth/userinfo", Endpoint::Userinfo),
        Route::new("/oauth/revoke", Endpoint::Revocation),
        Route::unlisted("/oauth/introspect", Endpoint::Introspection),
        Route::unlisted("/oauth/device/code", Endpoint::DeviceAuthorization),
        Route::unlisted("/device", Endpoint::Verification),
        Route::protected("/oauth/tokeninfo", token_info),
    ],
    more_metadata: |_| json!({}),
    scopes: &["openid", "profile", "email", "read", "write"],
    drops_unknown_scopes: false,

    client_id: "cli-app",
    authentication_methods: &["client_secret_basic", "client_secret_post", "none"],
    // Those of the Python client and of the Go client.
    redirect_uris: &["http://127.0.0.1:8088/callback", "http://localhost:8888/callback"],
    redirects: Redirects::Exact,

    names_issuer: false,
    pages: Pages::LoginThenConsent,

    device: Some(DeviceRules {
        expires_in: 30 * 60,
        interval: 5,
        // Without letters and digits that look alike.
        alphabet: b"ABCDEFGHJKMNPQRSTUVWXYZ23456789",
    }),

    signing: Signing::Hs256,
    access_token: AccessToken::Signed(|login| {
        members(json!({
            "client_id": login.grant.client_id,
            "scope": login.scopes.join(" "),
            "type": "access",
        }))
    }),
    // Not for a refresh token or a device code, whatever the scope is.
    id_token: IdToken::OpenidAndCode,
    id_token_claims: |login| by_scope(login, true),
    refresh_token: RefreshToken::Always,
    rotates_refresh_tokens: false,
    repeats_refresh_token: true,

    userinfo: |login| {
        let mut claims = by_scope(login, true);
        claims.insert("iss".into(), json!(login.issuer.url()));
        claims
    },
    userinfo_scope: None,
    introspection,
    client_at_revocation: Wanted::IfSent,
    ..STANDARD
};

fn introspection(login: &Login<'_>) -> Map<String, Value> {
    members(json!({ "sub": login.user.id, "username": login.user.name }))
}

fn token_info(context: &Context, asked: &Asked) -> Answer {
    let state = &context.state();
    let good = match bearer(context, state, asked, None) {
        Ok(good) => good,
        Err(refusal) => return refusal,
    };
    let login = Login::of_bearer(state, &good, &context.issuer);
    let token = json!({
        "active": true,
        "user_id": login.user.id,
        "client_id": login.grant.client_id,
        "scope": login.scopes.join(" "),
        "exp": good.expires_at_ms / 1000,
        "iss": context.issuer.url(),
        "subject_type": "user",
    });
    Answer::json(200, &token).not_stored()
}
