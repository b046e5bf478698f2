//! A mock in the manner of navikt/mock-oauth2-server: any issuer, any client, any
//! redirect URI, and claims that the user chooses.

use serde_json::{Map, Value, json};

use super::demo::STANDARD;
use crate::claims::{Login, members};
use crate::dialect::{AccessToken, Dialect, IdToken, Pages, Redirects, RefreshToken};
use crate::dialect::{Route, Wanted};
use crate::endpoint::Endpoint;
use crate::issuer::IssuerRule;
use crate::keys::Signing;

/// The mock. Its usual issuer is that of the original's documentation.
pub static MOCK: Dialect = Dialect {
    name: "mock",
    issuer: IssuerRule { scheme: "http", path: "/default", any_path: true },
    routes: &[
        Route::new("{issuer}/.well-known/openid-configuration", Endpoint::Metadata),
        Route::new("{issuer}/jwks", Endpoint::Jwks),
        Route::new("{issuer}/authorize", Endpoint::Authorization),
        Route::new("{issuer}/token", Endpoint::Token),
        Route::new("{issuer}/userinfo", Endpoint::Userinfo),
        Route::new("{issuer}/introspect", Endpoint::Introspection),
        Route::new("{issuer}/revoke", Endpoint::Revocation),
        Route::new("{issuer}/endsession", Endpoint::EndSession),
    ],
    more_metadata: |_| json!({ "response_modes_supported": ["query"] }),
    scopes: &[],
    drops_unknown_scopes: false,

    client_id: "cli-app",
    accepts_any_client: true,
    redirects: Redirects::Anywhere,

    code_challenge: Wanted::IfSent,
    names_issuer: false,
    pages: Pages::LoginWithClaims,

    redirect_uri: Wanted::Never,
    code_verifier: Wanted::IfSent,

    signing: Signing::Rs256,
    access_token: AccessToken::Signed(|login| {
        let mut claims = claims(login);
        claims.entry("aud").or_insert_with(|| json!([tenant(login)]));
        claims
    }),
    id_token: IdToken::Always,
    id_token_claims: claims,
    at_hash: false,
    refresh_token: RefreshToken::Always,
    rotates_refresh_tokens: false,
    repeats_refresh_token: true,
    reuse_ends_session: false,

    userinfo: |login| {
        let mut claims = claims(login);
        claims.entry("iss").or_insert_with(|| json!(login.issuer.url()));
        claims
    },
    userinfo_scope: None,
    introspection: claims,
    client_at_introspection: Wanted::Never,
    client_at_revocation: Wanted::Never,
    revokes_only_refresh_tokens: true,
    ..STANDARD
};

/// Claims about a user, completed or replaced by those that the user typed.
fn claims(login: &Login<'_>) -> Map<String, Value> {
    let mut claims = members(json!({
        "sub": login.user.name,
        "azp": login.grant.client_id,
        "tid": tenant(login),
    }));
    claims.extend(login.grant.claims.clone());
    claims
}

fn tenant<'a>(login: &Login<'a>) -> &'a str {
    login.issuer.path.trim_start_matches('/')
}
