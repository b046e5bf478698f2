//! Addresses that the user pastes from a browser elsewhere.

use super::given::openid;
use super::provider::{id_token, metadata, tokens, usual_keys};
use super::script::Script;
use crate::contract::LoginFlow;

fn waiting() -> Script {
    openid().flow(Some(LoginFlow::Paste)).login().discovers(metadata())
}

#[track_caller]
fn accepted(text: &str) {
    let login = waiting().pastes(text).redeems(tokens(1).and(id_token()));
    login.fetches_keys(usual_keys()).locks(None).saves().grants();
}

/// Checks that the login continues to wait, with a notice that contains `words`.
#[track_caller]
fn refused(text: &str, words: &str) {
    let login = waiting().pastes(text);
    let notice = login.shown().notice.unwrap();
    assert!(notice.contains(words), "no {words:?} in: {notice}");
    let login = login.pastes("code=c0de&state={state}").redeems(tokens(1).and(id_token()));
    login.fetches_keys(usual_keys()).locks(None).saves().grants();
}

#[test]
fn the_whole_address_or_its_query_is_accepted() {
    for text in [
        "http://127.0.0.1:4180/callback?code=c0de&state={state}",
        "?code=c0de&state={state}",
        "code=c0de&state={state}",
        "  http://127.0.0.1:4180/callback?state={state}&code=c0de\n",
        "\"http://127.0.0.1:4180/callback?code=c0de&state={state}\"",
        "<http://127.0.0.1:4180/callback?code=c0de&state={state}>",
        "http://127.0.0.1:4180/call\nback?code=c0de&st ate={state}",
    ] {
        accepted(text);
    }
}

#[test]
fn a_code_alone_is_not_enough() {
    refused("c0de", "a code alone is not enough");
    refused("", "a code alone is not enough");
    refused("code=c0de", "no state");
}

#[test]
fn the_authorization_url_is_rejected() {
    let login = waiting();
    let address = login.shown().url;
    let login = login.pastes(&address);
    assert!(login.shown().notice.unwrap().contains("the address to open"));
}

#[test]
fn the_response_of_another_login_is_rejected() {
    refused("http://127.0.0.1:4180/callback?code=c0de&state=another", "another login's state");
    refused(
        "http://127.0.0.1:9/callback?code=c0de&state={state}",
        "did not go to the redirect URI",
    );
    refused(
        "https://evil.example/callback?code=c0de&state={state}",
        "did not go to the redirect URI",
    );
}

#[test]
fn the_response_of_another_issuer_is_rejected() {
    refused("code=c0de&state={state}&iss=https://evil.example", "issuer");
}

#[test]
fn the_listener_and_the_user_race_and_either_may_win() {
    let login = waiting().redirects("code=c0de&state={state}").redeems(tokens(1).and(id_token()));
    login.fetches_keys(usual_keys()).locks(None).saves().grants();
}

#[test]
fn an_error_may_be_pasted_too() {
    let login = waiting().pastes("error=access_denied&state={state}");
    login.fails(crate::contract::Code::AccessDenied);
}
