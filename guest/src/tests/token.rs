//! Requests for a token: the stored one, or a renewed one.

use serde_json::json;

use super::given::{
    HOUR_MS, MINUTE_MS, NOW_MS, logged_in, logged_in_with, openid, renewed_elsewhere,
};
use super::keys::Key;
use super::provider::{
    IdToken, access_token, id_token, keys, oauth_error, refresh_token, signed_by, status, tokens,
    unreachable, usual_keys,
};
use super::script::Script;
use crate::contract::{Code, TokenSource};

/// A request for a token that found an expired one and has taken the lock.
fn refreshing() -> Script {
    openid().stored(logged_in()).later(HOUR_MS).token().locks(Some(logged_in()))
}

/// An ID token signed with an unknown key.
fn newly_signed() -> IdToken {
    signed_by(Key::numbered(2), "ES256").without("nonce")
}

// ---- Fresh or stale ----------------------------------------------------------

#[test]
fn a_fresh_token_takes_one_step() {
    let grant = openid().stored(logged_in()).token().grants();
    assert_eq!(grant.access_token, access_token(1));
    assert_eq!(grant.source, TokenSource::Cached);
    assert!(grant.claims.unwrap().contains("\"sub\":\"ada\""));
}

#[test]
fn without_a_session_a_login_is_required() {
    openid().token().fails(Code::LoginRequired);
}

#[test]
fn a_token_counts_as_stale_a_minute_before_it_expires() {
    let after = |ms| openid().stored(logged_in()).later(ms).token();
    after(59 * MINUTE_MS - 1).grants();
    after(59 * MINUTE_MS).locks(Some(logged_in())).sent();
}

#[test]
fn a_short_lived_token_is_fresh_at_first() {
    let stored = logged_in_with(tokens(1).with("expires_in", 30));
    let after = |ms| openid().stored(stored.clone()).later(ms).token();
    after(26_999).grants();
    after(27_000).locks(Some(stored.clone())).sent();
}

#[test]
fn without_a_refresh_token_there_is_no_leeway() {
    let stored = logged_in_with(tokens(1).without("refresh_token"));
    let after = |ms| openid().stored(stored.clone()).later(ms).token();
    assert_eq!(after(HOUR_MS - 1).grants().source, TokenSource::Cached);
    after(HOUR_MS).fails(Code::LoginRequired);
    openid().stored(stored).force_refresh().token().fails(Code::LoginRequired);
}

#[test]
fn a_token_without_a_lifetime_is_valid_until_it_is_rejected() {
    let never = tokens(1).with("expires_in", 0).without("refresh_token");
    for tokens in [tokens(1).without("expires_in"), never] {
        let given = openid().stored(logged_in_with(tokens)).later(1000 * HOUR_MS);
        let grant = given.min_ttl_ms(HOUR_MS).token().grants();
        assert_eq!((grant.source, grant.expires_at_ms), (TokenSource::Cached, None));
    }
}

#[test]
fn a_token_that_expires_at_once_is_renewed() {
    let stored = logged_in_with(tokens(1).with("expires_in", 0));
    openid().stored(stored.clone()).token().locks(Some(stored)).refreshes(tokens(2)).saves();
}

#[test]
fn a_token_must_last_for_min_ttl() {
    let demand = |ms| openid().stored(logged_in()).later(MINUTE_MS).min_ttl_ms(ms).token();
    assert!(demand(58 * MINUTE_MS).grants().notices.is_empty());
    assert!(demand(59 * MINUTE_MS - 1).grants().notices.is_empty());
    demand(59 * MINUTE_MS).locks(Some(logged_in())).sent();
}

#[test]
fn an_unattainable_min_ttl_is_met_by_a_new_token() {
    let demand =
        |after_ms| openid().stored(logged_in()).later(after_ms).min_ttl_ms(2 * HOUR_MS).token();
    let grant = demand(MINUTE_MS - 1).grants();
    assert_eq!(grant.source, TokenSource::Cached);
    assert!(grant.notices[0].contains("3540 s, but 7200 s were requested"), "{:?}", grant.notices);
    let renewed = demand(MINUTE_MS).locks(Some(logged_in())).refreshes(tokens(2)).saves();
    assert_eq!(renewed.grants().notices.len(), 1);
}

#[test]
fn of_concurrent_processes_with_an_unattainable_min_ttl_one_renews() {
    let given = openid().stored(logged_in()).later(HOUR_MS / 2).min_ttl_ms(2 * HOUR_MS);
    let grant = given.token().locks(Some(renewed_elsewhere())).grants();
    assert_eq!(grant.source, TokenSource::Adopted);
    assert_eq!(grant.notices.len(), 1);
}

// ---- Unusable responses -------------------------------------------------------

#[test]
fn a_rotated_refresh_token_is_kept_whatever_the_response_is() {
    for answer in [
        tokens(2).with("token_type", "DPoP"),
        tokens(2).without("token_type"),
        tokens(2).without("access_token"),
        tokens(2).with("access_token", "a\nb"),
        tokens(2).with("access_token", 7),
        tokens(2).with("id_token", 7),
    ] {
        let token = refreshing().refreshes(answer).saves();
        assert_eq!(token.stored_field("refresh_token"), refresh_token(2));
        assert_eq!(token.stored_field("access_token"), access_token(1));
        token.fails(Code::InvalidTokenResponse);
    }
    let unusable = tokens(2).without("access_token");
    for same_refresh_token in [
        unusable.clone().without("refresh_token"),
        unusable.clone().with("refresh_token", refresh_token(1)),
    ] {
        refreshing().refreshes(same_refresh_token).fails(Code::InvalidTokenResponse);
    }
    let full = || refreshing().refreshes(unusable.clone()).cannot_save().cannot_save();
    full().saves().fails(Code::InvalidTokenResponse);
    full().cannot_save().fails(Code::NotSaved);
}

#[test]
fn a_failed_renewal_keeps_a_valid_access_token() {
    let forced = || openid().stored(logged_in()).force_refresh().token().locks(Some(logged_in()));
    let stranger = id_token().claim("sub", "mallory");
    for (answer, code) in [
        (tokens(2).without("token_type"), Code::InvalidTokenResponse),
        (tokens(2).and(stranger), Code::InvalidIdToken),
    ] {
        let token = forced().refreshes(answer).saves();
        let kept = token.stored();
        token.fails(code);
        let grant = openid().stored(kept.clone()).token().grants();
        assert_eq!((grant.access_token, grant.source), (access_token(1), TokenSource::Cached));
        // Another process that requires a new token ignores this one, whenever it reads
        // it.
        let next = forced().refreshes(oauth_error("invalid_grant")).locks(kept.clone());
        assert_eq!(next.sent().form.one("refresh_token"), Some("refresh-secret-2"));
        let next = openid().stored(logged_in()).force_refresh().token().locks(kept);
        assert_eq!(next.sent().form.one("refresh_token"), Some("refresh-secret-2"));
        assert_eq!(next.refreshes(tokens(3)).saves().grants().access_token, access_token(3));
    }
}

#[test]
fn a_rejected_renewal_replaces_nothing() {
    let refusal = json!({ "error": "invalid_grant", "refresh_token": refresh_token(2) });
    for code in [200, 400] {
        let token = refreshing().refreshes(status(code, &refusal.to_string()));
        token.locks(Some(logged_in())).deletes().fails(Code::LoginRequired);
    }
}

// ---- Wrong clocks ------------------------------------------------------------

#[test]
fn a_token_received_while_the_clock_was_ahead_is_renewed() {
    let before = |ms| openid().at(NOW_MS - ms).stored(logged_in());
    assert_eq!(before(MINUTE_MS).token().grants().source, TokenSource::Cached);
    for ms in [MINUTE_MS + 1, 8 * HOUR_MS, 365 * 24 * HOUR_MS] {
        before(ms).token().locks(Some(logged_in())).refreshes(tokens(2)).saves().grants();
    }
}

#[test]
fn a_token_without_an_expiry_does_not_depend_on_the_clock() {
    let stored = logged_in_with(tokens(1).without("expires_in").without("refresh_token"));
    let early = openid().at(NOW_MS - 8 * HOUR_MS).stored(stored);
    assert_eq!(early.clone().token().grants().source, TokenSource::Cached);
    let failure = early.force_refresh().token().fails(Code::LoginRequired);
    assert!(!failure.message.contains("clock"), "{}", failure.message);
}

#[test]
fn a_clock_set_back_a_little_does_not_extend_a_lifetime() {
    // Another process renewed the token half a minute ahead of this clock.
    let given = openid().at(NOW_MS - MINUTE_MS / 2).stored(logged_in());
    given.clone().min_ttl_ms(59 * MINUTE_MS - 1).token().grants();
    let stored = logged_in_with(tokens(1).with("expires_in", 60));
    let late = openid().at(NOW_MS - MINUTE_MS / 2).stored(stored.clone());
    late.min_ttl_ms(40_000).token().grants();
    let stored = logged_in_with(tokens(1).with("expires_in", 60).without("refresh_token"));
    let early = openid().at(NOW_MS - MINUTE_MS / 2).stored(stored);
    early.clone().min_ttl_ms(59_999).token().grants();
    early.min_ttl_ms(60_000).token().fails(Code::LoginRequired);
}

#[test]
fn a_token_of_unknown_age_without_a_refresh_token_needs_a_login() {
    let stored = logged_in_with(tokens(1).without("refresh_token"));
    let token = openid().at(NOW_MS - HOUR_MS).stored(stored).token();
    assert!(token.fails(Code::LoginRequired).message.contains("clock"));
}

#[test]
fn a_renewal_can_be_forced() {
    let token = openid().stored(logged_in()).force_refresh().token().locks(Some(logged_in()));
    assert_eq!(token.refreshes(tokens(2)).saves().grants().source, TokenSource::Renewed);
}

// ---- Renewal -----------------------------------------------------------------

#[test]
fn a_stale_token_is_renewed_and_saved() {
    let token = refreshing().refreshes(tokens(2)).saves();
    assert_eq!(token.stored_field("refresh_token"), refresh_token(2));
    let grant = token.grants();
    assert_eq!(grant.access_token, access_token(2));
    assert_eq!(grant.source, TokenSource::Renewed);
    assert_eq!(grant.expires_at_ms, Some(NOW_MS + 2 * HOUR_MS));
}

#[test]
fn a_refresh_token_is_kept_if_no_new_one_is_sent() {
    let token = refreshing().refreshes(tokens(2).without("refresh_token")).saves();
    assert_eq!(token.stored_field("refresh_token"), refresh_token(1));
    let token = refreshing().refreshes(tokens(2).with("refresh_token", "")).saves();
    assert_eq!(token.stored_field("refresh_token"), refresh_token(1));
}

#[test]
fn a_renewal_keeps_values_that_are_not_sent_again() {
    let token = refreshing().refreshes(tokens(2)).saves();
    for field in ["id_token", "subject", "display_name", "nonce", "logged_in_at_ms"] {
        let before: serde_json::Value = serde_json::from_slice(&logged_in()).unwrap();
        assert_eq!(token.stored_field(field), before[field], "{field}");
    }
    assert_eq!(token.grants().scopes, ["openid"]);
}

#[test]
fn a_narrower_scope_is_stored() {
    let stored = logged_in_with(tokens(1).with("scope", "openid email"));
    let token = openid().stored(stored.clone()).later(HOUR_MS).token().locks(Some(stored));
    let grant = token.refreshes(tokens(2).with("scope", "openid")).saves().grants();
    assert_eq!(grant.scopes, ["openid"]);
}

#[test]
fn a_save_is_attempted_three_times() {
    let renewed = || refreshing().refreshes(tokens(2));
    renewed().cannot_save().cannot_save().saves().grants();
    let failure = renewed().cannot_save().cannot_save().cannot_save().fails(Code::NotSaved);
    assert!(failure.remedy.contains("log in again"));
}

// ---- Other processes ---------------------------------------------------------

#[test]
fn a_token_renewed_by_another_process_is_adopted() {
    for given in [openid().later(HOUR_MS), openid().later(HOUR_MS / 2).force_refresh()] {
        let token = given.stored(logged_in()).token().locks(Some(renewed_elsewhere()));
        let grant = token.grants();
        assert_eq!(grant.access_token, access_token(2));
        assert_eq!(grant.source, TokenSource::Adopted);
    }
}

#[test]
fn a_token_renewed_by_another_process_too_long_ago_is_renewed_again() {
    let token = openid().stored(logged_in()).later(3 * HOUR_MS).token();
    let token = token.locks(Some(renewed_elsewhere()));
    assert_eq!(token.sent().form.one("refresh_token"), Some("refresh-secret-2"));
}

#[test]
fn another_process_token_without_a_refresh_token_has_no_leeway() {
    let other = logged_in_with(tokens(2).without("refresh_token"));
    let token = openid().stored(logged_in()).force_refresh().later(HOUR_MS - 1).token();
    assert_eq!(token.locks(Some(other)).grants().source, TokenSource::Adopted);
}

#[test]
fn a_logout_elsewhere_is_respected() {
    let token = openid().stored(logged_in()).later(HOUR_MS).token();
    token.locks(None).fails(Code::LoginRequired);
}

#[test]
fn a_session_that_became_unreadable_is_not_changed() {
    let token = openid().stored(logged_in()).later(HOUR_MS).token();
    token.locks(Some(b"{".to_vec())).fails(Code::StoredDamaged);
}

// ---- The refreshed ID token --------------------------------------------------

#[test]
fn a_refreshed_id_token_needs_no_request_while_its_key_is_known() {
    let claims = id_token().claim("name", "Ada L.").without("nonce").bound_to_access_token();
    let token = refreshing().refreshes(tokens(2).and(claims)).saves();
    assert_eq!(token.stored_field("display_name"), "Ada L.");
}

#[test]
fn a_refreshed_id_token_names_the_same_user_issuer_and_client() {
    for wrong in [
        id_token().claim("sub", "mallory"),
        id_token().claim("iss", "https://evil.example"),
        id_token().claim("aud", "another"),
        id_token().claim("nonce", "another"),
        id_token().bound_to("at_hash", "another"),
    ] {
        let same_refresh_token = tokens(2).without("refresh_token");
        refreshing().refreshes(same_refresh_token.and(wrong)).fails(Code::InvalidIdToken);
    }
}

#[test]
fn a_rejected_id_token_does_not_lose_the_rotated_refresh_token() {
    let not_yet = id_token().without("nonce").at("iat", 2 * 3_600_000);
    let token = refreshing().refreshes(tokens(2).and(not_yet)).saves();
    assert_eq!(token.stored_field("refresh_token"), refresh_token(2));
    assert_eq!(token.stored_field("access_token"), access_token(1));
    let parked = token.stored();
    token.fails(Code::InvalidIdToken);
    let next = openid().stored(parked.clone()).later(HOUR_MS).token().locks(parked);
    assert_eq!(next.refreshes(tokens(3)).saves().grants().access_token, access_token(3));
}

#[test]
fn a_rotated_refresh_token_is_saved_before_keys_are_fetched() {
    let token = refreshing().refreshes(tokens(2).and(newly_signed())).saves();
    assert_eq!(token.stored_field("refresh_token"), refresh_token(2));
    assert_eq!(token.stored_field("access_token"), access_token(1));
    let token = token.fetches_keys(keys(&[Key::numbered(2)])).saves();
    assert_eq!(token.stored_field("access_token"), access_token(2));
    assert_eq!(token.grants().source, TokenSource::Renewed);
}

#[test]
fn a_crash_before_the_keys_leaves_a_renewable_session() {
    let parked = refreshing().refreshes(tokens(2).and(newly_signed())).saves().stored();
    let next = openid().stored(parked.clone()).later(HOUR_MS).token().locks(parked);
    assert_eq!(next.sent().form.one("refresh_token"), Some("refresh-secret-2"));
    next.refreshes(tokens(3)).saves().grants();
}

#[test]
fn unreachable_keys_leave_a_renewable_session() {
    for (reply, code) in
        [(unreachable(), Code::Unreachable), (status(503, ""), Code::ProviderUnavailable)]
    {
        let token = refreshing().refreshes(tokens(2).and(newly_signed())).saves();
        let parked = token.stored();
        token.fetches_keys(reply).fails(code);
        openid().stored(parked.clone()).later(HOUR_MS).token().locks(parked).sent();
    }
}

#[test]
fn the_save_of_a_rotated_refresh_token_is_attempted_three_times() {
    let rotating = || refreshing().refreshes(tokens(2).and(newly_signed()));
    rotating().cannot_save().cannot_save().saves().fetches_keys(usual_keys());
    rotating().cannot_save().cannot_save().cannot_save().fails(Code::NotSaved);
}

#[test]
fn an_unchanged_refresh_token_is_not_saved_early() {
    let same_refresh_token = tokens(2).without("refresh_token");
    refreshing()
        .refreshes(same_refresh_token.and(newly_signed()))
        .fetches_keys(keys(&[Key::numbered(2)]))
        .saves()
        .grants();
}

#[test]
fn an_id_token_that_cannot_be_checked_is_ignored() {
    let mut stored: serde_json::Value = serde_json::from_slice(&logged_in()).unwrap();
    stored["jwks_uri"] = json!(null);
    let stored = Some(stored.to_string().into_bytes());
    let token = openid().stored(stored.clone()).later(HOUR_MS).token().locks(stored);
    let stranger = id_token().claim("sub", "mallory");
    let token = token.refreshes(tokens(2).and(stranger)).saves();
    assert_eq!(token.stored_field("subject"), "ada");
}
