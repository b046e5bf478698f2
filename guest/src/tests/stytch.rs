//! A provider that requires JSON and has its own errors, as Stytch does.

use serde_json::json;

use super::given::{Given, HOUR_MS, logged_in, openid};
use super::provider::{access_token, id_token, refresh_token, status, tokens, usual_keys};
use super::script::Script;
use crate::contract::{Code, Failure, Reply, RequestFormat};

fn given() -> Given {
    openid().client(|client| client.request_format = RequestFormat::Json)
}

fn refreshing() -> Script {
    given().stored(logged_in()).later(HOUR_MS).token().locks(Some(logged_in()))
}

fn own_error(code: u16, error_type: &str) -> Reply {
    let body = json!({
        "status_code": code,
        "request_id": "request-id-test-1",
        "error_type": error_type,
        "error_message": "That did not work\u{1b}[2J.",
        "error_url": "https://stytch.com/docs",
    });
    status(code, &body.to_string())
}

#[track_caller]
fn ended(answer: Reply) -> Failure {
    let token = refreshing().refreshes(answer).locks(Some(logged_in()));
    token.deletes().fails(Code::LoginRequired)
}

#[test]
fn a_code_is_redeemed_as_json() {
    let login = given().login_in_browser().redirects("code=c0de&state={state}");
    let sent = login.sent();
    assert_eq!(sent.header("content-type"), Some("application/json"));
    assert_eq!(sent.json["grant_type"], "authorization_code");
    assert_eq!(sent.json["code"], "c0de");
    assert_eq!(sent.json["client_id"], "cli");
    assert_eq!(sent.json["redirect_uri"], "http://127.0.0.1:4180/callback");
    assert_eq!(sent.parameter("code_verifier").unwrap().len(), 43);
    let answer = tokens(1).with("status_code", 200).with("request_id", "r").and(id_token());
    let login = login.redeems(answer).fetches_keys(usual_keys()).locks(None);
    assert_eq!(login.saves().grants().access_token, access_token(1));
}

#[test]
fn a_resource_that_repeats_becomes_a_list() {
    let resources = ["https://api.example/a", "https://api.example/b"];
    let given = given().client(|client| client.resources = resources.map(str::to_owned).to_vec());
    let sent = given.login_in_browser().redirects("code=c0de&state={state}").sent();
    assert_eq!(sent.json["resource"], json!(resources));
}

#[test]
fn a_refresh_and_a_revocation_are_json_too() {
    let sent = refreshing().sent();
    let refresh = refresh_token(1);
    let members = json!({
        "grant_type": "refresh_token", "refresh_token": refresh, "client_id": "cli",
    });
    assert_eq!(sent.json, members);
    let sent = given().stored(logged_in()).logout().locks(Some(logged_in())).sent();
    let members = json!({
        "token": refresh, "token_type_hint": "refresh_token", "client_id": "cli",
    });
    assert_eq!(sent.json, members);
    assert_eq!(sent.header("content-type"), Some("application/json"));
}

#[test]
fn its_own_error_is_reported() {
    let login = given().login_in_browser().redirects("code=c0de&state={state}");
    let failure = login.redeems(own_error(400, "invalid_code")).fails(Code::ProviderRefused);
    assert!(failure.message.contains("invalid_code: That did not work\\u{1b}"));
    let said = failure.provider.unwrap();
    assert_eq!(said.error, "invalid_code");
    assert!(said.description.unwrap().starts_with("That did not work"));
}

#[test]
fn an_unknown_refresh_token_ends_the_session() {
    for (code, error) in [
        (400, "invalid_grant"),
        (401, "invalid_grant"),
        (404, "refresh_token_not_found"),
        (404, "oauth2_refresh_token_not_found"),
    ] {
        assert_eq!(ended(own_error(code, error)).provider.unwrap().error, error);
    }
}

#[test]
fn any_other_error_keeps_the_session() {
    refreshing().refreshes(own_error(400, "invalid_client_id")).fails(Code::ProviderRefused);
    for code in [429, 500] {
        let answer = own_error(code, "refresh_token_not_found");
        assert!(refreshing().refreshes(answer).fails(Code::ProviderUnavailable).retryable);
    }
    let odd = status(400, r#"{"status_code":400,"error_type":7}"#);
    refreshing().refreshes(odd).fails(Code::InvalidTokenResponse);
}

#[test]
fn a_refused_revocation_is_reported() {
    let logout = given().stored(logged_in()).logout().locks(Some(logged_in()));
    let logout = logout.revokes(own_error(400, "invalid_client_id")).revokes(status(200, "{}"));
    let report = logout.deletes().logs_out();
    assert!(report.not_revoked[0].reason.contains("invalid_client_id"));
}
