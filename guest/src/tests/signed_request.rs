//! Signed authorization requests (RFC 9101).

use serde_json::{Value, json};

use super::given::{Given, NOW_MS, openid};
use super::provider::{ISSUER, id_token, metadata, metadata_with, tokens, usual_keys};
use super::script::Script;
use super::seen::jws;
use crate::contract::{ClientKey, Code, Parameter, SigningAlgorithm};

/// A client that signs, and authenticates without its key.
fn signing() -> Given {
    openid().secret("secret").client(|client| {
        client.key = Some(ClientKey {
            algorithm: SigningAlgorithm::Ps256,
            id: Some("k1".to_owned()),
            audience: None,
        });
        client.authentication = Some(crate::contract::ClientAuthentication::ClientSecretBasic);
        client.signs_request = true;
    })
}

fn asking(given: Given, metadata: Value) -> Script {
    given.login().discovers(metadata)
}

#[test]
fn the_browser_carries_only_what_is_signed() {
    let given = signing().client(|client| {
        client.resources = vec!["https://a.example".to_owned(), "https://b.example".to_owned()];
        let parameters = [("max_age", "60"), ("claims", r#"{"userinfo":{}}"#), ("foo", "1")];
        client.parameters = parameters
            .map(|(name, value)| Parameter { name: name.to_owned(), value: value.to_owned() })
            .into();
    });
    let login = asking(given, metadata()).signs(b"signature");
    let query = login.shown().query;
    assert_eq!((query.one("client_id"), query.one("state")), (Some("cli"), None));
    let (header, claims) = jws(query.one("request").unwrap());
    assert_eq!(header, json!({ "alg": "PS256", "kid": "k1", "typ": "oauth-authz-req+jwt" }));
    for (name, value) in [
        ("iss", json!("cli")),
        ("aud", json!(ISSUER)),
        ("client_id", json!("cli")),
        ("response_type", json!("code")),
        ("exp", json!(NOW_MS / 1000 + 300)),
        ("max_age", json!(60)),
        ("claims", json!({ "userinfo": {} })),
        ("foo", json!("1")),
        ("resource", json!(["https://a.example", "https://b.example"])),
    ] {
        assert_eq!(claims[name], value, "{name}");
    }
    // One with the client as its subject could pass for a client assertion.
    assert!(claims["sub"].is_null() && claims["jti"].is_string() && claims["state"].is_string());
}

#[test]
fn a_pushed_request_is_signed_too() {
    let endpoint = json!("https://id.example/par");
    let metadata = metadata_with("pushed_authorization_request_endpoint", endpoint);
    let login = asking(signing(), metadata).signs(b"signature");
    let form = login.sent().form;
    assert_eq!((form.all("client_id"), form.one("state")), (vec!["cli"], None));
    assert!(form.one("request").is_some());
    let login = login.pushes(json!({ "request_uri": "urn:one" }));
    assert_eq!(login.shown().query.one("request"), None);
    let login = login.redirects("code=c0de&state={state}").redeems(tokens(1).and(id_token()));
    login.fetches_keys(usual_keys()).locks(None).saves().grants();
}

#[test]
fn what_does_not_fit_is_said_before_anything_is_sent() {
    let without_key = || openid().client(|client| client.signs_request = true);
    let unsigned = || openid().client(|client| client.key = None);
    let algorithms =
        |name: &str| metadata_with("request_object_signing_alg_values_supported", json!([name]));
    let required = || metadata_with("require_signed_request_object", json!(true));
    for (given, metadata, code, said) in [
        (without_key(), metadata(), Code::InvalidConfiguration, "no key"),
        (unsigned(), required(), Code::InvalidConfiguration, "only signed"),
        (signing(), algorithms("ES256"), Code::InvalidMetadata, "PS256"),
    ] {
        let failure = asking(given, metadata).fails(code);
        assert!(failure.message.contains(said), "{}", failure.message);
    }
    asking(signing(), algorithms("PS256")).signs(b"signature").shown();
}
