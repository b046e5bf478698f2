//! A host, caller or clock with absurd input: the session fails with a code or continues,
//! but never traps.

use std::sync::LazyLock;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng as _, SeedableRng as _};
use serde_json::json;

use super::by_resource::by_url;
use super::given::{HOUR_MS, NOW_MS, hexclave, logged_in, oauth, openid};
use super::hexclave::begun;
use super::provider::{ISSUER, id_token, metadata, tokens, usual_keys};
use super::replies::{fits, replies};
use crate::contract::{
    Action, Code, EpochMs, Facts, LoginFlow, NoResponse, Protocol, Reply, Response, Tokens,
    Unreachable,
};
use crate::protocol::description::describe;
use crate::protocol::request::header;
use crate::protocol::stored::Stored;
use crate::session::Session;

/// Far more steps than any session takes.
const STEPS: usize = 200;

const TIMES: [EpochMs; 6] = [0, 1, NOW_MS - HOUR_MS, NOW_MS, NOW_MS + HOUR_MS, EpochMs::MAX];

const TEXTS: [&str; 8] = [
    "",
    "?",
    "/callback?code=a&state=b&state=c",
    "http://127.0.0.1:4180/callback?error=\u{1b}[2J",
    "\u{0}\r\n",
    "%%%",
    "{\"error\":",
    "\u{202e}\u{10ffff}",
];

/// Valid responses, sent at the wrong time.
static DOCUMENTS: LazyLock<[String; 11]> = LazyLock::new(|| {
    let documents = [
        metadata(),
        usual_keys(),
        begun(),
        json!({ "access_token": "a", "token_type": "Bearer", "expires_in": u64::MAX }),
        json!({ "device_code": "a", "user_code": "\u{1b}", "verification_uri": "https://id.example/",
                "expires_in": u64::MAX, "interval": u64::MAX }),
        json!({ "error": "slow_down" }),
        json!({ "sub": "ada" }),
        json!({ "resource": ISSUER, "authorization_servers": [ISSUER] }),
        json!({ "client_id": "a", "client_secret_expires_at": u64::MAX }),
        json!([]),
        json!(null),
    ];
    documents.map(|document| document.to_string())
});

/// Random replies from a broken host.
fn nonsense(dice: &mut ChaCha8Rng) -> Reply {
    let mut any = |count: usize| dice.next_u32() as usize % count;
    let text = TEXTS[any(TEXTS.len())].to_owned();
    let body = match any(3) {
        0 => text.clone().into_bytes(),
        _ => DOCUMENTS[any(DOCUMENTS.len())].clone().into_bytes(),
    };
    match any(20) {
        0 => Reply::Locked(Some(text.into_bytes())),
        1 => Reply::Locked(Some(logged_in())),
        2 => {
            let unreachable = Unreachable { reason: text, sent: any(2) == 0 };
            Reply::Answered(Err(NoResponse::Unreachable(unreachable)))
        }
        3 => Reply::Answered(Err(NoResponse::TooLarge(u64::MAX))),
        4 => Reply::Redirected(text),
        5 => Reply::Pasted(text),
        6..=12 => Reply::Answered(Ok(Response {
            status: [0, 200, 200, 200, 204, 302, 400, 401, 429, 503, u16::MAX][any(11)],
            headers: vec![header("retry-after", ["-1", "0", "99999999999999999999"][any(3)])],
            body,
        })),
        _ => {
            let replies = replies();
            replies[any(replies.len())].clone()
        }
    }
}

/// Steps the session at random times, with random replies of a kind that fits.
fn walk(mut session: Session, seed: u64) {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let mut next = session.next(Reply::Begin, TIMES[seed as usize % TIMES.len()]);
    for _ in 0..STEPS {
        let action = match next {
            Ok(Action::Done(_)) => return,
            Ok(action) => action,
            Err(failure) => {
                assert!(!failure.message.is_empty() && !failure.message.contains(char::is_control));
                return;
            }
        };
        let mut reply = nonsense(&mut dice);
        while !fits(Some(&action), &reply) {
            reply = nonsense(&mut dice);
        }
        let now_ms = TIMES[dice.next_u32() as usize % TIMES.len()];
        next = session.next(reply, now_ms);
    }
}

#[test]
fn random_replies_at_any_time_never_trap() {
    let foreign_tokens = || Tokens {
        access_token: Some("a".to_owned()),
        refresh_token: Some("b".to_owned()),
        expires_at_ms: Some(EpochMs::MAX),
        scopes: None,
    };
    for seed in 0..20 {
        for flow in [LoginFlow::Browser, LoginFlow::Paste, LoginFlow::Device] {
            walk(openid().flow(Some(flow)).try_login().ok().unwrap(), seed);
            walk(oauth().flow(Some(flow)).try_login().ok().unwrap(), seed);
            walk(hexclave().flow(Some(flow)).try_login().ok().unwrap(), seed);
            walk(by_url(ISSUER).flow(Some(flow)).try_login().ok().unwrap(), seed);
        }
        let stored = || openid().stored(logged_in()).force_refresh();
        walk(stored().try_token().ok().unwrap(), seed);
        walk(stored().userinfo().try_token().ok().unwrap(), seed);
        walk(stored().try_logout().ok().unwrap(), seed);
        walk(openid().try_adoption(foreign_tokens()).ok().unwrap(), seed);
        walk(hexclave().try_adoption(foreign_tokens()).ok().unwrap(), seed);
    }
}

#[test]
fn a_clock_set_back_or_to_its_maximum_does_not_end_a_login() {
    for now_ms in TIMES {
        let mut login = openid().login_in_browser();
        login.known.now_ms = now_ms;
        let login = login.redirects("code=c0de&state={state}");
        assert!(matches!(login.last, Ok(Action::Exchange(_))), "at {now_ms}");
    }
    let mut login = openid().login_in_browser().redirects("code=c0de&state={state}");
    login.known.now_ms = 0;
    login
        .redeems(tokens(1).and(id_token()))
        .fetches_keys(usual_keys())
        .locks(None)
        .saves()
        .grants();
}

#[test]
fn an_endless_min_ttl_is_met_by_a_renewal() {
    let token = openid().stored(logged_in()).later(HOUR_MS / 2).min_ttl_ms(u64::MAX).token();
    token.locks(Some(logged_in())).refreshes(tokens(2)).saves().grants();
    let patient = openid().patience_ms(u64::MAX).login_in_browser();
    let Ok(Action::Authorize(authorization)) = patient.last else { panic!("no browser") };
    assert_eq!(authorization.wait_ms, EpochMs::MAX - NOW_MS);
}

#[test]
fn absurd_settings_fail_with_a_code_before_the_user_is_asked() {
    let redirects = [
        "",
        "callback",
        "http://",
        "javascript:alert(1)",
        "http://example.com/callback",
        "\u{0}",
        "http://127.0.0.1:99999/callback",
    ];
    for uri in redirects {
        let begun = openid().redirect_uri(uri).try_login();
        let came = begun.and_then(|mut session| {
            session.next(Reply::Begin, 0)?;
            session.next(Reply::Probed, 0)?;
            session.next(super::provider::ok(metadata()), 0)
        });
        let failure = came.err().unwrap_or_else(|| panic!("{uri:?} was taken"));
        assert_eq!(failure.code, Code::InvalidConfiguration, "{uri:?}");
    }
    for text in TEXTS.into_iter().chain(["-", "https://", "ftp://id.example"]) {
        let clients = [
            openid().client(|client| client.issuer = Some(text.to_owned())),
            openid().client(|client| client.client_id = Some(text.to_owned())),
            openid().client(|client| client.endpoints.token = Some(text.to_owned())),
            openid().client(|client| client.scopes = vec![text.to_owned(); 3]),
            openid().client(|client| client.resources = vec![text.to_owned()]),
            openid().parameter(text, text),
            openid().secret(text),
            hexclave().client(|client| client.issuer = None),
            hexclave().hexclave(|hexclave| hexclave.app_url = text.to_owned()),
            oauth().client(|client| client.protocol = Protocol::Oauth),
        ];
        for given in clients {
            let key = given.account_key();
            assert!(key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()), "{key}");
            let sessions =
                [given.clone().try_login(), given.clone().try_token(), given.try_logout()];
            for session in sessions.into_iter().flatten() {
                walk(session, 7);
            }
        }
    }
}

#[test]
fn unusual_facts_get_a_flow_choice() {
    for bits in 0..1_u32 << 9 {
        let is = |bit: u32| bits & 1 << bit != 0;
        let facts = Facts {
            terminal: is(0),
            unattended: is(1),
            browser_command: is(2),
            shows_address: is(3),
            display: is(4),
            remote_shell: is(5),
            windows_interop: is(6),
            container: is(7),
            editor_terminal: is(8),
            offers_device: Some(is(0)),
        };
        assert!(!crate::protocol::flow_choice::choose(&facts).reason.is_empty());
    }
}

#[test]
fn junk_is_never_accepted_as_a_stored_session() {
    let good = logged_in();
    for now_ms in TIMES {
        let described = Stored::parse(&good).map(|stored| describe(stored, now_ms));
        assert!(described.is_ok());
        for text in TEXTS {
            let failure = Stored::parse(text.as_bytes()).err().unwrap();
            assert_eq!(failure.code, Code::StoredDamaged);
        }
    }
    let mut dice = ChaCha8Rng::seed_from_u64(1);
    for _ in 0..500 {
        let mut junk = good.clone();
        for _ in 0..1 + dice.next_u32() % 8 {
            let at = dice.next_u32() as usize % junk.len();
            junk[at] = dice.next_u32() as u8;
        }
        if let Ok(stored) = Stored::parse(&junk) {
            describe(stored, EpochMs::MAX);
        }
    }
}
