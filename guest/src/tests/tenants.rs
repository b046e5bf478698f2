//! Shared endpoints of a multi-tenant provider, whose metadata names an issuer template.

use serde_json::{Value, json};

use super::given::{Given, NOW_MS, openid};
use super::keys::Key;
use super::known::Known;
use super::provider::{
    IdToken, Tokens, id_token, metadata_with, not_found, refresh_token, tokens, usual_keys,
};
use super::script::Script;
use crate::contract::{self, AccessRules, Code, Examination};

const TENANT: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";
const ANOTHER: &str = "72f988bf-86f1-41af-91ab-2d7cd011db47";
const TEMPLATE: &str = "https://login.example/{tenantid}/v2.0";

fn issuer_of(tenant: &str) -> String {
    TEMPLATE.replace("{tenantid}", tenant)
}

fn common() -> Given {
    openid().client(|client| client.issuer = Some(issuer_of("common")))
}

fn redeemed(id_token: IdToken) -> Script {
    redeemed_with(tokens(1), id_token)
}

fn redeemed_with(tokens: Tokens, id_token: IdToken) -> Script {
    let login = common().login().discovers(metadata_with("issuer", json!(TEMPLATE)));
    login.redirects("code=c0de&state={state}").redeems(tokens.and(id_token))
}

fn of_tenant(tenant: &str) -> IdToken {
    id_token().claim("iss", issuer_of(tenant)).claim("tid", tenant)
}

/// The usual key, limited to an issuer.
fn keys_of(issuer: &str) -> Value {
    let mut key = Key::for_algorithm("ES256").jwk();
    key["issuer"] = json!(issuer);
    json!({ "keys": [key] })
}

#[test]
fn each_tenant_is_a_separate_issuer() {
    let login = redeemed(of_tenant(TENANT)).fetches_keys(usual_keys()).locks(None).saves();
    assert_eq!(login.stored_field("issuer_name"), issuer_of(TENANT));
    login.grants();
}

#[test]
fn the_issuer_must_be_the_tenant_in_tid() {
    for id_token in [
        id_token(),
        id_token().claim("iss", issuer_of(TENANT)),
        of_tenant(TENANT).claim("tid", ANOTHER),
        of_tenant(TENANT).claim("iss", TEMPLATE),
        of_tenant("{tenantid}"),
        of_tenant("common"),
        of_tenant("../evil"),
        of_tenant(TENANT).claim("iss", format!("https://evil.example/{TENANT}/v2.0")),
        of_tenant(TENANT).claim("tid", 7),
    ] {
        let failure = redeemed(id_token).fetches_keys(usual_keys()).fails(Code::InvalidIdToken);
        assert!(failure.message.contains(TEMPLATE), "{}", failure.message);
    }
}

#[test]
fn a_key_of_one_tenant_is_rejected_for_another() {
    let with = |issuer: &str| redeemed(of_tenant(TENANT)).fetches_keys(keys_of(issuer));
    with(TEMPLATE).locks(None);
    with(&issuer_of(TENANT)).locks(None);
    let failure = with(&issuer_of(ANOTHER)).fails(Code::InvalidIdToken);
    assert!(failure.message.contains("another issuer's key"), "{}", failure.message);
}

#[test]
fn the_issuer_of_a_key_is_checked_in_renewals_and_access_tokens() {
    let access_token = of_tenant(TENANT).issue(&Known::at(NOW_MS), "");
    let login = redeemed_with(tokens(1).with("access_token", access_token), of_tenant(TENANT));
    let stored = login.fetches_keys(usual_keys()).locks(None).saves().stored();
    // Without a known key, the keys are fetched again.
    let mut stored: Value = serde_json::from_slice(&stored.unwrap()).unwrap();
    stored["id_token_key"] = json!(null);
    let given = || common().stored(stored.to_string().into_bytes());
    let rules = AccessRules { scopes: Vec::new(), acr: None, permissions: Vec::new() };
    let examined =
        |keys| given().examining(Examination::Local(rules.clone())).token().fetches_keys(keys);
    let renewed = |keys| {
        let token = given().force_refresh().token().locks(stored.to_string().into_bytes().into());
        let token = token.refreshes(tokens(2).and(of_tenant(TENANT).without("nonce"))).saves();
        token.fetches_keys(keys)
    };
    for good in [TEMPLATE.to_owned(), issuer_of(TENANT)] {
        examined(keys_of(&good)).grants();
        renewed(keys_of(&good)).saves().grants();
    }
    for bad in [issuer_of(ANOTHER), issuer_of("common"), TEMPLATE.replace("login", "evil")] {
        examined(keys_of(&bad)).fails(Code::InvalidAccessToken);
        renewed(keys_of(&bad)).fails(Code::InvalidIdToken);
    }
}

#[test]
fn a_renewal_stays_with_the_tenant() {
    let login = redeemed(of_tenant(TENANT)).fetches_keys(usual_keys()).locks(None).saves();
    let stored = login.stored();
    let renewed = |tenant| {
        let token = common().stored(stored.clone()).force_refresh().token().locks(stored.clone());
        token.refreshes(tokens(2).and(of_tenant(tenant).without("nonce"))).saves()
    };
    renewed(TENANT).grants();
    renewed(ANOTHER).fails(Code::InvalidIdToken);
}

#[test]
fn the_first_id_token_of_an_adopted_session_names_its_tenant() {
    let theirs = contract::Tokens {
        access_token: None,
        refresh_token: Some(refresh_token(1)),
        expires_at_ms: None,
        scopes: None,
    };
    let adoption = common().adoption(theirs).discovers(metadata_with("issuer", json!(TEMPLATE)));
    let adopted = adoption.locks(None).saves().stored();
    let renewed = |id_token: IdToken, stored: &Option<Vec<u8>>| {
        let token = common().stored(stored.clone()).force_refresh().token().locks(stored.clone());
        let token = token.refreshes(tokens(2).and(id_token.without("nonce"))).saves();
        token.fetches_keys(usual_keys())
    };
    renewed(id_token(), &adopted).fails(Code::InvalidIdToken);
    let token = renewed(of_tenant(TENANT), &adopted).saves();
    assert_eq!(token.stored_field("issuer_name"), issuer_of(TENANT));
    token.grants();
}

#[test]
fn the_metadata_of_an_alias_may_name_one_tenant() {
    let given = openid().client(|client| client.issuer = Some(issuer_of("consumers")));
    let login = given.login().discovers(metadata_with("issuer", json!(issuer_of(TENANT))));
    let login =
        login.redirects("code=c0de&state={state}").redeems(tokens(1).and(of_tenant(TENANT)));
    login.fetches_keys(usual_keys()).locks(None).saves().grants();
}

#[test]
fn a_template_is_accepted_only_from_shared_endpoints() {
    for tenant in [TENANT, "contoso.example"] {
        let given = openid().client(|client| client.issuer = Some(issuer_of(tenant)));
        let login = given.login().discovers(metadata_with("issuer", json!(TEMPLATE)));
        login.discovers(not_found()).fails(Code::InvalidMetadata);
    }
}
