//! Tokens that no user logs in for (RFC 6749 §4.4, RFC 7523 §2.1, RFC 8693).

use serde_json::{Value, json};

use super::client_assertion::{jwt, jwt_of_type};
use super::given::{Given, HOUR_MS, MINUTE_MS, openid};
use super::provider::{
    ISSUER, Tokens, access_token, metadata, oauth_error, status, tokens, unreachable,
};
use super::script::Script;
use super::seen::jws;
use crate::contract::{
    AssertionPurpose, Audience, ClientKey, Code, GrantType, SigningAlgorithm, TokenExchange,
    TokenSource, TokenState,
};
use crate::protocol::description::describe;
use crate::protocol::stored::Stored;

const ID_TOKEN: &str = "urn:ietf:params:oauth:token-type:id_token";

fn machine() -> Given {
    openid().secret("secret").scopes(&["deploy"]).client(|client| {
        client.grant = GrantType::ClientCredentials;
    })
}

fn with_job() -> Given {
    openid().scopes(&[]).client(|client| client.grant = GrantType::JwtBearer)
}

fn exchanging(requested: Option<&str>) -> Given {
    openid().scopes(&[]).client(|client| {
        client.grant = GrantType::TokenExchange(TokenExchange {
            subject_token_type: ID_TOKEN.to_owned(),
            requested_token_type: requested.map(str::to_owned),
        });
    })
}

/// A token response without what only users get.
fn minted(number: u32) -> Tokens {
    tokens(number).without("refresh_token")
}

/// The first request for a token.
fn asking(given: Given) -> Script {
    given.token().locks(None).discovers(metadata())
}

/// The session with a token of generation 1.
fn stored() -> Vec<u8> {
    asking(machine()).asks_token(minted(1)).saves().stored().unwrap()
}

#[test]
fn a_token_needs_no_login_and_is_kept() {
    let token = asking(machine());
    let sent = token.sent();
    assert_eq!(sent.form.one("grant_type"), Some("client_credentials"));
    assert_eq!(sent.form.one("scope"), Some("deploy"));
    assert!(sent.authorization.unwrap().starts_with("Basic "));
    let token = token.asks_token(minted(1)).saves();
    let kept = token.stored().unwrap();
    let grant = token.grants();
    assert_eq!((grant.access_token, grant.source), (access_token(1), TokenSource::Renewed));
    assert!(grant.renew_at_ms.is_some());
    let grant = machine().stored(kept.clone()).token().grants();
    assert_eq!((grant.access_token, grant.source), (access_token(1), TokenSource::Cached));
    let described = describe(Stored::parse(&kept).unwrap(), super::given::NOW_MS + 2 * HOUR_MS);
    assert_eq!(described.token_state, TokenState::Renewable);
}

#[test]
fn another_token_is_asked_for_without_the_metadata() {
    let stale = machine().stored(stored()).later(59 * MINUTE_MS).token();
    let token = stale.locks(Some(stored()));
    assert_eq!(token.sent().url, "https://id.example/token");
    let grant = token.asks_token(minted(2)).saves().grants();
    assert_eq!(grant.access_token, access_token(2));
}

#[test]
fn of_several_processes_one_asks() {
    let grant = machine().token().locks(Some(stored())).grants();
    assert_eq!((grant.access_token, grant.source), (access_token(1), TokenSource::Adopted));
}

#[test]
fn an_outage_is_bridged_while_the_token_is_valid() {
    let grant = machine().stored(stored()).later(59 * MINUTE_MS).token().locks(Some(stored()));
    assert_eq!(grant.asks_token(unreachable()).grants().access_token, access_token(1));
    let late = machine().stored(stored()).later(HOUR_MS).token().locks(Some(stored()));
    late.asks_token(unreachable()).fails(Code::Unreachable);
}

#[test]
fn a_token_that_ends_too_soon_is_granted_with_a_notice() {
    let grant = machine().stored(stored()).min_ttl_ms(2 * HOUR_MS).token().grants();
    assert!(grant.notices[0].contains("3600 s, but 7200 s were requested"), "{:?}", grant.notices);
}

#[test]
fn a_refusal_asks_for_no_login() {
    for error in ["invalid_client", "unauthorized_client", "invalid_scope", "invalid_grant"] {
        let failure = asking(machine()).asks_token(oauth_error(error)).fails(Code::ProviderRefused);
        assert_eq!(failure.provider.unwrap().error, error);
    }
    let broken = asking(machine()).asks_token(status(200, "{}"));
    broken.fails(Code::InvalidTokenResponse);
}

#[test]
fn nobody_logs_in_with_such_a_client() {
    let failure = machine().try_login().err().unwrap();
    assert_eq!(failure.code, Code::InvalidConfiguration);
}

#[test]
fn each_grant_and_each_audience_has_a_token_of_its_own() {
    assert_ne!(
        machine().account_key(),
        openid().secret("secret").scopes(&["deploy"]).account_key()
    );
    assert_ne!(exchanging(None).account_key(), exchanging(Some(ID_TOKEN)).account_key());
    let given = machine().client(|client| client.audience = Some(Audience::Name("api".into())));
    assert_eq!(given.account_key(), machine().account_key());
    let token = given.stored(stored()).token().locks(Some(stored()));
    assert_eq!(token.sent().form.one("audience"), Some("api"));
    let both = token.asks_token(minted(2)).saves().stored().unwrap();
    assert_eq!(machine().stored(both).token().grants().access_token, access_token(1));
}

#[test]
fn an_assertion_says_whom_the_token_is_for() {
    let job = jwt(json!({ "iss": "https://ci.example", "sub": "job:1", "aud": ISSUER }));
    let token = asking(with_job()).reads(AssertionPurpose::Subject, &job);
    let sent = token.sent();
    let grant = "urn:ietf:params:oauth:grant-type:jwt-bearer";
    assert_eq!(sent.form.one("grant_type"), Some(grant));
    assert_eq!(sent.form.one("assertion"), Some(job.as_str()));
    assert_eq!(sent.form.one("client_id"), Some("cli"));
    let failure = token.asks_token(oauth_error("invalid_grant")).fails(Code::ProviderRefused);
    assert!(failure.message.contains("sub job:1"), "{}", failure.message);
}

#[test]
fn an_assertion_for_another_provider_is_not_sent() {
    for (audience, is_sent) in [
        (json!(ISSUER), true),
        (json!(["https://id.example/token", "x"]), true),
        (json!("https://elsewhere.example"), false),
    ] {
        let job = jwt(json!({ "aud": audience }));
        let token = asking(with_job()).reads(AssertionPurpose::Subject, &job);
        match is_sent {
            true => {
                assert_eq!(
                    token.asks_token(minted(1)).saves().grants().access_token,
                    access_token(1)
                )
            }
            false => {
                let failure = token.fails(Code::InvalidConfiguration);
                assert!(failure.message.contains("https://elsewhere.example"));
            }
        }
    }
}

#[test]
fn a_token_is_exchanged_for_one_of_the_type_that_was_requested() {
    let wanted = "urn:ietf:params:oauth:token-type:access_token";
    let token = || asking(exchanging(Some(wanted))).reads(AssertionPurpose::Subject, "opaque");
    let sent = token().sent();
    for (name, value) in [
        ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
        ("subject_token", "opaque"),
        ("subject_token_type", ID_TOKEN),
        ("requested_token_type", wanted),
    ] {
        assert_eq!(sent.form.one(name), Some(value));
    }
    token().asks_token(minted(1).with("issued_token_type", wanted)).saves().grants();
    for other in [minted(1), minted(1).with("issued_token_type", ID_TOKEN)] {
        token().asks_token(other).fails(Code::InvalidTokenResponse);
    }
    // One that is not for APIs is never granted as one that is.
    let answer = minted(1).with("issued_token_type", wanted).with("token_type", "N_A");
    token().asks_token(answer).fails(Code::InvalidTokenResponse);
}

#[test]
fn a_client_that_presents_enough_need_not_say_who_it_is() {
    let nobody = |given: Given| given.client(|client| client.client_id = Some(String::new()));
    for given in [exchanging(None), with_job()] {
        let token = asking(nobody(given)).reads(AssertionPurpose::Subject, "opaque");
        assert_eq!(token.sent().form.one("client_id"), None);
        assert_eq!(token.sent().authorization, None);
        token.asks_token(minted(1)).saves().grants();
    }
    for refused in [nobody(openid()).try_login(), nobody(machine()).try_token()] {
        assert_eq!(refused.err().unwrap().code, Code::InvalidConfiguration);
    }
}

// ---- Identity assertion authorization grants ------------------------------------

const ID_JAG: &str = "urn:ietf:params:oauth:token-type:id-jag";
const CHAT: &str = "https://chat.example/api";

/// An identity assertion authorization grant with these claims besides its audience.
fn id_jag(claims: Value) -> String {
    let mut all = json!({ "aud": ISSUER });
    all.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
    jwt_of_type("oauth-id-jag+jwt", all)
}

#[test]
fn the_host_learns_what_the_assertion_is_wanted_for() {
    let client = with_job().scopes(&["read"]).client(|client| client.resources = vec![CHAT.into()]);
    let token = asking(client);
    let wanted = token.assertion_request();
    assert_eq!(wanted.audience.as_deref(), Some(ISSUER));
    assert_eq!(wanted.resources, [CHAT]);
    assert_eq!(wanted.scopes, ["read"]);
}

#[test]
fn an_identity_provider_issues_a_grant_for_another_server_and_no_token_for_apis() {
    let client = exchanging(Some(ID_JAG)).client(|client| {
        client.audience = Some(Audience::Name("https://chat.example".to_owned()));
        client.resources = vec![CHAT.to_owned()];
    });
    let token = || asking(client.clone()).reads(AssertionPurpose::Subject, "id-token");
    let sent = token().sent();
    assert_eq!(sent.form.one("requested_token_type"), Some(ID_JAG));
    assert_eq!(sent.form.one("audience"), Some("https://chat.example"));
    assert_eq!(sent.form.one("resource"), Some(CHAT));

    let answer = |grant: &str| {
        let answer = minted(1).with("issued_token_type", ID_JAG).with("token_type", "N_A");
        answer.with("access_token", grant)
    };
    let grant = token().asks_token(answer(&id_jag(json!({})))).saves().grants();
    assert_eq!(grant.token_type, "N_A");
    assert!(grant.headers.is_empty());
    for other in ["opaque", &jwt(json!({ "aud": "https://chat.example" }))] {
        token().asks_token(answer(other)).fails(Code::InvalidTokenResponse);
    }
}

#[test]
fn a_grant_for_another_client_or_resource_is_never_sent() {
    let client = with_job().client(|client| client.resources = vec![CHAT.to_owned()]);
    let read = |grant: &str| asking(client.clone()).reads(AssertionPurpose::Subject, grant);
    for claims in [
        json!({}),
        json!({ "client_id": "cli", "resource": CHAT }),
        json!({ "client_id": "cli", "resource": [CHAT, "https://other.example"] }),
    ] {
        read(&id_jag(claims)).asks_token(minted(1)).saves().grants();
    }
    for (claims, named) in [
        (json!({ "client_id": "another" }), "another"),
        (json!({ "resource": "https://other.example" }), "https://other.example"),
        (json!({ "aud": "https://elsewhere.example" }), "https://elsewhere.example"),
    ] {
        let failure = read(&id_jag(claims)).fails(Code::InvalidConfiguration);
        assert!(failure.message.contains(named), "{}", failure.message);
    }
    // Other assertions may have these claims for reasons of their own.
    let token = read(&jwt(json!({ "aud": ISSUER, "client_id": "another" })));
    token.asks_token(minted(1)).saves().grants();
}

// ---- With the URL of a resource alone --------------------------------------------

const RESOURCE: &str = "https://api.example/mcp";
const CHALLENGE: &str = "Bearer scope=\"tools\", resource_metadata=\"https://api.example/prm\"";

fn by_url(given: Given) -> Given {
    given.client(|client| {
        client.issuer = None;
        client.scopes = Vec::new();
        client.resource_url = Some(RESOURCE.to_owned());
    })
}

/// A client whose request for a token says nothing that another server could use.
fn with_key() -> Given {
    openid().client(|client| {
        let algorithm = SigningAlgorithm::Es256;
        client.grant = GrantType::ClientCredentials;
        client.key = Some(ClientKey { algorithm, id: None, audience: None });
    })
}

/// The resource has named these authorization servers.
fn found(given: Given, issuers: &[&str]) -> Script {
    let described = json!({ "resource": RESOURCE, "authorization_servers": issuers });
    by_url(given).token().locks(None).refuses(CHALLENGE).describes(described)
}

#[test]
fn the_issuer_is_found_by_the_resource_and_kept() {
    let token = found(with_key(), &[ISSUER]).discovers(metadata()).signs(b"signature");
    let sent = token.sent();
    assert_eq!(sent.form.one("scope"), Some("tools"));
    assert_eq!(sent.form.one("resource"), Some(RESOURCE));
    let (_, claims) = jws(sent.form.one("client_assertion").unwrap());
    assert_eq!(claims["aud"], ISSUER);
    let token = token.asks_token(minted(1)).saves();
    let stored = token.stored().unwrap();
    assert_eq!(token.grants().access_token, access_token(1));
    let stale = by_url(with_key()).stored(stored.clone()).later(59 * MINUTE_MS).token();
    let token = stale.locks(Some(stored)).signs(b"signature");
    assert_eq!(token.sent().form.one("resource"), Some(RESOURCE));
    let (_, claims) = jws(token.sent().form.one("client_assertion").unwrap());
    assert_eq!(claims["aud"], ISSUER);
}

#[test]
fn a_secret_goes_to_no_host_that_only_a_resource_names() {
    let failure = found(machine(), &[ISSUER]).fails(Code::InvalidConfiguration);
    assert!(failure.remedy.contains("--issuer https://id.example"), "{}", failure.remedy);
    let exchange = found(exchanging(None), &[ISSUER]);
    exchange.fails(Code::InvalidConfiguration);
    let named = |given: Given| given.client(|client| client.issuer = Some(ISSUER.to_owned()));
    let described = json!({ "resource": RESOURCE, "authorization_servers": [ISSUER] });
    let token = named(by_url(machine())).token().locks(None).refuses(CHALLENGE);
    let token = token.describes(described).discovers(metadata());
    assert!(token.sent().authorization.unwrap().starts_with("Basic "));
    let stored = token.asks_token(minted(1)).saves().stored().unwrap();
    assert!(!String::from_utf8(stored.clone()).unwrap().contains("\"secret\""));
    let stale = named(by_url(machine())).stored(stored.clone()).later(59 * MINUTE_MS).token();
    assert!(stale.locks(Some(stored)).sent().authorization.unwrap().starts_with("Basic "));
    let several = found(with_key(), &[ISSUER, "https://other.example"]);
    several.fails(Code::InvalidConfiguration);
}
