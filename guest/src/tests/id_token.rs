//! Claims of an ID token (OIDC §3.1.3.7).

use serde_json::{Value, json};

use super::given::{logged_in, openid};
use super::keys::Key;
use super::provider::{ISSUER, IdToken, id_token, keys, signed_by, tokens, usual_keys};
use super::script::Script;
use crate::contract::Code;

/// A login that has received this ID token and the key to check it.
#[track_caller]
fn login_with(id_token: IdToken) -> Script {
    openid()
        .login_in_browser()
        .redirects("code=c0de&state={state}")
        .redeems(tokens(1).and(id_token))
        .fetches_keys(usual_keys())
}

#[track_caller]
fn accepted(id_token: IdToken) {
    login_with(id_token).locks(None);
}

/// The message of the rejection.
#[track_caller]
fn refused(id_token: IdToken) -> String {
    login_with(id_token).fails(Code::InvalidIdToken).message
}

#[test]
fn iss_must_be_the_issuer() {
    for issuer in ["https://evil.example", "https://id.example/", "https://ID.example", ""] {
        assert!(refused(id_token().claim("iss", issuer)).contains("expected https://id.example"));
    }
    assert!(refused(id_token().without("iss")).contains("no iss"));
    refused(id_token().claim("iss", json!([ISSUER])));
}

#[test]
fn aud_must_contain_this_client() {
    accepted(id_token().claim("aud", json!(["cli"])));
    for audience in [json!("another"), json!(["another"]), json!([]), json!(7), json!("CLI")] {
        refused(id_token().claim("aud", audience));
    }
    assert!(refused(id_token().without("aud")).contains("no aud"));
}

#[test]
fn azp_must_name_this_client_if_there_are_several_audiences() {
    let shared = id_token().claim("aud", json!(["cli", "another"]));
    assert!(refused(shared.clone()).contains("no azp"));
    accepted(shared.clone().claim("azp", "cli"));
    assert!(refused(shared.claim("azp", "another")).contains("azp"));
    accepted(id_token().claim("azp", "cli"));
    assert!(refused(id_token().claim("azp", "another")).contains("azp"));
}

#[test]
fn sub_must_be_present_and_printable() {
    for subject in [json!(""), json!("x".repeat(256)), json!("a\u{1b}[2J"), json!(7), json!(null)] {
        refused(id_token().claim("sub", subject));
    }
    refused(id_token().without("sub"));
    accepted(id_token().claim("sub", "x".repeat(255)));
    accepted(id_token().claim("sub", "auth0|5f7c8ec7c33c6c004bbafe82"));
}

#[test]
fn clocks_may_differ_by_one_minute() {
    accepted(id_token().at("exp", -59_999));
    assert!(refused(id_token().at("exp", -60_000)).contains("expired"));
    accepted(id_token().at("iat", 60_000));
    assert!(refused(id_token().at("iat", 60_001)).contains("not valid yet"));
    accepted(id_token().at("nbf", 60_000));
    assert!(refused(id_token().at("nbf", 60_001)).contains("not valid yet"));
}

#[test]
fn exp_and_iat_are_mandatory() {
    for name in ["exp", "iat"] {
        refused(id_token().without(name));
        for value in [json!("1800000000"), json!(null), json!(-1), json!(-1e300)] {
            refused(id_token().claim(name, value));
        }
    }
    accepted(id_token().claim("exp", 1e300));
    accepted(id_token().claim("exp", u64::MAX));
    refused(id_token().claim("iat", 1e300));
    refused(id_token().claim("nbf", u64::MAX));
}

#[test]
fn nonce_must_be_the_one_that_was_sent() {
    for nonce in [json!("another"), json!(""), json!(7), json!(null)] {
        refused(id_token().claim("nonce", nonce));
    }
    assert!(refused(id_token().without("nonce")).contains("no nonce"));
}

#[test]
fn at_hash_and_c_hash_must_match() {
    accepted(id_token().bound_to_access_token().bound_to("c_hash", "c0de"));
    assert!(refused(id_token().bound_to("at_hash", "another")).contains("at_hash"));
    assert!(refused(id_token().bound_to("c_hash", "another")).contains("c_hash"));
    refused(id_token().claim("at_hash", 7));
    refused(id_token().claim("at_hash", ""));
}

#[test]
fn hashes_follow_the_algorithm() {
    for algorithm in ["ES384", "EdDSA"] {
        let key = Key::for_algorithm(algorithm);
        let set = keys(std::slice::from_ref(&key));
        let bound = signed_by(key, algorithm).bound_to_access_token().bound_to("c_hash", "c0de");
        openid()
            .login_in_browser()
            .redirects("code=c0de&state={state}")
            .redeems(tokens(1).and(bound))
            .fetches_keys(set)
            .locks(None);
    }
}

#[test]
fn text_that_is_not_a_token_is_rejected() {
    let valid = id_token_of_a_login();
    let (signing_input, signature) = valid.rsplit_once('.').unwrap();
    let (header, payload) = signing_input.split_once('.').unwrap();
    for token in [
        "x".to_owned(),
        "..".to_owned(),
        ".".to_owned(),
        signing_input.to_owned(),
        format!("{valid}."),
        format!("{valid}.{valid}"),
        format!("{valid}="),
        format!("{valid} "),
        format!("{header}.{payload}=.{signature}"),
        format!("{payload}.{header}.{signature}"),
        format!("{{}}.{payload}.{signature}"),
    ] {
        let login = openid().login_in_browser().redirects("code=c0de&state={state}");
        login.redeems(tokens(1).with("id_token", token)).fails(Code::InvalidIdToken);
    }
}

#[test]
fn claims_must_be_an_object() {
    for payload in ["", "[]", "7", "null", "{", "{\"a\":1}}", &"[".repeat(100_000)] {
        let key = Key::for_algorithm("ES256");
        let part = |text: &str| super::keys::encode(text.as_bytes());
        let input = format!("{}.{}", part(r#"{"alg":"ES256"}"#), part(payload));
        let token = format!("{input}.{}", key.sign("ES256", &input));
        let login = openid().login_in_browser().redirects("code=c0de&state={state}");
        let login = login.redeems(tokens(1).with("id_token", token)).fetches_keys(usual_keys());
        login.fails(Code::InvalidIdToken);
    }
}

/// An ID token as issued and stored.
fn id_token_of_a_login() -> String {
    let stored: Value = serde_json::from_slice(&logged_in()).unwrap();
    stored["id_token"].as_str().unwrap().to_owned()
}
