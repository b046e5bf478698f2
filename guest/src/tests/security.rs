//! The security profile of FAPI 2.0.

use serde_json::{Value, json};

use super::given::{Given, openid};
use super::provider::{id_token, metadata, not_found, tokens, usual_keys};
use crate::contract::{
    Client, ClientKey, Code, DpopKey, Failure, GrantType, LoginFlow, Security, SigningAlgorithm,
};

/// A client that keeps the rules.
fn bank() -> Given {
    openid().client(|client| {
        client.security = Security::Fapi2;
        let algorithm = SigningAlgorithm::Es256;
        client.key = Some(ClientKey { algorithm, id: None, audience: None });
        client.dpop = Some(DpopKey { algorithm, jwk: r#"{"kty":"EC"}"#.to_owned() });
    })
}

/// The metadata of a provider that keeps them.
fn rules() -> Value {
    let mut metadata = metadata();
    for (name, value) in [
        ("pushed_authorization_request_endpoint", json!("https://id.example/par")),
        ("authorization_response_iss_parameter_supported", json!(true)),
        ("token_endpoint_auth_methods_supported", json!(["private_key_jwt", "tls_client_auth"])),
        ("dpop_signing_alg_values_supported", json!(["ES256"])),
        ("tls_client_certificate_bound_access_tokens", json!(true)),
    ] {
        metadata[name] = value;
    }
    metadata
}

#[track_caller]
fn refused(given: Given) -> Failure {
    let failure = given.try_login().err().expect("a refusal");
    assert_eq!(failure.code, Code::InvalidConfiguration);
    failure
}

#[test]
fn a_login_that_keeps_every_rule_works() {
    let login = bank().login().discovers(rules());
    // The client assertion, then the proof.
    let login = login.signs(b"1").signs(b"2").pushes(json!({ "request_uri": "urn:one" }));
    let login = login.redirects("code=c0de&state={state}&iss=https://id.example");
    let login = login.signs(b"3").signs(b"4");
    let login = login.redeems(tokens(1).with("token_type", "DPoP").and(id_token()));
    login.fetches_keys(usual_keys()).locks(None).saves().grants();
}

#[test]
fn the_request_is_pushed_wherever_the_address_is_opened() {
    let paste = bank().flow(Some(LoginFlow::Paste)).login().discovers(rules());
    let login = paste.signs(b"1").signs(b"2").pushes(json!({ "request_uri": "urn:one" }));
    assert_eq!(login.shown().query.one("state"), None);
    let login = bank().login().discovers(rules()).signs(b"1").signs(b"2");
    login.pushes(not_found()).fails(Code::InvalidMetadata);
}

/// What is said of a client that was changed so.
type Breach = (&'static str, fn(&mut Client));

#[test]
fn a_client_that_breaks_a_rule_sends_nothing() {
    let breaches: [Breach; 6] = [
        ("a key or a certificate", |client| client.key = None),
        ("bound to a key", |client| client.dpop = None),
        ("instead of RS256", |client| {
            client.key.as_mut().unwrap().algorithm = SigningAlgorithm::Rs256;
        }),
        ("another audience", |client| {
            client.key.as_mut().unwrap().audience = Some("https://id.example/token".to_owned());
        }),
        ("metadata", |client| client.discover = false),
        ("metadata", |client| client.endpoints.token = Some("https://id.example/t".to_owned())),
    ];
    for (said, breaks) in breaches {
        let failure = refused(bank().client(breaks));
        assert!(failure.message.contains(said), "{said}: {}", failure.message);
    }
    let bare = refused(openid().client(|client| client.security = Security::Fapi2));
    assert!(bare.message.contains("; tokens"), "all that is missing: {}", bare.message);
    let device = bank().flow(Some(LoginFlow::Device)).login().discovers(rules());
    device.fails(Code::InvalidConfiguration);
}

#[test]
fn a_provider_that_breaks_a_rule_is_not_asked() {
    for (name, value) in [
        ("pushed_authorization_request_endpoint", json!(null)),
        ("authorization_response_iss_parameter_supported", json!(false)),
        ("token_endpoint_auth_methods_supported", json!(["tls_client_auth"])),
        ("dpop_signing_alg_values_supported", json!(null)),
        ("code_challenge_methods_supported", json!(["plain"])),
    ] {
        let mut metadata = rules();
        metadata[name] = value;
        let login = bank().login().discovers(metadata);
        let failure = login.fails(Code::InvalidMetadata);
        assert!(failure.message.contains(name), "{}", failure.message);
    }
}

#[test]
fn a_certificate_does_for_both() {
    let with_certificate = || {
        bank().client(|client| {
            (client.key, client.dpop, client.certificate) = (None, None, true);
        })
    };
    with_certificate().login().discovers(rules()).pushes(json!({ "request_uri": "urn:one" }));
    for (name, value) in [
        ("tls_client_certificate_bound_access_tokens", json!(null)),
        ("token_endpoint_auth_methods_supported", json!(["private_key_jwt"])),
    ] {
        let mut metadata = rules();
        metadata[name] = value;
        with_certificate().login().discovers(metadata).fails(Code::InvalidMetadata);
    }
}

#[test]
fn a_client_for_itself_needs_no_authorization_request() {
    let machine =
        || bank().scopes(&[]).client(|client| client.grant = GrantType::ClientCredentials);
    let mut metadata = rules();
    metadata["pushed_authorization_request_endpoint"] = json!(null);
    machine().token().locks(None).discovers(metadata.clone()).signs(b"1").signs(b"2").sent();
    metadata["token_endpoint_auth_methods_supported"] = json!(["client_secret_basic"]);
    machine().token().locks(None).discovers(metadata).fails(Code::InvalidMetadata);
}

#[test]
fn a_proof_that_the_provider_does_not_take_is_not_made() {
    let bound = openid().client(|client| {
        let algorithm = SigningAlgorithm::Es256;
        client.dpop = Some(DpopKey { algorithm, jwk: r#"{"kty":"EC"}"#.to_owned() });
    });
    let mut metadata = metadata();
    metadata["dpop_signing_alg_values_supported"] = json!(["PS256"]);
    let failure = bound.login().discovers(metadata).fails(Code::InvalidMetadata);
    assert!(failure.message.contains("ES256"), "{}", failure.message);
}

#[test]
fn its_session_is_another_one() {
    let usual = bank().client(|client| client.security = Security::Usual);
    assert_ne!(bank().account_key(), usual.account_key());
}
