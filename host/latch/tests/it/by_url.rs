//! `latch login URL` at a server that registers clients, and what is kept of it.

use std::net::TcpStream;
use std::sync::{Arc, Mutex, MutexGuard};

use latchstring_provider::port::free_port;
use latchstring_testing::api::{Api, Asked, answer};
use latchstring_testing::{Home, Pending, Run, http};
use serde_json::{Value, json};
use url::Url;

const PATH: &str = "/mcp";
const METADATA: &str = "/.well-known/oauth-protected-resource/mcp";
const ISSUER: &str = "/.well-known/oauth-authorization-server";

/// A resource, and the authorization server that guards it, on one origin.
struct Guarded {
    home: Home,
    api: Api,
    /// A port that no other test uses, so that a registration serves the next login too.
    port: u16,
    habits: Arc<Mutex<Habits>>,
}

/// What the server does differently.
#[derive(Clone, Default)]
struct Habits {
    /// It registers no redirect URI with an IP address.
    wants_localhost: bool,
    /// The issuer that the resource names.
    issuer: Option<String>,
    /// What it puts before its challenge.
    prefix: &'static str,
    /// It takes only tokens that are bound to a key.
    binds: bool,
}

impl Guarded {
    fn new() -> Self {
        let habits: Arc<Mutex<Habits>> = Arc::default();
        let known = Arc::clone(&habits);
        let api = Api::start(move |asked, stream| {
            let habits = known.lock().expect("no panic").clone();
            respond(asked, stream, &habits);
        });
        Self { home: Home::new(), api, port: free_port(), habits }
    }

    fn habits(&self) -> MutexGuard<'_, Habits> {
        self.habits.lock().expect("no panic")
    }

    fn url(&self) -> String {
        self.api.url(PATH)
    }

    /// Starts a login, up to the address that the user opens.
    fn begin(&self, extra: &[&str]) -> Pending {
        let (url, port) = (self.url(), self.port.to_string());
        let words = [&["login", &url, "--no-browser", "--port", &port], extra].concat();
        Pending::start(&mut self.home.command(&words))
    }

    /// Logs in. The server sends the user back at once.
    fn log_in(&self, extra: &[&str]) -> Run {
        let pending = self.begin(extra);
        let mut back: Url = pending.redirect_uri();
        let state = pending.parameter("state");
        back.query_pairs_mut().append_pair("code", "c0de").append_pair("state", &state);
        http::get(&back);
        pending.finish().succeeded()
    }

    fn latch(&self, words: &[&str]) -> Run {
        let url = self.url();
        self.home.latch(&[words, &["--resource-url", &url]].concat())
    }

    /// The requests of this kind to this path, such as `POST /register`.
    fn asked(&self, kind: &str) -> Vec<Asked> {
        let line = format!("{kind} HTTP/1.1");
        self.api.log().into_iter().filter(|asked| asked.line == line).collect()
    }

    /// The redirect URIs of the registrations that were asked for.
    fn registered(&self) -> Vec<Value> {
        let bodies = self.asked("POST /register").into_iter();
        let bodies = bodies.map(|asked| serde_json::from_slice::<Value>(&asked.body));
        bodies.map(|body| body.expect("JSON")["redirect_uris"][0].clone()).collect()
    }
}

fn respond(asked: &Asked, stream: &mut TcpStream, habits: &Habits) {
    let origin = format!("http://{}", asked.header("host").expect("a host"));
    let mut words = asked.line.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let (status, body) = match (method, target) {
        (_, PATH) => {
            let challenge = format!("{}Bearer scope=\"read\"", habits.prefix);
            let status = format!("401 Unauthorized\r\nwww-authenticate: {challenge}");
            return answer(stream, &status, b"");
        }
        ("GET", METADATA) => {
            let issuer = habits.issuer.clone().unwrap_or_else(|| origin.clone());
            let resource = json!({
                "resource": format!("{origin}{PATH}"),
                "authorization_servers": [issuer],
                "dpop_bound_access_tokens_required": habits.binds,
            });
            ("200 OK", resource)
        }
        ("GET", path) if path.starts_with(ISSUER) => {
            let issuer = format!("{origin}{}", path.trim_start_matches(ISSUER));
            ("200 OK", server_metadata(&origin, &issuer))
        }
        ("POST", "/register") => {
            let mut client: Value = serde_json::from_slice(&asked.body).expect("JSON");
            let redirect_uri = client["redirect_uris"][0].as_str().unwrap_or_default();
            match habits.wants_localhost && !redirect_uri.starts_with("http://localhost:") {
                true => ("400 Bad Request", json!({ "error": "invalid_redirect_uri" })),
                false => {
                    client["client_id"] = json!("client-1");
                    client["registration_access_token"] = json!("registration-secret");
                    client["registration_client_uri"] = json!(format!("{origin}/register/1"));
                    ("201 Created", client)
                }
            }
        }
        ("DELETE", "/register/1") => ("204 No Content", json!(null)),
        ("POST", "/token") => {
            let tokens = json!({
                "access_token": "access-1",
                "refresh_token": "refresh-1",
                "token_type": if asked.header("dpop").is_some() { "DPoP" } else { "Bearer" },
                "expires_in": 3600,
            });
            ("200 OK", tokens)
        }
        _ => ("404 Not Found", json!(null)),
    };
    answer(stream, status, body.to_string().as_bytes());
}

fn server_metadata(origin: &str, issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{origin}/authorize"),
        "token_endpoint": format!("{origin}/token"),
        "device_authorization_endpoint": format!("{origin}/device"),
        "registration_endpoint": format!("{origin}/register"),
        "response_types_supported": ["code"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
    })
}

#[test]
fn a_server_that_takes_only_bound_tokens_gets_them_without_being_told() {
    let guarded = Guarded::new();
    guarded.habits().binds = true;
    guarded.log_in(&[]).saying(&["bound to a key: one is made"]);
    let run = guarded.latch(&["token", "--json"]).succeeded().saying(&["bound to a key"]);
    assert_eq!(run.json()["token_type"], "DPoP");
    assert!(guarded.asked("POST /token")[0].header("dpop").is_some());
    let key = || {
        let files = std::fs::read_dir(guarded.home.path("state")).expect("a folder");
        let names = files.map(|file| file.expect("a file").file_name().into_string());
        names.flatten().any(|name| name.ends_with(".dpop-key"))
    };
    assert!(key());
    let run = guarded.latch(&["token", "--force-refresh"]).succeeded();
    assert!(run.stdout.contains("access-1"));
    assert!(guarded.asked("POST /token")[1].header("dpop").is_some());
    guarded.latch(&["logout"]);
    assert!(!key(), "the key of no session");
    // One that was made in vain does not decide about the next login.
    guarded.begin(&["--dpop", "--timeout", "1"]).finish().failed(5, "timed-out");
    assert!(!key(), "the key of no session");
}

#[test]
fn a_server_that_registers_no_ip_address_gets_the_name() {
    let guarded = Guarded::new();
    guarded.habits().wants_localhost = true;
    let port = guarded.port;
    let by_address = json!(format!("http://127.0.0.1:{port}/callback"));
    let by_name = json!(format!("http://localhost:{port}/callback"));
    guarded.log_in(&[]).saying(&["trying localhost"]);
    assert_eq!(guarded.registered(), [by_address.clone(), by_name.clone()]);
    // The registration serves the next login.
    guarded.log_in(&[]);
    assert_eq!(guarded.registered(), [by_address.clone(), by_name, by_address]);
}

#[test]
fn a_logout_removes_the_client_if_that_is_asked_for() {
    let guarded = Guarded::new();
    guarded.log_in(&[]);
    guarded.latch(&["logout"]).succeeded();
    guarded.log_in(&[]);
    assert_eq!(guarded.registered().len(), 1);
    guarded.latch(&["logout", "--unregister"]).succeeded().saying(&["is removed"]);
    let removals = guarded.asked("DELETE /register/1");
    let [removal] = removals.as_slice() else { panic!("{} removals", removals.len()) };
    assert_eq!(removal.header("authorization"), Some("Bearer registration-secret"));
    let run = guarded.latch(&["logout", "--unregister"]).failed(3, "login-required");
    assert!(!run.stderr.contains("registration-secret"), "{}", run.stderr);
    guarded.log_in(&[]);
    assert_eq!(guarded.registered().len(), 2);
}

#[test]
fn the_metadata_document_in_the_documentation_fits_what_a_login_does() {
    let text = include_str!("../../../../docs/flows.md");
    let (_, rest) = text.split_once("```json\n").expect("the document");
    let (document, _) = rest.split_once("```").expect("its end");
    let document: Value = serde_json::from_str(document).expect("JSON");
    let guarded = Guarded::new();
    guarded.log_in(&[]);
    let registrations = guarded.asked("POST /register");
    let registered: Value = serde_json::from_slice(&registrations[0].body).expect("JSON");
    for member in
        ["application_type", "token_endpoint_auth_method", "grant_types", "response_types"]
    {
        assert_eq!(registered[member], document[member], "{member}");
    }
    for host in ["127.0.0.1", "[::1]", "localhost"] {
        let words = ["--redirect-host", host, "--client-id", "by-hand"];
        let pending = guarded.begin(&words);
        let mut back = pending.redirect_uri();
        // The port is the next login's too.
        drop(pending);
        back.set_port(None).expect("no port");
        let documented = document["redirect_uris"].as_array().expect("a list");
        assert!(documented.contains(&json!(back.as_str())), "{back}");
    }
}

#[test]
fn a_client_that_cannot_be_removed_is_named() {
    let guarded = Guarded::new();
    guarded.log_in(&["--client-id", "by-hand"]);
    let words = ["logout", "--unregister", "--client-id", "by-hand"];
    let run = guarded.latch(&words).failed(4, "provider-refused");
    run.saying(&["stays registered: this program did not register it"]);
}

#[cfg(unix)]
#[test]
fn the_old_issuer_s_session_stays_until_the_new_one_is_there() {
    let guarded = Guarded::new();
    guarded.log_in(&[]);
    guarded.habits().issuer = Some(guarded.api.url("/moved"));
    let pending = guarded.begin(&["--timeout", "600"]);
    pending.interrupt();
    pending.finish().failed(130, "interrupted");
    assert_eq!(guarded.latch(&["token"]).succeeded().stdout.trim(), "access-1");
    let run = guarded.log_in(&[]);
    assert!(run.stderr.contains("it is kept as "), "{}", run.stderr);
    let status = guarded.home.latch(&["status"]).succeeded();
    assert!(status.stdout.contains("/moved"), "{}", status.stdout);
}

#[test]
fn a_challenge_that_cannot_be_read_is_told_to_who_asks_for_details() {
    let guarded = Guarded::new();
    guarded.habits().prefix = "Basic a=1 b=2, ";
    let told = "a challenge (WWW-Authenticate) cannot be read";
    assert!(!guarded.log_in(&[]).stderr.contains(told));
    assert!(guarded.log_in(&["--verbose"]).stderr.contains(told));
}

#[test]
fn a_profile_with_a_name_is_found_by_its_url() {
    let guarded = Guarded::new();
    guarded.log_in(&["--profile", "work", "--client-id", "by-hand"]);
    let url = format!("{}/", guarded.url());
    for words in [&["token"][..], &["token", "--profile", "work"], &["exec", "--", "true"]] {
        let split = words.iter().position(|word| *word == "--").unwrap_or(words.len());
        let (before, after) = words.split_at(split);
        let words = [before, &["--resource-url", &url], after].concat();
        guarded.home.latch(&words).succeeded();
    }
    // A name that was given counts.
    guarded.latch(&["token", "--profile", "default"]).failed(3, "login-required");
    guarded.log_in(&["--profile", "play", "--client-id", "by-hand"]);
    let run = guarded.latch(&["token"]).failed(2, "invalid-configuration");
    run.saying(&["work, play", "--profile"]);
}
