//! Requests of a login and of a renewal.

use std::collections::HashSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::given::{Given, HOUR_MS, logged_in, logged_in_with, oauth, openid};
use super::provider::{metadata, metadata_with, tokens};
use super::script::Script;
use super::seen::Sent;
use crate::contract::{ClientAuthentication, Code};
use crate::protocol::authorization::code_challenge;

/// The token request of a login whose metadata lists these methods.
fn token_request(given: Given, methods: serde_json::Value) -> Sent {
    let document = metadata_with("token_endpoint_auth_methods_supported", methods);
    in_browser(given, document).redirects("code=c0de&state={state}").sent()
}

/// A login in the browser. The second metadata document is offered if the first one is
/// incomplete.
fn in_browser(given: Given, document: serde_json::Value) -> Script {
    let complete = document.get("token_endpoint_auth_methods_supported").is_some();
    let login = given.login().discovers(document.clone());
    if complete { login } else { login.discovers(document) }
}

#[test]
fn an_authorization_request_has_all_mandatory_parameters() {
    let shown = openid().scopes(&["openid", "email"]).login_in_browser().shown();
    assert!(shown.url.starts_with("https://id.example/authorize?"));
    for (name, value) in [
        ("response_type", "code"),
        ("client_id", "cli"),
        ("redirect_uri", "http://127.0.0.1:4180/callback"),
        ("scope", "openid email"),
        ("code_challenge_method", "S256"),
    ] {
        assert_eq!(shown.query.one(name), Some(value));
    }
    for name in ["state", "nonce", "code_challenge"] {
        assert_eq!(shown.query.one(name).unwrap().len(), 43, "{name}");
    }
    for name in ["prompt", "resource", "response_mode", "client_secret"] {
        assert_eq!(shown.query.one(name), None);
    }
}

#[test]
fn no_nonce_is_sent_if_no_id_token_is_requested() {
    assert_eq!(oauth().login().shown().query.one("nonce"), None);
}

#[test]
fn a_client_without_scopes_sends_none() {
    assert_eq!(oauth().scopes(&[]).login().shown().query.one("scope"), None);
}

#[test]
fn a_query_of_the_authorization_endpoint_is_kept() {
    let endpoint = json!("https://id.example/authorize?p=policy%201");
    let login = openid().login().discovers(metadata_with("authorization_endpoint", endpoint));
    assert_eq!(login.shown().query.one("p"), Some("policy 1"));
    assert_eq!(login.shown().query.one("client_id"), Some("cli"));
}

#[test]
fn the_verifier_hashes_to_the_challenge() {
    let login = openid().login_in_browser();
    let challenge = login.shown().query.one("code_challenge").unwrap().to_owned();
    let sent = login.redirects("code=c0de&state={state}").sent();
    assert_eq!(code_challenge(sent.form.one("code_verifier").unwrap()), challenge);
    assert_eq!(sent.form.one("code"), Some("c0de"));
    assert_eq!(sent.form.one("redirect_uri"), Some("http://127.0.0.1:4180/callback"));
    assert_eq!(sent.form.one("client_id"), Some("cli"));
}

#[test]
fn secrets_differ_from_each_other_and_from_login_to_login() {
    let mut seen = HashSet::new();
    for number in 0..3 {
        let login = openid().entropy((number..number + 32).collect()).login_in_browser();
        for name in ["state", "nonce", "code_challenge"] {
            assert!(seen.insert(login.shown().query.one(name).unwrap().to_owned()), "{name}");
        }
        let sent = login.redirects("code=c0de&state={state}").sent();
        assert!(seen.insert(sent.form.one("code_verifier").unwrap().to_owned()));
    }
}

#[test]
fn offline_access_asks_for_consent() {
    let offline = openid().scopes(&["openid", "offline_access"]);
    let prompt =
        |given: Given| given.login_in_browser().shown().query.one("prompt").map(str::to_owned);
    assert_eq!(prompt(offline.clone()).as_deref(), Some("consent"));
    assert_eq!(prompt(offline.clone().parameter("prompt", "")), None);
    assert_eq!(prompt(offline.parameter("prompt", "login")).as_deref(), Some("login"));
    let plain = openid().scopes(&["offline_access"]);
    assert_eq!(prompt(plain), None);
}

#[test]
fn additional_parameters_are_sent() {
    let given = openid().parameter("login_hint", "ada & co").parameter("acr_values", "");
    let shown = given.login_in_browser().shown();
    assert_eq!(shown.query.one("login_hint"), Some("ada & co"));
    assert_eq!(shown.query.one("acr_values"), None);
}

#[test]
fn parameters_that_protect_the_login_cannot_be_set() {
    for name in [
        "response_type",
        "response_mode",
        "client_id",
        "redirect_uri",
        "scope",
        "state",
        "nonce",
        "code_challenge",
        "code_challenge_method",
        "resource",
        "request",
        "request_uri",
    ] {
        for value in ["x", ""] {
            let login = openid().parameter(name, value).login_in_browser();
            let failure = login.fails(Code::InvalidConfiguration);
            assert!(failure.message.contains(name));
        }
    }
}

#[test]
fn a_parameter_is_sent_once() {
    let given = openid().parameter("prompt", "login").parameter("prompt", "none");
    given.login_in_browser().fails(Code::InvalidConfiguration);
}

#[test]
fn an_invalid_max_age_is_rejected() {
    for value in ["soon", "-1", "1.5", "99999999999999999999"] {
        let failure = openid().parameter("max_age", value).try_login().err().unwrap();
        assert_eq!(failure.code, Code::InvalidConfiguration);
    }
}

#[test]
fn a_scope_is_one_name() {
    for scope in ["openid email", "", "caf\u{e9}", "a\"b", "a\\b", "a\nb"] {
        let failure = openid().scopes(&[scope]).try_login().err().unwrap();
        assert_eq!(failure.code, Code::InvalidConfiguration, "{scope}");
        assert!(!failure.message.contains('\n'));
    }
    openid().scopes(&["openid", "https://api.example/read", "a:b,c"]).login();
}

#[test]
fn a_redirect_uri_is_https_or_loopback() {
    for uri in ["http://id.example/callback", "myapp:/callback", "callback"] {
        let login = openid().redirect_uri(uri).login_in_browser();
        login.fails(Code::InvalidConfiguration);
    }
}

#[test]
fn resources_are_named_in_every_request() {
    let resources = ["https://api.example/a", "https://api.example/b"];
    let given = openid().client(|client| client.resources = resources.map(str::to_owned).to_vec());
    let login = given.clone().login_in_browser();
    assert_eq!(login.shown().query.all("resource"), resources);
    let login = login.redirects("code=c0de&state={state}");
    assert_eq!(login.sent().form.all("resource"), resources);
    let refresh = given.stored(logged_in()).force_refresh().token().locks(Some(logged_in()));
    assert_eq!(refresh.sent().form.all("resource"), resources);
}

#[test]
fn a_public_client_names_itself_in_the_body() {
    let sent = token_request(openid(), json!(["client_secret_basic"]));
    assert_eq!(sent.form.one("client_id"), Some("cli"));
    assert_eq!(sent.authorization, None);
}

#[test]
fn basic_authentication_encodes_both_halves_first() {
    let given =
        openid().secret("p/w: \u{fc}+").client(|client| client.client_id = Some("a:b".into()));
    let sent = token_request(given, json!(["client_secret_basic", "client_secret_post"]));
    let pair = "a%3Ab:p%2Fw%3A+%C3%BC%2B";
    assert_eq!(sent.authorization, Some(format!("Basic {}", STANDARD.encode(pair))));
    assert_eq!(sent.form.one("client_secret"), None);
}

#[test]
fn the_metadata_decides_where_a_secret_is_sent() {
    let basic =
        [json!(["client_secret_basic"]), json!(null), json!(["private_key_jwt"]), json!([])];
    for methods in basic {
        let sent = token_request(openid().secret("pw"), methods);
        assert!(sent.authorization.is_some() && sent.form.one("client_secret").is_none());
    }
    let sent = token_request(openid().secret("pw"), json!(["none", "client_secret_post"]));
    assert_eq!(sent.form.one("client_secret"), Some("pw"));
    assert_eq!(sent.form.one("client_id"), Some("cli"));
    assert_eq!(sent.authorization, None);
}

#[test]
fn the_callers_choice_of_authentication_takes_precedence() {
    let choose = |method| {
        let given = openid().secret("pw").client(|client| client.authentication = Some(method));
        token_request(given, json!(["client_secret_basic"]))
    };
    let post = choose(ClientAuthentication::ClientSecretPost);
    assert!(post.form.one("client_secret").is_some() && post.authorization.is_none());
    let none = choose(ClientAuthentication::None);
    assert!(none.form.one("client_secret").is_none() && none.authorization.is_none());
}

#[test]
fn an_authentication_method_that_needs_a_secret_is_rejected_without_one() {
    let given = openid().client(|client| {
        client.authentication = Some(ClientAuthentication::ClientSecretBasic);
    });
    given.login().discovers(metadata()).fails(Code::InvalidConfiguration);
}

#[test]
fn a_refresh_authenticates_as_the_login_did() {
    let mut stored: serde_json::Value = serde_json::from_slice(&logged_in()).unwrap();
    stored["authentication"] = json!("client_secret_post");
    let stored = stored.to_string().into_bytes();
    let token = |given: Given| {
        given.stored(stored.clone()).later(HOUR_MS).token().locks(Some(stored.clone()))
    };
    let sent = token(openid().secret("pw")).sent();
    assert_eq!(sent.form.one("client_secret"), Some("pw"));
    token(openid()).fails(Code::InvalidConfiguration);
}

#[test]
fn a_refresh_has_only_mandatory_parameters() {
    let stored = logged_in_with(tokens(1).with("scope", "openid email"));
    let given = openid().stored(stored.clone()).later(HOUR_MS);
    let sent = given.token().locks(Some(stored)).sent();
    assert_eq!(sent.url, "https://id.example/token");
    assert_eq!(sent.form.one("refresh_token"), Some("refresh-secret-1"));
    assert_eq!(sent.form.one("client_id"), Some("cli"));
    assert_eq!(sent.form.one("scope"), None);
}
