//! Adoption of tokens that were issued to another program.

use serde_json::{Value, json};

use super::given::{HOUR_MS, NOW_MS, desk, hexclave, logged_in, oauth, openid};
use super::hexclave::ada;
use super::provider::{access_token, metadata, refresh_token, status, tokens, unreachable};
use super::script::Script;
use crate::contract::{Code, Tokens};

/// Both tokens, valid for another hour.
fn foreign_tokens() -> Tokens {
    Tokens {
        access_token: Some(access_token(1)),
        refresh_token: Some(refresh_token(1)),
        expires_at_ms: Some(NOW_MS + HOUR_MS),
        scopes: None,
    }
}

fn adopting(tokens: Tokens) -> Script {
    openid().adoption(tokens).discovers(metadata())
}

fn user_claims() -> Value {
    json!({ "sub": "ada", "name": "Ada" })
}

#[test]
fn a_token_with_a_known_expiry_is_used_at_once() {
    let adoption = adopting(foreign_tokens());
    assert_eq!(adoption.sent().url, "https://id.example/userinfo");
    assert_eq!(adoption.sent().authorization, Some(format!("Bearer {}", access_token(1))));
    let adoption = adoption.asks_userinfo(user_claims()).locks(None).saves();
    assert_eq!(adoption.stored_field("display_name"), "Ada");
    assert_eq!(adoption.stored_field("subject"), "ada");
    assert_eq!(adoption.stored_field("scopes"), json!(["openid"]));
    assert_eq!(adoption.stored_field("token_endpoint"), "https://id.example/token");
    let stored = adoption.stored();
    let grant = adoption.grants();
    assert_eq!(grant.access_token, access_token(1));
    assert_eq!(grant.expires_at_ms, Some(NOW_MS + HOUR_MS));
    assert_eq!(openid().stored(stored).token().grants().access_token, access_token(1));
}

#[test]
fn scopes_given_with_the_tokens_are_kept() {
    let scopes = Some(vec!["read".to_owned()]);
    let adoption =
        adopting(Tokens { scopes, ..foreign_tokens() }).asks_userinfo(user_claims()).locks(None);
    assert_eq!(adoption.saves().grants().scopes, ["read"]);
}

#[test]
fn tokens_that_are_not_usable_yet_are_renewed_by_the_next_request() {
    for tokens_of_theirs in [
        Tokens { access_token: None, ..foreign_tokens() },
        Tokens { access_token: None, expires_at_ms: None, ..foreign_tokens() },
        Tokens { expires_at_ms: None, ..foreign_tokens() },
        Tokens { expires_at_ms: Some(NOW_MS - 1), ..foreign_tokens() },
    ] {
        let adoption = adopting(tokens_of_theirs).locks(None).saves();
        let stored = adoption.stored();
        let grant = adoption.grants();
        assert!(grant.headers.is_empty() == grant.access_token.is_empty());
        let token = openid().stored(stored.clone()).token().locks(stored);
        assert_eq!(token.sent().form.one("refresh_token"), Some(refresh_token(1).as_str()));
        assert_eq!(token.refreshes(tokens(2)).saves().grants().access_token, access_token(2));
    }
}

#[test]
fn an_access_token_alone_is_used_until_it_is_rejected() {
    let alone =
        Tokens { refresh_token: Some(String::new()), expires_at_ms: None, ..foreign_tokens() };
    let adoption = adopting(alone).asks_userinfo(user_claims()).locks(None).saves();
    let stored = adoption.stored();
    assert_eq!(adoption.grants().access_token, access_token(1));
    openid().stored(stored).later(HOUR_MS).token().grants();
}

#[test]
fn no_request_is_sent_to_a_provider_without_metadata() {
    let adoption = oauth().adoption(foreign_tokens()).locks(None).saves();
    assert_eq!(adoption.stored_field("token_endpoint"), "https://git.example/token");
    adoption.grants();
}

#[test]
fn a_hexclave_session_can_be_adopted() {
    let adoption = hexclave().client(|client| client.discover = true).adoption(foreign_tokens());
    let adoption = adoption.asks_userinfo(ada()).locks(None).saves();
    assert_eq!(adoption.stored_field("display_name"), "Ada <ada@example.org>");
    let headers = adoption.grants().headers;
    assert!(headers.iter().any(|header| header.name == "x-hexclave-access-token"));
}

#[test]
fn adoption_needs_at_least_one_token() {
    let empty = || Some(String::new());
    for (access_token, refresh_token) in [(None, None), (empty(), None), (empty(), empty())] {
        let tokens = Tokens { access_token, refresh_token, ..foreign_tokens() };
        let failure = openid().try_adoption(tokens).err().unwrap();
        assert_eq!(failure.code, Code::InvalidConfiguration);
    }
}

#[test]
fn a_token_that_could_break_a_header_is_rejected() {
    for broken in ["access-secret\r\nx: y", "access-secret\u{fc}"] {
        let broken = || Some(broken.to_owned());
        for tokens in [
            Tokens { access_token: broken(), ..foreign_tokens() },
            Tokens { refresh_token: broken(), ..foreign_tokens() },
        ] {
            let failure = openid().try_adoption(tokens).err().unwrap();
            assert_eq!(failure.code, Code::InvalidConfiguration);
            assert!(!failure.message.contains("secret"), "{}", failure.message);
        }
    }
}

#[test]
fn adoption_needs_a_client_id() {
    let nameless = openid().client(|client| client.client_id = Some(String::new()));
    let failure = nameless.try_adoption(foreign_tokens()).err().unwrap();
    assert_eq!(failure.code, Code::InvalidConfiguration);
}

#[test]
fn adoption_succeeds_without_a_display_name() {
    for answer in
        [status(401, ""), status(403, ""), status(500, ""), status(200, "[]"), unreachable()]
    {
        adopting(foreign_tokens()).asks_userinfo(answer).locks(None).saves().grants();
    }
}

#[test]
fn a_session_is_replaced_only_under_the_lock_and_only_if_it_can_be_read() {
    let adoption = || adopting(foreign_tokens()).asks_userinfo(user_claims());
    adoption().locks(Some(logged_in())).saves().grants();
    adoption().locks(Some(b"{".to_vec())).fails(Code::StoredDamaged);
    let full = adoption().locks(None).cannot_save().cannot_save().cannot_save();
    full.fails(Code::NotSaved);
}

#[test]
fn adoption_needs_no_user() {
    let no_user = crate::contract::Facts { terminal: false, unattended: true, ..desk() };
    let adoption = openid().facts(no_user).adoption(foreign_tokens()).discovers(metadata());
    adoption.asks_userinfo(user_claims()).locks(None).saves().grants();
}
