//! Rejected renewals, outages and userinfo: when a session ends and when it continues.

use serde_json::json;

use super::given::{HOUR_MS, MINUTE_MS, logged_in, logged_in_with, openid, renewed_elsewhere};
use super::introspection::stored_with;
use super::provider::{access_token, denied, oauth_error, status, tokens, too_large, unreachable};
use super::script::Script;
use crate::contract::{Code, Examination, Reply, TokenSource};

/// A request for a token that found an expired one and has taken the lock.
fn refreshing() -> Script {
    openid().stored(logged_in()).later(HOUR_MS).token().locks(Some(logged_in()))
}

// ---- The provider rejects the refresh token ----------------------------------

#[test]
fn an_invalid_refresh_token_ends_the_session() {
    for error in ["invalid_grant", "bad_refresh_token"] {
        let token = refreshing().refreshes(oauth_error(error)).locks(Some(logged_in()));
        let failure = token.deletes().fails(Code::LoginRequired);
        assert_eq!(failure.provider.unwrap().error, error);
        assert!(!failure.retryable);
    }
}

#[test]
fn an_ended_session_is_over_even_if_it_cannot_be_deleted() {
    let token = refreshing().refreshes(oauth_error("invalid_grant")).locks(Some(logged_in()));
    token.cannot_save().fails(Code::LoginRequired);
}

#[test]
fn a_session_saved_by_another_process_is_not_deleted() {
    let token = refreshing().refreshes(oauth_error("invalid_grant"));
    let grant = token.locks(Some(renewed_elsewhere())).grants();
    assert_eq!(grant.access_token, access_token(2));
    assert_eq!(grant.source, TokenSource::Adopted);
}

#[test]
fn a_newer_refresh_token_is_tried_once() {
    let outdated = || {
        let token = openid().stored(logged_in()).later(3 * HOUR_MS).token();
        let token = token.locks(Some(logged_in())).refreshes(oauth_error("invalid_grant"));
        token.locks(Some(renewed_elsewhere()))
    };
    assert_eq!(outdated().sent().form.one("refresh_token"), Some("refresh-secret-2"));
    outdated().refreshes(tokens(3)).saves().grants();
    outdated().refreshes(oauth_error("invalid_grant")).fails(Code::LoginRequired);
}

#[test]
fn a_session_that_is_gone_when_read_again_is_over() {
    refreshing().refreshes(oauth_error("invalid_grant")).locks(None).fails(Code::LoginRequired);
}

#[test]
fn interaction_required_keeps_the_session() {
    for error in ["interaction_required", "login_required", "consent_required"] {
        let failure = refreshing().refreshes(oauth_error(error)).fails(Code::LoginRequired);
        assert_eq!(failure.provider.unwrap().error, error);
    }
}

#[test]
fn any_other_error_keeps_the_session() {
    for error in ["invalid_client", "unauthorized_client", "invalid_scope", "made_up"] {
        let failure = refreshing().refreshes(oauth_error(error)).fails(Code::ProviderRefused);
        assert!(!failure.retryable);
    }
    refreshing().refreshes(status(404, "")).fails(Code::InvalidTokenResponse);
    refreshing().refreshes(too_large(1)).fails(Code::InvalidTokenResponse);
    refreshing().refreshes(denied("no")).fails(Code::EgressDenied);
}

// ---- The provider is out of reach --------------------------------------------

fn outages() -> [(Reply, Code); 5] {
    let in_words = |error: &str| json!({ "error": error }).to_string();
    [
        (unreachable(), Code::Unreachable),
        (status(503, "<h1>down</h1>"), Code::ProviderUnavailable),
        (status(429, ""), Code::ProviderUnavailable),
        (status(500, &in_words("invalid_grant")), Code::ProviderUnavailable),
        (status(400, &in_words("temporarily_unavailable")), Code::ProviderUnavailable),
    ]
}

#[test]
fn an_outage_keeps_the_session() {
    for (reply, code) in outages() {
        assert!(refreshing().refreshes(reply).fails(code).retryable);
    }
}

#[test]
fn an_outage_is_bridged_while_the_token_is_valid() {
    for (reply, _) in outages() {
        let token = openid().stored(logged_in()).later(HOUR_MS - 1).token();
        let grant = token.locks(Some(logged_in())).refreshes(reply).grants();
        assert_eq!(grant.access_token, access_token(1));
        assert_eq!(grant.source, TokenSource::Cached);
    }
}

#[test]
fn an_outage_is_not_bridged_with_less_than_min_ttl() {
    let given = openid().stored(logged_in()).later(HOUR_MS - MINUTE_MS);
    let token = given.min_ttl_ms(MINUTE_MS).token().locks(Some(logged_in()));
    token.refreshes(unreachable()).fails(Code::Unreachable);
}

#[test]
fn an_outage_is_not_bridged_with_force_refresh() {
    let token = openid().stored(logged_in()).force_refresh().token().locks(Some(logged_in()));
    token.refreshes(unreachable()).fails(Code::Unreachable);
}

// ---- Userinfo ----------------------------------------------------------------

#[test]
fn userinfo_claims_replace_those_of_the_id_token() {
    let token = openid().stored(logged_in()).userinfo().token();
    assert_eq!(token.sent().authorization, Some(format!("Bearer {}", access_token(1))));
    let grant = token.asks_userinfo(json!({ "sub": "ada", "name": "Ada L." })).grants();
    let claims: serde_json::Value = serde_json::from_str(&grant.claims.unwrap()).unwrap();
    assert_eq!(claims["name"], "Ada L.");
    assert_eq!(claims["iss"], "https://id.example");
}

#[test]
fn userinfo_about_another_user_is_rejected() {
    for claims in [json!({ "sub": "mallory" }), json!({ "name": "Ada" }), json!({ "sub": 7 })] {
        let token = openid().stored(logged_in()).userinfo().token();
        token.asks_userinfo(claims).fails(Code::InvalidUserinfo);
    }
}

#[test]
fn unusable_userinfo_differs_from_an_outage() {
    for (reply, code) in [
        (status(503, ""), Code::ProviderUnavailable),
        (unreachable(), Code::Unreachable),
        (status(404, ""), Code::InvalidUserinfo),
        (status(200, "eyJh.e30.c2ln"), Code::InvalidUserinfo),
        (status(200, "[]"), Code::InvalidUserinfo),
        (too_large(1), Code::InvalidUserinfo),
    ] {
        openid().stored(logged_in()).userinfo().token().asks_userinfo(reply).fails(code);
    }
}

#[test]
fn a_token_not_meant_for_userinfo_leaves_the_claims_of_the_id_token() {
    let token = openid().stored(logged_in()).userinfo().token();
    let grant = token.asks_userinfo(status(403, "")).grants();
    assert!(grant.claims.unwrap().contains("ada"));
}

#[test]
fn a_token_rejected_by_userinfo_is_renewed_once() {
    let refused = || {
        let token = openid().stored(logged_in()).userinfo().token();
        token.asks_userinfo(status(401, "")).locks(Some(logged_in())).refreshes(tokens(2)).saves()
    };
    let grant = refused().asks_userinfo(json!({ "sub": "ada" })).grants();
    assert_eq!(grant.source, TokenSource::Renewed);
    let failure = refused().asks_userinfo(status(401, "")).saves().fails(Code::InvalidUserinfo);
    assert!(failure.message.contains("just issued"), "{}", failure.message);
}

#[test]
fn a_token_rejected_by_userinfo_is_adopted_or_renewed_after_another_process() {
    let token = openid().stored(logged_in()).later(HOUR_MS / 2).userinfo().token();
    let token = token.asks_userinfo(status(401, ""));
    let token = token.locks(Some(renewed_elsewhere())).asks_userinfo(status(401, ""));
    let token = token.locks(Some(renewed_elsewhere())).refreshes(tokens(3)).saves();
    token.asks_userinfo(status(401, "")).saves().fails(Code::InvalidUserinfo);
}

#[test]
fn a_userinfo_endpoint_that_rejects_new_tokens_is_not_asked_again() {
    let token = openid().stored(logged_in()).userinfo().token().asks_userinfo(status(401, ""));
    let token = token.locks(Some(logged_in())).refreshes(tokens(2)).saves();
    let refused = |token: Script| token.asks_userinfo(status(401, "")).cannot_save();
    refused(token).fails(Code::InvalidUserinfo);
    let verifying = || openid().examining(Examination::Verification);
    let token = verifying().stored(logged_in()).token().asks_userinfo(status(401, ""));
    let token = token.locks(Some(logged_in())).refreshes(tokens(2)).saves();
    let stored = token.asks_userinfo(status(401, "")).saves().stored();
    // There is no renewal, and no request at all.
    verifying().stored(stored.clone()).token().fails(Code::InvalidUserinfo);
    assert!(openid().stored(stored.clone()).userinfo().token().grants().claims.is_some());
    let endpoint = "https://id.example/introspect";
    let given = verifying().stored(stored);
    let given = given.client(|client| client.endpoints.introspection = Some(endpoint.to_owned()));
    given.token().introspects(json!({ "active": true })).grants();
}

#[test]
fn without_an_id_token_a_rejecting_userinfo_endpoint_leaves_no_claims() {
    let unnamed = stored_with("id_token", json!(null));
    let token = openid().stored(unnamed.clone()).userinfo().token().asks_userinfo(status(401, ""));
    let token = token.locks(Some(unnamed)).refreshes(tokens(2)).saves();
    let token = token.asks_userinfo(status(401, "")).saves();
    let stored = token.stored();
    token.fails(Code::InvalidUserinfo);
    openid().stored(stored.clone()).userinfo().token().fails(Code::InvalidUserinfo);
    openid().stored(stored).token().grants();
}

#[test]
fn a_token_rejected_by_userinfo_does_not_bridge_an_outage() {
    let token = openid().stored(logged_in()).userinfo().token().asks_userinfo(status(401, ""));
    token.locks(Some(logged_in())).refreshes(unreachable()).fails(Code::Unreachable);
}

#[test]
fn a_token_rejected_by_userinfo_without_a_refresh_token_needs_a_login() {
    let stored = logged_in_with(tokens(1).without("refresh_token"));
    let token = openid().stored(stored).userinfo().token();
    token.asks_userinfo(status(401, "")).fails(Code::LoginRequired);
}

#[test]
fn without_a_userinfo_endpoint_the_id_token_gives_the_claims() {
    let mut stored: serde_json::Value = serde_json::from_slice(&logged_in()).unwrap();
    stored["userinfo_endpoint"] = json!(null);
    let given = openid().stored(stored.to_string().into_bytes()).userinfo();
    assert!(given.token().grants().claims.unwrap().contains("ada"));
}
