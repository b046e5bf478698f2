//! What each protocol says, byte for byte, and who gets no token.

use latchstring_testing::api::answer;
use latchstring_testing::session::Session;
use latchstring_testing::{Pending, Run};
use serde_json::{Value, json};

use super::scene::{Scene, Wants, told};

fn scene() -> Scene {
    let scene = Scene::with(Wants::Bearer, |_, stream| answer(stream, "200 OK", b"welcome"));
    scene.log_in();
    scene
}

fn host(scene: &Scene) -> &str {
    scene.api.origin().trim_start_matches("http://")
}

fn json(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap_or_else(|error| panic!("{error}: {}", run.stdout))
}

/// What the session says about the expiry of its access token, in seconds, as it is told.
fn told_expiry(scene: &Scene) -> u64 {
    let session = Session::read(&scene.home.session_file());
    session.inner["expires_at_ms"].as_u64().expect("an expiry") / 1000 - 30
}

fn id_token(scene: &Scene) -> String {
    let session = Session::read(&scene.home.session_file());
    session.inner["id_token"].as_str().expect("an ID token").to_owned()
}

fn info(version: &str) -> String {
    json!({
        "apiVersion": format!("client.authentication.k8s.io/{version}"),
        "kind": "ExecCredential",
        "spec": { "interactive": false },
    })
    .to_string()
}

#[test]
fn kubernetes() {
    let scene = scene();
    let ask = |words: &[&str], info: &str| {
        let mut command = scene.home.command(&[&["credential", "kubernetes"], words].concat());
        told(command.env("KUBERNETES_EXEC_INFO", info), "")
    };
    for version in ["v1", "v1beta1"] {
        let answered = json(&ask(&[], &info(version)).succeeded());
        assert_eq!(answered["apiVersion"], format!("client.authentication.k8s.io/{version}"));
        assert_eq!(answered["kind"], "ExecCredential");
        assert_eq!(answered["status"]["token"], id_token(&scene));
        let expiry = answered["status"]["expirationTimestamp"].as_str().expect("a time");
        assert!(expiry.ends_with('Z') && expiry.len() == 20, "{expiry}");
    }
    let access = json(&ask(&["--access-token"], "").succeeded());
    assert_eq!(access["status"]["token"], scene.home.token(&[]));
    for bad in ["{", "[]", r#"{"apiVersion":"client.authentication.k8s.io/v2"}"#] {
        ask(&[], bad).failed(2, "invalid-configuration");
    }
    scene.home.latch(&["logout"]).succeeded();
    ask(&[], &info("v1")).failed(3, "login-required").saying(&["latch login"]);
}

#[test]
fn kubernetes_logs_in_only_if_it_may_and_a_user_is_there() {
    let scene = Scene::with(Wants::Bearer, |_, stream| answer(stream, "200 OK", b"welcome"));
    scene.log_in();
    scene.home.latch(&["logout"]).succeeded();
    scene.home.latch(&["profile", "add", "default", "--no-browser"]).succeeded();
    let ask = |words: &[&str], is_interactive: bool| {
        let mut command = scene.home.command(&[&["credential", "kubernetes"], words].concat());
        let info = info("v1").replace("false", &is_interactive.to_string());
        command.env("KUBERNETES_EXEC_INFO", info);
        command
    };
    told(&mut ask(&[], true), "").failed(3, "login-required");
    told(&mut ask(&["--interactive"], false), "").failed(3, "login-required");
    let pending = Pending::start(&mut ask(&["--interactive"], true));
    pending.visit();
    let run = pending.finish().succeeded();
    assert_eq!(json(&run)["status"]["token"], id_token(&scene));
}

#[test]
fn docker() {
    let scene = scene();
    let token = scene.home.token(&[]);
    let server = scene.api.origin();
    let run = scene.ask(&["docker", "get"], &format!("{server}\n")).succeeded();
    let expected = json!({ "ServerURL": server, "Username": "oauth2", "Secret": token });
    assert_eq!(json(&run), expected);
    let named = scene.ask(&["docker", "--username", "AWS", "get"], server).succeeded();
    assert_eq!(json(&named)["Username"], "AWS");
    for unknown in ["https://index.docker.io/v1/", "ghcr.io", "", "\n", "https://"] {
        let run = scene.ask(&["docker", "get"], unknown);
        assert_eq!(run.code, 1);
        assert_eq!(run.stdout, "credentials not found in native keychain\n", "{unknown}");
        assert_eq!(run.stderr, "");
    }
    assert_eq!(scene.ask(&["docker", "list"], "").succeeded().stdout, "{}\n");
    assert!(scene.ask(&["docker", "version"], "").succeeded().stdout.contains("latch"));
    for operation in ["store", "erase", "other"] {
        assert_eq!(scene.ask(&["docker", operation], server).code, 1);
    }
    assert_eq!(scene.home.token(&[]), token);
    scene.home.latch(&["logout"]).succeeded();
    let run = scene.ask(&["docker", "get"], server);
    assert_eq!((run.code, &*run.stderr), (1, ""));
    assert!(run.stdout.contains("you are not logged in") && run.stdout.contains("latch login"));
}

#[test]
fn cargo() {
    let scene = scene();
    let token = scene.home.token(&[]);
    let request = |kind: &str, index: &str, args: Value| {
        let registry = json!({ "index-url": index, "name": "a", "headers": ["later: field"] });
        json!({ "v": 1, "kind": kind, "operation": "read", "registry": registry, "args": args })
            .to_string()
    };
    let index = format!("sparse+{}/index/", scene.api.origin());
    let lines = [
        request("get", &index, json!([])),
        request("get", &index, json!(["--bare-token"])),
        request("get", "sparse+https://index.crates.io/", json!([])),
        request("logout", &index, json!([])),
    ];
    let run = scene.ask(&["cargo"], &(lines.join("\n") + "\n")).succeeded();
    let given = |token: &str| {
        json!({ "Ok": {
            "kind": "get",
            "token": token,
            "cache": "expires",
            "expiration": told_expiry(&scene),
            "operation_independent": true,
        } })
    };
    let said: Vec<Value> =
        run.stdout.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(
        said,
        [
            json!({ "v": [1] }),
            given(&format!("Bearer {token}")),
            given(&token),
            json!({ "Err": { "kind": "url-not-supported" } }),
            json!({ "Err": { "kind": "operation-not-supported" } }),
        ]
    );
    scene.home.latch(&["logout"]).succeeded();
    let run = scene.ask(&["cargo"], &(lines[0].clone() + "\n")).succeeded();
    let refused: Value =
        serde_json::from_str(run.stdout.lines().last().expect("a line")).expect("JSON");
    assert_eq!(refused["Err"]["kind"], "other");
    assert_eq!(refused["Err"]["caused-by"], json!([]));
    assert!(refused["Err"]["message"].as_str().expect("words").contains("latch login"));
    scene.ask(&["cargo"], "nonsense\n").failed(2, "invalid-configuration");
}

#[test]
fn go() {
    let scene = scene();
    let token = scene.home.token(&[]);
    let origin = scene.api.origin();
    let given = |token: &str| format!("{origin}\n\nAuthorization: Bearer {token}\n\n");
    assert_eq!(scene.ask(&["go"], "").succeeded().stdout, given(&token));
    let refusal = "HTTP/1.1 401 Unauthorized\r\nA: b\r\n\r\n";
    let url = scene.api.url("/module/@v/list");
    let missing = scene.ask(&["go", &url], "HTTP/1.1 404 Not Found\r\n\r\n").succeeded();
    assert_eq!(missing.stdout, "");
    assert_eq!(scene.ask(&["go", "https://proxy.golang.org/a"], refusal).succeeded().stdout, "");
    // It was given before, so it was refused.
    let run = scene.ask(&["go", &url], refusal).succeeded();
    assert_eq!(run.stdout, given(&scene.home.token(&[])));
    assert_ne!(scene.home.token(&[]), token);
    scene.expire();
    assert_eq!(scene.ask(&["go"], "").succeeded().stdout, "", "nobody is asked");
    scene.home.latch(&["logout"]).succeeded();
    assert_eq!(scene.ask(&["go"], "").succeeded().stdout, "");
    scene.ask(&["go", &url], refusal).failed(3, "login-required");
}

#[test]
fn keyring() {
    let scene = scene();
    let token = scene.home.token(&[]);
    let service = scene.api.url("/simple/");
    for (words, expected) in [
        (vec!["get", &service, "me"], format!("{token}\n")),
        (vec!["get", &service, "--mode", "creds"], format!("oauth2\n{token}\n")),
        (
            vec!["--mode=creds", "--output=json", "get", &service, "me"],
            format!("{{\"username\":\"me\",\"password\":\"{token}\"}}\n"),
        ),
    ] {
        let words = [&["keyring"], &words[..]].concat();
        assert_eq!(scene.ask(&words, "").succeeded().stdout, expected);
    }
    for unknown in [
        vec!["get", "https://pypi.org/simple/", "me"],
        vec!["get", "pypi.org", "me"],
        vec!["set", &service, "me"],
        vec!["del", &service, "me"],
    ] {
        let run = scene.ask(&[&["keyring"], &unknown[..]].concat(), "password\n");
        assert_eq!((run.code, &*run.stdout, &*run.stderr), (1, "", ""), "{unknown:?}");
    }
    scene.home.latch(&["logout"]).succeeded();
    scene.ask(&["keyring", "get", &service, "me"], "").failed(3, "login-required");
}

#[test]
fn npm() {
    let scene = scene();
    let expected = format!("Bearer {}\n", scene.home.token(&[]));
    assert_eq!(scene.ask(&["npm"], "").succeeded().stdout, expected);
    scene.home.latch(&["logout"]).succeeded();
    let run = scene.ask(&["npm"], "").failed(3, "login-required");
    assert_eq!(run.stdout, "");
}

#[test]
fn gcloud() {
    let scene = scene();
    let run = scene.ask(&["gcloud"], "").succeeded();
    let said = json(&run);
    assert_eq!(run.stderr, "");
    assert_eq!(said["version"], 1);
    assert_eq!(said["success"], true);
    assert_eq!(said["token_type"], "urn:ietf:params:oauth:token-type:id_token");
    assert_eq!(said["id_token"], id_token(&scene));
    assert!(said["expiration_time"].as_u64().expect("a time") > 1_700_000_000);
    scene.home.latch(&["logout"]).succeeded();
    let run = scene.ask(&["gcloud"], "").succeeded();
    let said = json(&run);
    assert_eq!((&said["success"], &said["code"]), (&json!(false), &json!("login-required")));
    assert!(said["message"].as_str().expect("words").contains("latch login"));
    assert_eq!(run.stderr, "");
}

#[test]
fn terraform() {
    let scene = scene();
    let token = scene.home.token(&[]);
    let run = scene.ask(&["terraform", "get", host(&scene)], "").succeeded();
    assert_eq!(run.stdout, format!("{}\n", json!({ "token": token })));
    let run = scene.ask(&["terraform", "get", "registry.terraform.io"], "").succeeded();
    assert_eq!((&*run.stdout, &*run.stderr), ("{}\n", ""));
    assert_eq!(scene.ask(&["terraform", "forget", host(&scene)], "").succeeded().stdout, "");
    let stored = scene.ask(&["terraform", "store", host(&scene)], "{\"token\":\"a\"}");
    stored.failed(2, "invalid-configuration");
    scene.ask(&["terraform", "dance", host(&scene)], "").failed(2, "invalid-configuration");
    scene.home.latch(&["logout"]).succeeded();
    scene.ask(&["terraform", "get", host(&scene)], "").failed(3, "login-required");
}

#[test]
fn bazel() {
    let scene = scene();
    let token = scene.home.token(&[]);
    let asked = json!({ "uri": scene.api.url("/cache"), "later": 1 }).to_string();
    let said = json(&scene.ask(&["bazel", "get"], &asked).succeeded());
    assert_eq!(said["headers"], json!({ "Authorization": [format!("Bearer {token}")] }));
    assert!(said["expires"].as_str().expect("a time").ends_with('Z'));
    let unknown = json!({ "uri": "https://github.com/a" }).to_string();
    assert_eq!(scene.ask(&["bazel", "get"], &unknown).succeeded().stdout, "{}\n");
    for (verb, input) in [("put", &*asked), ("get", "nonsense"), ("get", "{}")] {
        scene.ask(&["bazel", verb], input).failed(2, "invalid-configuration");
    }
}

#[test]
fn a_host_of_two_profiles_needs_a_name() {
    let scene = scene();
    scene.home.login_with(&["--profile", "work", "--api-origin", scene.api.origin()]);
    let run = scene.ask(&["terraform", "get", scene.api.origin()], "");
    run.failed(2, "invalid-configuration").saying(&["default, work", "--profile"]);
    let words = ["terraform", "get", scene.api.origin(), "--profile", "work"];
    let run = scene.ask(&words, "").succeeded();
    assert_eq!(json(&run)["token"], scene.home.token(&["--profile", "work"]));
    // One that was named answers for its own hosts only.
    let words = ["terraform", "get", "https://github.com", "--profile", "work"];
    assert_eq!(scene.ask(&words, "").succeeded().stdout, "{}\n");
}

#[test]
fn a_profile_sets_the_user_name_beside_the_token() {
    let scene = scene();
    let words = ["profile", "add", "default", "--helper-username", "AWS"];
    scene.home.latch(&words).succeeded();
    let run = scene.ask(&["docker", "get"], scene.api.origin()).succeeded();
    assert_eq!(json(&run)["Username"], "AWS");
    let asked = format!("protocol=http\nhost={}\n", host(&scene));
    let run = scene.ask(&["git", "get"], &asked).succeeded();
    assert!(run.stdout.starts_with("username=AWS\n"), "{}", run.stdout);
    let run = scene.ask(&["git", "get"], &format!("{asked}username=me\n")).succeeded();
    assert!(run.stdout.starts_with("username=me\n"), "{}", run.stdout);
}

#[test]
fn the_current_folder_chooses_no_session() {
    let scene = scene();
    scene.home.write_dotenv("LATCH_ISSUER=https://evil.example\nLATCH_CLIENT_ID=evil\n");
    let run = scene.ask(&["npm"], "").succeeded();
    assert_eq!(run.stdout, format!("Bearer {}\n", scene.home.token(&[])));
}

#[test]
fn an_id_token_is_printed_on_request() {
    let scene = scene();
    let printed = scene.home.token(&["--id-token"]);
    assert_eq!(printed, id_token(&scene));
    let said = scene.home.latch(&["token", "--id-token", "--json"]).succeeded();
    assert_eq!(json(&said)["id_token"], printed);
    assert_ne!(scene.home.token(&["--id-token", "--force-refresh"]), printed);
    let home = latchstring_testing::Home::new();
    let issuer = home.provider.issuer();
    let words = ["login", "--issuer", issuer, "--client-id", "demo", "--no-browser"];
    let pending = latchstring_testing::Pending::start(
        &mut home.command(&[&words[..], &["--scope", "offline_access"]].concat()),
    );
    pending.visit();
    pending.finish().succeeded();
    let run = home.latch(&["token", "--id-token"]).failed(3, "login-required");
    run.saying(&["no ID token"]);
}

#[test]
fn an_id_token_that_has_expired_is_replaced_or_the_user_is_told() {
    let scene = scene();
    let old = id_token(&scene);
    let mut session = Session::read(&scene.home.session_file());
    session.inner["id_token"] = expired(&old).into();
    session.write();
    let said = json(&scene.ask(&["gcloud"], "").succeeded());
    assert_eq!(said["success"], true, "{said}");
    assert_ne!(said["id_token"], old);
    assert_eq!(scene.renewals(), 1);
}

/// An ID token of long ago. Nobody checks the signature of one that is stored.
fn expired(id_token: &str) -> String {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    let mut parts: Vec<String> = id_token.split('.').map(str::to_owned).collect();
    let payload = URL_SAFE_NO_PAD.decode(&parts[1]).expect("base64");
    let mut claims: Value = serde_json::from_slice(&payload).expect("JSON");
    claims["exp"] = 1_600_000_000.into();
    parts[1] = URL_SAFE_NO_PAD.encode(claims.to_string());
    parts.join(".")
}

#[test]
fn eight_callers_at_once_refresh_an_expired_token_once_in_every_protocol() {
    let scene = scene();
    let (origin, host) = (scene.api.origin().to_owned(), host(&scene).to_owned());
    let index = format!("sparse+{origin}/index/");
    let registry = json!({ "index-url": index, "name": "a" });
    let cargo = json!({ "v": 1, "kind": "get", "operation": "read", "registry": registry });
    let url = format!("{origin}/a");
    let rows: [(Vec<&str>, String); 9] = [
        (vec!["kubernetes", "--access-token"], String::new()),
        (vec!["git", "get"], format!("protocol=http\nhost={host}\n\n")),
        (vec!["docker", "get"], origin.clone()),
        (vec!["cargo"], format!("{cargo}\n")),
        (vec!["go", &url], "HTTP/1.1 401 Unauthorized\r\n\r\n".to_owned()),
        (vec!["keyring", "get", &url, "me"], String::new()),
        (vec!["npm"], String::new()),
        (vec!["terraform", "get", &host], String::new()),
        (vec!["bazel", "get"], json!({ "uri": url }).to_string()),
    ];
    for (round, (words, input)) in rows.iter().enumerate() {
        scene.expire();
        std::thread::scope(|scope| {
            let ask = || scene.ask_as_another(words, input).succeeded().stdout;
            let runs: Vec<_> = (0..8).map(|_| scope.spawn(ask)).collect();
            let token = |run: std::thread::ScopedJoinHandle<'_, String>| run.join().expect("a run");
            let answers: Vec<String> = runs.into_iter().map(token).collect();
            let current = scene.home.token(&[]);
            assert!(answers.iter().all(|answer| answer.contains(&current)), "{words:?}");
        });
        assert_eq!(scene.renewals(), round + 1, "{words:?}");
    }
}
