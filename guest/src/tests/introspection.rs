//! Introspection and tokeninfo, and the choice between endpoints.

use serde_json::{Value, json};

use super::given::{Given, logged_in, logged_in_with, openid};
use super::provider::{
    access_token, id_token, metadata_with, oauth_error, status, tokens, too_large, unreachable,
    usual_keys,
};
use super::script::Script;
use crate::contract::{
    ClientAuthentication, Code, Examination, Method, RequestFormat, TokenSource,
};

/// The usual session, with one stored field changed.
pub(super) fn stored_with(field: &str, value: Value) -> Vec<u8> {
    let mut stored: Value = serde_json::from_slice(&logged_in()).unwrap();
    stored[field] = value;
    stored.to_string().into_bytes()
}

const INTROSPECTION: &str = "https://id.example/introspect";
const TOKENINFO: &str = "https://id.example/tokeninfo";

fn given(question: Examination) -> Given {
    let given = openid().stored(logged_in()).examining(question);
    given.client(|client| {
        client.endpoints.introspection = Some(INTROSPECTION.to_owned());
        client.endpoints.tokeninfo = Some(TOKENINFO.to_owned());
    })
}

fn introspecting() -> Script {
    given(Examination::Introspection).token()
}

fn presenting() -> Script {
    given(Examination::Tokeninfo).token()
}

// ---- Introspection -----------------------------------------------------------

#[test]
fn an_introspection_names_the_token_and_the_client() {
    let sent = introspecting().sent();
    assert!(sent.method == Method::Post);
    assert_eq!(sent.url, INTROSPECTION);
    assert_eq!(sent.form.one("token"), Some(access_token(1).as_str()));
    assert_eq!(sent.form.one("token_type_hint"), Some("access_token"));
    assert_eq!(sent.form.one("client_id"), Some("cli"));
}

#[test]
fn an_introspecting_client_authenticates_as_at_the_token_endpoint() {
    let method = ClientAuthentication::ClientSecretBasic;
    let given = given(Examination::Introspection).secret("client-secret");
    let given = given.client(|client| client.authentication = Some(method));
    let sent = given.token().sent();
    assert!(sent.authorization.unwrap().starts_with("Basic "));
    assert_eq!(sent.form.one("client_id"), None);
}

#[test]
fn an_introspection_uses_the_request_format() {
    let json = given(Examination::Introspection);
    let sent = json.client(|client| client.request_format = RequestFormat::Json).token().sent();
    assert_eq!(sent.json["token"], access_token(1));
}

#[test]
fn the_introspection_response_is_reported_unchanged() {
    for body in [json!({ "active": true, "sub": "ada", "x": [1] }), json!({ "active": false })] {
        let grant = introspecting().introspects(body.clone()).grants();
        assert_eq!(serde_json::from_str::<Value>(&grant.report.unwrap()).unwrap(), body);
        assert!(grant.source == TokenSource::Cached);
    }
}

#[test]
fn a_refused_introspection_fails_without_a_renewal() {
    let refused = status(401, &json!({ "error": "invalid_client" }).to_string());
    let failure = introspecting().introspects(refused).fails(Code::ProviderRefused);
    assert_eq!(failure.provider.unwrap().error, "invalid_client");
    let failure = introspecting().introspects(status(403, "no")).fails(Code::ProviderRefused);
    assert!(failure.message.contains("status 403"), "{}", failure.message);
}

#[test]
fn an_unusable_introspection_response_fails() {
    for (answer, code) in [
        (status(200, "[]"), Code::InvalidAccessToken),
        (status(503, ""), Code::ProviderUnavailable),
        (unreachable(), Code::Unreachable),
        (too_large(1), Code::InvalidAccessToken),
    ] {
        introspecting().introspects(answer.clone()).fails(code);
        presenting().introspects(answer).fails(code);
    }
}

// ---- Tokeninfo ---------------------------------------------------------------

#[test]
fn a_token_is_sent_to_the_tokeninfo_endpoint() {
    let sent = presenting().sent();
    assert!(sent.method == Method::Get);
    assert_eq!(sent.url, TOKENINFO);
    assert_eq!(sent.authorization, Some(format!("Bearer {}", access_token(1))));
    let body = json!({ "active": true, "user_id": "ada", "subject_type": "user" });
    let grant = presenting().introspects(body.clone()).grants();
    assert_eq!(serde_json::from_str::<Value>(&grant.report.unwrap()).unwrap(), body);
}

#[test]
fn a_token_rejected_by_tokeninfo_is_renewed_once() {
    for refusal in [status(401, ""), oauth_error("invalid_token")] {
        let renewed = || {
            let token = presenting().introspects(refusal.clone()).locks(Some(logged_in()));
            token.refreshes(tokens(2)).saves()
        };
        let grant = renewed().introspects(json!({ "active": true })).grants();
        assert_eq!(grant.access_token, access_token(2));
        renewed().introspects(refusal.clone()).fails(Code::LoginRequired);
    }
    let stored = logged_in_with(tokens(1).without("refresh_token"));
    let token = given(Examination::Tokeninfo).stored(stored).token();
    token.introspects(status(401, "")).fails(Code::LoginRequired);
}

// ---- Choice of the endpoint --------------------------------------------------

#[test]
fn a_missing_endpoint_fails_with_the_flag_that_sets_it() {
    for (question, flag) in [
        (Examination::Verification, "--userinfo-endpoint"),
        (Examination::Introspection, "--introspection-endpoint"),
        (Examination::Tokeninfo, "--tokeninfo-endpoint"),
    ] {
        let stored = stored_with("userinfo_endpoint", json!(null));
        let token = openid().stored(stored).examining(question).token();
        let failure = token.fails(Code::InvalidConfiguration);
        assert!(failure.remedy.contains(flag), "{}", failure.remedy);
    }
}

/// The URL at which the token is introspected, after a login with these endpoints.
fn asked(metadata: Value, assumed: Option<&str>, given: Option<&str>) -> String {
    let text = |url: Option<&str>| url.map(str::to_owned);
    let by_assumption =
        openid().client(|client| client.assumed_endpoints.introspection = text(assumed));
    let login =
        by_assumption.clone().login().discovers(metadata_with("introspection_endpoint", metadata));
    let login = login.redirects("code=c0de&state={state}").redeems(tokens(1).and(id_token()));
    let stored = login.fetches_keys(usual_keys()).locks(None).saves().stored();
    let by_hand = by_assumption.client(|client| client.endpoints.introspection = text(given));
    by_hand.stored(stored).examining(Examination::Introspection).token().sent().url
}

#[test]
fn an_assumed_endpoint_is_used_if_the_metadata_names_none() {
    let (found, assumed) = ("https://id.example/found", "https://id.example/assumed");
    let by_hand = "https://id.example/by-hand";
    assert_eq!(asked(json!(null), Some(assumed), None), assumed);
    assert_eq!(asked(json!(found), Some(assumed), None), found);
    assert_eq!(asked(json!(found), Some(assumed), Some(by_hand)), by_hand);
}

#[test]
fn a_login_uses_assumed_endpoints_if_the_metadata_names_none() {
    let given = openid().client(|client| {
        client.assumed_endpoints.authorization = Some("https://id.example/assumed".to_owned());
        client.assumed_endpoints.token = Some("https://id.example/assumed-token".to_owned());
    });
    let found = given.clone().login_in_browser().shown();
    assert!(found.url.starts_with("https://id.example/authorize?"), "{}", found.url);
    let silent = metadata_with("token_endpoint", json!(null));
    let login = given.login().discovers(silent.clone()).discovers(silent);
    let sent = login.redirects("code=c0de&state={state}").sent();
    assert_eq!(sent.url, "https://id.example/assumed-token");
}
