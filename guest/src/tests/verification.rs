//! Verification of a stored token, at userinfo or by introspection.

use serde_json::json;

use super::given::{Given, logged_in, logged_in_with, openid};
use super::introspection::stored_with;
use super::provider::{access_token, denied, status, tokens, unreachable};
use super::script::Script;
use crate::contract::{ClientAuthentication, Code, Examination, TokenSource};

fn verifying() -> Script {
    openid().stored(logged_in()).examining(Examination::Verification).token()
}

/// A session with a provider without a userinfo endpoint.
fn through_introspection() -> Given {
    let stored = stored_with("userinfo_endpoint", json!(null));
    let given = openid().stored(stored).examining(Examination::Verification);
    let endpoint = "https://id.example/introspect";
    given.client(|client| client.endpoints.introspection = Some(endpoint.to_owned()))
}

#[test]
fn an_accepted_token_is_granted() {
    let grant = verifying().asks_userinfo(json!({ "sub": "ada", "name": "Ada L." })).grants();
    assert!(grant.source == TokenSource::Cached);
    assert!(grant.claims.unwrap().contains("Ada L."));
}

#[test]
fn a_token_counts_as_accepted_if_the_provider_cannot_answer() {
    for answer in [
        unreachable(),
        status(503, ""),
        status(429, ""),
        status(403, ""),
        status(200, "eyJhbGciOiJSUzI1NiJ9.e30.c2ln"),
        status(200, "{}"),
    ] {
        assert_eq!(verifying().asks_userinfo(answer).grants().access_token, access_token(1));
    }
}

#[test]
fn a_wrong_userinfo_endpoint_verifies_nothing() {
    verifying().asks_userinfo(status(404, "")).fails(Code::InvalidUserinfo);
    verifying().asks_userinfo(denied("no")).fails(Code::EgressDenied);
    verifying().asks_userinfo(json!({ "sub": "mallory" })).fails(Code::InvalidUserinfo);
}

#[test]
fn a_revoked_token_is_renewed_and_verified_again() {
    let renewed = || {
        let token = verifying().asks_userinfo(status(401, "")).locks(Some(logged_in()));
        let token = token.refreshes(tokens(2)).saves();
        assert_eq!(token.sent().authorization, Some(format!("Bearer {}", access_token(2))));
        token
    };
    let grant = renewed().asks_userinfo(json!({ "sub": "ada" })).grants();
    assert!(grant.source == TokenSource::Renewed);
    renewed().asks_userinfo(unreachable()).grants();
    renewed().asks_userinfo(status(401, "")).saves().fails(Code::InvalidUserinfo);
}

#[test]
fn a_revoked_token_without_a_refresh_token_needs_a_login() {
    let stored = logged_in_with(tokens(1).without("refresh_token"));
    let token = openid().stored(stored).examining(Examination::Verification).token();
    token.asks_userinfo(status(401, "")).fails(Code::LoginRequired);
}

#[test]
fn without_userinfo_the_token_is_introspected() {
    let token = through_introspection().token();
    assert_eq!(token.sent().form.one("token"), Some(access_token(1).as_str()));
    assert!(token.introspects(json!({ "active": true })).grants().report.is_some());
    let stored = stored_with("userinfo_endpoint", json!(null));
    let revoked = || {
        let token = through_introspection().token().introspects(json!({ "active": false }));
        token.locks(Some(stored.clone())).refreshes(tokens(2)).saves()
    };
    revoked().introspects(json!({ "active": true })).grants();
    revoked().introspects(json!({ "active": false })).fails(Code::LoginRequired);
    for answer in [unreachable(), status(503, "")] {
        through_introspection().token().introspects(answer).grants();
    }
    through_introspection().token().introspects(status(401, "")).fails(Code::ProviderRefused);
}

#[test]
fn a_secret_is_needed_only_for_introspection() {
    let method = ClientAuthentication::ClientSecretPost;
    let given = through_introspection().client(|client| client.authentication = Some(method));
    given.clone().token().fails(Code::InvalidConfiguration);
    given.stored(logged_in()).token().asks_userinfo(json!({ "sub": "ada" })).grants();
}
