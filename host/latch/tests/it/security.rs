//! What a login can demand of a provider, at a certified one: npm `oidc-provider`.

#![allow(clippy::print_stdout, reason = "the table is for people")]

use latchstring_provider::visitor::Visitor;
use latchstring_testing::servers::{Server, log_in};
use latchstring_testing::{Home, Run};
use serde_json::{Value, json};

use crate::unattended::key_file;

/// The words of a login as this client, with the key that it is registered with.
fn words(home: &Home, server: &Server, client_id: &str, more: &[&str]) -> Vec<String> {
    let key = key_file(home, "es256");
    let words = ["login", "--issuer", server.issuer(), "--client-id", client_id, "--no-browser"];
    let scopes = ["--scope", "openid", "--scope", "offline_access", "--client-key-file", &key];
    [&words[..], &scopes, more].concat().into_iter().map(str::to_owned).collect()
}

fn login(home: &Home, server: &Server, client_id: &str, more: &[&str]) -> Run {
    let words = words(home, server, client_id, more);
    log_in(home, &Visitor::default(), &words.iter().map(String::as_str).collect::<Vec<_>>()).0
}

/// A login that fails before a browser opens.
fn refused(home: &Home, server: &Server, client_id: &str, more: &[&str]) -> Run {
    let words = words(home, server, client_id, more);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    home.latch(&[&words[..], &["--timeout", "20"]].concat())
}

const SIGNED: &str = "--request-object";
const ANSWER: [&str; 2] = ["--response-mode", "jwt"];

/// The features of `oidc-provider` for each demand.
fn features(names: &[&str]) -> Value {
    let mut features = json!({});
    for name in names {
        let (name, is_enabled) = match name.strip_prefix("without ") {
            Some(name) => (name, false),
            None => (*name, true),
        };
        let feature = match name {
            _ if !is_enabled => json!({ "enabled": false }),
            "requestObjects" => json!({ "enabled": true, "requireSignedRequestObject": true }),
            "pushedAuthorizationRequests" => {
                json!({ "enabled": true, "requirePushedAuthorizationRequests": true })
            }
            "dPoP" => json!({ "requiresNonce": true }),
            "fapi" => json!({ "enabled": true, "profile": "2.0" }),
            _ => json!({ "enabled": true }),
        };
        features[name] = feature;
    }
    features
}

fn server(names: &[&str]) -> Server {
    Server::oidc_provider_with_features(&features(names).to_string())
}

const BANK: [&str; 4] = ["dPoP", "fapi", "jwtResponseModes", "pushedAuthorizationRequests"];

#[test]
fn each_demand_is_met() {
    let fapi = ["--profile-of", "fapi2", "--dpop"];
    let all = [&fapi[..], &[SIGNED], &ANSWER].concat();
    let rows: [(&str, &[&str], &str, &[&str]); 6] = [
        ("signed requests", &["requestObjects"], "signs", &[SIGNED]),
        (
            "signed requests, pushed",
            &["requestObjects", "pushedAuthorizationRequests"],
            "signs",
            &[SIGNED],
        ),
        ("signed responses", &["jwtResponseModes"], "signs", &ANSWER),
        ("FAPI 2.0", &BANK, "bank", &fapi),
        (
            "all of it",
            &["dPoP", "fapi", "jwtResponseModes", "pushedAuthorizationRequests", "requestObjects"],
            "bank",
            &all,
        ),
        ("nothing", &[], "signs", &[]),
    ];
    for (what, features, client_id, flags) in rows {
        let server = server(features);
        let home = Home::new();
        login(&home, &server, client_id, flags).succeeded();
        let token = home.token(&[]);
        assert_ne!(home.token(&["--force-refresh"]), token, "{what}");
        assert!(home.latch(&["whoami"]).succeeded().stdout.contains("Ada Lovelace"), "{what}");
        home.latch(&["logout"]).succeeded();
        println!("| {what} | {} |", flags.join(" "));
    }
}

// ---- Encrypted and signed answers ----------------------------------------------------------

const ENCRYPTION: [&str; 3] = ["encryption", "jwtUserinfo", "jwtIntrospection"];

/// The words of a login as this client, with the key that the provider encrypts for.
fn reading<'a>(server: &'a Server, client_id: &'a str, key: &'a str) -> [&'a str; 10] {
    let login = ["login", "--issuer", server.issuer(), "--client-id", client_id, "--no-browser"];
    let key = ["--scope", "openid", "--decryption-key-file", key];
    [&login[..], &key].concat().try_into().expect("ten words")
}

#[test]
fn what_is_encrypted_for_the_client_is_read() {
    let server = server(&ENCRYPTION);
    for algorithm in ["ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW"] {
        let home = Home::new();
        let key = key_file(&home, "enc");
        let words = reading(&server, algorithm, &key);
        log_in(&home, &Visitor::default(), &words).0.succeeded();
        // Other programs have no key, and get the signed one that was inside.
        let id_token = home.latch(&["token", "--id-token"]).succeeded().stdout;
        assert_eq!(id_token.trim().split('.').count(), 3, "{algorithm}");
        let user = home.latch(&["whoami"]).succeeded().stdout;
        assert!(user.contains("Ada Lovelace"), "{algorithm}: {user}");
        let report = home.latch(&["introspect", "--json"]).succeeded().json();
        assert_eq!(report["introspection"]["active"], true, "{algorithm}: {report}");
        home.latch(&["token", "--verify"]).succeeded();
    }
}

#[test]
fn what_is_not_encrypted_for_this_key_is_refused() {
    let server = server(&ENCRYPTION);
    let home = Home::new();
    let (other, key) = (key_file(&home, "es256"), key_file(&home, "enc"));
    let rsa = key_file(&home, "rs256");
    for (client_id, key, exit, code, said) in [
        ("ECDH-ES", &other, 6, "invalid-id-token", "cannot be decrypted with this key"),
        ("public", &key, 6, "invalid-id-token", "is not encrypted"),
        ("ECDH-ES", &rsa, 2, "invalid-configuration", "has no key that can be used"),
    ] {
        let words = reading(&server, client_id, key);
        let run = match exit {
            2 => home.latch(&words),
            _ => log_in(&home, &Visitor::default(), &words).0,
        };
        let run = run.failed(exit, code).saying(&[said]);
        assert!(!run.stderr.contains("eyJ"), "{}", run.stderr);
    }
    let words = ["login", "--issuer", server.issuer(), "--client-id", "ECDH-ES", "--no-browser"];
    let run = log_in(&home, &Visitor::default(), &[&words[..], &["--scope", "openid"]].concat()).0;
    run.failed(6, "invalid-id-token").saying(&["no key to decrypt it is set"]);
}

#[test]
fn signed_userinfo_is_checked_with_the_provider_s_keys() {
    let server = server(&["jwtUserinfo"]);
    let home = Home::new();
    let words = ["login", "--issuer", server.issuer(), "--client-id", "signed", "--no-browser"];
    log_in(&home, &Visitor::default(), &[&words[..], &["--scope", "openid"]].concat())
        .0
        .succeeded();
    // Another key than that of the ID token, which is signed with RS256.
    let user = home.latch(&["whoami"]).succeeded().stdout;
    assert!(user.contains("Ada Lovelace"), "{user}");
}

/// The features of the provider, the client, its flags, and the exit code, the error and the
/// words that come.
type Refusal = (
    &'static [&'static str],
    &'static str,
    &'static [&'static str],
    i32,
    &'static str,
    &'static str,
);

#[test]
fn a_demand_that_is_not_met_ends_the_login() {
    let rows: [Refusal; 7] = [
        (
            &["without dPoP"],
            "signs",
            &["--profile-of", "fapi2", "--dpop"],
            6,
            "invalid-metadata",
            "dpop_signing_alg_values_supported",
        ),
        (&["requestObjects"], "signs", &[], 2, "invalid-configuration", "--request-object"),
        (&[], "signs", &ANSWER, 6, "invalid-metadata", "does not sign"),
        (&BANK, "bank", &["--profile-of", "fapi2"], 2, "invalid-configuration", "--dpop"),
        (
            &["dPoP"],
            "bank",
            &["--profile-of", "fapi2", "--dpop", "--flow", "device"],
            2,
            "invalid-configuration",
            "no login on another device",
        ),
        (
            &[],
            "public",
            &["--client-auth", "tls_client_auth"],
            2,
            "invalid-configuration",
            "--client-cert",
        ),
        (
            &["dPoP"],
            "bank",
            &["--profile-of", "fapi2", "--dpop", "--no-discovery"],
            2,
            "invalid-configuration",
            "metadata",
        ),
    ];
    for (features, client_id, flags, exit, code, said) in rows {
        let server = server(features);
        refused(&Home::new(), &server, client_id, flags).failed(exit, code).saying(&[said]);
        assert!(server.asked("authorization").is_empty());
    }
}

#[test]
fn what_was_granted_in_detail_is_shown() {
    let server = server(&["richAuthorizationRequests"]);
    let home = Home::new();
    let asked = r#"[{"type":"payment","amount":10}]"#;
    let file = home.file("details.json", asked);
    let flags = ["--resource", "https://jwt.example/", "--authorization-details", &*file];
    login(&home, &server, "signs", &flags).succeeded();
    let granted = json!([{ "type": "payment", "amount": 5 }]);
    assert_eq!(
        home.latch(&["token", "--json"]).succeeded().json()["authorization_details"],
        granted
    );
    let status = home.latch(&["status"]).succeeded();
    assert!(status.stdout.contains("\"payment\""), "{}", status.stdout);
    for (details, code, said) in [
        (r#"[{"type":"account"}]"#, "invalid-configuration", "account"),
        (r#"{"type":"payment"}"#, "invalid-configuration", "JSON array"),
    ] {
        let file = home.file("other.json", details);
        let flags = ["--authorization-details", &*file, "--profile", "other"];
        refused(&home, &server, "signs", &flags).failed(2, code).saying(&[said]);
    }
    let flags = ["--authorization-details", "/nowhere/details.json", "--profile", "other"];
    let run = refused(&home, &server, "signs", &flags).failed(2, "invalid-configuration");
    run.saying(&["/nowhere/details.json"]);
}
