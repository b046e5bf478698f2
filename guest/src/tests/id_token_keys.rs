//! Signatures of ID tokens: algorithms, key selection, key rotation.

use serde_json::{Value, json};

use super::given::openid;
use super::keys::{Key, encode};
use super::provider::{
    IdToken, denied, id_token, keys, signed_by, status, tokens, too_large, unreachable, usual_keys,
};
use super::script::Script;
use crate::contract::Code;

/// A login that has received this ID token and is fetching keys.
#[track_caller]
fn checking(id_token: IdToken) -> Script {
    let login = openid().login_in_browser().redirects("code=c0de&state={state}");
    login.redeems(tokens(1).and(id_token))
}

/// Checks that the ID token is verified with this key set.
#[track_caller]
fn accepted(id_token: IdToken, keys: Value) {
    checking(id_token).fetches_keys(keys).locks(None);
}

/// Checks that the ID token is not verified with this key set, even after a second fetch.
#[track_caller]
fn refused(id_token: IdToken, keys: Value) {
    let message = unverified(id_token, keys);
    assert!(message.contains("not signed by any of the provider's published keys"), "{message}");
}

/// The reason why this key set does not verify the ID token, even after a second fetch.
#[track_caller]
fn unverified(id_token: IdToken, keys: Value) -> String {
    let login = checking(id_token).fetches_keys(keys.clone()).fetches_keys(keys);
    login.fails(Code::InvalidIdToken).message
}

/// A published key with one field changed. Null removes the field.
fn jwk_with(key: &Key, field: &str, value: Value) -> Value {
    let mut jwk = key.jwk();
    jwk[field] = value;
    jwk
}

#[test]
fn every_asymmetric_algorithm_is_verified() {
    for algorithm in [
        "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
        "Ed25519",
    ] {
        let key = Key::for_algorithm(algorithm);
        accepted(signed_by(key.clone(), algorithm), keys(&[key]));
    }
}

#[test]
fn a_signature_over_other_claims_is_rejected() {
    for algorithm in ["RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA"] {
        let key = Key::for_algorithm(algorithm);
        let input = |sub: &str| {
            let header = encode(json!({ "alg": algorithm }).to_string().as_bytes());
            format!("{header}.{}", encode(json!({ "sub": sub }).to_string().as_bytes()))
        };
        let forged = format!("{}.{}", input("ada"), key.sign(algorithm, &input("mallory")));
        let set = keys(&[key]);
        let login = openid().login_in_browser().redirects("code=c0de&state={state}");
        let login = login.redeems(tokens(1).with("id_token", forged));
        login.fetches_keys(set.clone()).fetches_keys(set).fails(Code::InvalidIdToken);
    }
}

#[test]
fn symmetric_and_absent_signatures_are_rejected() {
    for algorithm in ["none", "None", "HS256", "HS512", "ES256K", "RSA1_5", "", "\u{1b}[2J"] {
        let header = encode(json!({ "alg": algorithm, "kid": "rsa" }).to_string().as_bytes());
        let token = format!("{header}.{}.{}", encode(b"{}"), encode(b"signature"));
        let login = openid().login_in_browser().redirects("code=c0de&state={state}");
        login.redeems(tokens(1).with("id_token", token)).fails(Code::InvalidIdToken);
    }
}

#[test]
fn a_public_key_is_not_accepted_as_a_shared_secret() {
    let rsa = Key::for_algorithm("RS256");
    let modulus = rsa.jwk()["n"].as_str().unwrap().to_owned();
    let header = encode(br#"{"alg":"HS256"}"#);
    let token = format!("{header}.{}.{}", encode(b"{}"), encode(modulus.as_bytes()));
    let login = openid().login_in_browser().redirects("code=c0de&state={state}");
    login.redeems(tokens(1).with("id_token", token)).fails(Code::InvalidIdToken);
}

#[test]
fn unknown_critical_extensions_are_rejected() {
    for crit in [json!(["b64"]), json!(["exp"]), json!([]), json!("x")] {
        let login = checking(id_token().header("crit", crit));
        assert!(login.fails(Code::InvalidIdToken).message.contains("crit"));
    }
}

#[test]
fn other_header_fields_are_ignored() {
    let id_token = id_token().header("typ", "JWT").header("x5t", "x").header("jku", "https://x");
    accepted(id_token, usual_keys());
}

#[test]
fn a_header_without_an_algorithm_is_rejected() {
    for header in ["{}", "{\"alg\":7}", "[]", "{\"alg\":\"ES256\",\"alg\":\"none\"}"] {
        let token = format!("{}.{}.{}", encode(header.as_bytes()), encode(b"{}"), encode(b"x"));
        let login = openid().login_in_browser().redirects("code=c0de&state={state}");
        login.redeems(tokens(1).with("id_token", token)).fails(Code::InvalidIdToken);
    }
}

// ---- Key selection -----------------------------------------------------------

#[test]
fn a_key_identifier_may_be_missing_on_either_side() {
    let key = Key::numbered(1);
    let nameless = json!({ "keys": [jwk_with(&key, "kid", json!(null))] });
    let id_token = || signed_by(key.clone(), "ES256");
    accepted(id_token().without_kid(), keys(std::slice::from_ref(&key)));
    accepted(id_token(), nameless.clone());
    accepted(id_token().without_kid(), nameless);
}

#[test]
fn a_key_identifier_selects_the_key() {
    let renamed = jwk_with(&Key::numbered(1), "kid", json!("another"));
    refused(signed_by(Key::numbered(1), "ES256"), json!({ "keys": [renamed] }));
    let both = keys(&[Key::numbered(1), Key::numbered(2)]);
    refused(signed_by(Key::numbered(1), "ES256").header("kid", "p256-2"), both);
}

#[test]
fn without_key_identifiers_every_matching_key_is_tried() {
    let mut set = keys(&[
        Key::for_algorithm("RS256"),
        Key::numbered(1),
        Key::for_algorithm("ES384"),
        Key::numbered(2),
        Key::numbered(3),
    ]);
    for key in set["keys"].as_array_mut().unwrap() {
        key["kid"] = json!(null);
    }
    accepted(signed_by(Key::numbered(3), "ES256").without_kid(), set);
}

#[test]
fn a_set_without_key_identifiers_causes_limited_work() {
    let set: Vec<Key> = (1..=31).map(Key::numbered).collect();
    accepted(signed_by(Key::numbered(30), "ES256").without_kid(), keys(&set));
    let message = unverified(signed_by(Key::numbered(31), "ES256").without_kid(), keys(&set));
    assert!(message.contains("the first 30 published keys"), "{message}");
    accepted(signed_by(Key::numbered(31), "ES256"), keys(&set));
}

#[test]
fn keys_that_are_not_for_signing_are_ignored() {
    let key = Key::for_algorithm("ES256");
    for (field, value) in [
        ("use", json!("enc")),
        ("alg", json!("ECDH-ES")),
        ("alg", json!("ES384")),
        ("kty", json!("RSA")),
        ("crv", json!("P-384")),
        ("crv", json!(null)),
        ("x", json!("AAAA")),
        ("x", json!("!")),
        ("y", json!(null)),
    ] {
        refused(id_token(), json!({ "keys": [jwk_with(&key, field, value)] }));
    }
    let silent = jwk_with(&key, "use", json!(null));
    accepted(id_token(), json!({ "keys": [silent] }));
}

#[test]
fn both_names_of_edwards_signatures_mean_the_same() {
    let key = Key::for_algorithm("EdDSA");
    for (header, alg) in [("EdDSA", "Ed25519"), ("Ed25519", "EdDSA")] {
        let set = json!({ "keys": [jwk_with(&key, "alg", json!(alg))] });
        accepted(signed_by(key.clone(), header), set);
    }
}

#[test]
fn unknown_kinds_of_keys_are_ignored() {
    let set = json!({ "keys": [
        7,
        null,
        [],
        {},
        { "kty": "AKP", "alg": "ML-DSA-44", "pub": "x" },
        { "kty": "oct", "k": "c2VjcmV0" },
        { "kty": 7 },
        { "kty": "EC", "kid": 7 },
        Key::for_algorithm("ES256").jwk(),
    ]});
    accepted(id_token(), set);
}

#[test]
fn an_rsa_key_has_2048_to_8192_bits() {
    for algorithm in ["RS256", "PS512"] {
        accepted(signed_by(Key::long_rsa(), algorithm), keys(&[Key::long_rsa()]));
    }
    let message = unverified(signed_by(Key::short_rsa(), "RS256"), keys(&[Key::short_rsa()]));
    assert!(message.contains("an RSA key of 1042 bits"), "{message}");
    let key = Key::for_algorithm("RS256");
    for (first, rest, bits) in [(1, 1024, 8193), (128, 2047, 16_384)] {
        let too_long = jwk_with(&key, "n", json!(encode(&[vec![first], vec![255; rest]].concat())));
        let message = unverified(signed_by(key.clone(), "RS256"), json!({ "keys": [too_long] }));
        assert!(message.contains(&format!("an RSA key of {bits} bits")), "{message}");
        // It does not keep a usable key from being found.
        let set = json!({ "keys": [too_long, key.jwk()] });
        accepted(signed_by(key.clone(), "RS256").without_kid(), set);
    }
}

#[test]
fn leading_zeros_of_an_rsa_key_are_not_computed_with() {
    let padded = |key: &Key| {
        let zeros = "A".repeat(40_000);
        jwk_with(key, "n", json!(zeros + key.jwk()["n"].as_str().unwrap()))
    };
    let key = Key::for_algorithm("RS256");
    accepted(signed_by(key.clone(), "RS256"), json!({ "keys": [padded(&key)] }));
    // A long key counts as such.
    let set = json!({ "keys": vec![padded(&Key::long_rsa()); 4] });
    let message = unverified(signed_by(key, "RS256").without_kid(), set);
    assert!(message.contains("the first 3 published keys"), "{message}");
}

#[test]
fn a_broken_rsa_key_never_traps() {
    let key = Key::for_algorithm("RS256");
    let even = encode(&[2; 256]);
    for (field, value) in [
        ("n", json!("")),
        ("n", json!("AA")),
        ("n", json!(even)),
        ("n", json!(encode(&[255; 1024]))),
        ("e", json!("")),
        ("e", json!("AA")),
        ("e", json!("AQ")),
        ("e", json!("Ag")),
        ("e", json!(encode(&[255; 256]))),
    ] {
        let set = json!({ "keys": [jwk_with(&key, field, value)] });
        let header = encode(br#"{"alg":"RS256"}"#);
        let token = format!("{header}.{}.{}", encode(b"{}"), encode(&[1; 256]));
        let login = openid().login_in_browser().redirects("code=c0de&state={state}");
        let login = login.redeems(tokens(1).with("id_token", token));
        login.fetches_keys(set.clone()).fetches_keys(set).fails(Code::InvalidIdToken);
    }
}

// ---- Rotation and outages ----------------------------------------------------

#[test]
fn a_key_just_rotated_is_fetched_again_once() {
    let old = keys(&[Key::numbered(1)]);
    let new = keys(&[Key::numbered(1), Key::numbered(2)]);
    let login = checking(signed_by(Key::numbered(2), "ES256"));
    assert_eq!(login.sent().wait_ms, 0);
    let login = login.fetches_keys(old.clone());
    assert_eq!(login.sent().wait_ms, 1_000);
    login.fetches_keys(new).locks(None);
    refused(signed_by(Key::numbered(2), "ES256"), old);
}

#[test]
fn a_login_fails_if_the_keys_cannot_be_fetched() {
    for (reply, code) in [
        (unreachable(), Code::Unreachable),
        (status(503, ""), Code::ProviderUnavailable),
        (status(404, ""), Code::InvalidIdToken),
        (status(200, "<html>"), Code::InvalidIdToken),
        (status(200, "{}"), Code::InvalidIdToken),
        (status(200, r#"{"keys":{}}"#), Code::InvalidIdToken),
        (too_large(1 << 20), Code::InvalidIdToken),
        (denied("a private address"), Code::EgressDenied),
    ] {
        checking(id_token()).fetches_keys(reply).fails(code);
    }
}
