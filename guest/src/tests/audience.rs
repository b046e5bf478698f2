//! Access tokens for other audiences than the login's, in one session.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::given::{Given, HOUR_MS, MINUTE_MS, logged_in, logged_in_with, openid};
use super::provider::{access_token, oauth_error, refresh_token, status, tokens};
use crate::contract::{Audience, Code, TokenHint, TokenSource};

const API: &str = "https://api.example";

fn for_resource(uri: &str) -> Given {
    openid().client(|client| client.audience = Some(Audience::Resource(uri.to_owned())))
}

fn for_name(name: &str) -> Given {
    openid().client(|client| client.audience = Some(Audience::Name(name.to_owned())))
}

/// The usual session, with a token of generation 2 for [`API`].
fn with_two() -> Vec<u8> {
    let token = for_resource(API).stored(logged_in()).token().locks(Some(logged_in()));
    token.refreshes(tokens(2)).saves().stored().unwrap()
}

#[test]
fn a_token_for_an_audience_is_asked_for_and_kept_beside_the_logins_own() {
    let token = for_resource(API).stored(logged_in()).token().locks(Some(logged_in()));
    assert_eq!(token.sent().form.all("resource"), [API]);
    assert_eq!(token.sent().form.one("refresh_token"), Some(refresh_token(1).as_str()));
    let token = token.refreshes(tokens(2)).saves();
    let stored = token.stored().unwrap();
    let grant = token.grants();
    assert_eq!(grant.access_token, access_token(2));
    assert_eq!(grant.source, TokenSource::Renewed);
    // Neither is renewed again, and the newest refresh token is known.
    let again = for_resource(API).stored(stored.clone()).token().grants();
    assert_eq!((again.access_token, again.source), (access_token(2), TokenSource::Cached));
    let own = openid().stored(stored.clone()).token().grants();
    assert_eq!((own.access_token, own.source), (access_token(1), TokenSource::Cached));
    let other = for_name("billing").stored(stored.clone()).token().locks(Some(stored));
    assert_eq!(other.sent().form.one("audience"), Some("billing"));
    assert_eq!(other.sent().form.all("resource"), [""; 0]);
    assert_eq!(other.sent().form.one("refresh_token"), Some(refresh_token(2).as_str()));
}

#[test]
fn each_token_expires_by_itself() {
    let later = 59 * MINUTE_MS;
    let stored = for_resource(API).stored(logged_in()).later(HOUR_MS / 2).token();
    let stored = stored.locks(Some(logged_in())).refreshes(tokens(2)).saves().stored().unwrap();
    for_resource(API).stored(stored.clone()).later(later).token().grants();
    let own = openid().stored(stored.clone()).later(later).token().locks(Some(stored));
    assert_eq!(own.sent().form.all("resource"), [""; 0]);
    let stored = own.refreshes(tokens(3)).saves().stored().unwrap();
    let token = |given: Given| given.stored(stored.clone()).later(later).token().grants();
    assert_eq!(token(openid()).access_token, access_token(3));
    assert_eq!(token(for_resource(API)).access_token, access_token(2));
}

#[test]
fn what_another_process_renewed_meanwhile_is_used() {
    let token = for_resource(API).stored(logged_in()).token().locks(Some(with_two()));
    let grant = token.grants();
    assert_eq!((grant.access_token, grant.source), (access_token(2), TokenSource::Adopted));
}

#[test]
fn a_refusal_changes_nothing() {
    // Nothing is deleted, whatever was refused.
    for error in ["invalid_target", "invalid_grant"] {
        let token = for_resource(API).stored(logged_in()).token().locks(Some(logged_in()));
        let failure = token.refreshes(oauth_error(error)).fails(Code::LoginRequired);
        assert!(failure.message.contains(API));
        assert_eq!(failure.provider.unwrap().error, error);
    }
}

#[test]
fn without_a_refresh_token_there_is_the_logins_own_only() {
    let stored = logged_in_with(tokens(1).without("refresh_token"));
    for_resource(API).stored(stored.clone()).token().fails(Code::LoginRequired);
    openid().stored(stored).token().grants();
}

#[test]
fn a_token_for_somebody_else_is_noticed() {
    let jwt = |audience: &str| {
        let parts = [json!({ "alg": "ES256" }), json!({ "aud": audience })];
        format!("{}.c2ln", parts.map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join("."))
    };
    for (audience, is_noticed) in [(API, false), ("https://api.example/", false), ("cli", true)] {
        let token = for_resource(API).stored(logged_in()).token().locks(Some(logged_in()));
        let answer = tokens(2).with("access_token", jwt(audience));
        let grant = token.refreshes(answer).saves().grants();
        assert_eq!(!grant.notices.is_empty(), is_noticed, "{audience}");
    }
}

#[test]
fn userinfo_is_not_shown_a_token_for_an_audience() {
    let grant = for_resource(API).stored(with_two()).userinfo().token().grants();
    assert!(grant.claims.unwrap().contains("\"sub\":\"ada\""));
}

#[test]
fn a_logout_revokes_every_token() {
    let logout = openid().stored(with_two()).logout().locks(Some(with_two()));
    let mut sent = Vec::new();
    let mut logout = Some(logout);
    for _ in 0..3 {
        let now = logout.take().unwrap();
        sent.push(now.sent().form.one("token").unwrap().to_owned());
        logout = Some(now.revokes(status(200, "")));
    }
    assert_eq!(sent, [refresh_token(2), access_token(1), access_token(2)]);
    let report = logout.unwrap().deletes().logs_out();
    assert_eq!(report.revoked, [TokenHint::RefreshToken, TokenHint::AccessToken]);
}

#[test]
fn a_session_keeps_the_newest_tokens_only() {
    let mut stored = logged_in();
    for number in 2..22 {
        let given = for_name(&format!("audience-{number}")).stored(stored.clone());
        let token = given.token().locks(Some(stored)).refreshes(tokens(number)).saves();
        stored = token.stored().unwrap();
    }
    let document: serde_json::Value = serde_json::from_slice(&stored).unwrap();
    assert_eq!(document["others"].as_array().unwrap().len(), 16);
    assert_eq!(document["access_token"], json!(access_token(1)));
    for_name("audience-21").stored(stored).token().grants();
}
