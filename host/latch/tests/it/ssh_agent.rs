//! Keys in an SSH agent: OpenSSH's, at a certified provider: npm `oidc-provider`.
#![cfg(target_os = "linux")]

use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use latchstring_provider::visitor::Visitor;
use latchstring_testing::servers::{Server, visit};
use latchstring_testing::{Home, Pending, Run, run};
use serde_json::{Value, json};

use crate::pkcs11::register;

/// A home with an agent, which `latch` finds.
struct Machine {
    home: Home,
    agent: Child,
    socket: PathBuf,
}

impl Machine {
    fn new() -> Self {
        let home = Home::new();
        let socket = home.path("agent.sock");
        let address = socket.display().to_string();
        // Whoever is asked to confirm says no.
        let mut agent = home
            .command_of("ssh-agent", &["-D", "-a", &address])
            .env("SSH_ASKPASS", "/bin/false")
            .env("SSH_ASKPASS_REQUIRE", "force")
            .stdout(Stdio::piped())
            .spawn()
            .expect("openssh-client is missing: run ./dev test, which installs it");
        // It says where it listens once it does.
        let mut line = String::new();
        let said = agent.stdout.take().expect("standard output");
        BufReader::new(said).read_line(&mut line).expect("a line");
        assert!(line.contains("SSH_AUTH_SOCK"), "{line}");
        Self { home, agent, socket }
    }

    /// Makes a key, and leaves it to the agent alone. Returns its fingerprint.
    fn add_key(&self, kind: &[&str], comment: &str, more: &[&str]) -> String {
        let file = self.home.path(comment).display().to_string();
        let words = ["-q", "-N", "", "-C", comment, "-f", &file, "-t"];
        self.tool("ssh-keygen", &[&words[..], kind].concat());
        self.tool("ssh-add", &[&["-q"], more, &[&file]].concat());
        std::fs::remove_file(&file).expect("a file");
        let said = self.tool("ssh-keygen", &["-l", "-f", &format!("{file}.pub")]);
        said.split(' ').nth(1).expect("a fingerprint").to_owned()
    }

    fn tool(&self, name: &str, words: &[&str]) -> String {
        run(&mut self.with_agent(self.home.command_of(name, words))).succeeded().stdout
    }

    fn with_agent(&self, mut command: Command) -> Command {
        command.env("SSH_AUTH_SOCK", &self.socket);
        command
    }

    fn command(&self, words: &[&str]) -> Command {
        self.with_agent(self.home.command(words))
    }

    fn latch(&self, words: &[&str]) -> Run {
        run(&mut self.command(words))
    }

    /// Asks for a token as a client with this key.
    fn token(&self, server: &Server, client_id: &str, key: &str) -> Run {
        let words = ["token", "--issuer", server.issuer(), "--client-id", client_id];
        let more = ["--grant", "client-credentials", "--client-key-file", key];
        self.latch(&[&words[..], &more].concat())
    }

    /// The public key as the provider has to know it, from what `latch doctor` shows.
    fn jwk(&self, key: &str) -> Value {
        let words = ["profile", "add", "asking", "--client-id", "x", "--client-key-file", key];
        self.latch(&words).succeeded();
        let found = self.latch(&["doctor", "--profile", "asking", "--json"]).succeeded().json();
        let key = found.as_array().expect("findings").iter().find(|one| one["subject"] == "key");
        let text = key.expect("a key")["text"].as_str().expect("text").to_owned();
        let (_, jwk) = text.split_once("public key ").expect(&text);
        serde_json::from_str(jwk).expect("a JSON Web Key")
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.agent.kill();
        let _ = self.agent.wait();
    }
}

fn server() -> Server {
    let features =
        json!({ "registration": { "enabled": true }, "dPoP": { "requiresNonce": false } });
    Server::oidc_provider_with_features(&features.to_string())
}

const ED25519: [&str; 1] = ["ed25519"];
const ECDSA: [&str; 3] = ["ecdsa", "-b", "256"];

#[test]
fn a_client_authenticates_with_a_key_that_an_agent_holds() {
    let server = server();
    let machine = Machine::new();
    for (kind, algorithm) in
        [(&ED25519[..], "EdDSA"), (&ECDSA[..], "ES256"), (&["rsa", "-b", "2048"][..], "RS256")]
    {
        let fingerprint = machine.add_key(kind, algorithm, &[]);
        for name in [fingerprint.as_str(), algorithm] {
            let key = format!("ssh-agent:{name}");
            let client_id = register(&server, &machine.jwk(&key), algorithm, &json!({}));
            machine.token(&server, &client_id, &key).succeeded();
            let asked = server.asked("token").pop().expect("a request");
            let seen = (&asked["status"], &asked["authentication"]);
            assert_eq!(seen, (&json!(200), &json!("client_assertion")), "{name}");
        }
    }
}

#[test]
fn a_session_is_bound_to_a_key_that_an_agent_holds() {
    let server = server();
    let mut machine = Machine::new();
    machine.add_key(&ED25519, "ada@laptop", &[]);
    let words = ["login", "--issuer", server.issuer(), "--client-id", "bound", "--no-browser"];
    let more = ["--scope", "openid", "--scope", "offline_access"];
    let key = ["--dpop-key-file", "ssh-agent:ada@laptop"];
    let pending = Pending::start(&mut machine.command(&[&words[..], &more, &key].concat()));
    visit(&Visitor::default(), &pending);
    pending.finish().succeeded();
    let token = machine.home.token(&[]);
    assert_ne!(machine.latch(&["token", "--force-refresh"]).succeeded().stdout.trim_end(), token);
    let url = format!("{}/me", server.issuer());
    let me = machine.latch(&["request", "GET", &url]).succeeded();
    assert!(me.stdout.contains("Ada Lovelace"), "{}", me.stdout);
    // The agent is gone: the stored token can be read, and is worth nothing.
    machine.agent.kill().expect("an agent");
    machine.agent.wait().expect("its end");
    machine.latch(&["token"]).succeeded();
    let run = machine.latch(&["request", "GET", &url]).failed(2, "invalid-configuration");
    run.saying(&["SSH agent cannot be asked", "ssh-add"]);
}

#[test]
fn what_is_wrong_with_a_key_is_said_and_nothing_is_sent() {
    let server = server();
    let machine = Machine::new();
    let ask = |key: &str| machine.token(&server, "eddsa", key);
    let wrong = |key: &str| ask(key).failed(2, "invalid-configuration");
    wrong("ssh-agent:").saying(&["not understood"]);
    wrong("ssh-agent:work").saying(&["has no keys, or is locked", "ssh-add -X"]);
    let fingerprint = machine.add_key(&ED25519, "one", &[]);
    wrong("ssh-agent:work").saying(&["key work is not in", &fingerprint, "(one)"]);
    machine.add_key(&["ecdsa", "-b", "384"], "p384", &[]);
    wrong("ssh-agent:p384").saying(&["kind or size"]);
    machine.add_key(&["rsa", "-b", "2048"], "rsa", &[]);
    let words = ["token", "--issuer", server.issuer(), "--client-id", "ps256"];
    let more = ["--grant", "client-credentials", "--client-key-file", "ssh-agent:rsa"];
    let misfit = machine.latch(&[&words[..], &more, &["--client-key-algorithm", "PS256"]].concat());
    misfit.failed(2, "invalid-configuration").saying(&["does not fit", "RS256 and not with PS256"]);
    machine.add_key(&ED25519, "asks", &["-c"]);
    ask("ssh-agent:asks").failed(4, "access-denied").saying(&["does not sign", "confirm"]);
    let unset = run(machine
        .command(&["token", "--issuer", server.issuer()])
        .args([
            "--client-id",
            "eddsa",
            "--grant",
            "client-credentials",
            "--client-key-file",
            "ssh-agent:one",
        ])
        .env_remove("SSH_AUTH_SOCK"));
    unset.failed(2, "invalid-configuration").saying(&["SSH_AUTH_SOCK is not set"]);
    assert!(server.asked("token").is_empty());
}
