//! Large and malformed bodies: the work stays proportional to their size, and nothing
//! traps.

use serde_json::json;

use super::given::{HOUR_MS, logged_in, openid};
use super::keys::Key;
use super::provider::{
    id_token, metadata, metadata_with, not_found, ok, signed_by, status, tokens,
};
use crate::contract::{Code, Reply};

/// The longest body that is parsed, in bytes.
const LIMIT: usize = 256 << 10;

/// Bodies of that length that are not a valid response to any request.
fn useless_bodies() -> Vec<Reply> {
    ["[", "{\"a\":", "\"", "9", " ", "\0", "\u{fffd}", "[],", "{\"keys\":["]
        .into_iter()
        .map(|piece| status(200, &piece.repeat(LIMIT / piece.len())))
        .collect()
}

/// A text that almost fills a body, with room for the rest of it.
fn long(piece: &str) -> String {
    piece.repeat((LIMIT - 8192) / 6 / piece.len())
}

#[test]
fn an_oversized_body_is_not_parsed() {
    let padded = |length: usize| {
        let document = metadata().to_string();
        status(200, &format!("{document}{}", " ".repeat(length - document.len())))
    };
    openid().login().discovers(padded(LIMIT)).shown();
    let login = openid().login().discovers(padded(LIMIT + 1)).discovers(not_found());
    assert!(login.fails(Code::InvalidMetadata).message.contains("more than 262144 bytes"));
}

#[test]
fn useless_bodies_are_rejected_by_every_endpoint() {
    for body in useless_bodies() {
        openid().login().discovers(body).discovers(not_found()).fails(Code::InvalidMetadata);
    }
    for body in useless_bodies() {
        let login = openid().login_in_browser().redirects("code=c0de&state={state}");
        login.redeems(body).fails(Code::InvalidTokenResponse);
    }
    for body in useless_bodies() {
        let login = openid().login_in_browser().redirects("code=c0de&state={state}");
        login.redeems(tokens(1).and(id_token())).fetches_keys(body).fails(Code::InvalidIdToken);
    }
    for body in useless_bodies() {
        let token = openid().stored(logged_in()).userinfo().token();
        token.asks_userinfo(body).fails(Code::InvalidUserinfo);
    }
    for body in useless_bodies() {
        let logout = openid().stored(logged_in()).logout().locks(Some(logged_in()));
        logout.revokes(body.clone()).revokes(body).deletes().logs_out();
    }
}

#[test]
fn long_fields_of_metadata_stay_cheap() {
    for text in [
        long("x"),
        format!("https://{}/", long("x")),
        format!("https://{}/", long("ü")),
        format!("https://{}/", long("a.")),
        format!("https://{}/", long("%C3%BC.")),
        format!("https://id.example/{}", long("../")),
        format!("https://id.example/?{}", long("a=b&")),
        long("\u{1b}"),
    ] {
        for field in ["issuer", "authorization_endpoint", "jwks_uri"] {
            let login = openid().login().discovers(metadata_with(field, json!(text)));
            let failure = login.discovers(not_found()).fails(Code::InvalidMetadata);
            assert!(failure.message.len() < 4000);
        }
    }
}

#[test]
fn long_fields_of_a_token_response_stay_cheap() {
    for (field, text) in [
        ("scope", long("a ")),
        ("refresh_token", long("r")),
        ("token_type", long("Bearer")),
        ("error_description", long("\u{202e}")),
        ("id_token", long(".")),
        ("id_token", long("e30.")),
        ("expires_in", long("9")),
    ] {
        let login = openid().login_in_browser().redirects("code=c0de&state={state}");
        // Some are accepted and some rejected. What matters is that each ends at once.
        drop(login.redeems(tokens(1).with(field, text)));
    }
}

#[test]
fn a_long_error_is_cut() {
    let body = json!({ "error": long("e"), "error_description": long("d") });
    let login = openid().login_in_browser().redirects("code=c0de&state={state}");
    let failure = login.redeems(status(400, &body.to_string())).fails(Code::ProviderRefused);
    assert!(failure.message.len() < 1000);
}

#[test]
fn a_key_set_of_countless_keys_stays_cheap() {
    let key = signed_by(Key::numbered(2), "ES256");
    let countless = vec![Key::for_algorithm("ES256").jwk(); LIMIT / 300];
    for set in [json!({ "keys": countless }), json!({ "keys": vec![json!({ "": 0 }); LIMIT / 8] })]
    {
        let login = openid().login_in_browser().redirects("code=c0de&state={state}");
        let login = login.redeems(tokens(1).and(key.clone().without_kid()));
        login.fetches_keys(set.clone()).fetches_keys(set).fails(Code::InvalidIdToken);
    }
}

#[test]
fn long_redirects_stay_cheap() {
    let login = openid().login_in_browser();
    let login = login.redirects(&format!("state={}", long("x")));
    let login = login.redirects(&long("a=b&"));
    let login = login.visits(&long("/.."));
    let login = login.redirects(&format!("iss={}&state={{state}}", long("%1b")));
    assert!(login.shown().notice.unwrap().len() < 3000);
    login.redirects("code=c0de&state={state}").sent();
}

#[test]
fn absurdly_large_numbers_saturate() {
    for number in [json!(u64::MAX), json!(1e300), json!(-1e300), json!("1e300"), json!("NaN")] {
        let token = openid().stored(logged_in()).later(HOUR_MS).token();
        let token = token.locks(Some(logged_in()));
        token.refreshes(tokens(2).with("expires_in", number)).saves().grants();
    }
}

#[test]
fn deeply_nested_metadata_is_ignored() {
    let mut document = metadata();
    let mut deep = json!(1);
    for _ in 0..100 {
        deep = json!([deep]);
    }
    document["unknown"] = deep;
    openid().login().discovers(ok(document)).shown();
}
