//! Tokens that are bound to a key (RFC 9449).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::given::{Given, NOW_MS, openid};
use super::provider::{access_token, id_token, metadata_with, ok, tokens, usual_keys};
use super::script::Script;
use crate::contract::{
    ClientKey, Code, DpopKey, Header, Reply, Response, SigningAlgorithm, TokenSource,
};

const JWK: &str = r#"{"crv":"P-256","kty":"EC","x":"eA","y":"eQ"}"#;

fn bound() -> Given {
    openid().client(|client| {
        let algorithm = SigningAlgorithm::Es256;
        client.dpop = Some(DpopKey { algorithm, jwk: JWK.to_owned() });
    })
}

/// Tokens of the type that is wanted.
fn bound_tokens(number: u32) -> super::provider::Tokens {
    tokens(number).with("token_type", "DPoP")
}

/// The header and the claims of the proof in the last request.
fn proof(script: &Script) -> (Value, Value) {
    let sent = script.sent();
    let proofs: Vec<&Header> =
        sent.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("dpop")).collect();
    assert_eq!(proofs.len(), 1);
    let mut parts = proofs[0].value.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
    let mut part = || serde_json::from_slice(&parts.next().unwrap()).unwrap();
    (part(), part())
}

/// A refusal for the nonce alone.
fn nonce_wanted(nonce: &str) -> Reply {
    let body = json!({ "error": "use_dpop_nonce" }).to_string().into_bytes();
    let headers = vec![Header { name: "DPoP-Nonce".to_owned(), value: nonce.to_owned() }];
    Reply::Answered(Ok(Response { status: 400, headers, body }))
}

fn redeeming() -> Script {
    bound().login_in_browser().redirects("code=c0de&state={state}").signs(b"signature")
}

fn stored() -> Vec<u8> {
    let login = redeeming().redeems(bound_tokens(1).and(id_token()));
    login.fetches_keys(usual_keys()).locks(None).saves().stored().unwrap()
}

#[test]
fn a_token_request_has_a_proof_and_the_code_is_bound_to_the_key() {
    let shown = bound().login_in_browser().shown();
    let thumbprint = URL_SAFE_NO_PAD.encode(Sha256::digest(JWK));
    assert_eq!(shown.query.one("dpop_jkt"), Some(thumbprint.as_str()));
    let login = redeeming();
    let (header, claims) = proof(&login);
    let jwk: Value = serde_json::from_str(JWK).unwrap();
    assert_eq!(header, json!({ "alg": "ES256", "jwk": jwk, "typ": "dpop+jwt" }));
    assert_eq!(
        (&claims["htm"], &claims["htu"]),
        (&json!("POST"), &json!("https://id.example/token"))
    );
    assert!(claims["iat"].as_u64().unwrap() <= NOW_MS / 1000);
    assert!(claims.get("ath").is_none() && claims.get("nonce").is_none());
    let login = login.redeems(bound_tokens(1).and(id_token())).fetches_keys(usual_keys());
    let grant = login.locks(None).saves().grants();
    assert_eq!(grant.token_type, "DPoP");
    assert_eq!(grant.headers[0].value, format!("DPoP {}", access_token(1)));
}

#[test]
fn a_request_is_repeated_once_with_the_nonce_that_the_provider_wants() {
    let first = redeeming();
    let (_, before) = proof(&first);
    let again = first.redeems(nonce_wanted("n1")).signs(b"signature");
    let (_, claims) = proof(&again);
    assert_eq!(claims["nonce"], "n1");
    assert_ne!(claims["jti"], before["jti"]);
    let failure = again.redeems(nonce_wanted("n2")).fails(Code::ProviderRefused);
    assert_eq!(failure.provider.unwrap().error, "use_dpop_nonce");
}

#[test]
fn a_bearer_token_is_not_taken_for_a_bound_one_nor_the_other_way_round() {
    redeeming().redeems(tokens(1).and(id_token())).fails(Code::InvalidTokenResponse);
    let login = openid().login_in_browser().redirects("code=c0de&state={state}");
    login.redeems(bound_tokens(1).and(id_token())).fails(Code::InvalidTokenResponse);
}

#[test]
fn a_renewal_and_a_look_at_userinfo_have_proofs() {
    let token = bound().stored(stored()).force_refresh().userinfo().token().locks(Some(stored()));
    let token = token.signs(b"1").refreshes(bound_tokens(2)).saves().signs(b"2");
    let (_, claims) = proof(&token);
    assert_eq!(claims["htm"], "GET");
    let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(access_token(2)));
    assert_eq!(claims["ath"], hash);
    let sent = token.sent().authorization.unwrap();
    assert_eq!(sent, format!("DPoP {}", access_token(2)));
    // A server that takes tokens wants a nonce of its own.
    let challenge = Header {
        name: "WWW-Authenticate".to_owned(),
        value: "DPoP error=\"use_dpop_nonce\"".to_owned(),
    };
    let nonce = Header { name: "dpop-nonce".to_owned(), value: "rs".to_owned() };
    let refused = Response { status: 401, headers: vec![challenge, nonce], body: Vec::new() };
    let token = token.asks_userinfo(Reply::Answered(Ok(refused))).signs(b"3");
    assert_eq!(proof(&token).1["nonce"], "rs");
    let grant = token.asks_userinfo(json!({ "sub": "ada" })).grants();
    assert_eq!(grant.source, TokenSource::Renewed);
}

#[test]
fn a_client_with_a_key_proves_both() {
    let given = bound().client(|client| {
        let algorithm = SigningAlgorithm::Eddsa;
        client.key = Some(ClientKey { algorithm, id: None, audience: None });
    });
    let login = given.login_in_browser().redirects("code=c0de&state={state}");
    let login = login.signs(b"assertion").signs(b"proof");
    proof(&login);
    let assertion = login.sent().form.one("client_assertion").unwrap().to_owned();
    assert!(assertion.ends_with(&URL_SAFE_NO_PAD.encode(b"assertion")));
}

#[test]
fn a_pushed_request_has_a_proof() {
    let metadata =
        metadata_with("pushed_authorization_request_endpoint", json!("https://id.example/par"));
    let login = bound().login().discovers(metadata).signs(b"signature");
    assert_eq!(proof(&login).1["htu"], "https://id.example/par");
    login.pushes(ok(json!({ "request_uri": "urn:one" }))).shown();
}

#[test]
fn a_bound_session_is_another_one() {
    assert_ne!(bound().account_key(), openid().account_key());
}
