//! A login by the URL of a protected resource (RFC 9728, and MCP authorization, which makes
//! many of its choices a MUST).

use serde_json::{Value, json};

use super::given::{Given, HOUR_MS, NOW_MS, desk, openid};
use super::provider::{access_token, metadata_with, not_found, oauth_error, status, tokens};
use super::script::Script;
use crate::contract::{Code, DpopKey, Examination, LoginFlow, Pkce, Reply, SigningAlgorithm};
use crate::protocol::description::describe;
use crate::protocol::stored::Stored;

const RESOURCE: &str = "https://api.example/mcp";
const PLACE: &str = "https://api.example/.well-known/oauth-protected-resource/mcp";
const CHALLENGE: &str = "Bearer realm=\"mcp\", resource_metadata=\"https://api.example/prm\"";

/// A client that knows the URL of a server and nothing else.
pub(super) fn by_url(url: &str) -> Given {
    openid().client(|client| {
        client.issuer = None;
        client.client_id = None;
        client.scopes = Vec::new();
        client.resource_url = Some(url.to_owned());
    })
}

/// The same with a client that was registered by hand.
fn given() -> Given {
    by_url(RESOURCE).client(|client| client.client_id = Some("cli".to_owned()))
}

/// The metadata of the resource, with one more member.
fn described_with(name: &str, value: Value) -> Value {
    let mut document =
        json!({ "resource": RESOURCE, "authorization_servers": ["https://id.example"] });
    document[name] = value;
    document
}

fn described() -> Value {
    described_with("scopes_supported", json!(["read", "write"]))
}

/// Metadata of the authorization server.
fn server() -> Value {
    metadata_with("code_challenge_methods_supported", json!(["S256"]))
}

/// A login that has found the resource's metadata and asks for the issuer's.
fn found(given: Given, described: Value) -> Script {
    given.login().refuses(CHALLENGE).describes(described)
}

/// A login that is now in the browser.
fn in_browser(given: Given, described: Value, server: Value) -> Script {
    let login = found(given, described).discovers(server).knows(None);
    login.confirms(true).locks_registration(None).saves_registration()
}

fn logged_in() -> Vec<u8> {
    let login = in_browser(given(), described(), server());
    let login = login.redirects("code=c0de&state={state}").redeems(tokens(1));
    login.locks(None).saves().stored().expect("a session")
}

// ---- From the URL to the issuer ------------------------------------------------

#[test]
fn the_url_of_a_server_is_enough() {
    let login = given().login();
    assert_eq!(login.sent().url, RESOURCE);
    assert_eq!(login.sent().authorization, None);
    let login = login.refuses(CHALLENGE);
    assert_eq!(login.sent().url, "https://api.example/prm");
    let login = login.describes(described());
    assert_eq!(login.sent().url, "https://id.example/.well-known/oauth-authorization-server");
    let login = login.discovers(server()).knows(None).confirms(true);
    let login = login.locks_registration(None).saves_registration();
    let query = login.shown().query;
    assert_eq!(query.one("resource"), Some(RESOURCE));
    assert_eq!(query.one("scope"), Some("read write"));
    assert_eq!(query.one("client_id"), Some("cli"));
    let login = login.redirects("code=c0de&state={state}&iss=https://id.example");
    assert_eq!(login.sent().form.one("resource"), Some(RESOURCE));
    let login = login.redeems(tokens(1)).locks(None).saves();
    let stored = login.stored().expect("a session");
    assert_eq!(login.grants().access_token, access_token(1));
    let description = describe(Stored::parse(&stored).ok().unwrap(), NOW_MS);
    assert_eq!(description.resource.as_deref(), Some(RESOURCE));
    assert_eq!(description.issuer.as_deref(), Some("https://id.example"));
}

#[test]
fn metadata_is_looked_up_where_the_challenge_says_and_nowhere_else() {
    let failure = given().login().refuses(CHALLENGE).describes(not_found());
    let failure = failure.fails(Code::InvalidMetadata);
    assert!(failure.message.contains("https://api.example/prm"), "{}", failure.message);
}

#[test]
fn without_a_location_the_well_known_ones_are_asked_in_order() {
    let login = given().login().refuses("Bearer");
    assert_eq!(login.sent().url, PLACE);
    let login = login.describes(not_found());
    assert_eq!(login.sent().url, "https://api.example/.well-known/oauth-protected-resource");
    login.describes(described_with("resource", json!("https://api.example"))).discovers(server());
}

#[test]
fn a_server_that_lets_the_first_request_pass_is_asked_as_an_mcp_client_asks() {
    let login = given().login().passes_unrefused();
    assert_eq!(login.sent().json["method"], "initialize");
    assert_eq!(login.sent().url, RESOURCE);
    let login = login.refuses(CHALLENGE);
    assert_eq!(login.sent().url, "https://api.example/prm");
    let login = given().login().passes_unrefused().passes_unrefused();
    assert_eq!(login.sent().url, PLACE);
    let login = login.describes(described());
    assert_eq!(login.sent().url, "https://id.example/.well-known/oauth-authorization-server");
}

#[test]
fn a_challenge_that_the_caller_has_is_not_asked_for() {
    let mut given = given();
    given.request().challenge = Some(CHALLENGE.to_owned());
    assert_eq!(given.login().sent().url, "https://api.example/prm");
}

#[test]
fn an_mcp_server_without_metadata_is_its_own_issuer() {
    let login = given().login().refuses("Bearer").describes(not_found()).describes(not_found());
    let place = "https://api.example/.well-known/oauth-authorization-server";
    assert_eq!(login.sent().url, place);
    let login = login.discovers(not_found());
    assert_eq!(login.sent().url, "https://api.example/.well-known/openid-configuration");
    let login = login.discovers(not_found()).knows(None).confirms(false);
    let login = login.locks_registration(None).saves_registration();
    assert!(login.shown().url.starts_with("https://api.example/authorize?"));
    assert_eq!(login.shown().query.one("resource"), Some(RESOURCE));
    assert_eq!(login.shown().query.one("scope"), None);
}

#[test]
fn a_url_that_guards_nothing_is_told_so() {
    let login = given().login().passes_unrefused().passes_unrefused();
    let failure = login.describes(not_found()).describes(not_found()).fails(Code::InvalidMetadata);
    assert!(failure.message.contains(RESOURCE), "{}", failure.message);
}

#[test]
fn a_resource_that_misleads_is_refused_before_any_browser() {
    for (described, named) in [
        (
            described_with("resource", json!("https://other.example/mcp")),
            "https://other.example/mcp",
        ),
        (
            described_with("resource", json!("https://api.example/other")),
            "https://api.example/other",
        ),
        (described_with("resource", json!("http://api.example/mcp")), "https"),
        (described_with("resource", json!("https://api.example/mcp#a")), "fragment"),
        (described_with("resource", json!(7)), "cannot be read"),
        (described_with("authorization_servers", json!([])), "authorization_servers"),
        (described_with("authorization_servers", json!(["http://id.example"])), "https"),
        (described_with("authorization_servers", json!(["http://127.0.0.1"])), "https"),
        (described_with("bearer_methods_supported", json!(["query"])), "bearer_methods_supported"),
    ] {
        let failure = found(given(), described).fails(Code::InvalidMetadata);
        assert!(failure.message.contains(named), "{}: {named}", failure.message);
    }
    for answer in [status(302, ""), status(200, "<html>")] {
        given().login().refuses(CHALLENGE).describes(answer).fails(Code::InvalidMetadata);
    }
    let away = "Bearer resource_metadata=\"https://evil.example/prm\"";
    let failure = given().login().refuses(away).fails(Code::InvalidMetadata);
    assert!(failure.message.contains("https://evil.example"), "{}", failure.message);
    let hung = given().login().refuses(CHALLENGE).describes(status(503, ""));
    assert!(hung.fails(Code::ProviderUnavailable).retryable);
}

// ---- The issuer ------------------------------------------------------------------

#[test]
fn the_issuer_s_metadata_is_looked_up_in_mcp_s_order() {
    let tenant = "https://id.example/t";
    let named = || described_with("authorization_servers", json!([tenant]));
    let login = found(given(), named());
    assert_eq!(login.sent().url, "https://id.example/.well-known/oauth-authorization-server/t");
    let login = login.discovers(not_found());
    assert_eq!(login.sent().url, "https://id.example/.well-known/openid-configuration/t");
    let login = login.discovers(status(200, "<html>"));
    assert_eq!(login.sent().url, "https://id.example/t/.well-known/openid-configuration");
    let failure = login.discovers(not_found()).fails(Code::InvalidMetadata);
    assert!(failure.message.contains("none of"), "{}", failure.message);
    let failure = found(given(), named()).discovers(server()).fails(Code::InvalidMetadata);
    assert!(failure.message.contains(tenant), "another issuer: {}", failure.message);
    found(given(), named()).discovers(status(500, "")).fails(Code::ProviderUnavailable);
}

#[test]
fn the_document_s_own_spelling_is_the_issuer() {
    let named = described_with("authorization_servers", json!(["https://id.example/"]));
    let login = in_browser(given(), named, server());
    let login = login.redirects("code=c0de&state={state}&iss=https://id.example/");
    assert!(login.shown().notice.expect("a stray").contains("https://id.example"));
    login.redirects("code=c0de&state={state}&iss=https://id.example").redeems(tokens(1));
}

#[test]
fn a_server_that_does_not_say_that_it_supports_pkce_is_refused() {
    for value in [json!(null), json!(["plain"])] {
        let server = metadata_with("code_challenge_methods_supported", value);
        let login = in_browser(given(), described(), server);
        login.fails(Code::InvalidMetadata);
    }
    let known = given().client(|client| client.pkce = Pkce::Known);
    let silent = metadata_with("code_challenge_methods_supported", json!(null));
    in_browser(known, described(), silent).shown();
}

#[test]
fn one_of_several_authorization_servers_is_chosen() {
    let both = || {
        let both = json!(["https://id.example", "https://other.example"]);
        described_with("authorization_servers", both)
    };
    let place = |login: Script| login.sent().url;
    let first = "https://id.example/.well-known/oauth-authorization-server";
    let other = "https://other.example/.well-known/oauth-authorization-server";
    assert_eq!(place(found(given(), both())), first);
    let asked = |issuer: &str| given().client(|client| client.issuer = Some(issuer.to_owned()));
    assert_eq!(place(found(asked("https://other.example"), both())), other);
    let failure = found(asked("https://evil.example"), both()).fails(Code::InvalidMetadata);
    assert!(failure.message.contains("https://evil.example"), "{}", failure.message);
    let mut alone = given();
    alone.request().facts.terminal = false;
    let failure = found(alone, both()).fails(Code::InvalidConfiguration);
    assert!(failure.remedy.contains("https://other.example"), "{}", failure.remedy);
    // The session that is replaced has chosen before.
    let mut swapped = both();
    swapped["authorization_servers"] = json!(["https://other.example", "https://id.example"]);
    assert_eq!(place(found(given().stored(logged_in()), swapped)), first);
}

#[test]
fn what_belongs_to_one_issuer_never_goes_to_another() {
    let moved = || described_with("authorization_servers", json!(["https://new.example"]));
    let failure = found(given().stored(logged_in()), moved()).fails(Code::InvalidMetadata);
    for named in ["https://new.example", "https://id.example", "cli"] {
        assert!(failure.message.contains(named), "{}", failure.message);
    }
    // Without a client of the caller's, the old session is set aside by the host.
    found(by_url(RESOURCE).stored(logged_in()), moved()).fails(Code::StoredDamaged);
}

// ---- Consent -----------------------------------------------------------------------

#[test]
fn an_issuer_of_another_host_is_confirmed_once_on_a_terminal() {
    let asks = |given: Given, described: Value, known: Option<Vec<u8>>| {
        let login = found(given, described).discovers(server()).knows(known);
        match login.position().1 {
            Some(crate::contract::Action::Confirm(confirmation)) => confirmation.asks,
            _ => panic!("expected a confirmation"),
        }
    };
    assert!(asks(given(), described(), None));
    let known = in_browser(given(), described(), server()).registration;
    assert!(!asks(given(), described(), known), "this machine has been there");
    let mut alone = given();
    alone.request().facts.terminal = false;
    assert!(!asks(alone, described(), None), "nobody can answer");
    let mut accepted = given();
    accepted.request().accepted_issuer_host = Some("ID.example".to_owned());
    assert!(!asks(accepted, described(), None));
    let below = |url: &str| by_url(url).client(|client| client.client_id = Some("cli".to_owned()));
    let own = json!({ "resource": "https://mcp.id.example", "authorization_servers": ["https://id.example"] });
    let login = below("https://mcp.id.example").login().refuses("Bearer").describes(own);
    login.discovers(server()).knows(None).confirms(false);
}

#[test]
fn a_login_ends_if_the_user_does_not_consent() {
    let asked = || found(given(), described()).discovers(server()).knows(None);
    asked().answers_consent(Reply::Cancelled).fails(Code::Cancelled);
    asked().answers_consent(Reply::TimedOut).fails(Code::TimedOut);
    let mut accepting = given();
    accepting.request().accepted_issuer_host = Some("login.api.example".to_owned());
    let failure = found(accepting, described()).discovers(server()).fails(Code::InvalidMetadata);
    for named in ["login.api.example", "id.example", "api.example"] {
        assert!(failure.message.contains(named), "{}", failure.message);
    }
    assert!(failure.remedy.contains("--accept-issuer id.example"), "{}", failure.remedy);
}

// ---- Scopes ------------------------------------------------------------------------

#[test]
fn scopes_come_from_the_caller_the_challenge_or_the_resource_in_this_order() {
    let challenge = "Bearer scope=\"a b\", resource_metadata=\"https://api.example/prm\"";
    let scope = |given: Given, challenge: &str, described: Value| {
        let login = given.login().refuses(challenge).describes(described).discovers(server());
        let login = login.knows(None).confirms(true).locks_registration(None);
        login.saves_registration().shown().query.one("scope").map(str::to_owned)
    };
    let own = || given().scopes(&["mine"]);
    assert_eq!(scope(own(), challenge, described()).as_deref(), Some("mine"));
    assert_eq!(scope(given(), challenge, described()).as_deref(), Some("a b"));
    assert_eq!(scope(given(), CHALLENGE, described()).as_deref(), Some("read write"));
    let silent = described_with("scopes_supported", json!([]));
    assert_eq!(scope(given(), CHALLENGE, silent), None);
}

#[test]
fn offline_access_is_added_where_the_server_lists_it() {
    let mut server = server();
    server["scopes_supported"] = json!(["read", "offline_access", "admin"]);
    let login = in_browser(given(), described(), server);
    assert_eq!(login.shown().query.one("scope"), Some("read write offline_access"));
    assert_eq!(login.shown().query.one("prompt"), Some("consent"), "or it may be ignored");
}

// ---- A session by URL ----------------------------------------------------------------

#[test]
fn a_renewal_needs_the_url_alone_and_repeats_the_resource() {
    let token = by_url(RESOURCE).stored(logged_in()).later(HOUR_MS).token();
    let token = token.locks(Some(logged_in()));
    assert_eq!(token.sent().url, "https://id.example/token");
    assert_eq!(token.sent().form.one("resource"), Some(RESOURCE));
    assert_eq!(token.sent().form.one("client_id"), Some("cli"));
    assert_eq!(token.refreshes(tokens(2)).saves().grants().access_token, access_token(2));
}

#[test]
fn a_token_for_a_resource_is_not_shown_to_the_issuer() {
    for examination in [Examination::Userinfo, Examination::Verification] {
        let failure = by_url(RESOURCE).stored(logged_in()).examining(examination).token();
        let failure = failure.fails(Code::InvalidConfiguration);
        assert!(!failure.message.contains("userinfo"), "{}", failure.message);
    }
}

#[test]
fn a_renewal_is_tried_once_without_the_resource_and_that_is_remembered_first() {
    let token = by_url(RESOURCE).stored(logged_in()).later(HOUR_MS).token();
    let token = token.locks(Some(logged_in())).refreshes(oauth_error("invalid_target")).saves();
    let remembered = token.stored();
    assert_eq!(token.sent().form.one("resource"), None);
    assert_eq!(token.refreshes(tokens(2)).saves().grants().access_token, access_token(2));
    let token = by_url(RESOURCE).stored(remembered.clone()).later(HOUR_MS).token();
    let token = token.locks(remembered);
    assert_eq!(token.sent().form.one("resource"), None);
    token.refreshes(oauth_error("invalid_target")).fails(Code::ProviderRefused);
}

#[test]
fn the_resource_is_repeated_in_the_device_flow() {
    let mut server = server();
    server["device_authorization_endpoint"] = json!("https://id.example/device");
    let login = in_browser(given().flow(Some(LoginFlow::Device)), described(), server);
    assert_eq!(login.sent().form.one("resource"), Some(RESOURCE));
    let code = json!({
        "device_code": "device-secret",
        "user_code": "WDJB-MJHT",
        "verification_uri": "https://id.example/device",
        "expires_in": 600,
    });
    let login = login.codes(code).presents();
    assert_eq!(login.sent().form.one("resource"), Some(RESOURCE));
}

#[test]
fn a_final_slash_makes_no_other_session() {
    let slash = by_url("https://API.example/mcp/");
    assert_eq!(slash.account_key(), by_url(RESOURCE).account_key());
    assert_eq!(slash.account_key(), given().scopes(&["a"]).account_key());
    assert_ne!(slash.account_key(), by_url("https://api.example/MCP").account_key());
    slash.stored(logged_in()).token().grants();
}

// ---- A refused token -----------------------------------------------------------------

fn refused_with(challenge: &str) -> Script {
    let mut given = by_url(RESOURCE).stored(logged_in());
    given.demand().challenge = Some(challenge.to_owned());
    given.token()
}

#[test]
fn a_refused_token_is_renewed_where_that_can_help() {
    for challenge in ["Bearer error=\"invalid_token\"", "Bearer", "nonsense"] {
        let token = refused_with(challenge).locks(Some(logged_in()));
        assert_eq!(token.refreshes(tokens(2)).saves().grants().access_token, access_token(2));
    }
}

#[test]
fn a_demand_for_more_is_a_new_login_and_nothing_is_lost() {
    let more = "Bearer error=\"insufficient_scope\", scope=\"write admin\"";
    let failure = refused_with(more).fails(Code::LoginRequired);
    assert!(failure.message.contains("admin"), "{}", failure.message);
    assert!(!failure.message.contains("write"), "{}", failure.message);
    let again = "Bearer error=\"insufficient_user_authentication\", max_age=60";
    refused_with(again).fails(Code::LoginRequired);
}

#[test]
fn a_step_up_asks_for_what_it_has_and_what_is_missing() {
    let mut given = given().stored(logged_in());
    given.request().challenge =
        Some("Bearer error=\"insufficient_scope\", scope=\"write admin\"".to_owned());
    let known = in_browser(self::given(), described(), server()).registration;
    let login = given.login().describes(described()).discovers(server()).knows(known);
    let login = login.confirms(false);
    assert_eq!(login.shown().query.one("scope"), Some("write admin read"));
}

#[test]
fn a_demand_for_another_authentication_is_passed_on() {
    let mut given = given().stored(logged_in());
    given.request().challenge = Some(
        "Bearer error=\"insufficient_user_authentication\", acr_values=\"gold\", max_age=60"
            .to_owned(),
    );
    let known = in_browser(self::given(), described(), server()).registration;
    let login = given.login().describes(described()).discovers(server()).knows(known);
    let query = login.confirms(false).shown().query;
    assert_eq!(query.one("acr_values"), Some("gold"));
    assert_eq!(query.one("max_age"), Some("60"));
}

#[test]
fn only_oauth_providers_guard_resources() {
    let given = super::given::hexclave();
    let given = given.client(|client| client.resource_url = Some(RESOURCE.to_owned()));
    assert!(given.facts(desk()).try_login().is_err());
    assert!(by_url("http://api.example/mcp").try_login().is_err(), "plain http");
}

#[test]
fn a_resource_that_takes_only_bound_tokens_gets_no_other() {
    let dpop = described_with("dpop_bound_access_tokens_required", json!(true));
    let bound = || {
        given().client(|client| {
            let algorithm = SigningAlgorithm::Es256;
            client.dpop = Some(DpopKey { algorithm, jwk: r#"{"kty":"EC"}"#.to_owned() });
        })
    };
    let failure = found(given(), dpop.clone()).fails(Code::BoundTokenRequired);
    assert!(failure.remedy.contains("--dpop"), "{}", failure.remedy);
    let challenge = CHALLENGE.replacen("Bearer", "DPoP", 1);
    let asked = |given: Given| given.login().refuses(&challenge).describes(described());
    asked(given()).fails(Code::BoundTokenRequired);
    asked(bound()).discovers(server());
    found(bound(), dpop).discovers(server());
    let certificate = described_with("tls_client_certificate_bound_access_tokens", json!(true));
    let failure = found(given(), certificate.clone()).fails(Code::InvalidConfiguration);
    assert!(failure.remedy.contains("--client-cert"), "{}", failure.remedy);
    let with_certificate = given().client(|client| client.certificate = true);
    found(with_certificate, certificate).discovers(server());
}
