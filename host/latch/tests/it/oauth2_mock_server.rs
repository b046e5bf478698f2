//! The whole program against the mock server that other people test with: npm
//! `oauth2-mock-server`.
//!
//! It asks nobody and grants everything, and is lax where other servers are
//! strict. What it does check is the `code_verifier` (RFC 7636 §4.6), and that a
//! code with a challenge is used once.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use latchstring_provider::visitor::Visitor;
use latchstring_testing::Home;
use latchstring_testing::servers::{Server, log_in};
use sha2::{Digest, Sha256};

fn logged_in(server: &Server) -> Home {
    let home = Home::new();
    let words = ["login", "--issuer", server.issuer(), "--client-id", "cli"];
    let words = [&words[..], &["--scope", "openid", "--no-browser"]].concat();
    let (run, page) = log_in(&home, &Visitor::default(), &words);
    run.succeeded();
    assert!(page.body.contains("You are logged in"), "{}", page.body);
    home
}

#[test]
fn a_login_proves_with_the_verifier_that_the_code_is_its_own() {
    let server = Server::oauth2_mock_server();
    logged_in(&server);
    let (asked, redeemed) = (&server.asked("authorization")[0], &server.asked("token")[0]);
    assert_eq!(asked["code_challenge_method"], "S256");
    let verifier = redeemed["code_verifier"].as_str().expect("a verifier");
    assert_eq!(asked["code_challenge"], URL_SAFE_NO_PAD.encode(Sha256::digest(verifier)));
    assert_eq!(redeemed["authentication"], "none");
}

#[test]
fn a_token_is_renewed_only_where_it_has_to_be() {
    let server = Server::oauth2_mock_server();
    let home = logged_in(&server);
    home.token(&[]);
    assert_eq!(server.refreshes(), 0);
    let renewed = home.latch(&["token", "--force-refresh", "--json"]).succeeded().json();
    assert_eq!(renewed["source"], "renewed");
    assert_eq!(home.token(&[]), renewed["access_token"]);
    assert_eq!(server.refreshes(), 1);
}

#[test]
fn whoami_tells_the_only_user_it_knows() {
    let server = Server::oauth2_mock_server();
    let home = logged_in(&server);
    assert_eq!(home.latch(&["whoami", "--json"]).succeeded().json()["sub"], "johndoe");
    assert_eq!(server.asked("userinfo").len(), 2);
}

#[test]
fn logging_out_revokes_both_tokens() {
    let server = Server::oauth2_mock_server();
    let home = logged_in(&server);
    home.latch(&["logout"]).succeeded();
    assert_eq!(server.asked("revocation").len(), 2);
    assert!(home.session_files().is_empty());
}
