//! Keys that never leave their token (PKCS #11): SoftHSM, which keeps its tokens in a folder, at
//! a certified provider: npm `oidc-provider`.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use latchstring_provider::visitor::Visitor;
use latchstring_testing::servers::{Server, visit};
use latchstring_testing::tty::Tty;
use latchstring_testing::{Home, Pending, Run, block_on, http, run};
use serde_json::{Value, json};
use url::Url;

use crate::terminal::address;

const PIN: &str = "hunter-2468";
const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";

/// A home with a token in it, which `latch` finds.
struct Machine {
    home: Home,
    tokens: PathBuf,
    /// Notes each call of the module that it stands before.
    spy: PathBuf,
}

impl Machine {
    fn new() -> Self {
        let machine = Self::without_token(Home::new());
        machine.tool(
            "softhsm2-util",
            &["--init-token", "--free", "--label", "work", "--pin", PIN, "--so-pin", PIN],
        );
        machine
    }

    /// A machine whose slots are empty.
    fn without_token(home: Home) -> Self {
        let tokens = home.path("tokens");
        fs::create_dir(&tokens).expect("a folder");
        let text =
            format!("directories.tokendir = {}\nobjectstore.backend = file\n", tokens.display());
        home.file("softhsm2.conf", &text);
        let module = |folder: &&str| Path::new(folder).join("pkcs11-spy.so");
        let folders = ["/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib"];
        let spy = folders.iter().map(module).find(|path| path.exists());
        let spy = spy.expect("opensc is missing: run ./dev test, which installs it");
        Self { home, tokens, spy }
    }

    /// Makes a key pair in the token. Nobody can take the private half out.
    fn make_key(&self, kind: &str, label: &str, id: &str) {
        let words = ["--module", SOFTHSM, "--token-label", "work", "--login", "--pin", PIN];
        let key = ["--keypairgen", "--key-type", kind, "--label", label, "--id", id];
        let said = self.tool("pkcs11-tool", &[&words[..], &key].concat());
        assert!(said.contains("never extractable"), "{said}");
    }

    fn tool(&self, name: &str, words: &[&str]) -> String {
        let output = self.with_token(self.home.command_of(name, words)).output();
        let run =
            Run::from(output.expect("softhsm2 is missing: run ./dev test, which installs it"));
        run.succeeded().stdout
    }

    fn with_token(&self, mut command: Command) -> Command {
        command.env("SOFTHSM2_CONF", self.home.path("softhsm2.conf"));
        command
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.with_token(self.home.command(words));
        command.env("PKCS11SPY", SOFTHSM).env("PKCS11SPY_OUTPUT", self.calls_file());
        command
    }

    fn latch(&self, words: &[&str]) -> Run {
        run(&mut self.command(words))
    }

    /// The same with the PIN in a variable.
    fn latch_with_pin(&self, words: &[&str], pin: &str) -> Run {
        run(self.command(words).env("LATCH_PKCS11_PIN", pin))
    }

    fn pin_file(&self) -> String {
        let file = self.home.file("pin", &format!("{PIN}\n"));
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("mine");
        file
    }

    /// The URI of a key, whose PIN is in a file.
    fn uri(&self, label: &str) -> String {
        format!("{}&pin-source=file:{}", uri(label), self.pin_file())
    }

    /// The URI of a key in the module that notes its calls.
    fn spied(&self, label: &str) -> String {
        format!("pkcs11:token=work;object={label}?module-path={}", self.spy.display())
    }

    fn calls_file(&self) -> PathBuf {
        self.home.path("calls")
    }

    /// How often a function of the module was called.
    fn calls(&self, function: &str) -> usize {
        let text = fs::read(self.calls_file()).unwrap_or_default();
        String::from_utf8_lossy(&text).lines().filter(|line| line.ends_with(function)).count()
    }

    /// The public key as the provider has to know it, from what `latch doctor` shows.
    fn jwk(&self, uri: &str) -> Value {
        self.latch(&["profile", "add", "asking", "--client-id", "x", "--client-key-file", uri])
            .succeeded();
        let found = self
            .latch_with_pin(&["doctor", "--profile", "asking", "--json"], PIN)
            .succeeded()
            .json();
        let key = found.as_array().expect("findings").iter().find(|one| one["subject"] == "key");
        let text = key.expect("a key")["text"].as_str().expect("text").to_owned();
        let (_, jwk) = text.split_once("public key ").expect(&text);
        serde_json::from_str(jwk).expect("a JSON Web Key")
    }
}

/// The URI of a key, without its PIN.
fn uri(label: &str) -> String {
    format!("pkcs11:token=work;object={label}?module-path={SOFTHSM}")
}

fn server() -> Server {
    let features = json!({
        "registration": { "enabled": true },
        "dPoP": { "requiresNonce": false },
        "requestObjects": { "enabled": true },
    });
    Server::oidc_provider_with_features(&features.to_string())
}

/// Registers a client with this public key, and returns its client ID.
pub(crate) fn register(server: &Server, jwk: &Value, algorithm: &str, more: &Value) -> String {
    let mut client = json!({
        "application_type": "native",
        "redirect_uris": ["http://127.0.0.1/callback"],
        "response_types": ["code"],
        "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
        "token_endpoint_auth_method": "private_key_jwt",
        "token_endpoint_auth_signing_alg": algorithm,
        "jwks": { "keys": [jwk] },
    });
    for (name, value) in more.as_object().into_iter().flatten() {
        client[name] = value.clone();
    }
    let body = client.to_string();
    let authority = server.issuer().trim_start_matches("http://");
    let answer = http::send_bytes(
        authority,
        &format!(
            "POST /reg HTTP/1.1\r\nHost: {authority}\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        ),
    );
    assert_eq!(answer.status, 201, "{}", answer.body);
    let answer: Value = serde_json::from_str(&answer.body).expect("JSON");
    answer["client_id"].as_str().expect("a client ID").to_owned()
}

/// Logs in as a user whose tokens are bound to a key in the token, with a client that
/// authenticates with another one there.
fn log_in(machine: &Machine, server: &Server, pin: &str) -> Run {
    let words = login_words(machine, server);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut command = machine.command(&words);
    let pending = Pending::start(command.env("LATCH_PKCS11_PIN", pin));
    visit(&Visitor::default(), &pending);
    pending.finish()
}

fn login_words(machine: &Machine, server: &Server) -> Vec<String> {
    machine.make_key("EC:prime256v1", "client", "01");
    machine.make_key("EC:prime256v1", "dpop", "02");
    let bound = json!({ "dpop_bound_access_tokens": true });
    let client_id = register(server, &machine.jwk(&uri("client")), "ES256", &bound);
    let words = ["login", "--issuer", server.issuer(), "--client-id", &client_id, "--no-browser"];
    let scopes = ["--scope", "openid", "--scope", "offline_access", "--request-object"];
    let (client, dpop) = (uri("client"), uri("dpop"));
    let keys = ["--client-key-file", &client, "--dpop-key-file", &dpop];
    [&words[..], &scopes, &keys].concat().into_iter().map(str::to_owned).collect()
}

#[test]
fn a_client_authenticates_with_a_key_that_cannot_leave_its_token() {
    let server = server();
    let machine = Machine::new();
    for (id, kind, algorithm) in [
        ("01", "EC:prime256v1", "ES256"),
        ("02", "EC:edwards25519", "EdDSA"),
        ("03", "rsa:2048", "PS256"),
        ("04", "rsa:3072", "RS256"),
    ] {
        machine.make_key(kind, algorithm, id);
        let key = machine.uri(algorithm);
        let client_id = register(&server, &machine.jwk(&key), algorithm, &json!({}));
        let words = ["profile", "add", algorithm, "--issuer", server.issuer()];
        let client = ["--client-id", &client_id, "--grant", "client-credentials"];
        let mut more = vec!["--scope", "deploy", "--client-key-file", &key];
        if algorithm == "RS256" {
            more.extend(["--client-key-algorithm", "RS256"]);
        }
        machine.latch(&[&words[..], &client, &more].concat()).succeeded();
        let words = ["--profile", algorithm];
        let token = machine.latch(&[&["token"], &words[..]].concat()).succeeded().stdout;
        let report = machine.latch(&[&["introspect", "--json"], &words[..]].concat());
        assert_eq!(report.succeeded().json()["introspection"]["active"], true, "{algorithm}");
        assert_eq!(machine.latch(&[&["token"], &words[..]].concat()).succeeded().stdout, token);
        let asked = server.asked("token").pop().expect("a request");
        let seen = (&asked["status"], &asked["authentication"]);
        assert_eq!(seen, (&json!(200), &json!("client_assertion")), "{algorithm}");
    }
}

#[test]
fn a_session_is_bound_to_a_key_in_a_token_which_a_stored_token_does_not_need() {
    let server = server();
    let machine = Machine::new();
    log_in(&machine, &server, PIN).succeeded();
    let config = machine.home.config();
    assert!(config.contains(&uri("dpop")) && !config.contains(PIN), "{config}");
    let token = machine.home.token(&[]);
    let url = format!("{}/me", server.issuer());
    let me = machine.latch_with_pin(&["request", "GET", &url], PIN).succeeded();
    assert!(me.stdout.contains("Ada Lovelace"), "{}", me.stdout);
    let renewed = machine.latch_with_pin(&["token", "--force-refresh"], PIN).succeeded();
    assert_ne!(renewed.stdout.trim_end(), token);
    // Neither the token, nor its PIN, nor the module is asked for.
    let (client, dpop) = (machine.spied("client"), machine.spied("dpop"));
    let spied = ["token", "--client-key-file", &client, "--dpop-key-file", &dpop];
    assert_eq!(machine.latch(&spied).succeeded().stdout, renewed.stdout);
    assert!(!machine.calls_file().exists());
    let forced = [&spied[..], &["--force-refresh"]].concat();
    machine.latch(&forced).failed(2, "invalid-configuration").saying(&["needs its PIN"]);
    machine.latch_with_pin(&forced, PIN).succeeded();
    assert!(machine.calls("C_Sign") > 0);
    machine.latch_with_pin(&["logout"], PIN).succeeded();
}

#[test]
fn a_copied_state_folder_is_worth_nothing_without_the_token() {
    let server = server();
    let machine = Machine::new();
    log_in(&machine, &server, PIN).succeeded();
    let thief = Machine::without_token(Home::new());
    for file in [machine.home.session_file(), machine.home.config_file()] {
        let name = file.strip_prefix(machine.home.path("")).expect("in the home");
        let copy = thief.home.path("").join(name);
        let folder = copy.parent().expect("a folder");
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder).expect("a folder");
        fs::copy(&file, copy).expect("a copy");
    }
    assert!(fs::read_dir(&thief.tokens).expect("a folder").next().is_none());
    // The thief has the token as text, which no API takes.
    let token = thief.home.token(&[]);
    let url = format!("{}/me", server.issuer());
    let me = Url::parse(&url).expect("an address");
    for scheme in ["Bearer", "DPoP"] {
        let header = format!("Authorization: {scheme} {token}");
        let status = http::send(&me, "GET", &[&header]).status;
        assert!([400, 401].contains(&status), "{scheme}: {status}");
    }
    // Even the PIN is no help.
    for words in [&["request", "GET", &url][..], &["token", "--force-refresh"]] {
        let run = thief.latch_with_pin(words, PIN);
        run.failed(2, "invalid-configuration").saying(&["token of the key is not there"]);
    }
    // A key of the thief's own is not the one that the token is bound to.
    let own = thief.home.path("own.pem").display().to_string();
    let words = ["request", "GET", &url, "--dpop-key-file", &own];
    let refused = thief.latch_with_pin(&words, PIN);
    assert!(refused.code != 0 && !refused.stdout.contains("Ada"), "{}", refused.stdout);
    // The owner goes on.
    machine.latch_with_pin(&["token", "--force-refresh"], PIN).succeeded();
}

#[test]
fn what_is_wrong_with_a_key_is_said_and_nothing_is_sent() {
    let server = server();
    let machine = Machine::new();
    machine.make_key("EC:prime256v1", "one", "01");
    machine.make_key("EC:prime256v1", "two", "02");
    machine.make_key("EC:secp384r1", "p384", "03");
    let open = machine.home.file("open-pin", PIN);
    fs::set_permissions(&open, fs::Permissions::from_mode(0o644)).expect("open");
    let (pin, any) = (machine.pin_file(), format!("?module-path={SOFTHSM}"));
    for (uri, variable, words) in [
        (uri("one"), "", &["needs its PIN", "LATCH_PKCS11_PIN"][..]),
        (uri("one"), "wrong", &["is wrong", "tried once"]),
        (format!("{}&pin-source=file:{open}", uri("one")), "", &["other users", "chmod 600"]),
        (format!("{}&pin-source=/nowhere", uri("one")), "", &["/nowhere", "cannot be read"]),
        (format!("{}&pin-value={PIN}", uri("one")), "", &["has the PIN in it", "pin-source"]),
        (machine.uri("three"), "", &["object=one;id=%01", "object=two;id=%02"]),
        (machine.uri("p384"), "", &["kind or size"]),
        (format!("pkcs11:token=work{any}"), PIN, &["fits several keys", "object=two;id=%02"]),
        (format!("pkcs11:token=home{any}"), PIN, &["token of the key is not there", "work"]),
        (format!("pkcs11:object=one?module-path={pin}"), PIN, &["cannot be loaded"]),
        ("pkcs11:object=one?module-path=soft.so".to_owned(), PIN, &["no absolute path"]),
    ] {
        let words_of_token = ["token", "--issuer", server.issuer(), "--client-id", "es256"];
        let more = ["--grant", "client-credentials", "--client-key-file", &uri];
        let run = machine.latch_with_pin(&[&words_of_token[..], &more].concat(), variable);
        let run = run.failed(2, "invalid-configuration").saying(words);
        assert!(!run.stderr.contains(PIN), "{}", run.stderr);
    }
    assert!(server.log().is_empty());
    let secret = format!("{}&pin-value={PIN}", uri("one"));
    let words = ["profile", "add", "kept", "--client-id", "x", "--client-key-file", &secret];
    machine.latch(&words).failed(2, "invalid-configuration");
    assert!(!machine.home.config_file().exists());
}

#[test]
fn a_wrong_pin_is_tried_once_for_both_keys() {
    let server = server();
    let machine = Machine::new();
    machine.make_key("EC:prime256v1", "one", "01");
    let key = machine.spied("one");
    let words = ["login", "--issuer", server.issuer(), "--client-id", "signs", "--no-browser"];
    let more = ["--client-key-file", &key, "--dpop-key-file", &key];
    let run = machine.latch_with_pin(&[&words[..], &more].concat(), "wrong");
    run.failed(2, "invalid-configuration").saying(&["is wrong", "tokens lock"]);
    assert_eq!(machine.calls("C_Login"), 1);
}

#[test]
fn a_login_on_a_terminal_asks_for_the_pin_once_and_does_not_show_it() {
    let server = server();
    let machine = Machine::new();
    let mut words = login_words(&machine, &server);
    words.push("--plain".to_owned());
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let mut tty = Tty::lead(machine.command(&words), |_| {});
    tty.until("PIN of the token work");
    tty.types(PIN);
    let url = address(&tty.until("waiting for the login in the browser"));
    block_on(Visitor::default().visit(&url)).expect("the last page");
    let run = tty.finish();
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(!run.stderr.contains(PIN), "{}", run.stderr);
    assert_eq!(run.stderr.matches("PIN of the token").count(), 1, "{}", run.stderr);
    // Other commands do not stop to ask.
    let mut tty = Tty::lead(machine.command(&["token", "--force-refresh"]), |_| {});
    assert_eq!(tty.wait(), Some(2));
    tty.finish().saying(&["needs its PIN"]);
}

#[test]
fn a_checked_out_folder_cannot_name_a_module() {
    let server = server();
    let machine = Machine::new();
    machine.make_key("EC:prime256v1", "one", "01");
    let key = machine.spied("one");
    machine.home.write_dotenv(&format!(
        "LATCH_CLIENT_KEY_FILE={key}\nLATCH_DPOP_KEY_FILE={key}\nLATCH_PKCS11_PIN={PIN}\n"
    ));
    let words = ["token", "--issuer", server.issuer(), "--client-id", "machine"];
    let run = machine.latch(&[&words[..], &["--grant", "client-credentials"]].concat());
    run.failed(4, "provider-refused");
    assert!(!machine.calls_file().exists());
    // The user's own variable does.
    let mut command = machine.command(&[&words[..], &["--grant", "client-credentials"]].concat());
    run_with(&mut command, &[("LATCH_CLIENT_KEY_FILE", &key)]).saying(&["needs its PIN"]);
    assert!(machine.calls_file().exists());
}

fn run_with(command: &mut Command, variables: &[(&str, &str)]) -> Run {
    run(command.envs(variables.iter().copied()))
}
