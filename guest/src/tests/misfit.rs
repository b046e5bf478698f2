//! In every state, a reply that does not fit ends the session, and the failure names the
//! replies that do.

use serde_json::json;

use super::given::{Given, HOUR_MS, hexclave, logged_in, oauth, openid};
use super::hexclave::{ada, begun, confirmed, renewed, waiting};
use super::keys::Key;
use super::provider::{
    id_token, keys, metadata, metadata_with, not_found, oauth_error, signed_by, status, tokens,
    usual_keys,
};
use super::replies::{fits, replies};
use super::script::{Script, takes_nothing_more};
use crate::contract::{
    Action, ClientKey, Code, Examination, Failure, GrantType, LoginFlow, Reply, SigningAlgorithm,
    Tokens,
};
use crate::session::Session;

/// A session, and its last action.
type Position = (Session, Option<Action>);

const ANSWERED: &str = "answered";
const LOCKED: &str = "locked";
const SAVED: &str = "saved or not-saved";
const REDIRECTED: &str =
    "redirected, pasted, cancelled, timed-out, or chosen with one of the alternatives";
const CHOSEN: &str = "cancelled, timed-out, or chosen with one of the flows offered";

/// What is expected in a state, and a session in that state.
type State = (&'static str, Box<dyn Fn() -> Position>);
type Row = (&'static str, fn() -> Script);

/// All states after the first.
const ROWS: [Row; 50] = [
    // ---- A login in a browser ----------------------------------------------------
    (ANSWERED, || openid().login()),
    (ANSWERED, || openid().login().discovers(not_found())),
    (REDIRECTED, || openid().login_in_browser()),
    (REDIRECTED, || openid().login_in_browser().redirects("code=c0de&state=another")),
    (REDIRECTED, || openid().flow(Some(LoginFlow::Paste)).login_in_browser()),
    (REDIRECTED, || oauth().login()),
    (CHOSEN, || openid().login_in_browser().times_out()),
    (ANSWERED, redeeming),
    (ANSWERED, || redeeming().redeems(tokens(1).and(id_token()))),
    (ANSWERED, || redeeming().redeems(tokens(1).and(id_token())).fetches_keys(keys(&[]))),
    (ANSWERED, || without_name().fetches_keys(usual_keys())),
    ("decrypted", decrypting),
    (LOCKED, completing),
    (SAVED, || completing().locks(None)),
    (SAVED, || completing().locks(None).cannot_save()),
    // ---- A login on another device ---------------------------------------------
    (ANSWERED, by_device),
    ("presented", || by_device().codes(code())),
    (ANSWERED, || by_device().codes(code()).presents()),
    (ANSWERED, || by_device().codes(code()).presents().polls_after(5, pending())),
    (CHOSEN, || by_device().codes(code()).presents().polls_after(5, oauth_error("expired_token"))),
    // ---- A login on a page of Hexclave -----------------------------------------
    (ANSWERED, || hexclave().login()),
    ("presented", || hexclave().login().codes(begun())),
    (ANSWERED, || on_page()),
    (ANSWERED, || on_page().polls_after(0, waiting())),
    (ANSWERED, || on_page().polls_after(0, confirmed())),
    (CHOSEN, || on_page().polls_after(0, json!({ "status": "expired" }))),
    (ANSWERED, || on_page().polls_after(0, confirmed()).renews(renewed(1))),
    (LOCKED, || on_page().polls_after(0, confirmed()).renews(renewed(1)).asks_userinfo(ada())),
    // ---- A token -----------------------------------------------------------------
    (LOCKED, || renewing().token()),
    (ANSWERED, refreshing),
    (SAVED, || refreshing().refreshes(tokens(2))),
    (SAVED, || refreshing().refreshes(unknown_key())),
    (ANSWERED, || refreshing().refreshes(unknown_key()).saves()),
    (LOCKED, || refreshing().refreshes(oauth_error("invalid_grant"))),
    (SAVED, || {
        let refused = refreshing().refreshes(oauth_error("invalid_grant"));
        refused.locks(Some(logged_in()))
    }),
    (ANSWERED, || checking(Examination::Userinfo)),
    (SAVED, || {
        let renewed = checking(Examination::Userinfo).asks_userinfo(status(401, ""));
        let renewed = renewed.locks(Some(logged_in())).refreshes(tokens(2)).saves();
        renewed.asks_userinfo(status(401, ""))
    }),
    (ANSWERED, || checking(Examination::Verification)),
    (ANSWERED, || {
        let endpoint = json!("https://id.example/introspect");
        let stored = super::introspection::stored_with("introspection_endpoint", endpoint);
        openid().stored(stored).examining(Examination::Introspection).token()
    }),
    (ANSWERED, || {
        let endpoint = json!("https://id.example/tokeninfo");
        let stored = super::introspection::stored_with("tokeninfo_endpoint", endpoint);
        openid().stored(stored).examining(Examination::Tokeninfo).token()
    }),
    (ANSWERED, || {
        let token = signed_by(Key::numbered(2), "ES256");
        super::access_token::given(token, super::access_token::none()).token()
    }),
    // ---- A token without a user -------------------------------------------------
    ("assertion", || {
        let given = openid().client(|client| client.grant = GrantType::JwtBearer);
        given.token().locks(None).discovers(metadata())
    }),
    ("signed", || {
        let key = ClientKey { algorithm: SigningAlgorithm::Es256, id: None, audience: None };
        let given = openid().client(|client| {
            client.grant = GrantType::ClientCredentials;
            client.key = Some(key);
        });
        given.token().locks(None).discovers(metadata())
    }),
    // ---- The end -----------------------------------------------------------------
    (LOCKED, || renewing().logout()),
    (ANSWERED, ending),
    (SAVED, || ending().revokes(status(200, "")).revokes(status(200, ""))),
    (ANSWERED, ending_at_hexclave),
    (ANSWERED, || ending_at_hexclave().renews(renewed(2))),
    // ---- An adoption ---------------------------------------------------------------
    (ANSWERED, || openid().adoption(foreign_tokens())),
    (ANSWERED, || openid().adoption(foreign_tokens()).discovers(metadata())),
];

fn redeeming() -> Script {
    openid().login_in_browser().redirects("code=c0de&state={state}")
}

/// A login whose ID token is encrypted.
fn decrypting() -> Script {
    let login = openid().client(|client| client.decrypts = true).login_in_browser();
    let login = login.redirects("code=c0de&state={state}");
    login.redeems(tokens(1).with("id_token", "a.b.c.d.e"))
}

/// A login whose ID token has no name.
fn without_name() -> Script {
    redeeming().redeems(tokens(1).and(id_token().without("name")))
}

fn completing() -> Script {
    oauth().login().redirects("code=c0de&state={state}").redeems(tokens(1))
}

fn by_device() -> Script {
    let given = openid().flow(Some(LoginFlow::Device));
    let endpoint = json!("https://id.example/device_authorization");
    given.login().discovers(metadata_with("device_authorization_endpoint", endpoint))
}

fn code() -> serde_json::Value {
    json!({
        "device_code": "a", "user_code": "b", "verification_uri": "https://id.example/device",
        "expires_in": 600,
    })
}

fn pending() -> Reply {
    oauth_error("authorization_pending")
}

fn on_page() -> Script {
    hexclave().login().codes(begun()).brings()
}

fn renewing() -> Given {
    openid().stored(logged_in()).force_refresh()
}

fn refreshing() -> Script {
    openid().stored(logged_in()).later(3 * HOUR_MS).token().locks(Some(logged_in()))
}

/// Tokens whose ID token is signed with a key that was not seen before.
fn unknown_key() -> super::provider::Tokens {
    tokens(2).and(signed_by(Key::numbered(2), "ES256"))
}

fn checking(question: Examination) -> Script {
    openid().stored(logged_in()).examining(question).token()
}

fn ending() -> Script {
    renewing().logout().locks(Some(logged_in()))
}

fn ending_at_hexclave() -> Script {
    let stored = super::hexclave_session::stored();
    hexclave().stored(stored.clone()).logout().locks(Some(stored))
}

fn foreign_tokens() -> Tokens {
    Tokens {
        access_token: Some("a".to_owned()),
        refresh_token: None,
        expires_at_ms: None,
        scopes: None,
    }
}

/// All states: those before `begin` and `probed`, and those of the table.
fn states() -> Vec<State> {
    let begun = |session: fn() -> Session| {
        move || {
            let mut session = session();
            let action = session.next(Reply::Begin, 0).ok();
            (session, action)
        }
    };
    let login: fn() -> Session = || openid().try_login().ok().unwrap();
    let token: fn() -> Session = || renewing().try_token().ok().unwrap();
    let logout: fn() -> Session = || renewing().try_logout().ok().unwrap();
    let adoption: fn() -> Session = || openid().try_adoption(foreign_tokens()).ok().unwrap();
    let mut states: Vec<State> = Vec::new();
    for session in [login, token, logout, adoption] {
        states.push(("begin", Box::new(move || (session(), None))));
    }
    for session in [login, adoption] {
        states.push(("probed", Box::new(begun(session))));
    }
    states.push((
        "probed",
        Box::new(|| {
            let (mut session, _) = renewing().token().position();
            let action = session.next(Reply::Locked(Some(logged_in())), 0).ok();
            (session, action)
        }),
    ));
    for (expected, script) in ROWS {
        states.push((expected, Box::new(move || script().position())));
    }
    states
}

fn is_misfit(came: &Result<Action, Failure>) -> bool {
    matches!(came, Err(failure) if failure.code == Code::UnexpectedReply)
}

#[test]
fn a_misfit_ends_the_session_and_names_what_fits() {
    for (row, (expected, position)) in states().into_iter().enumerate() {
        for reply in replies() {
            let (mut session, action) = position();
            if fits(action.as_ref(), &reply) {
                continue;
            }
            let failure = session.next(reply, 0).err().unwrap();
            assert!(failure.code == Code::UnexpectedReply, "{row}");
            let words = format!("; expected {expected}");
            assert!(failure.message.ends_with(&words), "{row}: {}", failure.message);
            takes_nothing_more(session);
        }
    }
}

#[test]
fn a_reply_that_fits_is_accepted() {
    for (row, (_, position)) in states().into_iter().enumerate() {
        for reply in replies() {
            let (mut session, action) = position();
            if fits(action.as_ref(), &reply) {
                assert!(!is_misfit(&session.next(reply, 0)), "{row}");
            }
        }
    }
}

#[test]
fn a_repeated_reply_is_rejected() {
    for (row, (_, position)) in states().into_iter().enumerate() {
        for reply in replies() {
            let (mut session, action) = position();
            if !fits(action.as_ref(), &reply) {
                continue;
            }
            let next = session.next(reply.clone(), 0).ok();
            // A request may follow a request, and would take the second reply as its own.
            if next.is_none_or(|next| !fits(Some(&next), &reply)) {
                assert!(is_misfit(&session.next(reply, 0)), "{row}");
            }
        }
    }
}

#[test]
fn a_session_that_has_ended_takes_nothing_more() {
    openid().stored(logged_in()).token().grants();
    openid().logout().locks(None).logs_out();
    openid().login().discovers(metadata()).gives_up().fails(Code::Cancelled);
}
