//! Access tokens that are checked in the component, without asking the provider.

use serde_json::{Value, json};

use super::given::{Given, NOW_MS, logged_in_with, openid};
use super::keys::Key;
use super::known::Known;
use super::provider::{
    IdToken, id_token, keys, metadata_with, signed_by, status, tokens, unreachable, usual_keys,
};
use super::script::Script;
use crate::contract::{AccessRules, Code, Examination, Failure};

pub(super) fn none() -> AccessRules {
    AccessRules { scopes: Vec::new(), acr: None, permissions: Vec::new() }
}

/// A session with this access token, and a demand to check it by these rules.
pub(super) fn given(token: IdToken, rules: AccessRules) -> Given {
    let token = token.issue(&Known::at(NOW_MS), "");
    let stored = logged_in_with(tokens(1).with("access_token", token));
    openid().stored(stored).examining(Examination::Local(rules))
}

fn checking(token: IdToken, rules: AccessRules) -> Script {
    given(token, rules).token()
}

#[track_caller]
fn refused(token: IdToken, rules: AccessRules, code: Code) -> Failure {
    checking(token, rules).fails(code)
}

fn needing(scopes: &[&str], permissions: &[&str]) -> AccessRules {
    let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    AccessRules { scopes: owned(scopes), acr: None, permissions: owned(permissions) }
}

fn at_least(acr: &str) -> AccessRules {
    AccessRules { acr: Some(acr.to_owned()), ..none() }
}

// ---- The signature -----------------------------------------------------------

#[test]
fn the_key_of_the_id_token_needs_no_request() {
    let grant = checking(id_token().claim("scope", "openid"), none()).grants();
    let report: Value = serde_json::from_str(&grant.report.unwrap()).unwrap();
    assert_eq!(report["scope"], "openid");
    assert_eq!(report["iss"], "https://id.example");
}

#[test]
fn another_key_is_fetched() {
    let token = || checking(signed_by(Key::numbered(2), "ES256"), none());
    assert_eq!(token().sent().url, "https://id.example/keys");
    token().fetches_keys(keys(&[Key::numbered(2)])).grants();
    let failure = token().fetches_keys(usual_keys()).fails(Code::InvalidAccessToken);
    assert!(failure.message.contains("not signed by any of the provider's published keys"));
    token().fetches_keys(keys(&[])).fails(Code::InvalidAccessToken);
}

#[test]
fn a_token_is_not_accepted_if_the_keys_cannot_be_fetched() {
    for (answer, code) in [
        (status(200, "[]"), Code::InvalidAccessToken),
        (status(404, ""), Code::InvalidAccessToken),
        (status(503, ""), Code::ProviderUnavailable),
        (unreachable(), Code::Unreachable),
    ] {
        let token = checking(signed_by(Key::numbered(2), "ES256"), none());
        token.fetches_keys(answer).fails(code);
    }
}

#[test]
fn without_issuer_or_keys_no_token_can_be_checked() {
    let stored = super::introspection::stored_with("jwks_uri", json!(null));
    let mut stored: Value = serde_json::from_slice(&stored).unwrap();
    stored["id_token_key"] = json!(null);
    stored["access_token"] = json!(id_token().issue(&Known::at(NOW_MS), ""));
    let given = openid().stored(stored.to_string().into_bytes());
    let given = given.examining(Examination::Local(none()));
    given.token().fails(Code::InvalidConfiguration);
}

#[test]
fn an_opaque_token_fails_with_a_hint_to_verify_it_instead() {
    for token in ["gho_16C7e42F292c6912E7710c838347Ae178B4a", "e30.e30.c2ln", "a.b.c"] {
        let stored = logged_in_with(tokens(1).with("access_token", token));
        let given = openid().stored(stored).examining(Examination::Local(none()));
        let failure = given.token().fails(Code::InvalidAccessToken);
        assert!(failure.remedy.contains("--verify"), "{}", failure.remedy);
    }
}

#[test]
fn an_unsigned_or_hmac_token_is_rejected() {
    for algorithm in ["none", "HS256"] {
        refused(id_token().header("alg", algorithm), none(), Code::InvalidAccessToken);
    }
}

// ---- Issuer and time ---------------------------------------------------------

#[test]
fn a_token_of_another_issuer_is_rejected() {
    let failure =
        refused(id_token().claim("iss", "https://id.example/"), none(), Code::InvalidAccessToken);
    assert!(failure.message.contains("expected https://id.example"), "{}", failure.message);
    refused(id_token().without("iss"), none(), Code::InvalidAccessToken);
}

#[test]
fn the_issuer_name_in_the_metadata_is_expected() {
    let named = "https://id.example/";
    let login = |iss: &str| {
        let token = id_token().claim("iss", iss).issue(&Known::at(NOW_MS), "");
        let login =
            openid().scopes(&["repo"]).login().discovers(metadata_with("issuer", json!(named)));
        let login = login.redirects("code=c0de&state={state}");
        let login = login.redeems(tokens(1).with("access_token", token));
        let stored = login.asks_userinfo(status(403, "")).locks(None).saves().stored();
        let given = openid().scopes(&["repo"]).stored(stored);
        given.examining(Examination::Local(none())).token().fetches_keys(usual_keys())
    };
    login(named).grants();
    login("https://id.example").fails(Code::InvalidAccessToken);
}

#[test]
fn times_are_checked_without_leeway() {
    checking(id_token().at("exp", 1), none()).grants();
    for token in [id_token().without("exp"), id_token().at("nbf", 1)] {
        let failure = refused(token, none(), Code::InvalidAccessToken);
        assert!(!failure.remedy.contains("--verify"), "{}", failure.remedy);
    }
    checking(id_token().at("nbf", 0), none()).grants();
}

#[test]
fn an_expired_token_is_renewed_once() {
    for seconds in [0, -1] {
        let expired = id_token().at("exp", seconds).issue(&Known::at(NOW_MS), "");
        let stored = logged_in_with(tokens(1).with("access_token", expired.as_str()));
        let given = || openid().stored(stored.clone()).examining(Examination::Local(none()));
        let token = || given().token().locks(Some(stored.clone()));
        let good = id_token().issue(&Known::at(NOW_MS), "");
        token().refreshes(tokens(2).with("access_token", good)).saves().grants();
        let renewed = token().refreshes(tokens(2).with("access_token", expired.as_str())).saves();
        renewed.fails(Code::InvalidAccessToken);
    }
}

// ---- The rules ---------------------------------------------------------------

#[test]
fn every_required_scope_must_be_granted() {
    for (claim, value) in [
        ("scope", json!("read write")),
        ("scope", json!(["read", "write"])),
        ("scp", json!(["write", "read"])),
        ("scp", json!("write read")),
    ] {
        let token = || id_token().claim(claim, value.clone());
        checking(token(), needing(&["read", "write"], &[])).grants();
        checking(token(), needing(&[], &[])).grants();
        let failure = refused(token(), needing(&["read", "admin"], &[]), Code::InsufficientScope);
        assert!(failure.message.contains("scope admin"), "{}", failure.message);
    }
    for value in [json!("reader"), json!(7), json!(null)] {
        let token = id_token().claim("scope", value);
        refused(token, needing(&["read"], &[]), Code::InsufficientScope);
    }
}

#[test]
fn every_required_permission_must_be_granted() {
    let token = || id_token().claim("permissions", json!(["castles:read", "castles:write"]));
    checking(token(), needing(&[], &["castles:read"])).grants();
    let failure = refused(token(), needing(&[], &["castles:burn"]), Code::InsufficientScope);
    assert!(failure.message.contains("permission castles:burn"), "{}", failure.message);
    refused(id_token(), needing(&[], &["castles:read"]), Code::InsufficientScope);
}

#[test]
fn acr_is_compared_as_numbers_or_names() {
    for (found, wanted) in [("1", "0"), ("1", "1"), ("10", "9"), ("gold", "gold")] {
        checking(id_token().claim("acr", found), at_least(wanted)).grants();
    }
    for (found, wanted) in [("0", "1"), ("9", "10"), ("gold", "silver"), ("gold", "0"), ("", "0")] {
        let failure =
            refused(id_token().claim("acr", found), at_least(wanted), Code::InsufficientScope);
        assert!(failure.message.contains("(acr)"), "{}", failure.message);
    }
    refused(id_token(), at_least("0"), Code::InsufficientScope);
}
