//! Requests to an API with the session's token.

use std::io::{Read as _, Write as _};
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use latchstring::ApiRequest;
use latchstring::capability::store::MemoryStore;
use latchstring_testing::api::{self, Api};
use latchstring_testing::embedded::Setting;
use latchstring_testing::session::Session;
use latchstring_testing::{Home, Run, block_on};

/// Somebody is logged in, and may ask this API.
fn home_for(api: &Api) -> Home {
    let home = Home::new();
    home.login_with(&["--api-origin", api.origin()]);
    home
}

/// How often the provider was asked for new tokens.
fn renewals(home: &Home) -> usize {
    let is_renewal =
        |seen: &&latchstring_provider::Seen| seen.parameter("grant_type") == Some("refresh_token");
    home.asked("/token").iter().filter(is_renewal).count()
}

fn request(home: &Home, api: &Api, words: &[&str]) -> Run {
    let url = api.url("/v1?q=hidden");
    home.latch(&[&["request", "POST", &url], words].concat())
}

#[test]
fn a_request_carries_the_token_and_prints_the_answer() {
    let home = Home::new();
    home.login();
    let url = format!("{}/userinfo", home.provider.issuer());
    let run = home.latch(&["request", "GET", &url]).succeeded();
    assert_eq!(run.json()["name"], "Ada Lovelace");
    assert_eq!(run.stderr, "");
}

#[test]
fn method_address_headers_and_body_arrive_as_given() {
    let api = Api::start(|asked, stream| api::answer(stream, "200 OK", &asked.body));
    let home = home_for(&api);
    let url = api.url("/v1/a%20b?c=d#e");
    let words = ["request", "PATCH", &url, "-H", "X-Two: 1", "-H", "x-two:2", "-d", "a=b"];
    assert_eq!(home.latch(&words).succeeded().stdout, "a=b");
    let asked = api.log().remove(0);
    assert_eq!(asked.line, "PATCH /v1/a%20b?c=d HTTP/1.1");
    let two = asked.headers.iter().filter(|(name, _)| name == "x-two");
    assert_eq!(two.map(|(_, value)| value.as_str()).collect::<Vec<_>>(), ["1", "2"]);
    let token = home.token(&[]);
    assert_eq!(asked.header("authorization"), Some(format!("Bearer {token}").as_str()));
}

#[test]
fn a_body_says_what_it_is_unless_a_header_does() {
    let api = Api::answering("204 No Content", "");
    let home = home_for(&api);
    let file = home.path("binary");
    std::fs::write(&file, [0xff, 0x00]).expect("a file");
    let binary = format!("@{}", file.display());
    for (words, kind) in [
        (&["-d", r#"{"a": [1]}"#][..], Some("application/json")),
        (&["-d", "a=b&c=d"], Some("application/x-www-form-urlencoded")),
        (&["-d", &binary], Some("application/octet-stream")),
        (&["-d", "{}", "-H", "Content-Type: text/plain"], Some("text/plain")),
        (&[], None),
    ] {
        request(&home, &api, words).succeeded();
        assert_eq!(api.log().last().expect("a request").header("content-type"), kind);
    }
}

#[test]
fn a_body_from_a_file_or_from_standard_input_keeps_its_bytes_both_ways() {
    let api = Api::start(|asked, stream| api::answer(stream, "200 OK", &asked.body));
    let home = home_for(&api);
    let body: Vec<u8> = (0..5 << 20).map(|at: u32| (at ^ (at >> 8)) as u8).collect();
    assert!((0..=255).all(|byte| body.contains(&byte)));
    let file = home.path("body");
    std::fs::write(&file, &body).expect("a file");
    let url = api.url("/");
    let from_file = format!("@{}", file.display());
    let output = home.command(&["request", "PUT", &url, "-d", &from_file]).output();
    assert!(output.expect("latch runs").stdout == body);

    let mut command = home.command(&["request", "PUT", &url, "-d", "@-"]);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("latch");
    let mut stdin = child.stdin.take().expect("standard input");
    let given = body.clone();
    let writing = thread::spawn(move || stdin.write_all(&given).expect("latch reads"));
    let output = child.wait_with_output().expect("latch ends");
    writing.join().expect("no panic");
    assert!(output.stdout == body);
    request(&home, &api, &["-d", "@/no/such/file"]).failed(2, "invalid-configuration");
}

#[test]
fn a_401_is_answered_with_one_renewal_and_the_same_request() {
    let home = Home::new();
    home.login();
    let api = Api::refusing(&home.token(&[]));
    let run = request(&home, &api, &["--allow-origin", api.origin(), "-d", "again"]).succeeded();
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("again", ""));
    assert_eq!(renewals(&home), 1);
    let log = api.log();
    assert_eq!((log.len(), &log[0].body), (2, &log[1].body));
    assert_eq!(log[1].header("authorization"), Some(&*format!("Bearer {}", home.token(&[]))));
}

#[test]
fn a_second_401_is_the_answer() {
    let api = Api::answering("401 Unauthorized", "no");
    let home = home_for(&api);
    let run = request(&home, &api, &[]);
    assert_eq!((run.code, run.stdout.as_str()), (4, "no"));
    assert_eq!(run.stderr, "latch: the API answered 401 Unauthorized\n");
    assert_eq!((api.log().len(), renewals(&home)), (2, 1));
}

#[test]
fn without_a_refresh_token_the_401_is_the_answer() {
    let api = Api::answering("401 Unauthorized", "no");
    let home = home_for(&api);
    let mut session = Session::read(&home.session_file());
    session.inner.as_object_mut().expect("an object").remove("refresh_token");
    session.write();
    let run = request(&home, &api, &[]);
    assert_eq!((run.code, run.stdout.as_str()), (4, "no"));
    assert_eq!((api.log().len(), renewals(&home)), (1, 0));
}

#[test]
fn requests_at_once_that_are_refused_renew_once() {
    let home = Home::new();
    home.login();
    let api = Api::refusing(&home.token(&[]));
    let words = ["request", "POST", &api.url("/"), "--allow-origin", api.origin(), "-d", "a"];
    let start = |_| home.command(&words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let children: Vec<Child> = (0..8).map(|at| start(at).expect("latch")).collect();
    for child in children {
        let run = Run::from(child.wait_with_output().expect("latch ends")).succeeded();
        assert_eq!(run.stdout, "a");
    }
    assert_eq!(renewals(&home), 1);
}

#[test]
fn a_token_that_is_stale_already_is_renewed_before_the_request() {
    let api = Api::answering("200 OK", "");
    let home = home_for(&api);
    let mut session = Session::read(&home.session_file());
    session.inner["expires_at_ms"] = 1.into();
    session.write();
    let mut command = home.command(&["request", "POST", &api.url("/"), "-d", "@-"]);
    let mut child = command.stdin(Stdio::piped()).spawn().expect("latch");
    child.stdin.take().expect("standard input").write_all(b"body").expect("latch reads");
    assert!(child.wait().expect("latch ends").success());
    let log = api.log();
    assert_eq!((log.len(), log[0].body.as_slice(), renewals(&home)), (1, &b"body"[..], 1));
}

#[test]
fn a_program_asks_with_a_renewal_of_its_own_and_takes_what_others_have_renewed() {
    let setting = Setting::new();
    block_on(async {
        let store = MemoryStore::default();
        let first = setting.builder().store(store.clone()).build().expect("good settings");
        let stale = first.login().await.expect("a login");
        let api = Api::refusing(stale.access_token());
        let builder = setting.builder().store(store).api_origins([api.origin()]);
        let latch = builder.build().expect("good settings");
        let request = ApiRequest::new("POST", api.url("/")).header("accept", "*/*").body("hello");
        let mut answer = latch.request(&request).await.expect("an answer");
        assert_eq!(answer.status(), 200);
        assert!(answer.headers().any(|(name, value)| (name, value) == ("content-length", "5")));
        assert_eq!(answer.chunk().await.expect("a piece").as_deref(), Some(&b"hello"[..]));
        assert_eq!(answer.chunk().await.expect("an end"), None);
        let asked = setting.asked("/token");
        let token = latch.token_instead_of(&stale.fingerprint()).await.expect("the renewed one");
        assert_eq!(setting.asked("/token"), asked);
        latch.token_instead_of(&token.fingerprint()).await.expect("a newer one");
        assert_eq!(setting.asked("/token"), asked + 1);
    });
}

#[test]
fn a_program_sets_how_long_it_waits_for_an_answer() {
    // Says nothing until the other side has had enough.
    let api = Api::start(|_, stream| drop(stream.read_to_end(&mut Vec::new())));
    let setting = Setting::new();
    let latch = setting.builder().api_origin(api.origin()).build().expect("good settings");
    block_on(async {
        latch.login().await.expect("a login");
        let request = ApiRequest::new("GET", api.url("/")).patience(Duration::from_millis(1));
        let error = latch.request(&request).await.err().expect("no answer");
        assert!(error.message().ends_with("timed out after 1 ms"), "{error}");
    });
}
