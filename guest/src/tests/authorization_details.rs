//! Rich authorization requests (RFC 9396).

use serde_json::json;

use super::given::{Given, openid};
use super::provider::{id_token, metadata, metadata_with, ok, tokens, usual_keys};
use super::script::Script;
use crate::contract::{Code, GrantType, LoginFlow};
use crate::protocol::description::describe;
use crate::protocol::stored::Stored;

const PAYMENT: &str = r#"[{"type":"payment","amount":5}]"#;

fn paying() -> Given {
    detailing(PAYMENT)
}

fn detailing(details: &str) -> Given {
    openid().client(|client| client.authorization_details = Some(details.to_owned()))
}

/// A login whose token response grants these details.
fn granted(details: Option<serde_json::Value>) -> Script {
    let login = paying().login_in_browser();
    assert_eq!(login.shown().query.one("authorization_details"), Some(PAYMENT));
    let mut answer = tokens(1);
    if let Some(details) = details {
        answer = answer.with("authorization_details", details);
    }
    let login = login.redirects("code=c0de&state={state}").redeems(answer.and(id_token()));
    login.fetches_keys(usual_keys()).locks(None).saves()
}

#[test]
fn what_was_granted_is_kept_and_shown() {
    let less = json!([{ "type": "payment", "amount": 3 }]);
    let stored = granted(Some(less.clone())).stored().unwrap();
    let grant = granted(Some(less.clone())).grants();
    assert_eq!(grant.authorization_details, Some(less.to_string()));
    assert!(grant.notices.is_empty());
    let described = describe(Stored::parse(&stored).unwrap(), 0);
    assert_eq!(described.authorization_details, Some(less.to_string()));
    let token = paying().stored(stored.clone()).force_refresh().token().locks(Some(stored));
    let grant = token.refreshes(tokens(2)).saves().grants();
    assert_eq!(grant.authorization_details, Some(less.to_string()));
}

#[test]
fn a_provider_that_does_not_say_what_it_granted_is_named() {
    let grant = granted(None).grants();
    assert!(grant.notices[0].contains("does not say"), "{:?}", grant.notices);
}

#[test]
fn they_are_part_of_every_request_that_asks_for_a_token() {
    let device = metadata_with("device_authorization_endpoint", json!("https://id.example/code"));
    let login = paying().flow(Some(LoginFlow::Device)).login().discovers(device);
    assert_eq!(login.sent().form.one("authorization_details"), Some(PAYMENT));
    let machine = paying().secret("secret").scopes(&[]);
    let machine = machine.client(|client| client.grant = GrantType::ClientCredentials);
    let token = machine.token().locks(None).discovers(metadata());
    assert_eq!(token.sent().form.one("authorization_details"), Some(PAYMENT));
}

#[test]
fn what_is_no_list_of_types_is_not_sent() {
    for details in ["", "{}", "[]", "[1]", "[{}]", r#"[{"type":1}]"#, r#"[{"type":"a"},{}]"#] {
        let failure = detailing(details).login().discovers(metadata());
        let failure = failure.fails(Code::InvalidConfiguration);
        assert!(failure.message.contains("have a type"), "{details}: {}", failure.message);
    }
    let known = metadata_with("authorization_details_types_supported", json!(["account"]));
    let failure = paying().login().discovers(known).fails(Code::InvalidConfiguration);
    assert!(failure.message.contains("payment"), "{}", failure.message);
    let known = metadata_with("authorization_details_types_supported", json!(["payment"]));
    paying().login().discovers(ok(known)).shown();
}

#[test]
fn other_details_are_another_session() {
    assert_ne!(paying().account_key(), openid().account_key());
    let spaced = detailing(&PAYMENT.replace(':', ": "));
    assert_eq!(paying().account_key(), spaced.account_key());
}
