//! What the sandbox allows leaves room for every honest step.
#![allow(clippy::unwrap_used, reason = "a test that meets the unexpected is to stop")]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::*;
use crate::LoginFlow;
use crate::capability::surroundings::{Surroundings as _, SystemSurroundings};
use crate::contract::{Endpoints, Response};

#[test]
fn the_dearest_honest_steps_stay_far_below_the_limit() {
    // Only their size matters: no key verifies, so every one of them is tried.
    let number = |bytes: usize| URL_SAFE_NO_PAD.encode(vec![0xf5; bytes]);
    let rsa_4096 = json!({ "kty": "RSA", "n": number(512), "e": "AQAB" });
    // The base point: a key has to lie on the curve.
    let p_384 = json!({
        "kty": "EC",
        "crv": "P-384",
        "x": "qofKIr6LBTeOscce8yCtdG4dO2KLp5uYWfdB4IJUKjhVAvJdv1UpbDpUXjhydgq3",
        "y": "NhfeSpYmLG9dnpi_kpLcKfj0Hb0omhR86doxE7XwuMAKYLHOHX6BnXpDHXyQ6g5f",
    });
    let dearest = [("RS512", rsa_4096, 512), ("ES384", p_384, 96)]
        .map(|(algorithm, key, signature_bytes)| {
            let header = URL_SAFE_NO_PAD.encode(json!({ "alg": algorithm }).to_string());
            let id_token = format!("{header}.e30.{}", number(signature_bytes));
            fuel_of_checking(&id_token, &json!({ "keys": vec![key; 20] }))
        })
        .into_iter()
        .max();
    assert!(dearest < Some(FUEL_PER_CALL / 2), "{dearest:?}");
}

#[test]
fn a_response_of_the_largest_size_stays_far_below_the_limit() {
    let mut instance = Sandbox::load().unwrap().instantiate().unwrap();
    let mut stored = b"{\"format\":1,\"scopes\":[0".to_vec();
    stored.resize(1 << 20, b' ');
    instance.describe(&stored, 0).unwrap_err();
    assert!(fuel_used(&instance) < FUEL_PER_CALL / 4);
}

/// The fuel that the step takes in which a login gets the provider's keys.
fn fuel_of_checking(id_token: &str, keys: &Value) -> u64 {
    let client = Client {
        discover: false,
        endpoints: Endpoints {
            authorization: Some("https://id.example/authorize".into()),
            token: Some("https://id.example/token".into()),
            jwks: Some("https://id.example/jwks".into()),
            ..Endpoints::default()
        },
        scopes: vec!["openid".into()],
        ..Client::new(Some("https://id.example".into()), "cli".into())
    };
    let request = LoginRequest {
        flow: Some(LoginFlow::Browser),
        facts: SystemSurroundings.facts(),
        redirect_uri: "http://127.0.0.1:1/callback".into(),
        patience_ms: Some(1000),
        anonymous_refresh_token: None,
    };
    let context = Context { now_ms: 0, entropy: (0..32).collect() };
    let mut instance = Sandbox::load().unwrap().instantiate().unwrap();
    let session = instance.login(&client, None, &request, &context).unwrap();
    assert!(matches!(instance.next(&session, &Reply::Begin, 0), Ok(Action::Probe)));
    let Action::Authorize(authorization) = instance.next(&session, &Reply::Probed, 0).unwrap()
    else {
        panic!("a login without discovery begins in the browser");
    };
    let (_, state) = authorization.url.split_once("&state=").unwrap();
    let target = format!("/callback?code=c&state={}", state.split('&').next().unwrap());
    instance.next(&session, &Reply::Redirected(target), 0).unwrap();
    let tokens = json!({ "access_token": "a", "token_type": "Bearer", "id_token": id_token });
    instance.next(&session, &response(&tokens), 0).unwrap();
    let asks_again = instance.next(&session, &response(keys), 0);
    assert!(matches!(asks_again, Ok(Action::Exchange(_))), "no key verified");
    fuel_used(&instance)
}

fn response(body: &Value) -> Reply {
    Reply::Response(Response {
        status: 200,
        headers: Vec::new(),
        body: body.to_string().into_bytes(),
    })
}

fn fuel_used(instance: &Instance) -> u64 {
    FUEL_PER_CALL - instance.store.get_fuel().unwrap()
}
