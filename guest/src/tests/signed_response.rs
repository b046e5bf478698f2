//! Signed authorization responses (JARM).

use serde_json::json;

use super::given::{Given, openid};
use super::keys::Key;
use super::provider::{
    IdToken, id_token, metadata, metadata_with, not_found, signed_by, tokens, usual_keys,
};
use super::script::Script;
use crate::contract::{Code, LoginFlow};

fn demanding() -> Given {
    openid().client(|client| client.demands_signed_response = true)
}

/// A login that is in the browser, with the provider's keys at hand.
fn asking(given: Given) -> Script {
    given.login().discovers(metadata()).fetches_keys(usual_keys())
}

/// A response with a code, signed by the provider.
fn response() -> IdToken {
    id_token().without("nonce").claim("code", "c0de")
}

#[test]
fn the_code_is_taken_from_what_is_signed() {
    let login = asking(demanding());
    assert_eq!(login.shown().query.one("response_mode"), Some("jwt"));
    let login = login.responds(response());
    assert_eq!(login.sent().form.one("code"), Some("c0de"));
    let login = login.redeems(tokens(1).and(id_token())).fetches_keys(usual_keys());
    login.locks(None).saves().grants();
}

#[test]
fn a_signed_refusal_ends_the_login() {
    let refusal = id_token().claim("error", "access_denied");
    asking(demanding()).responds(refusal).fails(Code::AccessDenied);
}

#[test]
fn an_answer_that_cannot_be_trusted_ends_the_login() {
    let other_key = signed_by(Key::numbered(9), "ES256").claim("code", "c0de");
    for (response, said) in [
        (other_key, "not signed by any"),
        (response().claim("aud", "another"), "another client"),
        (response().at("exp", -600_000), "expired"),
        (response().without("exp"), "expired"),
        (response().header("alg", "none"), "signed with none"),
    ] {
        let failure = asking(demanding()).responds(response).fails(Code::InvalidMetadata);
        assert!(failure.message.contains(said), "{}", failure.message);
    }
    let plain = asking(demanding()).redirects("code=c0de&state={state}&iss=https://id.example");
    assert!(plain.fails(Code::InvalidMetadata).message.contains("not signed"));
    let pasted = demanding().flow(Some(LoginFlow::Paste));
    let pasted = asking(pasted).pastes("code=c0de&state={state}").fails(Code::InvalidMetadata);
    assert!(pasted.message.contains("not signed"));
}

#[test]
fn what_belongs_to_no_login_is_not_the_answer() {
    let login = asking(demanding());
    let login = login.responds(response().claim("state", "another"));
    let login = login.responds(response().claim("iss", "https://evil.example"));
    let login = login.responds(response().without("iss"));
    let login = login.redirects("response=a.b.c").redirects("code=c0de&state=another");
    let notice = login.shown().notice.unwrap();
    assert!(notice.contains("another login's state"), "{notice}");
    login.responds(response()).sent();
}

#[test]
fn a_provider_that_does_not_sign_is_not_asked() {
    let given = || demanding().scopes(&[]);
    let unsigned = metadata_with("response_modes_supported", json!(["query", "fragment"]));
    given().login().discovers(unsigned).fails(Code::InvalidMetadata);
    let without_keys = metadata_with("jwks_uri", json!(null));
    let login = given().login().discovers(without_keys).discovers(not_found());
    login.fails(Code::InvalidMetadata);
    let known = metadata_with("response_modes_supported", json!(["query", "query.jwt"]));
    demanding().login().discovers(known).fetches_keys(usual_keys()).shown();
}
