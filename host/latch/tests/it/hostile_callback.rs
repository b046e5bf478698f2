//! What must not end, confuse or corrupt a login that waits.

use std::thread;

use latchstring_provider::visitor::Browser;
use latchstring_provider::{Fault, Options, Provider};
use latchstring_testing::http::{Answer, ask, authority, get, read_answer, send, send_bytes, with};
use latchstring_testing::{Home, Pending, block_on};
use url::Url;

/// Markup, terminal escapes and a second line.
const HOSTILE: &str = "<script>alert(1)</script>\u{1b}[2J\u{1b}]0;owned\u{7}\r\nlatch: logged in";

/// Something arrives while a login waits; then the right answer, which counts.
#[track_caller]
fn is_ignored(attack: impl FnOnce(&Home, &Pending) -> Answer) -> Answer {
    let home = Home::new();
    let mut pending = home.start_login(&[]);
    let answer = attack(&home, &pending);
    assert_ne!(answer.status, 200, "{answer:?}");
    assert!(!answer.body.contains("You are logged in"), "{answer:?}");
    assert!(pending.is_waiting());
    assert!(home.asked("/token").is_empty());
    assert_eq!(pending.visit().status, 200);
    let run = pending.finish().succeeded();
    assert!(!run.stderr.contains('\u{1b}'), "{}", run.stderr);
    home.token(&[]);
    answer
}

#[track_caller]
fn is_not_the_answer(answer: &Answer, why: &str) {
    assert_eq!(answer.status, 400, "{answer:?}");
    assert!(answer.body.contains("Unexpected login response"), "{}", answer.body);
    assert!(answer.body.contains(why), "{}", answer.body);
}

#[track_caller]
fn is_harmless_page(body: &str) {
    for raw in ["<script", "<img", "\u{1b}", "\u{7}"] {
        assert!(!body.contains(raw), "{raw:?} in {body}");
    }
}

#[test]
fn another_logins_state() {
    let answer = is_ignored(|_, pending| get(&with(&pending.answer(), "state", Some("x"))));
    is_not_the_answer(&answer, "another login");
}

#[test]
fn no_state() {
    let answer = is_ignored(|_, pending| get(&with(&pending.answer(), "state", None)));
    is_not_the_answer(&answer, "no state");
}

#[test]
fn two_states() {
    let answer = is_ignored(|_, pending| {
        let mut url = pending.answer();
        let state = pending.parameter("state");
        url.query_pairs_mut().append_pair("state", &state);
        get(&url)
    });
    is_not_the_answer(&answer, "state twice");
}

#[test]
fn another_issuer() {
    let answer = is_ignored(|_, pending| {
        get(&with(&pending.answer(), "iss", Some("https://evil.example/<script>")))
    });
    is_not_the_answer(&answer, "evil.example");
    is_harmless_page(&answer.body);
}

#[test]
fn no_issuer_from_a_provider_that_names_itself() {
    let answer = is_ignored(|_, pending| get(&with(&pending.answer(), "iss", None)));
    is_not_the_answer(&answer, "named no issuer");
}

#[test]
fn neither_code_nor_error() {
    let answer = is_ignored(|_, pending| get(&with(&pending.answer(), "code", None)));
    is_not_the_answer(&answer, "neither a code nor an error");
}

#[test]
fn an_error_that_anybody_could_have_sent() {
    let answer = is_ignored(|_, pending| {
        let mut url = pending.redirect_uri();
        url.query_pairs_mut()
            .append_pair("error", "access_denied")
            .append_pair("error_description", HOSTILE);
        get(&url)
    });
    is_not_the_answer(&answer, "no state");
    is_harmless_page(&answer.body);
}

#[test]
fn other_paths() {
    for path in ["/", "/favicon.ico", "/callback/", "/CALLBACK", "//callback"] {
        let answer = is_ignored(|_, pending| {
            let url = pending.answer();
            let request = format!(
                "GET {path}?{} HTTP/1.1\r\nHost: {}\r\n\r\n",
                url.query().expect("a query"),
                authority(&url)
            );
            send_bytes(&authority(&url), &request)
        });
        assert_eq!(answer.status, 404, "{path}");
    }
}

#[test]
fn other_methods() {
    for method in ["POST", "HEAD", "OPTIONS", "PUT"] {
        let answer = is_ignored(|_, pending| send(&pending.answer(), method, &[]));
        assert_eq!(answer.status, 405, "{method}");
    }
}

#[test]
fn an_answer_posted_as_a_form() {
    let answer = is_ignored(|_, pending| {
        let (url, form) = (pending.redirect_uri(), pending.answer());
        let form = form.query().expect("a query").to_owned();
        let request = format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {}\r\n\r\n{form}",
            url.path(),
            authority(&url),
            form.len()
        );
        send_bytes(&authority(&url), &request)
    });
    assert_eq!(answer.status, 405);
}

#[test]
fn a_browser_that_only_looks_ahead() {
    for header in ["Sec-Purpose: prefetch;prerender", "Purpose: prefetch", "X-Moz: prefetch"] {
        let answer = is_ignored(|_, pending| send(&pending.answer(), "GET", &[header]));
        assert_eq!(answer.status, 503, "{header}");
    }
}

#[test]
fn a_name_that_was_made_to_point_here() {
    for host in ["evil.example", "localhost", "127.0.0.1", "127.0.0.1:1"] {
        let answer = is_ignored(|_, pending| {
            let url = pending.answer();
            let target = &url[url::Position::BeforePath..];
            let request = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
            send_bytes(&authority(&url), &request)
        });
        assert_eq!(answer.status, 421, "{host}");
    }
}

#[test]
fn a_header_without_an_end() {
    is_ignored(|_, pending| {
        send(&pending.answer(), "GET", &[&format!("X: {}", "x".repeat(64 * 1024))])
    });
}

#[test]
fn a_query_without_an_end() {
    is_ignored(|_, pending| {
        let url = with(&pending.answer(), "state", Some(&"x".repeat(64 * 1024)));
        get(&url)
    });
}

#[test]
fn what_is_not_http() {
    is_ignored(|_, pending| {
        let authority = authority(&pending.redirect_uri());
        send_bytes(&authority, "\u{16}\u{3}\u{1}\0\u{1}\r\n\r\n")
    });
}

#[test]
fn connections_that_say_nothing() {
    let home = Home::new();
    let pending = home.start_login(&[]);
    let authority = authority(&pending.redirect_uri());
    let idle: Vec<_> = (0..100).map(|_| ask(&authority, "GET /callback")).collect();
    assert_eq!(pending.visit().status, 200);
    pending.finish().succeeded();
    drop(idle);
}

#[test]
fn an_answer_of_another_provider() {
    let other = Provider::start(Options::default()).expect("a provider");
    let answer = is_ignored(|_, pending| {
        let mut url = pending.url.clone();
        url.set_port(Url::parse(other.issuer()).expect("an issuer").port()).expect("a port");
        let form = [("name", "Mallory"), ("decision", "login")];
        let page = block_on(Browser::default().post(url.as_str(), &form));
        let page = page.expect("the other provider answers");
        get(&Url::parse(page.header("location").expect("a redirect")).expect("an address"))
    });
    is_not_the_answer(&answer, "It came from the issuer");
}

#[test]
fn the_right_answer_twice_counts_once() {
    let home = Home::new();
    let pending = home.start_login(&[]);
    let url = pending.answer();
    let request = format!(
        "GET {} HTTP/1.1\r\nHost: {}\r\n\r\n",
        &url[url::Position::BeforePath..],
        authority(&url)
    );
    let (one, two) = (ask(&authority(&url), &request), ask(&authority(&url), &request));
    let two = thread::spawn(move || read_answer(two));
    let (one, two) = (read_answer(one), two.join().expect("an answer"));
    let seen = [one.status, two.status];
    assert!(seen.contains(&303), "{seen:?}");
    pending.finish().succeeded();
    assert_eq!(home.asked("/token").len(), 1);
    home.token(&["--force-refresh"]);
}

#[test]
fn a_hostile_reason_ends_the_login_and_reaches_neither_page_nor_terminal() {
    let home = Home::new();
    home.provider.misbehave(Fault::hostile_redirect());
    for json in [false, true] {
        let pending = home.start_login(if json { &["--json"] } else { &[] });
        let page = get(&pending.refusal());
        assert_eq!(page.status, 403);
        is_harmless_page(&page.body);
        assert!(page.body.contains("&#60;script&#62;"), "{}", page.body);
        let run = pending.finish().failed(4, "access-denied");
        assert!(!run.stderr.contains(['\u{1b}', '\u{7}', '\r']), "{:?}", run.stderr);
        assert!(!run.stderr.lines().any(|line| line.starts_with("latch: logged in")));
        if json {
            let error = run.json_error();
            assert_eq!(error["provider"]["error"], "access_denied");
            let text = error["provider"]["description"].as_str().unwrap_or_default();
            assert!(text.contains("\\u{1b}") && !text.contains('\u{1b}'), "{text}");
        }
    }
}

#[test]
fn the_page_runs_nothing_leads_nowhere_and_is_kept_by_nobody() {
    let home = Home::new();
    let pending = home.start_login(&[]);
    let page = get(&pending.answer());
    pending.finish().succeeded();
    let head = page.head.to_lowercase();
    for header in [
        "content-security-policy: default-src 'none'",
        "referrer-policy: no-referrer",
        "cache-control: no-store",
        "x-content-type-options: nosniff",
    ] {
        assert!(head.contains(header), "{header} in {head}");
    }
    assert!(!head.contains("access-control-allow"), "{head}");
}

#[test]
fn the_good_page_comes_only_once_the_session_is_kept() {
    let home = Home::new();
    let pending = home.start_login(&[]);
    let page = pending.visit();
    assert!(page.body.contains("You are logged in"), "{}", page.body);
    home.session_file();
    pending.finish().succeeded();

    let pending = home.start_login(&["--profile", "other"]);
    home.provider.misbehave(Fault::answer("/token", 503, "text/plain", "later"));
    let page = pending.visit();
    assert_eq!(page.status, 500);
    assert!(page.body.contains("Login failed"), "{}", page.body);
    pending.finish().failed(7, "provider-unavailable");
}
