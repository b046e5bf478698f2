//! A provider refuses a login because of a default parameter.

use super::given::{Given, openid};
use super::provider::{id_token, tokens, usual_keys};
use super::script::Script;
use crate::contract::{Code, LoginFlow};

const RIGHT: &str = "code=c0de&state={state}";

/// A client for which `prompt=consent` is sent by default.
fn offline() -> Given {
    openid().scopes(&["openid", "offline_access"])
}

/// Finishes a login that waits for the user. Returns its grant.
fn finishes(login: Script) -> crate::contract::Grant {
    let login = login.redirects(RIGHT).redeems(tokens(1).and(id_token()));
    login.fetches_keys(usual_keys()).locks(None).saves().grants()
}

#[test]
fn a_refused_login_is_retried_without_the_parameter() {
    for error in [
        "login_required",
        "interaction_required",
        "consent_required",
        "invalid_request",
        "invalid_scope",
        "unsupported_parameter",
    ] {
        let first = offline().login_in_browser();
        let before = first.shown();
        assert_eq!(before.query.one("prompt"), Some("consent"));
        let second =
            first.redirects(&format!("error={error}&error_description=no&state={{state}}"));
        let after = second.shown();
        assert_eq!(after.query.one("prompt"), None);
        let notice = after.notice.unwrap();
        assert!(notice.contains(&format!("{error}: no")) && notice.contains("prompt"), "{notice}");
        for secret in ["state", "nonce", "code_challenge"] {
            assert_ne!(before.query.one(secret), after.query.one(secret), "{secret}");
        }
        assert_eq!(finishes(second).refused_parameters, ["prompt"]);
    }
}

#[test]
fn a_second_refusal_ends_the_login() {
    let refusal = "error=login_required&state={state}";
    let second = offline().login_in_browser().redirects(refusal);
    let failure = second.redirects(refusal).fails(Code::ProviderRefused);
    assert_eq!(failure.provider.unwrap().error, "login_required");
}

#[test]
fn an_incurable_error_ends_the_login() {
    for (error, code) in [
        ("access_denied", Code::AccessDenied),
        ("unauthorized_client", Code::ProviderRefused),
        ("server_error", Code::ProviderRefused),
    ] {
        let query = format!("error={error}&state={{state}}");
        offline().login_in_browser().redirects(&query).fails(code);
    }
    // No default parameter was sent, or the user has set the value.
    let refusal = "error=login_required&state={state}";
    openid().login_in_browser().redirects(refusal).fails(Code::ProviderRefused);
    for prompt in ["consent", ""] {
        let given = offline().parameter("prompt", prompt);
        given.login_in_browser().redirects(refusal).fails(Code::ProviderRefused);
    }
}

#[test]
fn a_refusal_needs_the_right_state() {
    let login = offline().login_in_browser().redirects("error=login_required&state=another");
    assert_eq!(login.shown().query.one("prompt"), Some("consent"));
    assert!(finishes(login).refused_parameters.is_empty());
}

#[test]
fn a_remembered_parameter_is_omitted_in_later_logins() {
    let later = offline().parameter("prompt", "").login_in_browser();
    assert_eq!(later.shown().query.one("prompt"), None);
    assert!(finishes(later).refused_parameters.is_empty());
    // The session is the same one.
    assert_eq!(offline().account_key(), offline().parameter("prompt", "").account_key());
}

#[test]
fn a_description_in_pieces_is_joined() {
    let words: String = "Log in".chars().map(|c| format!("&error_description={c}")).collect();
    let query = format!("error=server_error&state={{state}}{}", words.replace(' ', "+"));
    let failure = openid().login_in_browser().redirects(&query).fails(Code::ProviderRefused);
    assert_eq!(failure.provider.unwrap().description.as_deref(), Some("Log in"));
    let twice =
        "error=server_error&error=x&error_description=one&error_description=two&state={state}";
    let failure = openid().login_in_browser().redirects(twice).fails(Code::ProviderRefused);
    let said = failure.provider.unwrap();
    assert_eq!((said.error.as_str(), said.description.as_deref()), ("server_error", Some("one")));
}

#[test]
fn a_pasted_refusal_is_retried_too() {
    let login = offline().flow(Some(LoginFlow::Paste)).login_in_browser();
    let login = login.pastes("http://127.0.0.1:4180/callback?error=login_required&state={state}");
    assert_eq!(login.shown().query.one("prompt"), None);
    assert_eq!(login.shown().flow, LoginFlow::Paste);
}
