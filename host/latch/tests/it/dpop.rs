//! Tokens that are bound to a key (RFC 9449), at a certified provider: npm `oidc-provider`,
//! whose userinfo endpoint is the API that checks the binding.

use std::fs;

use latchstring_provider::visitor::Visitor;
use latchstring_testing::servers::{Server, log_in};
use latchstring_testing::{Home, http};
use serde_json::json;
use url::Url;

pub(crate) fn server(requires_nonce: bool) -> Server {
    let features = json!({ "dPoP": { "requiresNonce": requires_nonce } });
    Server::oidc_provider_with_features(&features.to_string())
}

/// Ada Lovelace is logged in with tokens that are bound to a key.
pub(crate) fn logged_in(server: &Server) -> Home {
    let home = Home::new();
    let words = ["login", "--issuer", server.issuer(), "--client-id", "bound", "--dpop"];
    let more = ["--scope", "openid", "--scope", "offline_access", "--no-browser"];
    log_in(&home, &Visitor::default(), &[&words[..], &more].concat()).0.succeeded();
    home
}

/// The status of a request to userinfo with these headers.
fn me(server: &Server, headers: &[&str]) -> u16 {
    let url = Url::parse(&format!("{}/me", server.issuer())).expect("an address");
    http::send(&url, "GET", headers).status
}

#[test]
fn tokens_are_bound_renewed_and_used_with_proofs() {
    for requires_nonce in [false, true] {
        let server = server(requires_nonce);
        let home = logged_in(&server);
        let token = home.latch(&["token", "--json"]).succeeded().saying(&["bound to a key"]).json();
        assert_eq!(token["token_type"], "DPoP");
        let token = home.token(&[]);
        assert_ne!(home.token(&["--force-refresh"]), token);
        assert!(home.latch(&["whoami"]).succeeded().stdout.contains("Ada Lovelace"));
        let url = format!("{}/me", server.issuer());
        let run = home.latch(&["request", "GET", &url]).succeeded();
        assert!(run.stdout.contains("Ada Lovelace"), "{}", run.stdout);
        home.latch(&["logout"]).succeeded();
    }
}

#[test]
fn a_stolen_token_and_a_stolen_session_are_worth_nothing_without_the_key() {
    let server = server(false);
    let home = logged_in(&server);
    let token = home.token(&[]);
    for scheme in ["Bearer", "DPoP"] {
        let status = me(&server, &[&format!("Authorization: {scheme} {token}")]);
        assert!([400, 401].contains(&status), "{scheme}: {status}");
    }
    let thief = Home::new();
    for file in [home.session_file(), home.config_file()] {
        let name = file.strip_prefix(home.path("")).expect("in the home");
        let copy = thief.path("").join(name);
        let folder = copy.parent().expect("a folder");
        fs::create_dir_all(folder).expect("a folder");
        #[cfg(unix)]
        fs::set_permissions(folder, std::os::unix::fs::PermissionsExt::from_mode(0o700))
            .expect("mine");
        fs::copy(&file, copy).expect("a copy");
    }
    // The thief's latch makes a key of its own.
    let stolen = thief.token(&[]);
    assert_eq!(stolen, token);
    let url = format!("{}/me", server.issuer());
    thief.latch(&["request", "GET", &url]).failed(3, "login-required");
    thief.latch(&["token", "--force-refresh"]).failed(3, "login-required");
    // The owner goes on.
    assert_ne!(home.token(&["--force-refresh"]), token);
}

#[test]
fn both_headers_of_one_request_can_be_had_and_are_for_that_request_alone() {
    let server = server(false);
    let home = logged_in(&server);
    let url = format!("{}/me", server.issuer());
    let words = ["token", "--output", "header", "--for-method", "GET", "--for-url"];
    let run = home.latch(&[&words[..], &[&url]].concat()).succeeded();
    let headers: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(me(&server, &headers), 200);
    let other = home.latch(&[&words[..], &["https://api.example/"]].concat()).succeeded();
    let headers: Vec<&str> = other.stdout.lines().collect();
    assert_eq!(headers.len(), 2);
    assert_eq!(me(&server, &headers), 401);
}

#[test]
fn a_token_is_not_given_to_programs_that_could_not_use_it() {
    let server = server(false);
    let home = logged_in(&server);
    home.latch(&["exec", "--", "true"])
        .failed(2, "invalid-configuration")
        .saying(&["--allow-bound"]);
    home.latch(&["exec", "--allow-bound", "--", "true"]).succeeded();
    let run = home.latch(&["credential", "npm"]).failed(2, "invalid-configuration");
    assert_eq!(run.stdout, "");
}

#[test]
fn a_bearer_token_where_a_bound_one_was_asked_for_is_not_taken() {
    let home = Home::new();
    let plain = Server::oidc_provider_with_features(r#"{"dPoP":{"enabled":false}}"#);
    let words = ["login", "--issuer", plain.issuer(), "--client-id", "public", "--dpop"];
    let more = ["--scope", "openid", "--no-browser"];
    let (run, _) = log_in(&home, &Visitor::default(), &[&words[..], &more].concat());
    run.failed(6, "invalid-token-response").saying(&["expected DPoP"]);
}

#[cfg(unix)]
#[test]
fn the_key_is_the_users_alone_and_can_lie_elsewhere() {
    use std::os::unix::fs::PermissionsExt as _;

    let server = server(false);
    let home = Home::new();
    let key = home.path("keys/dpop.pem");
    let file = key.display().to_string();
    let words = ["login", "--issuer", server.issuer(), "--client-id", "bound"];
    let more = ["--scope", "openid", "--no-browser", "--dpop-key-file", &file];
    log_in(&home, &Visitor::default(), &[&words[..], &more].concat()).0.succeeded();
    assert_eq!(fs::metadata(&key).expect("a key").permissions().mode() & 0o777, 0o600);
    home.latch(&["whoami"]).succeeded();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("open");
    home.latch(&["whoami"]).failed(2, "invalid-configuration").saying(&["chmod 600"]);
}
