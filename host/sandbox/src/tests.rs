//! Tests that the sandbox's limits leave room for every honest step.
#![allow(clippy::unwrap_used, reason = "a test that meets the unexpected is to stop")]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use latchstring_core::contract::{Endpoints, LoginFlow, Response};

use super::*;

#[test]
fn the_most_expensive_honest_steps_stay_far_below_the_limit() {
    // Only the size of the keys matters: no key verifies, so every one is tried.
    let number = |bytes: usize| URL_SAFE_NO_PAD.encode(vec![0xf5; bytes]);
    let rsa = |bytes: usize| json!({ "kty": "RSA", "n": number(bytes), "e": "AQAB" });
    // The base points, because a key must be a point on the curve.
    let p_384 = json!({
        "kty": "EC",
        "crv": "P-384",
        "x": "qofKIr6LBTeOscce8yCtdG4dO2KLp5uYWfdB4IJUKjhVAvJdv1UpbDpUXjhydgq3",
        "y": "NhfeSpYmLG9dnpi_kpLcKfj0Hb0omhR86doxE7XwuMAKYLHOHX6BnXpDHXyQ6g5f",
    });
    let p_521 = json!({
        "kty": "EC",
        "crv": "P-521",
        "x": "AMaFjga3BATpzZ4-y2YjlbRCnGSBOQU_tSH4KK9ga009uqFLXnfv51ko_h3BJ6L_qN4zSLPBhWpCm_l-fjHC5b1m",
        "y": "ARg5KWp4mjvABFyKX7QsfRvZmPVESVebRGgXr70XJz5mLJfucple9CZAxVC5AT-tB2E1PHCGonLCQIi-lHaf0WZQ",
    });
    // Each number is below the modulus or the order; otherwise nothing would be computed.
    let small = |bytes: usize| [vec![0; 4], vec![0x45; bytes - 4]].concat();
    for (algorithm, key, signature) in [
        ("RS256", rsa(256), small(256)),
        ("RS512", rsa(512), small(512)),
        ("PS512", rsa(1024), small(1024)),
        ("ES384", p_384, [small(48), small(48)].concat()),
        ("ES512", p_521, [small(66), small(66)].concat()),
    ] {
        let header = URL_SAFE_NO_PAD.encode(json!({ "alg": algorithm }).to_string());
        let id_token = format!("{header}.e30.{}", URL_SAFE_NO_PAD.encode(signature));
        let fuel = fuel_of_checking(&id_token, &json!({ "keys": vec![key; 100] }));
        assert!(fuel < FUEL_PER_CALL * 3 / 5, "{algorithm}: {fuel}");
        assert!(fuel > FUEL_PER_CALL / 10, "{algorithm}: {fuel}, too little was computed");
    }
}

#[test]
fn a_response_of_the_largest_size_stays_far_below_the_limit() {
    let mut instance = Sandbox::load().unwrap().instantiate().unwrap();
    let mut stored = b"{\"format\":1,\"scopes\":[0".to_vec();
    stored.resize(1 << 20, b' ');
    instance.describe(&stored, 0).unwrap_err();
    assert!(fuel_used(&instance) < FUEL_PER_CALL / 4);
}

/// Returns the fuel of the step in which a login gets the provider's keys.
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
        facts: Facts { display: true, ..Facts::default() },
        redirect_uri: "http://127.0.0.1:1/callback".into(),
        patience_ms: Some(1000),
        anonymous_refresh_token: None,
        challenge: None,
        accepted_issuer_host: None,
        register: false,
        initial_access_token: None,
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
    Reply::Answered(Ok(Response {
        status: 200,
        headers: Vec::new(),
        body: body.to_string().into_bytes(),
    }))
}

fn fuel_used(instance: &Instance) -> u64 {
    FUEL_PER_CALL - instance.store.get_fuel().unwrap()
}
