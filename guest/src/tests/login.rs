//! Login in a browser, from `begin` to the grant.

use serde_json::json;

use super::given::{HOUR_MS, NOW_MS, logged_in, oauth, openid};
use super::provider::{
    access_token, denied, id_token, metadata, oauth_error, refresh_token, status, tokens,
    too_large, unreachable, usual_keys,
};
use super::script::Script;
use crate::contract::{Code, TokenSource};

/// A login with a code, which is about to be redeemed.
fn with_code() -> Script {
    openid().login_in_browser().redirects("code=c0de&state={state}")
}

/// A login whose ID token contains no name.
fn without_name() -> Script {
    with_code().redeems(tokens(1).and(id_token().without("name"))).fetches_keys(usual_keys())
}

#[test]
fn a_login_discovers_redeems_checks_and_saves() {
    let login = with_code()
        .redeems(tokens(1).and(id_token().bound_to_access_token().bound_to("c_hash", "c0de")))
        .fetches_keys(usual_keys())
        .locks(None)
        .saves();
    assert_eq!(login.stored_field("access_token"), access_token(1));
    assert_eq!(login.stored_field("refresh_token"), refresh_token(1));
    assert_eq!(login.stored_field("display_name"), "Ada");
    let grant = login.grants();
    assert_eq!(grant.access_token, access_token(1));
    assert_eq!(grant.source, TokenSource::Login);
    assert_eq!(grant.scopes, ["openid"]);
    assert_eq!(grant.expires_at_ms, Some(NOW_MS + HOUR_MS));
    assert!(grant.id_token.is_some());
    let claims: serde_json::Value = serde_json::from_str(&grant.claims.unwrap()).unwrap();
    assert_eq!(claims["sub"], "ada");
}

#[test]
fn a_long_running_host_renews_in_the_last_quarter() {
    let grant = openid().stored(logged_in()).token().grants();
    let renew_at_ms = grant.renew_at_ms.unwrap();
    assert!((NOW_MS + HOUR_MS * 3 / 4..=NOW_MS + HOUR_MS * 4 / 5).contains(&renew_at_ms));
}

#[test]
fn a_token_that_cannot_be_renewed_has_no_renewal_time() {
    for tokens in [tokens(1).without("refresh_token"), tokens(1).without("expires_in")] {
        let login = with_code().redeems(tokens.and(id_token())).fetches_keys(usual_keys());
        assert_eq!(login.locks(None).saves().grants().renew_at_ms, None);
    }
}

#[test]
fn endpoints_in_settings_need_no_issuer() {
    let grant = oauth()
        .login()
        .redirects("code=c0de&state={state}")
        .redeems(tokens(1).with("scope", "repo gist"))
        .locks(None)
        .saves()
        .grants();
    assert_eq!(grant.scopes, ["repo", "gist"]);
    assert!(grant.id_token.is_none() && grant.claims.is_none());
}

#[test]
fn without_discovery_both_endpoints_are_mandatory() {
    for given in [
        oauth().client(|client| client.endpoints.token = None),
        oauth().client(|client| client.endpoints.authorization = None),
        openid().client(|client| client.discover = false),
    ] {
        assert_eq!(given.try_login().err().unwrap().code, Code::InvalidConfiguration);
    }
}

#[test]
fn an_id_token_is_not_requested_if_it_cannot_be_checked() {
    oauth().scopes(&["openid"]).login().fails(Code::InvalidConfiguration);
    let given = openid().client(|client| {
        client.discover = false;
        client.endpoints.authorization = Some("https://id.example/authorize".to_owned());
        client.endpoints.token = Some("https://id.example/token".to_owned());
    });
    given.login().fails(Code::InvalidConfiguration);
}

#[test]
fn a_token_without_a_type_is_rejected_unless_the_settings_allow_it() {
    let untyped = tokens(1).without("token_type");
    let failure = with_code().redeems(untyped.clone()).fails(Code::InvalidTokenResponse);
    assert!(failure.message.contains("token_type"));
    let given = openid().client(|client| client.token_type_optional = true);
    let login = given.login_in_browser().redirects("code=c0de&state={state}");
    let login = login.redeems(untyped.and(id_token())).fetches_keys(usual_keys());
    assert_eq!(login.locks(None).saves().grants().token_type, "Bearer");
}

#[test]
fn an_unrequested_id_token_is_ignored_if_it_cannot_be_checked() {
    let id_token = id_token().claim("sub", "mallory");
    let login = oauth()
        .login()
        .redirects("code=c0de&state={state}")
        .redeems(tokens(1).and(id_token))
        .locks(None)
        .saves();
    assert!(login.stored_field("subject").is_null());
    assert!(login.grants().id_token.is_none());
}

#[test]
fn a_missing_id_token_fails_the_login() {
    with_code().redeems(tokens(1)).fails(Code::InvalidIdToken);
}

#[test]
fn an_error_of_the_token_endpoint_ends_the_login() {
    let refused = with_code().redeems(oauth_error("invalid_grant")).fails(Code::ProviderRefused);
    assert_eq!(refused.provider.unwrap().error, "invalid_grant");
    let client = with_code().redeems(oauth_error("invalid_client")).fails(Code::ProviderRefused);
    assert!(client.remedy.contains("client ID"));
    for (reply, code, retryable) in [
        (status(503, "<h1>down</h1>"), Code::ProviderUnavailable, true),
        (status(429, ""), Code::ProviderUnavailable, true),
        (unreachable(), Code::Unreachable, true),
        (status(404, "no such page"), Code::InvalidTokenResponse, false),
        (status(200, "<h1>log in</h1>"), Code::InvalidTokenResponse, false),
        (status(200, "{}"), Code::InvalidTokenResponse, false),
        (status(302, ""), Code::InvalidTokenResponse, false),
        (too_large(1 << 20), Code::InvalidTokenResponse, false),
        (denied("a private address"), Code::EgressDenied, false),
    ] {
        assert_eq!(with_code().redeems(reply).fails(code).retryable, retryable, "{code:?}");
    }
}

#[test]
fn an_error_in_an_unusual_form_is_still_an_error() {
    let odd = json!({ "error": "invalid_grant", "error_description": ["gone"] });
    with_code().redeems(status(400, &odd.to_string())).fails(Code::ProviderRefused);
    let nested = json!({ "error": { "message": "gone" } });
    with_code().redeems(status(400, &nested.to_string())).fails(Code::InvalidTokenResponse);
}

#[test]
fn optional_members_of_a_token_response_may_be_missing() {
    let spare = tokens(1).without("refresh_token").without("expires_in");
    let login = with_code().redeems(spare.and(id_token())).fetches_keys(usual_keys());
    let grant = login.locks(None).saves().grants();
    assert_eq!(grant.token_type, "Bearer");
    assert_eq!(grant.expires_at_ms, None);
}

#[test]
fn userinfo_is_asked_if_the_id_token_has_no_name() {
    let login = without_name();
    assert_eq!(login.sent().url, "https://id.example/userinfo");
    assert_eq!(login.sent().authorization, Some(format!("Bearer {}", access_token(1))));
    let login = login.asks_userinfo(json!({ "sub": "ada", "email": "ada@id.example" }));
    assert_eq!(login.locks(None).saves().stored_field("display_name"), "ada@id.example");
}

#[test]
fn a_display_name_is_optional() {
    for reply in [
        status(401, ""),
        status(403, ""),
        status(500, ""),
        status(200, "eyJhbGciOiJSUzI1NiJ9.e30.c2ln"),
        status(200, r#"{"name":"nobody in particular"}"#),
        too_large(1 << 20),
        denied("a private address"),
        unreachable(),
    ] {
        let login = without_name().asks_userinfo(reply).locks(None).saves();
        assert!(login.stored_field("display_name").is_null());
        login.grants();
    }
}

#[test]
fn userinfo_about_another_user_ends_the_login() {
    let other = json!({ "sub": "mallory", "name": "Ada" });
    without_name().asks_userinfo(other).fails(Code::InvalidUserinfo);
}

#[test]
fn a_hostile_name_is_escaped() {
    let hostile = id_token().claim("name", "Ada\u{1b}]0;x\u{7}\u{202e}");
    let login = with_code().redeems(tokens(1).and(hostile)).fetches_keys(usual_keys());
    let login = login.locks(None).saves();
    assert_eq!(login.stored_field("display_name"), "Ada\\u{1b}]0;x\\u{7}\\u{202e}");
}

#[test]
fn a_new_login_replaces_the_old_one() {
    openid()
        .stored(logged_in())
        .login_in_browser()
        .redirects("code=c0de&state={state}")
        .redeems(tokens(2).and(id_token().claim("sub", "grace")))
        .fetches_keys(usual_keys())
        .locks(Some(logged_in()))
        .saves()
        .grants();
}

#[test]
fn an_unreadable_session_is_not_replaced() {
    let damaged = Some(b"{".to_vec());
    let given = openid().stored(damaged.clone());
    assert_eq!(given.try_login().err().unwrap().code, Code::StoredDamaged);
    with_code()
        .redeems(tokens(1).and(id_token()))
        .fetches_keys(usual_keys())
        .locks(damaged)
        .fails(Code::StoredDamaged);
}

#[test]
fn a_save_is_attempted_three_times() {
    let ready =
        || with_code().redeems(tokens(1).and(id_token())).fetches_keys(usual_keys()).locks(None);
    ready().cannot_save().cannot_save().saves().grants();
    let failure = ready().cannot_save().cannot_save().cannot_save().fails(Code::NotSaved);
    assert!(failure.message.contains("disk full"));
}

#[test]
fn max_age_is_checked_if_it_was_sent() {
    let login = || {
        let login = openid().parameter("max_age", "300").login().discovers(metadata());
        login.redirects("code=c0de&state={state}")
    };
    let redeems = |id_token| login().redeems(tokens(1).and(id_token)).fetches_keys(usual_keys());
    redeems(id_token().at("auth_time", -360_000)).locks(None);
    redeems(id_token().at("auth_time", -361_000)).fails(Code::InvalidIdToken);
    redeems(id_token()).fails(Code::InvalidIdToken);
}

#[test]
fn acr_is_checked_if_acr_values_was_sent() {
    let login = || {
        let login = openid().parameter("acr_values", "silver gold").login().discovers(metadata());
        login.redirects("code=c0de&state={state}")
    };
    let redeems = |id_token| login().redeems(tokens(1).and(id_token)).fetches_keys(usual_keys());
    redeems(id_token().claim("acr", "gold")).locks(None);
    for acr in [json!("bronze"), json!("silver gold"), json!(""), json!(7)] {
        let failure = redeems(id_token().claim("acr", acr)).fails(Code::InvalidIdToken);
        assert!(failure.message.contains("expected silver or gold"), "{}", failure.message);
    }
    redeems(id_token()).fails(Code::InvalidIdToken);
}

#[test]
fn max_age_and_acr_values_need_an_id_token() {
    for parameter in ["max_age", "acr_values"] {
        let given = openid().scopes(&["email"]).parameter(parameter, "1");
        let failure = given.try_login().err().unwrap();
        assert_eq!(failure.code, Code::InvalidConfiguration);
        assert!(failure.remedy.contains("openid") && failure.message.contains(parameter));
    }
}

#[test]
fn an_id_token_of_yesterday_is_rejected() {
    let day_ms = 24 * HOUR_MS as i64;
    let redeems =
        |id_token| with_code().redeems(tokens(1).and(id_token)).fetches_keys(usual_keys());
    redeems(id_token().at("iat", -day_ms)).locks(None);
    let failure = redeems(id_token().at("iat", -day_ms - 1000)).fails(Code::InvalidIdToken);
    assert!(failure.message.contains("more than a day ago"), "{}", failure.message);
}

#[test]
fn a_host_without_entropy_cannot_begin() {
    for entropy in [vec![], (0..31).collect(), vec![0; 32]] {
        let failure = openid().entropy(entropy).try_login().err().unwrap();
        assert_eq!(failure.code, Code::InvalidConfiguration);
    }
}
