//! Providers that sign ID tokens with a shared secret, or publish no keys.

use serde_json::{Value, json};

use super::given::{Given, openid};
use super::keys::Key;
use super::provider::{
    ISSUER, IdToken, id_token, metadata, not_found, signed_by, tokens, usual_keys,
};
use super::script::Script;
use crate::contract::{Code, Grant, LoginFlow};

const SECRET: &str = "a-client-secret";

/// Metadata with these algorithms for ID tokens; null for none at all.
fn signing_with(algorithms: Value, publishes_keys: bool) -> Value {
    let mut document = metadata();
    document["id_token_signing_alg_values_supported"] = algorithms;
    if !publishes_keys {
        document["jwks_uri"] = json!(null);
    }
    document
}

/// A login at a provider with this metadata, which is now in the browser.
fn at(given: Given, document: Value) -> Script {
    let publishes_keys = !document["jwks_uri"].is_null();
    let login = given.login().discovers(document);
    // If the first document is incomplete, the second one is fetched.
    if publishes_keys { login } else { login.discovers(not_found()) }
}

fn redeemed(login: Script, id_token: IdToken) -> Script {
    login.redirects("code=c0de&state={state}").redeems(tokens(1).and(id_token))
}

/// Checks that the ID token is dropped, and that userinfo says who is logged in.
#[track_caller]
fn goes_without_id_token(login: Script) -> (Vec<u8>, Grant) {
    let login = login.asks_userinfo(json!({ "sub": "ada", "name": "Ada" })).locks(None).saves();
    assert_eq!(login.stored_field("subject"), "ada");
    assert!(login.stored_field("id_token").is_null());
    let stored = login.stored().unwrap();
    let grant = login.grants();
    assert!(grant.id_token.is_none() && grant.claims.is_none());
    (stored, grant)
}

fn hs256(secret: &'static str) -> IdToken {
    signed_by(Key::secret(secret), "HS256")
}

#[test]
fn an_id_token_that_this_client_cannot_check_is_dropped_and_the_user_is_told() {
    for document in [
        signing_with(json!(["HS256"]), false),
        signing_with(json!(["HS256", "HS512"]), true),
        signing_with(json!(["none"]), false),
        signing_with(json!([]), false),
        signing_with(json!(null), false),
    ] {
        // Its content is ignored.
        let forged = hs256("another").claim("sub", "mallory");
        let (_, grant) = goes_without_id_token(redeemed(at(openid(), document), forged));
        assert!(grant.notices[0].contains("ID token is not used"), "{:?}", grant.notices);
    }
}

#[test]
fn a_renewal_drops_such_an_id_token_too() {
    let login = redeemed(at(openid(), signing_with(json!(["HS256"]), true)), hs256(SECRET));
    let (stored, _) = goes_without_id_token(login);
    let token = openid().stored(stored.clone()).force_refresh().token().locks(Some(stored));
    let forged = hs256("another").claim("sub", "mallory");
    let token = token.refreshes(tokens(2).and(forged)).saves();
    assert_eq!(token.stored_field("subject"), "ada");
    assert!(token.grants().id_token.is_none());
}

#[test]
fn the_device_flow_drops_such_an_id_token_too() {
    let mut document = signing_with(json!(["HS256"]), false);
    document["device_authorization_endpoint"] = json!("https://id.example/device_authorization");
    let code = json!({
        "device_code": "d", "user_code": "c", "verification_uri": "https://id.example/device",
    });
    let login = at(openid().flow(Some(LoginFlow::Device)), document).codes(code).presents();
    // Some providers send no ID token here at all.
    let (_, grant) = goes_without_id_token(login.polls_after(5, tokens(1)));
    assert!(grant.notices.is_empty());
}

#[test]
fn metadata_without_the_location_of_keys_is_invalid() {
    for algorithms in [json!(["RS256"]), json!(["HS256", "ES256"])] {
        let failure = at(openid(), signing_with(algorithms, false)).fails(Code::InvalidMetadata);
        assert!(failure.message.contains("jwks_uri"), "{}", failure.message);
    }
}

#[test]
fn a_client_with_a_secret_checks_with_it() {
    let given = || openid().secret(SECRET);
    for (document, algorithm) in [
        (signing_with(json!(["HS256"]), false), "HS256"),
        (signing_with(json!(["RS256", "HS384"]), true), "HS384"),
        (signing_with(json!(["HS512"]), true), "HS512"),
    ] {
        let good = signed_by(Key::secret(SECRET), algorithm);
        let login = redeemed(at(given(), document.clone()), good.clone());
        let login = login.locks(None).saves();
        assert_eq!(login.stored_field("subject"), "ada");
        let stored = login.stored().unwrap();
        assert!(login.grants().notices.is_empty());
        let bad = signed_by(Key::secret("another"), algorithm);
        let failure = redeemed(at(given(), document), bad.clone()).fails(Code::InvalidIdToken);
        assert!(failure.message.contains("this client's secret"), "{}", failure.message);
        // A renewal does the same.
        let renewal = |id_token: IdToken| {
            let token = given().stored(stored.clone()).force_refresh().token();
            let token = token.locks(Some(stored.clone()));
            token.refreshes(tokens(2).and(id_token.without("nonce"))).saves()
        };
        renewal(good).grants();
        renewal(bad).fails(Code::InvalidIdToken);
    }
}

#[test]
fn a_secret_is_not_used_if_the_provider_signs_with_keys() {
    for document in [metadata(), signing_with(json!(["ES256"]), true)] {
        let login = redeemed(at(openid().secret(SECRET), document), hs256(SECRET));
        let failure = login.fails(Code::InvalidIdToken);
        assert!(failure.message.contains("shared secret"), "{}", failure.message);
    }
}

#[test]
fn an_algorithm_missing_in_the_metadata_is_rejected() {
    let with = |algorithms: Value| {
        let login = redeemed(at(openid(), signing_with(algorithms, true)), id_token());
        login.fetches_keys(usual_keys())
    };
    with(json!(["RS256", "ES256"])).locks(None);
    let failure = with(json!(["RS256"])).fails(Code::InvalidIdToken);
    assert!(failure.message.contains("metadata does not name"), "{}", failure.message);
}

#[test]
fn max_age_and_acr_values_are_rejected() {
    for parameter in ["max_age", "acr_values"] {
        let given = openid().parameter(parameter, "1");
        let login = at(given, signing_with(json!(["HS256"]), false));
        assert!(login.fails(Code::InvalidConfiguration).message.contains(parameter));
    }
}

#[test]
fn the_issuer_in_the_metadata_is_still_checked() {
    let document =
        json!({ "issuer": format!("{ISSUER}/other"), "token_endpoint": "https://id.example/t" });
    openid().login().discovers(document).discovers(not_found()).fails(Code::InvalidMetadata);
}
