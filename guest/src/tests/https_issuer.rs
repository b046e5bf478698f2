//! An issuer that is reached over http and has an https name, as with Fief.

use serde_json::{Value, json};

use super::given::{Given, openid};
use super::provider::{id_token, metadata, tokens, usual_keys};
use super::script::Script;
use crate::contract::Code;

fn at(issuer: &str) -> Given {
    openid().client(|client| {
        client.issuer = Some(issuer.to_owned());
        client.https_issuer = true;
    })
}

/// Metadata in which all URLs are below `issuer`.
fn below(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/api/token"),
        "userinfo_endpoint": format!("{issuer}/api/userinfo"),
        "revocation_endpoint": format!("{issuer}/api/revoke"),
        "jwks_uri": format!("{issuer}/keys"),
        "token_endpoint_auth_methods_supported": ["none"],
        "code_challenge_methods_supported": ["S256"],
    })
}

fn redeemed(login: Script, issuer: &str) -> Script {
    let login = login.redirects("code=c0de&state={state}");
    login.redeems(tokens(1).and(id_token().claim("iss", issuer))).fetches_keys(usual_keys())
}

#[test]
fn its_endpoints_are_reached_over_http_and_its_tokens_name_https() {
    for (reached, name) in [
        ("http://127.0.0.1:8000", "https://127.0.0.1:8000"),
        ("http://127.0.0.1:8000/tenant", "https://127.0.0.1:8000/tenant"),
        ("http://localhost", "https://localhost"),
    ] {
        let login = at(reached).login();
        assert_eq!(login.sent().url, format!("{reached}/.well-known/openid-configuration"));
        let login = login.discovers(below(name));
        assert!(login.shown().url.starts_with(&format!("{reached}/authorize?")));
        let token = login.redirects("code=c0de&state={state}");
        assert_eq!(token.sent().url, format!("{reached}/api/token"));
        let keys = token.redeems(tokens(1).and(id_token().claim("iss", name)));
        assert_eq!(keys.sent().url, format!("{reached}/keys"));
        let login = keys.fetches_keys(usual_keys()).locks(None).saves();
        assert_eq!(login.stored_field("userinfo_endpoint"), format!("{reached}/api/userinfo"));
        assert_eq!(login.stored_field("issuer"), reached);
        login.grants();
    }
}

#[test]
fn tokens_that_name_the_http_address_are_rejected() {
    let issuer = "http://127.0.0.1:8000";
    let login = at(issuer).login().discovers(below("https://127.0.0.1:8000"));
    redeemed(login, "https://127.0.0.1:8000").locks(None).saves().grants();
    let login = at(issuer).login().discovers(below("https://127.0.0.1:8000"));
    redeemed(login, issuer).fails(Code::InvalidIdToken);
}

#[test]
fn without_the_setting_the_https_name_is_another_issuer() {
    let given = at("http://127.0.0.1:8000").client(|client| client.https_issuer = false);
    let document = below("https://127.0.0.1:8000");
    let login = given.login().discovers(document.clone()).discovers(document);
    login.fails(Code::InvalidMetadata);
    let document = below("http://127.0.0.1:8000");
    let login = at("http://127.0.0.1:8000").login().discovers(document.clone());
    login.discovers(document).fails(Code::InvalidMetadata);
}

#[test]
fn an_https_issuer_stays_as_it_is() {
    let login = at("https://id.example").login().discovers(metadata());
    assert!(login.shown().url.starts_with("https://id.example/authorize?"));
    redeemed(login, "https://id.example").locks(None).saves().grants();
}

#[test]
fn endpoints_elsewhere_stay_https() {
    for elsewhere in ["https://127.0.0.1:8001/api/token", "https://id.example/api/token"] {
        let mut document = below("https://127.0.0.1:8000");
        document["token_endpoint"] = json!(elsewhere);
        let login = at("http://127.0.0.1:8000").login().discovers(document);
        assert_eq!(login.redirects("code=c0de&state={state}").sent().url, elsewhere);
    }
}

#[test]
fn a_scheme_may_be_in_upper_case() {
    let mut document = below("https://127.0.0.1:8000");
    document["token_endpoint"] = json!("HTTPS://127.0.0.1:8000/api/token?next=https://a.example");
    let login = at("http://127.0.0.1:8000").login().discovers(document);
    let sent = login.redirects("code=c0de&state={state}").sent();
    assert_eq!(sent.url, "http://127.0.0.1:8000/api/token?next=https://a.example");
}
