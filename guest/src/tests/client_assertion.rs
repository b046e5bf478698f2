//! Clients that authenticate with an assertion (RFC 7523 §2.2).

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::given::{Given, NOW_MS, logged_in, openid};
use super::provider::{ISSUER, id_token, oauth_error, status, tokens, usual_keys};
use super::script::Script;
use super::seen::jws;
use crate::contract::{
    AssertionPurpose, ClientAuthentication, ClientKey, Code, GrantType, Reply, SigningAlgorithm,
};
use crate::protocol::request::header;

const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

fn with_key() -> Given {
    openid().client(|client| {
        client.key = Some(ClientKey {
            algorithm: SigningAlgorithm::Es256,
            id: Some("k1".to_owned()),
            audience: None,
        });
    })
}

/// A client that uses the assertion of another issuer.
fn with_assertion() -> Given {
    openid().client(|client| client.authentication = Some(ClientAuthentication::Assertion))
}

/// The header and the claims of the assertion in the last request.
fn asserted(script: &Script) -> (Value, Value) {
    let sent = script.sent();
    assert_eq!(sent.form.one("client_assertion_type"), Some(TYPE));
    assert_eq!(sent.form.one("client_id"), Some("cli"));
    assert_eq!((sent.form.one("client_secret"), sent.authorization), (None, None));
    jws(sent.form.one("client_assertion").unwrap())
}

#[test]
fn each_request_has_an_assertion_of_its_own_for_the_issuer() {
    let login = with_key().login_in_browser().redirects("code=c0de&state={state}");
    let login = login.signs(b"signature");
    let (header, first) = asserted(&login);
    assert_eq!(header, json!({ "alg": "ES256", "kid": "k1", "typ": "client-authentication+jwt" }));
    assert_eq!((&first["iss"], &first["sub"]), (&json!("cli"), &json!("cli")));
    assert_eq!(first["aud"], ISSUER);
    assert_eq!(first["exp"], NOW_MS / 1000 + 60);
    assert!(first["iat"].as_u64().unwrap() < NOW_MS / 1000);
    let login = login.redeems(tokens(1).and(id_token())).fetches_keys(usual_keys());
    let stored = login.locks(None).saves().stored();
    let token = with_key().stored(stored.clone()).force_refresh().token();
    let token = token.locks(stored.clone()).signs(b"signature");
    let (_, second) = asserted(&token);
    let logout = with_key().stored(stored.clone()).logout().locks(stored).signs(b"signature");
    let (_, third) = asserted(&logout);
    let logout = logout.revokes(status(200, "")).signs(b"signature");
    let (_, fourth) = asserted(&logout);
    assert_ne!(third["jti"], fourth["jti"]);
    assert!(first["jti"].is_string() && second["jti"].is_string());
}

#[test]
fn a_repeated_request_gets_another_assertion() {
    let stored = logged_in();
    // The session began without a key.
    let given = with_key().client(|client| {
        client.authentication = Some(ClientAuthentication::PrivateKeyJwt);
    });
    let given = given.stored(stored.clone()).force_refresh();
    let mut token = given.token().locks(Some(stored)).signs(b"1");
    let mut known = HashSet::new();
    for _ in 0..2 {
        let (_, claims) = asserted(&token);
        assert!(known.insert(claims["jti"].as_str().unwrap().to_owned()));
        token = token.refreshes(status(429, "")).signs(b"2");
    }
    let (_, claims) = asserted(&token);
    assert!(known.insert(claims["jti"].as_str().unwrap().to_owned()));
}

#[test]
fn a_secret_signs_in_the_component() {
    let given = openid().secret("0123456789abcdef0123456789abcdef").client(|client| {
        client.authentication = Some(ClientAuthentication::ClientSecretJwt);
    });
    let login = given.login_in_browser().redirects("code=c0de&state={state}");
    let (header, _) = asserted(&login);
    assert_eq!(header["alg"], "HS256");
}

#[test]
fn what_the_method_needs_has_to_be_there() {
    for method in [ClientAuthentication::PrivateKeyJwt, ClientAuthentication::ClientSecretJwt] {
        let given = openid().client(|client| client.authentication = Some(method));
        let login = given.login().discovers(super::provider::metadata());
        login.fails(Code::InvalidConfiguration);
    }
}

#[test]
fn an_assertion_of_another_issuer_is_read_for_each_request_and_explained_if_refused() {
    let text = jwt(json!({ "iss": "https://ci.example", "sub": "job:1", "aud": "a", "exp": 4e9 }));
    let given = with_assertion().client(|client| client.grant = GrantType::ClientCredentials);
    let token = given.token().locks(None).discovers(super::provider::metadata());
    let token = token.reads(AssertionPurpose::Client, &format!("{text}\n"));
    assert_eq!(token.sent().form.one("client_assertion"), Some(text.as_str()));
    let failure = token.asks_token(oauth_error("invalid_client")).fails(Code::ProviderRefused);
    for words in ["iss https://ci.example", "sub job:1", "aud a"] {
        assert!(failure.message.contains(words), "{}", failure.message);
    }
}

#[test]
fn a_clock_that_is_wrong_is_named_where_what_is_signed_was_refused() {
    let refusal = |date: &str| {
        let Reply::Answered(Ok(mut response)) = oauth_error("invalid_client") else {
            panic!("an answer")
        };
        response.headers.push(header("Date", date));
        Reply::Answered(Ok(response))
    };
    let machine = |given: Given| given.client(|client| client.grant = GrantType::ClientCredentials);
    // It is 2027-01-15T08:00:00Z here.
    for (date, said) in [
        ("Fri, 15 Jan 2027 07:55:00 GMT", Some("this machine's clock is 300 s ahead of")),
        ("Fri, 15 Jan 2027 08:05:00 GMT", Some("this machine's clock is 300 s behind")),
        ("Fri, 15 Jan 2027 08:00:30 GMT", None),
        ("yesterday", None),
    ] {
        let token = machine(with_key()).token().locks(None);
        let token = token.discovers(super::provider::metadata()).signs(b"signature");
        let failure = token.asks_token(refusal(date)).fails(Code::ProviderRefused);
        match said {
            Some(said) => assert!(failure.message.contains(said), "{}", failure.message),
            None => assert!(!failure.message.contains("clock"), "{}", failure.message),
        }
    }
    // A secret has no time.
    let token = machine(openid().secret("secret")).token().locks(None);
    let token = token.discovers(super::provider::metadata());
    let refused = token.asks_token(refusal("Fri, 15 Jan 2027 07:55:00 GMT"));
    assert!(!refused.fails(Code::ProviderRefused).message.contains("clock"));
}

#[test]
fn an_assertion_that_cannot_be_good_is_not_sent() {
    let expired = jwt(json!({ "exp": NOW_MS / 1000 - 90 }));
    for (text, words) in [("", "one word"), ("a b", "one word"), (&expired, "expired 90 s ago")] {
        let given = with_assertion().client(|client| client.grant = GrantType::ClientCredentials);
        let token = given.token().locks(None).discovers(super::provider::metadata());
        let failure = token.reads(AssertionPurpose::Client, text).fails(Code::InvalidConfiguration);
        assert!(failure.message.contains(words), "{}", failure.message);
    }
}

/// An unsigned token with these claims.
pub(super) fn jwt(claims: Value) -> String {
    jwt_of_type("JWT", claims)
}

/// The same, with this type in its header.
pub(super) fn jwt_of_type(typ: &str, claims: Value) -> String {
    let parts = [json!({ "alg": "ES256", "typ": typ }), claims];
    format!("{}.c2ln", parts.map(|part| URL_SAFE_NO_PAD.encode(part.to_string())).join("."))
}
