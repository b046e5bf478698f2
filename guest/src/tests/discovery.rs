//! Metadata: OpenID Connect Discovery, RFC 8414, both, or neither.

use serde_json::{Value, json};

use super::given::{oauth, openid};
use super::provider::{
    denied, id_token, metadata, metadata_with, not_found, ok, status, tokens, too_large,
    unreachable, usual_keys,
};
use super::script::Script;
use crate::contract::{Code, Pkce, Tokens};

const OPENID_URL: &str = "https://id.example/.well-known/openid-configuration";
const OAUTH_URL: &str = "https://id.example/.well-known/oauth-authorization-server";

/// Metadata without the revocation endpoint, so that the second document is fetched.
fn incomplete() -> Value {
    metadata_with("revocation_endpoint", json!(null))
}

/// One field of the stored session after this login, which is now in the browser.
#[track_caller]
fn stored_after(login: Script, field: &str) -> Value {
    login
        .redirects("code=c0de&state={state}")
        .redeems(tokens(1).and(id_token()))
        .fetches_keys(usual_keys())
        .locks(None)
        .saves()
        .stored_field(field)
}

#[test]
fn a_complete_openid_document_is_enough() {
    let login = openid().login();
    assert_eq!(login.sent().url, OPENID_URL);
    login.discovers(metadata()).shown();
}

#[test]
fn an_oauth_document_is_enough() {
    let login = openid().login().discovers(not_found());
    assert_eq!(login.sent().url, OAUTH_URL);
    login.discovers(metadata()).shown();
}

#[test]
fn the_second_document_completes_the_first() {
    let login = openid().login().discovers(incomplete()).discovers(metadata());
    assert_eq!(stored_after(login, "revocation_endpoint"), "https://id.example/revoke");
}

#[test]
fn the_openid_document_takes_precedence() {
    let other = metadata_with("token_endpoint", json!("https://id.example/other"));
    let login = openid().login().discovers(incomplete()).discovers(other);
    assert_eq!(stored_after(login, "token_endpoint"), "https://id.example/token");
}

#[test]
fn a_sufficient_first_document_is_used_whatever_the_second_is() {
    for second in [
        not_found(),
        unreachable(),
        status(500, ""),
        status(200, "<html>"),
        too_large(1 << 20),
        denied("a private address"),
        ok(metadata_with("issuer", json!("https://evil.example"))),
        ok(metadata_with("token_endpoint", json!("http://id.example/token"))),
    ] {
        openid().login().discovers(incomplete()).discovers(second).shown();
    }
}

#[test]
fn an_unusable_first_document_is_replaced_by_the_second() {
    for first in [
        not_found(),
        status(403, ""),
        status(302, ""),
        status(500, ""),
        status(200, "<html>"),
        too_large(1 << 20),
        ok(metadata_with("issuer", json!("https://id.example/other"))),
    ] {
        openid().login().discovers(first).discovers(metadata()).shown();
    }
}

#[test]
fn an_unreachable_provider_is_not_asked_for_the_second_document() {
    let failure = openid().login().discovers(unreachable()).fails(Code::Unreachable);
    assert!(failure.retryable && failure.message.contains("https://id.example"));
    let denied = denied("a private address");
    openid().login().discovers(denied).fails(Code::EgressDenied);
}

#[test]
fn missing_metadata_differs_from_an_outage() {
    let login = || openid().login();
    let none = login().discovers(not_found()).discovers(not_found()).fails(Code::InvalidMetadata);
    assert!(none.message.contains(OPENID_URL) && none.message.contains(OAUTH_URL));
    for trouble in [status(503, ""), status(429, "")] {
        let login = login().discovers(trouble).discovers(not_found());
        assert!(login.fails(Code::ProviderUnavailable).retryable);
    }
    login().discovers(not_found()).discovers(unreachable()).fails(Code::Unreachable);
    login().discovers(too_large(1)).discovers(not_found()).fails(Code::InvalidMetadata);
}

#[test]
fn metadata_of_another_issuer_is_rejected() {
    for issuer in [
        json!("https://evil.example"),
        json!("https://id.example//"),
        json!("https://id.example/tenant"),
        json!("https://ID.example"),
        json!("http://id.example"),
        json!("https://id.example\u{1b}[2J"),
        json!(null),
        json!(7),
    ] {
        let document = metadata_with("issuer", issuer);
        let login = openid().login().discovers(document).discovers(not_found());
        login.fails(Code::InvalidMetadata);
    }
}

#[test]
fn an_issuer_without_a_path_may_differ_by_a_final_slash() {
    let named = "https://id.example/";
    let login = || {
        let login = openid().login().discovers(metadata_with("issuer", json!(named)));
        login.redirects(&format!("code=c0de&state={{state}}&iss={named}"))
    };
    let id_token = id_token().claim("iss", named);
    let login_with = |id_token| login().redeems(tokens(1).and(id_token)).fetches_keys(usual_keys());
    let stored = login_with(id_token.clone()).locks(None).saves().stored();
    login_with(super::provider::id_token()).fails(Code::InvalidIdToken);
    // A renewal expects the same issuer name.
    let renewal = || {
        let token = openid().stored(stored.clone()).force_refresh().token();
        token.locks(stored.clone())
    };
    let renewed = |id_token| renewal().refreshes(tokens(2).and(id_token));
    renewed(id_token.without("nonce")).saves().grants();
    let other = super::provider::id_token().without("nonce");
    renewed(other).saves().fails(Code::InvalidIdToken);
}

#[test]
fn missing_pkce_support_gives_a_notice_or_a_failure() {
    let field = "code_challenge_methods_supported";
    let silent = || metadata_with(field, json!(null));
    let begun =
        |pkce, document| openid().client(|client| client.pkce = pkce).login().discovers(document);
    // Without a list, the other document is fetched for one.
    let login = |pkce, document: Value| match document[field].is_null() && pkce != Pkce::Known {
        true => begun(pkce, document).discovers(not_found()),
        false => begun(pkce, document),
    };
    let notices = |pkce, document| {
        let login = login(pkce, document).redirects("code=c0de&state={state}");
        let login = login.redeems(tokens(1).and(id_token())).fetches_keys(usual_keys());
        login.locks(None).saves().grants().notices
    };
    for document in
        [silent(), metadata_with(field, json!(["plain"])), metadata_with(field, json!([]))]
    {
        assert!(notices(Pkce::Discovered, document.clone())[0].contains("PKCE"));
        assert!(notices(Pkce::Known, document.clone()).is_empty());
        let failure = login(Pkce::Required, document).fails(Code::InvalidMetadata);
        assert!(failure.message.contains(field), "{}", failure.message);
    }
    for pkce in [Pkce::Discovered, Pkce::Known, Pkce::Required] {
        assert!(notices(pkce, metadata_with(field, json!(["plain", "S256"]))).is_empty());
    }
}

#[test]
fn pkce_support_may_be_named_in_the_oauth_document_only() {
    let silent = || metadata_with("code_challenge_methods_supported", json!(null));
    let required = || openid().client(|client| client.pkce = Pkce::Required);
    let login = required().login().discovers(silent());
    assert_eq!(login.sent().url, OAUTH_URL);
    login.discovers(metadata()).shown();
    // An adoption has no authorization code.
    let tokens = Tokens {
        access_token: None,
        refresh_token: Some("refresh".to_owned()),
        expires_at_ms: None,
        scopes: None,
    };
    required().adoption(tokens).discovers(silent()).locks(None);
}

#[test]
fn endpoints_must_be_plain_https_urls() {
    for (field, url) in [
        ("token_endpoint", "http://id.example/token"),
        ("authorization_endpoint", "javascript:alert(1)"),
        ("authorization_endpoint", "file:///etc/passwd"),
        ("userinfo_endpoint", "http://127.0.0.1/userinfo"),
        ("jwks_uri", "https://user:pw@id.example/keys"),
        ("revocation_endpoint", "https://id.example/revoke#x"),
        ("token_endpoint", "https://id.example/\u{1b}[2J"),
        ("token_endpoint", "https://id.example/a b"),
        ("token_endpoint", "/token"),
    ] {
        let login = openid().login().discovers(metadata_with(field, json!(url)));
        let failure = login.discovers(not_found()).fails(Code::InvalidMetadata);
        assert!(failure.message.contains(field), "{}", failure.message);
    }
}

#[test]
fn endpoints_are_used_in_the_spelling_that_was_checked() {
    let document = metadata_with("token_endpoint", json!("https:\\\\ID.example:443\\token"));
    let login = openid().login().discovers(document).redirects("code=c0de&state={state}");
    assert_eq!(login.sent().url, "https://id.example/token");
}

#[test]
fn a_loopback_issuer_may_use_http() {
    let local = |path: &str| json!(format!("http://127.0.0.1:9000{path}"));
    let mut document = metadata();
    document["issuer"] = local("");
    document["token_endpoint"] = local("/token");
    let given = openid().client(|client| client.issuer = Some("http://127.0.0.1:9000".to_owned()));
    given.login().discovers(document).shown();
}

#[test]
fn a_missing_endpoint_is_named() {
    for field in ["authorization_endpoint", "token_endpoint"] {
        let login = openid().login().discovers(metadata_with(field, json!(null)));
        let failure = login.discovers(not_found()).fails(Code::InvalidMetadata);
        assert!(failure.message.contains(field), "{}", failure.message);
    }
}

#[test]
fn endpoints_in_settings_take_precedence_over_metadata() {
    let given = openid().client(|client| {
        client.endpoints.token = Some("https://id.example/by-hand".to_owned());
    });
    let login = given.login().discovers(metadata()).redirects("code=c0de&state={state}");
    assert_eq!(login.sent().url, "https://id.example/by-hand");
}

#[test]
fn endpoints_in_settings_are_checked_before_the_first_request() {
    let plain_http = Some("http://git.example/x".to_owned());
    for given in [
        oauth().client(|client| client.endpoints.authorization = plain_http.clone()),
        oauth().client(|client| client.endpoints.token = plain_http.clone()),
        oauth().client(|client| client.endpoints.userinfo = plain_http.clone()),
        oauth().client(|client| client.endpoints.revocation = plain_http.clone()),
        oauth().client(|client| client.endpoints.jwks = plain_http.clone()),
    ] {
        for session in [given.clone().try_login(), given.clone().try_token(), given.try_logout()] {
            assert_eq!(session.err().unwrap().code, Code::InvalidConfiguration);
        }
    }
}

#[test]
fn an_issuer_is_checked_before_the_first_request() {
    for issuer in ["id.example", "http://id.example", "https://id.example?x", "https://a b/", ""] {
        let given = openid().client(|client| client.issuer = Some(issuer.to_owned()));
        let failure = given.try_login().err().unwrap();
        assert_eq!(failure.code, Code::InvalidConfiguration, "{issuer}");
    }
}

#[test]
fn endpoints_in_settings_need_no_metadata_request() {
    let given = openid().client(|client| {
        client.discover = false;
        client.endpoints.authorization = Some("https://id.example/authorize".to_owned());
        client.endpoints.token = Some("https://id.example/token".to_owned());
        client.endpoints.jwks = Some("https://id.example/keys".to_owned());
    });
    let stored = stored_after(given.login(), "subject");
    assert_eq!(stored, "ada");
}
