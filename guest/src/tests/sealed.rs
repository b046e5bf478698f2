//! ID tokens and answers that are encrypted, and answers that are signed (OIDC §5.3.2, RFC 9701).

use serde_json::{Value, json};

use super::given::{Given, HOUR_MS, logged_in, openid};
use super::introspection::stored_with;
use super::keys::Key;
use super::provider::{
    IdToken, Signed, Tokens, access_token, id_token, keys, refresh_token, sealed, signed_by,
    status, tokens, usual_keys,
};
use super::script::Script;
use crate::contract::{Code, Examination};

const ENCRYPTED: &str = "eyJhbGciOiJFQ0RILUVTIn0..bm9uY2U.Y29udGVudA.dGFn";
const JWT: &str = "application/jwt";
const INTROSPECTION: &str = "application/token-introspection+jwt; charset=utf-8";

fn decrypting() -> Given {
    openid().client(|client| client.decrypts = true)
}

fn encrypted(number: u32) -> Tokens {
    tokens(number).with("id_token", ENCRYPTED)
}

/// A login whose code is being redeemed.
fn redeeming(given: Given) -> Script {
    given.login_in_browser().redirects("code=c0de&state={state}&iss=https://id.example")
}

// ---- ID tokens ----------------------------------------------------------------

#[test]
fn an_id_token_is_decrypted_and_then_checked_like_any() {
    let login = redeeming(decrypting()).redeems(encrypted(1));
    let grant = login.decrypts(id_token()).fetches_keys(usual_keys()).locks(None).saves().grants();
    let claims: Value = serde_json::from_str(&grant.claims.unwrap()).unwrap();
    assert_eq!(claims["sub"], "ada");
    // Whoever gets it has no key for the outer one.
    assert_eq!(grant.id_token.unwrap().split('.').count(), 3);
    for (inner, said) in [
        (id_token().claim("aud", "another"), "another client"),
        (id_token().claim("nonce", "another"), "nonce"),
        (signed_by(Key::numbered(9), "ES256"), "not signed by any"),
    ] {
        let login = redeeming(decrypting()).redeems(encrypted(1)).decrypts(inner);
        let login = login.fetches_keys(usual_keys());
        let failure = match said.contains("not signed") {
            true => login.fetches_keys(usual_keys()).fails(Code::InvalidIdToken),
            false => login.fails(Code::InvalidIdToken),
        };
        assert!(failure.message.contains(said), "{}", failure.message);
    }
}

#[test]
fn an_id_token_that_anybody_could_read_is_refused_where_it_is_to_be_encrypted() {
    let login = redeeming(decrypting()).redeems(tokens(1).and(id_token()));
    assert!(login.fails(Code::InvalidIdToken).message.contains("is not encrypted"));
}

#[test]
fn a_client_without_a_key_is_told_that_it_needs_one() {
    let login = redeeming(openid()).redeems(encrypted(1));
    assert!(login.fails(Code::InvalidIdToken).message.contains("no key to decrypt it"));
}

#[test]
fn a_replaced_refresh_token_is_saved_before_the_host_decrypts() {
    let token = decrypting().stored(logged_in()).later(HOUR_MS).token();
    let token = token.locks(Some(logged_in())).refreshes(encrypted(2)).saves();
    let saved: Value = serde_json::from_slice(&token.stored().unwrap()).unwrap();
    assert_eq!(saved["refresh_token"], refresh_token(2));
    let token = token.decrypts(id_token().without("nonce")).saves();
    assert_eq!(token.grants().access_token, access_token(2));
}

// ---- Userinfo -----------------------------------------------------------------

fn asking(given: Given) -> Script {
    given.stored(logged_in()).userinfo().token()
}

/// Userinfo as the provider signs it.
fn user() -> IdToken {
    id_token().without("nonce").without("exp").claim("email", "ada@id.example")
}

fn email(script: Script) -> Value {
    let claims: Value = serde_json::from_str(&script.grants().claims.unwrap()).unwrap();
    claims["email"].clone()
}

#[test]
fn signed_userinfo_is_checked_with_the_key_that_is_known_or_fetched() {
    assert_eq!(email(asking(openid()).asks_userinfo(Signed(JWT, user()))), "ada@id.example");
    let other = || Key::for_algorithm("RS256");
    let renewed = Signed(JWT, signed_by(other(), "RS256").claim("email", "ada@id.example"));
    let token = asking(openid()).asks_userinfo(renewed).fetches_keys(keys(&[other()]));
    assert_eq!(email(token), "ada@id.example");
}

#[test]
fn encrypted_userinfo_may_be_signed_inside() {
    let asked = || asking(decrypting()).asks_userinfo(sealed(JWT, ENCRYPTED));
    assert_eq!(email(asked().decrypts(user())), "ada@id.example");
    let text = json!({ "sub": "ada", "email": "ada@id.example" }).to_string();
    assert_eq!(email(asked().decrypts_text(&text)), "ada@id.example");
    let failure = asking(openid()).asks_userinfo(sealed(JWT, ENCRYPTED));
    let failure = failure.fails(Code::InvalidUserinfo);
    assert!(failure.message.contains("no key to decrypt it"), "{}", failure.message);
}

#[test]
fn userinfo_that_its_signature_does_not_prove_is_refused() {
    for (answer, said) in [
        (user().claim("iss", "https://elsewhere.example"), "is from https://elsewhere.example"),
        (user().claim("aud", "another"), "another client"),
        (user().header("alg", "none"), "signed with none"),
    ] {
        let token = asking(openid()).asks_userinfo(Signed(JWT, answer));
        let failure = token.fails(Code::InvalidUserinfo);
        assert!(failure.message.contains(said), "{}", failure.message);
    }
    let forged = Signed(JWT, signed_by(Key::numbered(9), "ES256"));
    let token = asking(openid()).asks_userinfo(forged).fetches_keys(keys(&[]));
    assert!(token.fails(Code::InvalidUserinfo).message.contains("not signed by any"));
    let another = Signed(JWT, user().claim("sub", "mallory"));
    asking(openid()).asks_userinfo(another).fails(Code::InvalidUserinfo);
}

#[test]
fn a_check_of_the_token_alone_reads_no_userinfo() {
    let given = openid().stored(logged_in()).examining(Examination::Verification);
    given.token().asks_userinfo(sealed(JWT, ENCRYPTED)).grants();
}

#[test]
fn a_login_reads_the_name_from_signed_userinfo() {
    let login = redeeming(openid()).redeems(tokens(1).and(id_token().without("name")));
    let login = login.fetches_keys(usual_keys()).asks_userinfo(Signed(JWT, user()));
    let stored = login.locks(None).saves().stored().unwrap();
    let stored: Value = serde_json::from_slice(&stored).unwrap();
    assert_eq!(stored["display_name"], "Ada <ada@id.example>");
    // A name alone fails no login.
    let login = redeeming(openid()).redeems(tokens(1).and(id_token().without("name")));
    let login = login.fetches_keys(usual_keys()).asks_userinfo(sealed(JWT, ENCRYPTED));
    login.locks(None).saves().grants();
}

// ---- Introspection ------------------------------------------------------------

#[test]
fn a_signed_introspection_response_is_checked() {
    let given = || {
        let stored = stored_with("introspection_endpoint", json!("https://id.example/introspect"));
        openid().stored(stored).examining(Examination::Introspection).token()
    };
    let report = json!({ "active": true, "scope": "read" });
    let answer = || id_token().without("exp").claim("token_introspection", report.clone());
    assert_eq!(given().sent().header("accept"), Some("application/json"));
    // Its audience is that of the token.
    let signed = Signed(INTROSPECTION, answer().claim("aud", "https://api.example"));
    let grant = given().introspects(signed).grants();
    assert_eq!(serde_json::from_str::<Value>(&grant.report.unwrap()).unwrap(), report);
    let forged = Signed(INTROSPECTION, answer().claim("iss", "https://elsewhere.example"));
    given().introspects(forged).fails(Code::InvalidAccessToken);
    given().introspects(status(200, "nothing")).fails(Code::InvalidAccessToken);
}
