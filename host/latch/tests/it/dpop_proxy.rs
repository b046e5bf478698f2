//! Programs that know nothing of DPoP reach an API that takes only bound tokens (RFC 9449):
//! npm `oidc-provider` issues them, and `bound-api.mjs` checks each proof and its key.
#![cfg(unix)]

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use latchstring::secret_variables;
use latchstring_provider::visitor::Visitor;
use latchstring_testing::api::{Api, answer};
use latchstring_testing::http::{self, Answer, Trap};
use latchstring_testing::servers::{Server, log_in};
use latchstring_testing::session::Session;
use latchstring_testing::{Home, Run, run};
use serde_json::Value;
use url::Url;

/// Ada Lovelace is logged in with tokens that are bound to a key, and may use this API.
struct Scene {
    provider: Server,
    api: Server,
    home: Home,
}

impl Scene {
    fn new() -> Self {
        let provider = Server::oidc_provider_with_features(r#"{"dPoP":{"requiresNonce":false}}"#);
        let home = Home::new();
        let api = Server::bound_api(&provider, &home.path("repositories"));
        let words = ["login", "--issuer", provider.issuer(), "--client-id", "bound", "--dpop"];
        let more = ["--scope", "openid", "--scope", "offline_access", "--no-browser"];
        let origin = ["--api-origin", api.issuer()];
        log_in(&home, &Visitor::default(), &[&words[..], &more, &origin].concat()).0.succeeded();
        Self { provider, api, home }
    }

    /// The command, which a shell reads, runs with the proxy.
    fn shell(&self, script: &str) -> Run {
        run(&mut exec(&self.home, self.api.issuer(), script))
    }

    /// Tells the API to change its behaviour.
    fn tell(&self, path: &str) {
        self.api.get(path, "");
    }

    /// How often the API was asked at this path, and refused.
    fn refusals(&self, path: &str) -> usize {
        self.api.asked(path).iter().filter(|seen| seen["error"].is_string()).count()
    }
}

/// `latch exec` with a proxy for this API, for a command that a shell reads.
fn exec(home: &Home, origin: &str, script: &str) -> Command {
    home.command(&["exec", "--dpop-proxy", origin, "--", "sh", "-c", script])
}

/// A proxy that is there until its command is told to end.
struct Proxy {
    latch: Child,
    stdin: ChildStdin,
    url: Url,
}

impl Proxy {
    fn start(home: &Home, origin: &str) -> Self {
        let mut command = exec(home, origin, "echo \"$LATCH_API_URL\"; read line; exit 7");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut latch = command.spawn().expect("latch");
        let stdin = latch.stdin.take().expect("standard input");
        let mut line = String::new();
        let stdout: ChildStdout = latch.stdout.take().expect("standard output");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        Self { latch, stdin, url: Url::parse(line.trim()).expect("an address") }
    }

    /// An address of the API as the command knows it.
    fn at(&self, target: &str) -> Url {
        Url::parse(&format!("{}{target}", self.url)).expect("an address")
    }

    fn get(&self, target: &str) -> Answer {
        http::send(&self.at(target), "GET", &[])
    }

    /// The command ends. Returns what `latch` said.
    fn end(self) -> Run {
        drop(self.stdin);
        self.latch.wait_with_output().expect("an end").into()
    }
}

// ---- Programs ---------------------------------------------------------------------------

#[test]
fn curl_reaches_the_api_with_the_same_command_as_without() {
    let scene = Scene::new();
    let script = "curl -sS -w '%{num_connects}\n' \"$LATCH_API_URL/me\" \"$LATCH_API_URL/me\"";
    let run = scene.shell(script).succeeded();
    // The second request takes the connection of the first.
    assert_eq!((&*run.stdout, &*run.stderr), ("Ada Lovelace\n1\nAda Lovelace\n0\n", ""));
    let words = ["exec", "--dpop-proxy", scene.api.issuer(), "--variable", "API", "--", "sh", "-c"];
    let script = "curl -sS \"$API/me\"; echo \"${LATCH_API_URL-unset}\"";
    let run = scene.home.latch(&[&words[..], &[script]].concat()).succeeded();
    assert_eq!(run.stdout, "Ada Lovelace\nunset\n");
}

#[test]
fn a_proxy_for_the_network_is_not_asked_for_this_machine() {
    let scene = Scene::new();
    let trap = Trap::set();
    for (name, value) in [("unset", ""), ("NO_PROXY", "a.example"), ("no_proxy", "a.example")] {
        let script = "curl -sS \"$LATCH_API_URL/me\"; echo \"$NO_PROXY $no_proxy\"";
        let mut command = exec(&scene.home, scene.api.issuer(), script);
        command.env("http_proxy", trap.origin()).env(name, value);
        let stdout = run(&mut command).succeeded().stdout;
        let exempt = if value.is_empty() { "127.0.0.1" } else { "a.example,127.0.0.1" };
        assert_eq!(stdout, format!("Ada Lovelace\n{exempt} {exempt}\n"));
    }
    assert!(trap.is_untouched());
}

#[test]
fn git_clones_and_pushes() {
    let scene = Scene::new();
    // The push is longer than what git sends at once and what is kept to be sent again.
    let script = r#"
        set -e
        export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1
        git init --quiet --bare "$HOME/repositories/a.git"
        git -C "$HOME/repositories/a.git" config http.receivepack true
        git clone --quiet "$LATCH_API_URL/git/a.git" first
        cd first
        head -c 3000000 /dev/urandom >big
        git add big
        git -c user.name=a -c user.email=a@b commit --quiet -m big
        git push --quiet origin HEAD
        cd ..
        git clone --quiet "$LATCH_API_URL/git/a.git" second
        cmp first/big second/big
    "#;
    fs::create_dir(scene.home.path("repositories")).expect("a folder");
    scene.tell("/__nonce?0");
    scene.shell(script).succeeded();
    let pushed = scene.api.asked("/git/a.git/git-receive-pack");
    assert!(pushed.iter().any(|seen| seen["method"] == "HEAD"), "it is asked first: {pushed:?}");
}

#[test]
fn a_program_in_python_uses_its_own_http_client() {
    let scene = Scene::new();
    let program = scene.home.file(
        "program.py",
        r#"
import json, os, urllib.request
api = os.environ["LATCH_API_URL"]
print(urllib.request.urlopen(api + "/me").read().decode(), end="")
request = urllib.request.Request(api + "/size", data=b"a" * 5, method="PUT")
print(json.load(urllib.request.urlopen(request))["bytes"])
print(urllib.request.urlopen(api + "/to?/me").read().decode(), end="")
"#,
    );
    let run = scene.shell(&format!("python3 {program}")).succeeded();
    assert_eq!(run.stdout, "Ada Lovelace\n5\nAda Lovelace\n");
}

#[test]
fn a_session_that_is_not_bound_works_too_and_the_command_never_has_its_token() {
    let api = Api::start(|asked, stream| {
        answer(stream, "200 OK", asked.header("authorization").unwrap_or_default().as_bytes());
    });
    let home = Home::new();
    home.login_with(&["--api-origin", api.origin()]);
    let run = run(&mut exec(
        &home,
        api.origin(),
        "curl -sS -H 'Authorization: Basic YTpi' \"$LATCH_API_URL\"",
    ));
    assert_eq!(run.succeeded().stdout, format!("Bearer {}", home.token(&[])));
    assert_eq!(api.log()[0].header("dpop"), None);
}

// ---- The command ------------------------------------------------------------------------

#[test]
fn the_exit_code_is_the_commands_and_nothing_listens_after_it() {
    let scene = Scene::new();
    let proxy = Proxy::start(&scene.home, scene.api.issuer());
    let authority = http::authority(&proxy.url);
    assert_eq!(proxy.get("/me").status, 200);
    let mut waiting = http::ask(&authority, "GET / HTTP/1.1\r\n");
    assert_eq!(proxy.end().code, 7);
    assert_eq!(waiting.read(&mut [0]).unwrap_or(0), 0, "open connections end");
    assert!(TcpStream::connect(&authority).is_err());
    assert_eq!(scene.shell("kill -KILL $$").code, 137);
    let run = scene.shell("trap 'exit 5' TERM; kill -TERM $PPID; while :; do :; done");
    assert_eq!(run.code, 5);
    let words = ["exec", "--dpop-proxy", scene.api.issuer(), "--", "no-such-command"];
    scene.home.latch(&words).failed(127, "host-fault");
}

#[test]
fn the_command_gets_an_address_and_no_secret() {
    let scene = Scene::new();
    let token = scene.home.token(&[]);
    let mut command = exec(&scene.home, scene.api.issuer(), "env");
    for variable in secret_variables::ALL {
        command.env(variable, "s3cret");
    }
    let stdout = run(&mut command).succeeded().stdout;
    assert!(!stdout.contains("s3cret") && !stdout.contains(&token), "{stdout}");
    let url = stdout.lines().find_map(|line| line.strip_prefix("LATCH_API_URL=")).expect("it");
    let url = Url::parse(url).expect("an address");
    assert_eq!((url.scheme(), url.host_str()), ("http", Some("127.0.0.1")));
    // 256 bits.
    assert_eq!(url.path().len(), "/".len() + 43);
}

#[test]
fn only_an_origin_that_the_profile_allows_gets_a_proxy() {
    let scene = Scene::new();
    let exec =
        |origin: &str| scene.home.latch(&["exec", "--dpop-proxy", origin, "--", "touch", "ran"]);
    exec("https://api.example").failed(6, "egress-denied").saying(&["--api-origin https://api"]);
    exec("http://api.example").failed(2, "invalid-configuration");
    exec("https://*.example.com").failed(2, "invalid-configuration").saying(&["several origins"]);
    let url = format!("{}/v1", scene.api.issuer());
    exec(&url).failed(2, "invalid-configuration").saying(&["has more", scene.api.issuer()]);
    let words = ["exec", "--dpop-proxy", scene.api.issuer(), "--for", "aws", "--", "true"];
    assert_eq!(scene.home.latch(&words).code, 2);
    scene.home.latch(&["logout"]).succeeded();
    exec(scene.api.issuer()).failed(3, "login-required").saying(&["latch login"]);
    assert!(!scene.home.work_folder().join("ran").exists());
}

// ---- Strangers --------------------------------------------------------------------------

#[test]
fn a_stranger_without_the_path_gets_404_and_no_hint() {
    let scene = Scene::new();
    let proxy = Proxy::start(&scene.home, scene.api.issuer());
    let authority = http::authority(&proxy.url);
    let path = proxy.url.path();
    let asked = |target: &str, headers: &str| {
        http::send_bytes(
            &authority,
            &format!("GET {target} HTTP/1.1\r\nConnection: close\r\n{headers}\r\n"),
        )
    };
    let host = format!("Host: {authority}\r\n");
    let page = format!("{host}Origin: https://evil.example\r\n");
    let site = format!("{host}Sec-Fetch-Site: cross-site\r\n");
    let (start, last) = path.split_at(path.len() - 1);
    let guess = format!("{start}{}/me", if last == "A" { "E" } else { "A" });
    for (target, headers) in [
        ("/", &*host),
        ("/me", &host),
        (&guess, &host),
        (&format!("{path}/me"), "Host: evil.example\r\n"),
        (&format!("{path}/me"), &page),
        (&format!("{path}/me"), &site),
        (&format!("http://{authority}{path}/me"), &host),
        (&format!("{}/me", scene.api.issuer()), &host),
    ] {
        let answer = asked(target, headers);
        assert_eq!((answer.status, &*answer.body), (404, ""), "{target} {headers}");
        assert!(!answer.head.contains("latch"), "{}", answer.head);
    }
    assert_eq!(asked(&format!("{path}/me"), &host).status, 200);
    assert_eq!(scene.api.asked("/me").len(), 1);
    assert_eq!(proxy.end().stderr, "");
}

#[cfg(target_os = "linux")]
#[test]
fn another_user_of_the_machine_gets_nothing_even_with_the_address() {
    use super::two_users::{MALLORY, as_user, can_be_two_users};

    if !can_be_two_users() {
        return;
    }
    let scene = Scene::new();
    let proxy = Proxy::start(&scene.home, scene.api.issuer());
    let url = proxy.at("/me");
    let theirs = as_user(MALLORY, move || http::send(&url, "GET", &[])).join().expect("no panic");
    assert_eq!((theirs.status, &*theirs.head), (0, ""));
    assert_eq!(proxy.get("/me").status, 200);
    assert_eq!(scene.api.asked("/me").len(), 1);
}

// ---- Requests and responses ---------------------------------------------------------------

#[test]
fn a_redirect_within_the_api_stays_on_the_proxy_and_others_are_not_followed() {
    let scene = Scene::new();
    let proxy = Proxy::start(&scene.home, scene.api.issuer());
    let away = "https://other.example/a?b";
    let absolute = format!("{}/me", scene.api.issuer());
    for (to, expected) in
        [("/me", proxy.at("/me").as_str()), (&absolute, proxy.at("/me").as_str()), (away, away)]
    {
        let answer = proxy.get(&format!("/to?{to}"));
        assert_eq!((answer.status, answer.header("location")), (302, Some(expected)));
        assert_eq!(answer.header("set-cookie"), Some("a=b"));
    }
    assert_eq!(scene.api.asked("/me").len(), 0);
}

#[test]
fn the_headers_of_the_program_arrive_except_those_that_are_not_for_the_api() {
    let scene = Scene::new();
    let script = "curl -sS -H 'Cookie: a=b' -H 'X-Two: 1' -H 'Authorization: Basic YTpi' \
        -H 'DPoP: mine' -H \"Referer: $LATCH_API_URL/\" -H 'Connection: X-Hop' -H 'X-Hop: 1' \
        -A mine \"$LATCH_API_URL/headers\"";
    let headers = scene.shell(script).succeeded().json();
    for (name, value) in [("cookie", "a=b"), ("x-two", "1"), ("user-agent", "mine")] {
        assert_eq!(headers[name], value);
    }
    assert_eq!(headers["host"], scene.api.issuer().trim_start_matches("http://"));
    assert!(headers["authorization"].as_str().expect("it").starts_with("DPoP "));
    for name in ["referer", "x-hop"] {
        assert_eq!(headers.get(name), None, "{name}");
    }
}

#[test]
fn a_stream_arrives_while_it_is_sent() {
    let scene = Scene::new();
    let mut command = exec(&scene.home, scene.api.issuer(), "curl -sSN \"$LATCH_API_URL/stream\"");
    let mut latch = command.stdout(Stdio::piped()).spawn().expect("latch");
    let mut lines = BufReader::new(latch.stdout.take().expect("standard output")).lines();
    let mut next = || lines.next().map(|line| line.expect("a line"));
    assert_eq!(next().as_deref(), Some("first"));
    // The API sends the rest only now.
    scene.tell("/__go");
    assert_eq!(next().as_deref(), Some("last"));
    assert_eq!(next(), None);
    assert!(latch.wait().expect("an end").success());
}

#[test]
fn a_program_that_leaves_ends_its_request_at_the_api_too() {
    let scene = Scene::new();
    let proxy = Proxy::start(&scene.home, scene.api.issuer());
    let mut stream = http::ask(
        &http::authority(&proxy.url),
        &format!(
            "GET {}/stream HTTP/1.1\r\nHost: {}\r\n\r\n",
            proxy.url.path(),
            http::authority(&proxy.url)
        ),
    );
    let mut seen = Vec::new();
    while !seen.ends_with(b"first\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a stream");
        seen.extend(byte);
    }
    drop(stream);
    while !scene.api.asked("/stream").iter().any(|seen| seen["left"] == true) {}
}

#[test]
fn an_upload_that_breaks_off_is_broken_off_at_the_api_and_is_no_failure() {
    let scene = Scene::new();
    let proxy = Proxy::start(&scene.home, scene.api.issuer());
    let authority = http::authority(&proxy.url);
    let head = format!("PUT {}/size HTTP/1.1\r\nHost: {authority}\r\n", proxy.url.path());
    let upload = http::ask(&authority, &format!("{head}Content-Length: 5000000\r\n\r\npart"));
    let has_seen = |name, value: Value| scene.api.asked("/size").iter().any(|it| it[name] == value);
    // Before that, a connection that is closed has no user, and is not read.
    while !has_seen("method", "PUT".into()) {}
    drop(upload);
    while !has_seen("left", true.into()) {}
    assert_eq!(proxy.get("/me").status, 200);
    assert_eq!(proxy.end().stderr, "");
}

#[test]
fn a_response_that_breaks_off_is_not_taken_for_a_whole_one() {
    let api = Api::start(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf");
    });
    let home = Home::new();
    home.login_with(&["--api-origin", api.origin()]);
    let ended = run(&mut exec(&home, api.origin(), "curl -sS \"$LATCH_API_URL\""));
    assert_eq!(ended.stdout, "half");
    // "A file was only partially transferred."
    assert_eq!(ended.code, 18, "{}", ended.stderr);
}

#[test]
fn an_upload_is_passed_on_while_it_is_sent_and_as_it_is() {
    let scene = Scene::new();
    scene.tell("/__nonce?0");
    let script = r#"
        head -c 50000000 /dev/zero >big
        curl -sS -T big "$LATCH_API_URL/size"
        head -c 50000000 /dev/zero | curl -sS -T - "$LATCH_API_URL/size"
        sha256sum big
    "#;
    let run = scene.shell(script).succeeded();
    let (known, rest) = run.stdout.split_once('}').expect("JSON");
    let (unknown, sum) = rest.split_once('}').expect("JSON");
    let sum = sum.split(' ').next().expect("a hash");
    for (body, how) in [(known, r#""length":"50000000""#), (unknown, r#""coding":"chunked""#)] {
        assert!(body.contains(how) && body.contains(sum), "{body}");
    }
    // Asked first, without a body: once refused for the nonce, and never with a body.
    let methods: Vec<_> =
        scene.api.asked("/size").iter().map(|seen| seen["method"].clone()).collect();
    assert_eq!(methods, ["HEAD", "HEAD", "PUT", "HEAD", "PUT"]);
}

#[test]
fn a_long_upload_that_is_refused_in_the_middle_works_the_next_time() {
    let scene = Scene::new();
    // The answer to the question is from before the change, and so is the nonce in it.
    scene.tell("/__nonce?1");
    let script = r#"
        head -c 2000000 /dev/zero >big
        for time in 1 2; do
            curl -sS -o answer -w '%{http_code}\n' -T big "$LATCH_API_URL/size"
        done
    "#;
    let run = scene.shell(script).succeeded();
    assert_eq!((&*run.stdout, &*run.stderr), ("401\n200\n", ""));
}

// ---- Nonces and tokens --------------------------------------------------------------------

#[test]
fn a_thousand_requests_at_once_survive_a_change_of_the_nonce() {
    let scene = Scene::new();
    let program = scene.home.file(
        "storm.py",
        r#"
import asyncio, collections, os, urllib.parse
url = urllib.parse.urlsplit(os.environ["LATCH_API_URL"])
async def ask(id):
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    head = f"GET {url.path}/me HTTP/1.1\r\nHost: {url.netloc}\r\nX-Id: {id}\r\nConnection: close\r\n\r\n"
    writer.write(head.encode())
    answer = await reader.read()
    writer.close()
    return answer.split(b" ", 2)[1].decode()
async def main():
    answers = await asyncio.gather(*(ask(id) for id in range(1000)))
    print(dict(collections.Counter(answers)))
asyncio.run(main())
"#,
    );
    // It asks for a nonce from the beginning, and for another in the middle.
    scene.tell("/__nonce?0");
    scene.tell("/__nonce?500");
    let run = scene.shell(&format!("python3 {program}")).succeeded();
    assert_eq!((run.stdout.trim(), &*run.stderr), ("{'200': 1000}", ""));
    let mut sent: HashMap<String, usize> = HashMap::new();
    for seen in scene.api.asked("/me") {
        *sent.entry(seen["id"].to_string()).or_default() += 1;
    }
    assert_eq!(sent.len(), 1000);
    assert!(sent.values().all(|&times| times <= 3), "{:?}", sent.values().max());
    let again = scene.refusals("/me");
    assert!(again >= 2, "both nonces were asked for");
    assert_eq!(again, sent.values().sum::<usize>() - 1000);
}

#[test]
fn a_token_that_is_refused_is_renewed_once_for_all_requests() {
    let scene = Scene::new();
    let proxy = Proxy::start(&scene.home, scene.api.issuer());
    assert_eq!(proxy.get("/me").status, 200);
    scene.tell("/__refuse");
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..50).map(|_| scope.spawn(|| proxy.get("/me").status)).collect();
        assert!(all.into_iter().all(|one| one.join().expect("no panic") == 200));
    });
    assert_eq!(scene.provider.refreshes(), 1);
}

#[test]
fn a_token_that_ends_while_the_command_runs_is_renewed_before_the_next_request() {
    let scene = Scene::new();
    let proxy = Proxy::start(&scene.home, scene.api.issuer());
    let token = || {
        let headers: Value = serde_json::from_str(&proxy.get("/headers").body).expect("JSON");
        headers["authorization"].as_str().expect("a token").to_owned()
    };
    let first = token();
    Session::read(&scene.home.session_file()).later(3600).write();
    // The session is read again after a moment.
    while token() == first {}
    assert_eq!((scene.provider.refreshes(), scene.refusals("/headers")), (1, 0));
}

#[test]
fn an_api_that_refuses_every_token_causes_one_renewal_and_its_answer_is_passed_on() {
    let scene = Scene::new();
    let proxy = Proxy::start(&scene.home, scene.api.issuer());
    for _ in 0..3 {
        let answer = proxy.get("/never");
        assert_eq!((answer.status, answer.header("latch-error")), (401, None));
        assert!(answer.body.contains("refused: invalid_token"), "{}", answer.body);
    }
    assert_eq!((scene.provider.refreshes(), scene.refusals("/never")), (1, 4));
    assert_eq!(proxy.end().stderr, "");
}

#[test]
fn errors_of_latch_are_told_from_the_apis_and_say_what_to_do() {
    let scene = Scene::new();
    let token = scene.home.token(&[]);
    let proxy = Proxy::start(&scene.home, scene.api.issuer());
    assert_eq!(proxy.get("/me").status, 200);
    scene.home.latch(&["logout"]).succeeded();
    scene.tell("/__refuse");
    let answer = proxy.get("/me");
    assert_eq!((answer.status, answer.header("latch-error")), (502, Some("login-required")));
    assert!(answer.body.contains("latch login"), "{}", answer.body);
    let secret = proxy.url.path().to_owned();
    let run = proxy.end().saying(&["[login-required]", "latch login"]);
    for text in [&run.stderr, &answer.body, &answer.head] {
        assert!(!text.contains(&token) && !text.contains(&secret), "{text}");
    }
}

#[test]
fn an_api_that_cannot_be_reached_is_reported() {
    let scene = Scene::new();
    let Scene { provider: _provider, api, home } = scene;
    let proxy = Proxy::start(&home, api.issuer());
    drop(api);
    for _ in 0..3 {
        let answer = proxy.get("/me");
        assert_eq!((answer.status, answer.header("latch-error")), (502, Some("unreachable")));
    }
    let run = proxy.end().saying(&["connection refused", "[unreachable]"]);
    assert_eq!(run.stderr.matches("[unreachable]").count(), 1, "{}", run.stderr);
}
