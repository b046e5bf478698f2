//! A table of all actions and replies: a reply that does not fit is rejected with a
//! message that names the ones that do, and those are still accepted afterwards.

use serde_json::json;

use super::given::{Given, hexclave, logged_in, openid};
use super::hexclave::begun;
use super::provider::{metadata, metadata_with};
use super::replies::{fits, replies};
use crate::contract::{Action, Code, Failure, LoginFlow, Reply};
use crate::session::Session;

/// A session, and its last action.
type Position = (Session, Option<Action>);

struct Row {
    name: &'static str,
    expected: &'static str,
    position: fn() -> Position,
}

const fn row(name: &'static str, expected: &'static str, position: fn() -> Position) -> Row {
    Row { name, expected, position }
}

const ANSWER: &str = "the answer to a request";
const NOTHING: &str = "nothing more: this session has ended";

/// All positions of sessions, and the replies expected there.
const ROWS: [Row; 14] = [
    row("login", "begin", || (openid().try_login().ok().unwrap(), None)),
    row("token", "begin", || (renewing().try_token().ok().unwrap(), None)),
    row("logout", "begin", || (renewing().try_logout().ok().unwrap(), None)),
    row("probe", "probed", || {
        let mut session = openid().try_login().ok().unwrap();
        let probe = session.next(Reply::Begin, 0).ok();
        (session, probe)
    }),
    row("exchange", ANSWER, || openid().login().position()),
    row("authorize", "redirected, pasted, chosen, cancelled or timed-out", || {
        openid().login_in_browser().position()
    }),
    row("offer", "one of the ways offered, cancelled or timed-out", || {
        openid().login_in_browser().times_out().position()
    }),
    row("present", "presented", || {
        let given = openid().flow(Some(LoginFlow::Device));
        let endpoint = json!("https://id.example/device_authorization");
        let login =
            given.login().discovers(metadata_with("device_authorization_endpoint", endpoint));
        let code = json!({
            "device_code": "a", "user_code": "b", "verification_uri": "https://id.example/device",
        });
        login.codes(code).position()
    }),
    row("visit", "presented", || hexclave().login().codes(begun()).position()),
    row("lock", "locked", || renewing().token().position()),
    row("save", "saved or not-saved", || {
        let refused = super::provider::oauth_error("invalid_grant");
        let ending = renewing().token().locks(Some(logged_in())).refreshes(refused);
        ending.locks(Some(logged_in())).position()
    }),
    row("done, with a token", NOTHING, || openid().stored(logged_in()).token().position()),
    row("done, logged out", NOTHING, || openid().logout().locks(None).position()),
    row("a failure", NOTHING, || {
        let (session, _) = openid().login().discovers(metadata()).gives_up().position();
        (session, None)
    }),
];

fn renewing() -> Given {
    openid().stored(logged_in()).force_refresh()
}

fn is_misfit(came: &Result<Action, Failure>) -> bool {
    matches!(came, Err(failure) if failure.code == Code::UnexpectedReply)
}

#[test]
fn a_misfit_is_rejected_and_the_failure_names_what_fits() {
    for Row { name, expected, position } in ROWS {
        let (mut session, action) = position();
        let has_ended = expected == NOTHING;
        for reply in replies() {
            if !has_ended && fits(action.as_ref(), &reply) {
                continue;
            }
            let came = session.next(reply, 0);
            assert!(is_misfit(&came), "{name}");
            let failure = came.err().unwrap();
            let words = format!("; expected {expected}");
            assert!(failure.message.ends_with(&words), "{name}: {}", failure.message);
        }
        if has_ended {
            continue;
        }
        // Nothing has changed: each reply that fits is still accepted.
        for reply in replies().into_iter().filter(|reply| fits(action.as_ref(), reply)) {
            let (mut session, _) = position();
            let came = session.next(reply, 0);
            assert!(!is_misfit(&came), "{name}");
        }
        let first = replies().into_iter().find(|reply| fits(action.as_ref(), reply)).unwrap();
        assert!(!is_misfit(&session.next(first, 0)), "{name}");
    }
}

#[test]
fn a_repeated_reply_is_rejected() {
    for Row { name, position, .. } in ROWS {
        for reply in replies() {
            let (mut session, action) = position();
            if !fits(action.as_ref(), &reply) {
                continue;
            }
            let next = session.next(reply.clone(), 0).ok();
            // A request may follow a request, and would take the second reply as its own.
            if next.is_none_or(|next| !fits(Some(&next), &reply)) {
                assert!(is_misfit(&session.next(reply, 0)), "{name}");
            }
        }
    }
}
