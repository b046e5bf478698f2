//! In every state, a reply that does not fit is rejected and changes nothing. These
//! sessions reach all states, try all misfits in each, and continue.

use serde_json::json;

use super::given::{HOUR_MS, logged_in, oauth, openid, renewed_elsewhere};
use super::keys::Key;
use super::provider::{
    id_token, keys, metadata, not_found, oauth_error, signed_by, status, tokens, usual_keys,
};
use super::script::Script;
use crate::contract::Code;

fn refreshing() -> Script {
    let given = openid().stored(logged_in()).later(3 * HOUR_MS).userinfo().trying_misfits();
    given.token().locks(Some(logged_in()))
}

#[test]
fn a_login_rejects_misfits() {
    openid()
        .trying_misfits()
        .login()
        .discovers(not_found())
        .discovers(metadata())
        .redirects("code=c0de&state=another")
        .redirects("code=c0de&state={state}")
        .redeems(tokens(1).and(id_token().without("name")))
        .fetches_keys(keys(&[]))
        .fetches_keys(usual_keys())
        .asks_userinfo(json!({ "sub": "ada", "name": "Ada" }))
        .locks(None)
        .cannot_save()
        .saves()
        .grants();
}

#[test]
fn a_login_without_discovery_rejects_misfits() {
    oauth()
        .trying_misfits()
        .login()
        .redirects("code=c0de&state={state}")
        .redeems(tokens(1))
        .locks(None)
        .saves()
        .grants();
}

#[test]
fn a_renewal_rejects_misfits() {
    refreshing()
        .refreshes(tokens(2).and(signed_by(Key::numbered(2), "ES256")))
        .cannot_save()
        .saves()
        .fetches_keys(keys(&[Key::numbered(2)]))
        .cannot_save()
        .saves()
        .asks_userinfo(json!({ "sub": "ada" }))
        .grants();
}

#[test]
fn a_recheck_rejects_misfits() {
    refreshing()
        .refreshes(oauth_error("invalid_grant"))
        .locks(Some(logged_in()))
        .deletes()
        .fails(Code::LoginRequired);
    refreshing()
        .refreshes(oauth_error("invalid_grant"))
        .locks(Some(renewed_elsewhere()))
        .refreshes(tokens(3))
        .saves()
        .asks_userinfo(json!({ "sub": "ada" }))
        .grants();
}

#[test]
fn a_logout_rejects_misfits() {
    openid()
        .stored(logged_in())
        .trying_misfits()
        .logout()
        .locks(Some(logged_in()))
        .revokes(status(200, ""))
        .revokes(status(200, ""))
        .deletes()
        .logs_out();
}

#[test]
fn a_misfit_names_the_expected_reply() {
    let mut session = openid().try_login().ok().unwrap();
    let failure = session.next(crate::contract::Reply::Saved, 0).err().unwrap();
    assert_eq!(failure.code, Code::UnexpectedReply);
    assert!(failure.message.ends_with("expected begin"), "{}", failure.message);
}
