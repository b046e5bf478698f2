//! Stored sessions: parsing, descriptions and account keys.

use serde_json::{Value, json};

use super::given::{
    Given, HOUR_MS, MINUTE_MS, NOW_MS, logged_in, logged_in_with, oauth, openid, renewed_elsewhere,
};
use super::provider::tokens;
use crate::contract::{Code, Description, Failure, TokenState};
use crate::protocol::description;
use crate::protocol::stored::Stored;

/// The usual stored session with one field changed.
fn stored_with(field: &str, value: Value) -> Vec<u8> {
    let mut document: Value = serde_json::from_slice(&logged_in()).unwrap();
    document[field] = value;
    document.to_string().into_bytes()
}

fn describe(stored: &[u8], now_ms: u64) -> Result<Description, Failure> {
    Ok(description::describe(Stored::parse(stored)?, now_ms))
}

fn code(stored: Vec<u8>) -> Code {
    openid().stored(stored).try_token().err().unwrap().code
}

#[test]
fn a_session_cut_short_anywhere_is_damaged() {
    let whole = logged_in();
    for length in 0..whole.len() {
        let Err(failure) = describe(&whole[..length], NOW_MS) else {
            panic!("{length} bytes of {} were believed", whole.len());
        };
        assert_eq!(failure.code, Code::StoredDamaged);
        assert!(!failure.message.contains("secret"));
    }
}

#[test]
fn anything_but_a_session_is_damaged() {
    for bytes in [
        b"".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"{}".to_vec(),
        b"\xff\xfe".to_vec(),
        b"{\"format\":1}".to_vec(),
        [logged_in(), b"x".to_vec()].concat(),
        vec![b'['; 100_000],
        stored_with("format", json!(-1)),
        stored_with("format", json!("1")),
        stored_with("access_token", json!(7)),
        stored_with("authentication", json!("made_up")),
    ] {
        assert_eq!(code(bytes), Code::StoredDamaged);
    }
}

#[test]
fn a_flipped_bit_never_traps() {
    let whole = logged_in();
    for position in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[position] ^= 1 << (position % 8);
        if describe(&bytes, NOW_MS).is_ok()
            && let Ok(mut session) = openid().stored(bytes).try_token()
        {
            let _ = session.next(crate::contract::Reply::Begin, NOW_MS);
        }
    }
}

#[test]
fn a_newer_format_is_left_to_the_version_that_wrote_it() {
    assert_eq!(code(stored_with("format", json!(2))), Code::StoredNewer);
    assert_eq!(code(b"{\"format\":2,\"changed\":true}".to_vec()), Code::StoredNewer);
}

#[test]
fn unknown_fields_are_ignored() {
    openid().stored(stored_with("later", json!({ "x": 1 }))).token().grants();
}

#[test]
fn another_clients_session_is_not_used() {
    assert_eq!(code(stored_with("client_id", json!("another"))), Code::StoredDamaged);
    assert_eq!(code(stored_with("issuer", json!("https://evil.example"))), Code::StoredDamaged);
    assert_eq!(code(stored_with("issuer", json!(null))), Code::StoredDamaged);
}

#[test]
fn a_description_names_the_user() {
    let description = describe(&logged_in(), NOW_MS).ok().unwrap();
    assert_eq!(description.issuer.as_deref(), Some("https://id.example"));
    assert_eq!(description.client_id, "cli");
    assert_eq!(description.subject.as_deref(), Some("ada"));
    assert_eq!(description.display_name.as_deref(), Some("Ada"));
    assert_eq!(description.scopes, ["openid"]);
    assert_eq!(description.logged_in_at_ms, NOW_MS);
    assert_eq!(description.expires_at_ms, Some(NOW_MS + HOUR_MS));
}

#[test]
fn a_description_has_the_state_of_the_token() {
    let state =
        |stored: &[u8], after_ms| describe(stored, NOW_MS + after_ms).ok().unwrap().token_state;
    assert_eq!(state(&logged_in(), 0), TokenState::Fresh);
    assert_eq!(state(&logged_in(), 59 * MINUTE_MS), TokenState::Renewable);
    assert_eq!(state(&logged_in(), 9 * HOUR_MS), TokenState::Renewable);
    let alone = logged_in_with(tokens(1).without("refresh_token"));
    assert_eq!(state(&alone, HOUR_MS - 1), TokenState::Fresh);
    assert_eq!(state(&alone, HOUR_MS), TokenState::Expired);
}

#[test]
fn a_description_holds_no_secret() {
    let Description {
        issuer,
        resource,
        client_id,
        subject,
        display_name,
        scopes,
        authorization_details,
        logged_in_at_ms: _,
        expires_at_ms: _,
        token_state: _,
    } = describe(&renewed_elsewhere(), NOW_MS).ok().unwrap();
    let document: Value = serde_json::from_slice(&renewed_elsewhere()).unwrap();
    let texts = [issuer, resource, Some(client_id), subject, display_name, authorization_details];
    for text in texts.into_iter().flatten().chain(scopes) {
        for field in ["access_token", "refresh_token", "id_token", "nonce"] {
            let secret = document[field].as_str().unwrap();
            assert!(!secret.contains(&text) && !text.contains(secret), "{field}: {text}");
        }
    }
}

#[test]
fn accounts_differ_by_issuer_client_scopes_and_resources() {
    let keys = [
        openid(),
        openid().client(|client| client.issuer = Some("https://id.example/".to_owned())),
        openid().client(|client| client.client_id = Some("cli2".to_owned())),
        openid().scopes(&["openid", "email"]),
        openid().scopes(&["openid email"]),
        openid().client(|client| client.resources = vec!["email".to_owned()]),
        openid().client(|client| client.resources = vec!["openid".to_owned()]),
        oauth(),
        oauth().client(|client| client.endpoints.token = Some("https://b.example/t".to_owned())),
    ]
    .map(|given| given.account_key());
    for (position, key) in keys.iter().enumerate() {
        assert!(!keys[..position].contains(key), "{position}");
        assert!(key.chars().all(|c| c.is_ascii_digit() || c.is_ascii_lowercase()), "{key}");
    }
}

#[test]
fn an_account_is_the_same_whatever_the_order() {
    let key = |scopes: &[&str], resources: &[&str]| {
        let given: Given = openid().scopes(scopes);
        let resources = resources.iter().map(|r| (*r).to_owned()).collect();
        given.client(|client| client.resources = resources).account_key()
    };
    assert_eq!(key(&["a", "b"], &["x", "y"]), key(&["b", "a", "b"], &["y", "x"]));
}

#[test]
fn an_account_does_not_depend_on_client_authentication() {
    let other = openid().secret("pw").client(|client| client.discover = false);
    assert_eq!(openid().account_key(), other.account_key());
}

#[test]
fn an_account_differs_by_the_parameters_that_change_a_token() {
    let with = |name, value| openid().parameter(name, value).account_key();
    let plain = openid().account_key();
    assert_ne!(with("audience", "https://a.example"), plain);
    assert_ne!(with("audience", "https://a.example"), with("audience", "https://b.example"));
    for (name, value) in [("prompt", "login"), ("login_hint", "ada"), ("max_age", "60")] {
        assert_eq!(with(name, value), plain, "{name}");
    }
}

#[test]
fn an_account_differs_by_endpoints_in_settings() {
    let elsewhere = |client: &mut crate::contract::Client| {
        client.endpoints.token = Some("https://other.example/token".to_owned());
    };
    assert_ne!(openid().client(elsewhere).account_key(), openid().account_key());
}
