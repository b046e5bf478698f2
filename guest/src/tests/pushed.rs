//! Pushed authorization requests (RFC 9126).

use serde_json::{Value, json};

use super::given::{Given, openid};
use super::provider::{id_token, metadata_with, oauth_error, ok, status, tokens, usual_keys};
use super::script::Script;
use crate::contract::{Code, LoginFlow};

const ENDPOINT: &str = "https://id.example/par";
const REFERENCE: &str = "urn:ietf:params:oauth:request_uri:one";

/// The metadata of a provider that takes pushed requests.
fn metadata(is_required: bool) -> Value {
    let mut metadata = metadata_with("pushed_authorization_request_endpoint", json!(ENDPOINT));
    metadata["require_pushed_authorization_requests"] = json!(is_required);
    metadata
}

fn pushing(given: Given, is_required: bool) -> Script {
    given.login().discovers(metadata(is_required))
}

fn reference() -> Value {
    json!({ "request_uri": REFERENCE, "expires_in": 60 })
}

#[test]
fn the_browser_gets_a_reference_alone() {
    let login = pushing(openid(), false);
    let sent = login.sent();
    assert_eq!(sent.url, ENDPOINT);
    for (name, value) in [("response_type", "code"), ("client_id", "cli"), ("scope", "openid")] {
        assert_eq!(sent.form.all(name), [value]);
    }
    for name in ["state", "nonce", "code_challenge", "redirect_uri"] {
        assert_eq!(sent.form.all(name).len(), 1, "{name}");
    }
    let login = login.pushes(reference());
    let shown = login.shown();
    let address = "https://id.example/authorize?client_id=cli&request_uri=urn%3Aietf%3Aparams%3Aoauth%3Arequest_uri%3Aone";
    assert_eq!(shown.url, address);
    let login = login.redirects("code=c0de&state={state}").redeems(tokens(1).and(id_token()));
    login.fetches_keys(usual_keys()).locks(None).saves().grants();
}

#[test]
fn the_client_authenticates_as_at_the_token_endpoint() {
    let sent = pushing(openid().secret("secret"), false).sent();
    assert!(sent.authorization.unwrap().starts_with("Basic "));
    assert_eq!(sent.form.all("client_id"), ["cli"]);
}

#[test]
fn an_address_for_later_holds_the_request_unless_a_push_is_required() {
    let paste = || openid().flow(Some(LoginFlow::Paste));
    assert!(pushing(paste(), false).shown().query.one("state").is_some());
    assert_eq!(pushing(paste(), true).pushes(reference()).shown().query.one("state"), None);
}

#[test]
fn an_endpoint_that_is_not_there_is_done_without_unless_it_is_required() {
    let login = pushing(openid(), false).pushes(status(404, ""));
    assert!(login.shown().query.one("state").is_some());
    pushing(openid(), true).pushes(status(404, "")).fails(Code::InvalidMetadata);
}

#[test]
fn a_refusal_ends_the_login_before_any_browser() {
    for is_required in [false, true] {
        let login = pushing(openid(), is_required).pushes(oauth_error("invalid_request"));
        let failure = login.fails(Code::ProviderRefused);
        assert_eq!(failure.provider.unwrap().error, "invalid_request");
        for body in [json!({}), json!({ "request_uri": "" }), json!([])] {
            pushing(openid(), is_required).pushes(ok(body)).fails(Code::InvalidMetadata);
        }
    }
}
