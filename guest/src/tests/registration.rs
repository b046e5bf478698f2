//! The client of a login by URL: registered by hand, named by a metadata document, or
//! registered by the login itself (RFC 7591).

use serde_json::{Value, json};

use super::given::{Given, HOUR_MS, NOW_MS, openid};
use super::provider::{metadata_with, oauth_error, status, tokens};
use super::script::Script;
use crate::contract::{Action, Code, Method, Reply};

const RESOURCE: &str = "https://id.example/mcp";
const DOCUMENT: &str = "https://latchstring.example/client.json";

/// A client that nobody has registered, at a server that belongs to its issuer.
fn given() -> Given {
    openid().client(|client| {
        client.issuer = None;
        client.client_id = None;
        client.scopes = vec!["read".to_owned()];
        client.resource_url = Some(RESOURCE.to_owned());
    })
}

fn server_with(name: &str, value: Value) -> Value {
    let mut server = metadata_with("code_challenge_methods_supported", json!(["S256"]));
    server["registration_endpoint"] = json!("https://id.example/register");
    server[name] = value;
    server
}

fn server() -> Value {
    server_with("registration_endpoint", json!("https://id.example/register"))
}

fn registered() -> Value {
    json!({
        "client_id": "registered-1",
        "registration_access_token": "registration-secret",
        "registration_client_uri": "https://id.example/register/1",
    })
}

/// A login that has told the user about the issuer.
fn told(given: Given, server: Value, known: Option<Vec<u8>>) -> Script {
    let described =
        json!({ "resource": RESOURCE, "authorization_servers": ["https://id.example"] });
    let login = given.login().refuses("Bearer").describes(described).discovers(server);
    login.knows(known).confirms(false)
}

/// A login that registers its client.
fn registering(given: Given, server: Value) -> Script {
    told(given, server, None).locks_registration(None)
}

fn known() -> Vec<u8> {
    let login = registering(given(), server()).registers(registered()).saves_registration();
    login.registration.expect("a registration")
}

/// The session after a login with a client that was registered for it.
fn logged_in() -> Vec<u8> {
    let login = told(given(), server(), Some(known()));
    let login = login.redirects("code=c0de&state={state}").redeems(tokens(1));
    login.locks(None).saves().stored().expect("a session")
}

#[test]
fn a_client_is_registered_as_a_native_one_without_a_secret() {
    let login = registering(given(), server());
    let sent = login.sent();
    assert_eq!(sent.url, "https://id.example/register");
    assert_eq!(sent.authorization, None);
    for (name, value) in [
        ("application_type", json!("native")),
        ("token_endpoint_auth_method", json!("none")),
        ("redirect_uris", json!(["http://127.0.0.1:4180/callback"])),
        ("grant_types", json!(["authorization_code", "refresh_token"])),
        ("response_types", json!(["code"])),
        ("scope", json!("read")),
    ] {
        assert_eq!(sent.json[name], value, "{name}");
    }
    let login = login.registers(registered()).saves_registration();
    assert_eq!(login.shown().query.one("client_id"), Some("registered-1"));
}

#[test]
fn what_the_server_answers_holds() {
    let secret = json!({
        "client_id": "r",
        "client_secret": "client-secret",
        "client_secret_expires_at": 0,
        "token_endpoint_auth_method": "client_secret_post",
    });
    let login = registering(given(), server()).registers(secret).saves_registration();
    let login = login.redirects("code=c0de&state={state}");
    assert_eq!(login.sent().form.one("client_secret"), Some("client-secret"));
    // Without a method, the metadata decides, and basic goes before post.
    let secret = json!({ "client_id": "r", "client_secret": "client-secret" });
    let login = registering(given(), server()).registers(status(200, &secret.to_string()));
    let login = login.saves_registration().redirects("code=c0de&state={state}");
    assert!(login.sent().authorization.expect("a header").starts_with("Basic "));
}

#[test]
fn a_server_that_wants_secrets_is_asked_for_one() {
    for (methods, asked) in [
        (json!(["client_secret_post", "client_secret_basic"]), "client_secret_basic"),
        (json!(["client_secret_post"]), "client_secret_post"),
        (json!(["none", "client_secret_basic"]), "none"),
        (json!(["private_key_jwt"]), "none"),
    ] {
        let server = server_with("token_endpoint_auth_methods_supported", methods);
        let sent = registering(given(), server).sent();
        assert_eq!(sent.json["token_endpoint_auth_method"], asked);
    }
}

#[test]
fn an_unusable_answer_ends_the_login_before_any_browser() {
    for answer in [
        json!({}),
        json!({ "client_id": "" }),
        json!({ "client_id": 7 }),
        json!({ "client_id": "r", "token_endpoint_auth_method": "client_secret_basic" }),
        json!({ "client_id": "r", "token_endpoint_auth_method": "private_key_jwt" }),
    ] {
        registering(given(), server()).registers(answer).fails(Code::InvalidMetadata);
    }
    // Once with the scopes, once without.
    let login = registering(given(), server()).registers(oauth_error("invalid_client_metadata"));
    assert_eq!(login.sent().json["scope"], json!(null));
    let failure = login.registers(oauth_error("invalid_client_metadata"));
    let failure = failure.fails(Code::ProviderRefused);
    assert_eq!(failure.provider.expect("an error").error, "invalid_client_metadata");
    assert!(failure.remedy.contains("--client-id"), "{}", failure.remedy);
    let failure = registering(given(), server()).registers(status(401, ""));
    let failure = failure.fails(Code::ProviderRefused);
    assert!(failure.remedy.contains("--initial-access-token-file"), "{}", failure.remedy);
    let hung = registering(given(), server()).registers(super::provider::unreachable());
    hung.fails(Code::Unreachable);
}

#[test]
fn a_server_that_refuses_scopes_is_asked_without() {
    let login = registering(given(), server()).registers(oauth_error("invalid_client_metadata"));
    let login = login.registers(registered()).saves_registration();
    assert_eq!(login.shown().query.one("scope"), Some("read"));
    // Such a client may request any.
    let stored = login.registration;
    let login = told(given().scopes(&["admin"]), server(), stored);
    assert_eq!(login.shown().query.one("client_id"), Some("registered-1"));
}

#[test]
fn a_registration_that_cannot_be_kept_is_not_used() {
    let login = registering(given(), server()).registers(registered());
    login.answers_save(Reply::NotSaved("disk full".to_owned())).fails(Code::NotSaved);
}

#[test]
fn an_initial_access_token_goes_to_the_registration_alone() {
    let mut given = given();
    given.request().initial_access_token = Some("initial-secret".to_owned());
    let login = registering(given, server());
    assert_eq!(login.sent().authorization.as_deref(), Some("Bearer initial-secret"));
    let login = login.registers(registered()).saves_registration();
    let login = login.redirects("code=c0de&state={state}");
    assert_eq!(login.sent().authorization, None);
}

#[test]
fn one_registration_serves_all_logins_with_the_same_redirect_uri() {
    let login = told(given(), server(), Some(known()));
    assert_eq!(login.shown().query.one("client_id"), Some("registered-1"));
    // Another process has registered while this one waited for the lock.
    let login = told(given(), server(), None).locks_registration(Some(known()));
    let login = login.saves_registration();
    assert_eq!(login.shown().query.one("client_id"), Some("registered-1"));
    let elsewhere = given().redirect_uri("http://127.0.0.1:4181/callback");
    let login = told(elsewhere, server(), Some(known())).locks_registration(Some(known()));
    let second = json!({ "client_id": "registered-2" });
    let login = login.registers(second).saves_registration();
    let both = login.registration.expect("two registrations");
    for (port, id) in [(4180, "registered-1"), (4181, "registered-2")] {
        let given = given().redirect_uri(&format!("http://127.0.0.1:{port}/callback"));
        let login = told(given, server(), Some(both.clone()));
        assert_eq!(login.shown().query.one("client_id"), Some(id));
    }
}

#[test]
fn a_client_may_request_what_it_was_registered_for() {
    let described = json!({
        "resource": RESOURCE,
        "authorization_servers": ["https://id.example"],
        "scopes_supported": ["read", "write"],
    });
    let login = given().login().refuses("Bearer").describes(described).discovers(server());
    let login = login.knows(None).confirms(false).locks_registration(None);
    assert_eq!(login.sent().json["scope"], "read write", "for later logins too");
    let stored = login.registers(registered()).saves_registration().registration;
    let writing = || given().scopes(&["write"]);
    let login = told(writing(), server(), stored.clone());
    assert_eq!(login.shown().query.one("client_id"), Some("registered-1"));
    let more = told(given().scopes(&["admin"]), server(), stored.clone());
    more.locks_registration(stored).registers(registered());
    // The server's word counts.
    let mut narrowed = registered();
    narrowed["scope"] = json!("read");
    let login = registering(given(), server()).registers(narrowed).saves_registration();
    let stored = login.registration;
    told(writing(), server(), stored.clone()).locks_registration(stored).registers(registered());
}

#[test]
fn a_login_with_another_client_replaces_the_session() {
    let mut anew = given().stored(logged_in());
    anew.request().register = true;
    let login = told(anew, server(), Some(known())).locks_registration(Some(known()));
    let login = login.registers(json!({ "client_id": "registered-2" })).saves_registration();
    let login = login.redirects("code=c0de&state={state}").redeems(tokens(2));
    let login = login.locks(Some(logged_in())).saves();
    assert_eq!(login.stored_field("client_id"), "registered-2");
    login.grants();
}

#[test]
fn a_client_with_a_secret_names_itself_in_the_form_too() {
    let secret = json!({ "client_id": "r", "client_secret": "client-secret" });
    let login = registering(given(), server()).registers(secret).saves_registration();
    let login = login.redirects("code=c0de&state={state}");
    assert!(login.sent().authorization.expect("a header").starts_with("Basic "));
    assert_eq!(login.sent().form.one("client_id"), Some("r"));
    assert_eq!(login.sent().form.one("client_secret"), None);
}

#[test]
fn a_client_of_the_caller_s_or_a_document_needs_no_registration() {
    let by_hand = given().client(|client| client.client_id = Some("cli".to_owned()));
    let login = told(by_hand, server(), Some(known()));
    assert_eq!(login.shown().query.one("client_id"), Some("cli"));
    let document =
        || given().client(|client| client.client_metadata_url = Some(DOCUMENT.to_owned()));
    let takes = || server_with("client_id_metadata_document_supported", json!(true));
    let login = told(document(), takes(), Some(known()));
    assert_eq!(login.shown().query.one("client_id"), Some(DOCUMENT));
    let login = told(document(), server(), Some(known()));
    assert_eq!(login.shown().query.one("client_id"), Some("registered-1"), "not supported");
    let mut anew = document();
    anew.request().register = true;
    told(anew, takes(), Some(known())).locks_registration(Some(known())).registers(registered());
}

#[test]
fn the_url_of_a_document_is_checked_before_any_request() {
    for url in [
        "client.json",
        "http://latchstring.example/client.json",
        "https://latchstring.example",
        "https://latchstring.example/",
        "https://latchstring.example/client.json#a",
        "https://user@latchstring.example/client.json",
        "https://latchstring.example/a/../client.json",
        "https://LATCHSTRING.example/client.json",
    ] {
        let document = given().client(|client| client.client_metadata_url = Some(url.to_owned()));
        let failure = document.try_login().err().expect(url);
        assert_eq!(failure.code, Code::InvalidConfiguration, "{url}");
    }
}

#[test]
fn without_a_way_to_a_client_the_user_is_told_to_register_one() {
    let server = server_with("registration_endpoint", json!(null));
    let failure = told(given(), server, None).fails(Code::InvalidConfiguration);
    assert!(failure.remedy.contains("--client-id"), "{}", failure.remedy);
}

// ---- A registration that has died -----------------------------------------------------

#[test]
fn an_expired_secret_is_replaced() {
    let soon = NOW_MS / 1000 + 60;
    let secret = json!({
        "client_id": "r", "client_secret": "client-secret", "client_secret_expires_at": soon,
    });
    let login = registering(given(), server()).registers(secret).saves_registration();
    let stored = login.registration;
    assert_eq!(told(given(), server(), stored.clone()).shown().query.one("client_id"), Some("r"));
    let later = told(given().later(60_000), server(), stored.clone());
    later.locks_registration(stored).registers(registered());
}

#[test]
fn a_client_that_the_token_endpoint_disowns_is_forgotten() {
    for error in ["invalid_client", "unauthorized_client"] {
        let login = told(given(), server(), Some(known())).redirects("code=c0de&state={state}");
        let login = login.redeems(oauth_error(error)).locks_registration(Some(known()));
        let login = login.saves_registration();
        let left = login.registration.clone();
        login.fails(Code::ProviderRefused);
        told(given(), server(), left.clone()).locks_registration(left).registers(registered());

        let token = given().stored(logged_in()).later(HOUR_MS).token().locks(Some(logged_in()));
        let token = token.refreshes(oauth_error(error)).locks_registration(Some(known()));
        let token = token.saves_registration();
        assert_eq!(token.stored(), None, "the session stays");
        token.fails(Code::LoginRequired);
    }
}

#[test]
fn only_the_client_that_was_disowned_is_forgotten() {
    let newer = registering(given(), server()).registers(json!({ "client_id": "newer" }));
    let newer = newer.saves_registration().registration;
    let login = told(given(), server(), Some(known())).redirects("code=c0de&state={state}");
    let login = login.redeems(oauth_error("invalid_client")).locks_registration(newer);
    let left = login.saves_registration().registration;
    assert_eq!(told(given(), server(), left).shown().query.one("client_id"), Some("newer"));
}

#[test]
fn after_two_logins_that_came_to_nothing_a_new_client_is_registered() {
    let mut stored = Some(known());
    for _ in 0..2 {
        let login = told(given(), server(), stored.clone());
        let login = login.gives_up().locks_registration(stored).saves_registration();
        stored = login.registration.clone();
        login.fails(Code::Cancelled);
    }
    told(given(), server(), stored.clone()).locks_registration(stored).registers(registered());
}

#[test]
fn a_finished_login_dispels_the_doubt() {
    let login = told(given(), server(), Some(known())).gives_up();
    let doubtful = login.locks_registration(Some(known())).saves_registration().registration;
    let login = told(given(), server(), doubtful.clone());
    let login = login.redirects("code=c0de&state={state}").redeems(tokens(1));
    let login = login.locks(None).saves();
    let login = login.locks_registration(doubtful).saves_registration();
    assert_eq!(login.registration, Some(known()));
    login.grants();
}

#[test]
fn what_cannot_be_read_counts_as_nothing() {
    for stored in
        ["", "{}", "null", "{\"format\":2,\"issuer\":\"https://id.example\",\"clients\":[]}"]
    {
        let login = told(given(), server(), Some(stored.into()));
        login.locks_registration(Some(stored.into())).registers(registered());
    }
}

// ---- Reading and removing a registration (RFC 7592) -----------------------------------

const DAY_MS: u64 = 24 * HOUR_MS;

/// A login a day later, which asks first whether the server still knows the client.
fn a_day_later() -> Script {
    told(given().later(DAY_MS), server(), Some(known())).locks_registration(Some(known()))
}

#[test]
fn after_a_day_the_server_is_asked_whether_it_knows_the_client() {
    let fresh = told(given().later(DAY_MS - 1), server(), Some(known()));
    assert_eq!(fresh.shown().query.one("client_id"), Some("registered-1"));
    let sent = a_day_later().sent();
    assert_eq!(sent.url, "https://id.example/register/1");
    assert_eq!(sent.authorization.as_deref(), Some("Bearer registration-secret"));
    let mut answer = registered();
    answer["registration_access_token"] = json!("registration-secret-2");
    let login = a_day_later().registers(answer).saves_registration();
    assert_eq!(login.shown().query.one("client_id"), Some("registered-1"));
    let stored = login.registration;
    let fresh = told(given().later(2 * DAY_MS - 1), server(), stored.clone());
    assert_eq!(fresh.shown().query.one("client_id"), Some("registered-1"));
    let later = told(given().later(2 * DAY_MS), server(), stored.clone());
    let sent = later.locks_registration(stored).sent();
    assert_eq!(sent.authorization.as_deref(), Some("Bearer registration-secret-2"));
}

#[test]
fn a_client_that_the_server_does_not_know_is_registered_again() {
    for gone in [401, 404, 410] {
        let login = a_day_later().registers(status(gone, ""));
        assert_eq!(login.sent().url, "https://id.example/register");
        let login = login.registers(json!({ "client_id": "registered-2" })).saves_registration();
        assert_eq!(login.shown().query.one("client_id"), Some("registered-2"));
        let stored = login.registration;
        let next = told(given().later(DAY_MS), server(), stored);
        assert_eq!(next.shown().query.one("client_id"), Some("registered-2"));
    }
}

#[test]
fn an_answer_that_says_nothing_about_the_client_changes_nothing() {
    for answer in [
        status(403, ""),
        status(500, ""),
        status(200, "<html>"),
        status(200, r#"{"client_id":"another"}"#),
        super::provider::unreachable(),
    ] {
        let mut login = a_day_later();
        while matches!(login.last, Ok(Action::Exchange(_))) {
            login = login.registers(answer.clone());
        }
        let login = login.saves_registration();
        assert_eq!(login.registration, Some(known()));
        assert_eq!(login.shown().query.one("client_id"), Some("registered-1"));
    }
}

#[test]
fn the_token_of_a_registration_goes_only_where_it_was_registered() {
    let mut elsewhere = registered();
    elsewhere["registration_client_uri"] = json!("https://evil.example/register/1");
    let login = registering(given(), server()).registers(elsewhere).saves_registration();
    let login = told(given().later(DAY_MS), server(), login.registration);
    assert_eq!(login.shown().query.one("client_id"), Some("registered-1"));
}

/// A logout that removes the client, after the tokens were revoked.
fn unregistering(stored: Option<Vec<u8>>) -> Script {
    let logout = given().stored(logged_in()).unregisters().logout().locks(Some(logged_in()));
    let logout = logout.revokes(status(200, "")).revokes(status(200, ""));
    logout.locks_registration(stored)
}

#[test]
fn a_logout_can_remove_the_client() {
    let sent = unregistering(Some(known())).sent();
    assert_eq!((sent.method, &*sent.url), (Method::Delete, "https://id.example/register/1"));
    assert_eq!(sent.authorization.as_deref(), Some("Bearer registration-secret"));
    // It may be gone already.
    for answer in [status(204, ""), status(401, ""), status(404, "")] {
        let logout = unregistering(Some(known())).registers(answer).saves_registration();
        let left = logout.registration.clone();
        let report = logout.deletes().logs_out();
        assert_eq!(report.registration.expect("an end").kept, None);
        told(given(), server(), left.clone()).locks_registration(left).registers(registered());
    }
}

#[test]
fn a_client_that_cannot_be_removed_is_kept_for_the_next_login() {
    let refused = unregistering(Some(known())).registers(status(405, "")).saves_registration();
    assert_eq!(refused.registration, Some(known()));
    let mut unmanaged = registered();
    unmanaged["registration_client_uri"] = json!(null);
    let unmanaged = registering(given(), server()).registers(unmanaged).saves_registration();
    let unmanaged = unregistering(unmanaged.registration).saves_registration();
    let by_hand = given().client(|client| client.client_id = Some("cli".to_owned()));
    let login = told(by_hand, server(), Some(known())).redirects("code=c0de&state={state}");
    let stored = login.redeems(tokens(1)).locks(None).saves().stored();
    let by_hand = given().client(|client| client.client_id = Some("cli".to_owned()));
    let by_hand = by_hand.stored(stored.clone().expect("a session")).unregisters().logout();
    let by_hand = by_hand.locks(stored).revokes(status(200, "")).revokes(status(200, ""));
    for (logout, expected) in [
        (refused, "the provider answered 405"),
        (unmanaged, "the provider gave no way to remove it"),
        (by_hand, "this program did not register it"),
    ] {
        let end = logout.deletes().logs_out().registration.expect("an end");
        assert_eq!(end.kept.as_deref(), Some(expected));
    }
}

#[test]
fn a_logout_leaves_the_client_where_it_is() {
    let logout = given().stored(logged_in()).logout().locks(Some(logged_in()));
    let logout = logout.revokes(status(200, "")).revokes(status(200, ""));
    assert!(logout.deletes().logs_out().registration.is_none());
}
