//! `latch --record` and `latch replay`: what stands in a transcript of a real
//! session, and what must not.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use latchstring_provider::dialects::{AUTHGATE_WITH_KEYS, FIEF, HEXCLAVE, MOCK, STYTCH};
use latchstring_provider::visitor::Visitor;
use latchstring_provider::{ClientAuthentication, Fault, Options};
use latchstring_testing::session::Session;
use latchstring_testing::system::Scene;
use latchstring_testing::{Home, Pending, Run, block_on, http, run};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use url::Url;
use url::form_urlencoded::byte_serialize;

const SECRET: &str = "a client secret nobody should see";

/// So many characters of a secret are too many.
const PIECE: usize = 12;

/// What somebody must not find out from a transcript, and the transcript.
struct Watch<'a> {
    home: &'a Home,
    secrets: BTreeSet<String>,
}

impl<'a> Watch<'a> {
    fn new(home: &'a Home) -> Self {
        let user = ["Ada Lovelace", "ada.lovelace@example.com", SECRET];
        Self { home, secrets: user.map(str::to_owned).into() }
    }

    fn file(&self) -> String {
        self.home.path("transcript.json").display().to_string()
    }

    fn command(&self, command: &mut Command) -> Run {
        run(command.env("LATCH_RECORD", self.file()).env("LATCH_CLIENT_SECRET", SECRET))
    }

    /// Runs a command, and reads what it wrote with a stranger's eyes.
    fn latch(&mut self, words: &[&str]) -> Run {
        let run = self.command(&mut self.home.command(words));
        self.read();
        run
    }

    fn login(&mut self, extra: &[&str]) -> Run {
        let mut command = self.home.login_command(extra);
        command.args(["--record", &self.file()]).env("LATCH_CLIENT_SECRET", SECRET);
        let pending = Pending::start(&mut command);
        pending.visit();
        let run = pending.finish();
        self.read();
        run
    }

    /// Nothing of what anybody knows is in it, and it replays.
    #[track_caller]
    fn read(&mut self) {
        self.learn();
        let text = fs::read_to_string(self.home.path("transcript.json")).expect("a transcript");
        assert!(!text.contains("\"note\""), "not whole: {text}");
        let pieces = pieces(&text);
        for secret in &self.secrets {
            assert!(!tell(&pieces, secret), "a piece of {secret} is in: {text}");
        }
        let replay = self.home.latch(&["replay", &self.file()]).succeeded();
        assert!(replay.stdout.ends_with("Everything is as it was recorded\n"), "{}", replay.stdout);
        fs::remove_file(self.home.path("transcript.json")).expect("its end");
    }

    /// What the provider was told, what it said that is kept, and who logged in.
    fn learn(&mut self) {
        const NAMES: [&str; 9] = [
            "code",
            "code_verifier",
            "code_challenge",
            "state",
            "nonce",
            "refresh_token",
            "token",
            "client_secret",
            "password",
        ];
        for seen in self.home.provider.log() {
            let said = NAMES.iter().filter_map(|name| seen.parameter(name));
            self.secrets.extend(said.map(str::to_owned));
            let credentials =
                seen.header("authorization").into_iter().filter_map(|text| text.split(' ').nth(1));
            self.secrets.extend(credentials.map(str::to_owned));
        }
        for file in self.home.session_files() {
            let session = Session::read(&file);
            for name in ["access_token", "refresh_token", "id_token", "nonce", "subject"] {
                let Some(text) = session.inner[name].as_str() else { continue };
                match text.rsplit_once('.') {
                    // The rest of a token begins as every token does.
                    Some((_, signature)) => self.secrets.insert(signature.to_owned()),
                    None => self.secrets.insert(text.to_owned()),
                };
            }
        }
        let is_secret = |text: &String| text.len() >= PIECE;
        self.secrets.retain(is_secret);
    }
}

/// Every piece of the text, and of what is encoded in it.
fn pieces(text: &str) -> HashSet<Vec<u8>> {
    with_what_is_encoded(text).as_bytes().windows(PIECE).map(<[u8]>::to_vec).collect()
}

/// Whether one of them is of the secret, in whatever form.
fn tell(pieces: &HashSet<Vec<u8>>, secret: &str) -> bool {
    forms(secret)
        .iter()
        .any(|form| form.as_bytes().windows(PIECE).any(|piece| pieces.contains(piece)))
}

#[test]
fn a_piece_of_a_secret_is_found_however_it_is_written() {
    let claims = URL_SAFE_NO_PAD.encode(format!("{{\"name\":\"{SECRET}\"}}"));
    for text in [
        format!("...{}...", &SECRET[5..5 + PIECE]),
        STANDARD.encode(SECRET),
        "a+client+secret+nobody".to_owned(),
        format!("eyJhbGciOiJub25lIn0.{claims}."),
    ] {
        assert!(tell(&pieces(&text), SECRET), "{text}");
    }
    assert!(!tell(&pieces("client-secret-1"), SECRET));
}

/// As it may have been written.
fn forms(secret: &str) -> Vec<String> {
    let hash = Sha256::digest(secret);
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    vec![
        secret.to_owned(),
        byte_serialize(secret.as_bytes()).collect(),
        STANDARD.encode(secret),
        URL_SAFE_NO_PAD.encode(secret),
        hex(secret.as_bytes()),
        hex(&hash),
        URL_SAFE_NO_PAD.encode(hash),
        secret.chars().rev().collect(),
    ]
}

/// The text, and whatever in it is base64 of other text.
fn with_what_is_encoded(text: &str) -> String {
    let is_encoded = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let words = text.split(|c| !is_encoded(c)).filter(|word| word.len() >= 8);
    let decoded =
        words.filter_map(|word| String::from_utf8(URL_SAFE_NO_PAD.decode(word).ok()?).ok());
    [text.to_owned()].into_iter().chain(decoded).collect::<Vec<_>>().join("\n")
}

#[test]
fn no_secret_of_a_session_is_in_its_transcripts() {
    let authentication = ClientAuthentication::ClientSecretBasic(SECRET.to_owned());
    let home = Home::with(Options { authentication, ..Options::default() });
    let mut watch = Watch::new(&home);
    watch.login(&["--param", "login_hint=ada.lovelace@example.com"]).succeeded();
    for words in [
        &["token"][..],
        &["token", "--force-refresh"],
        &["whoami"],
        &["exec", "--", "true"],
        &["logout"],
    ] {
        watch.latch(words).succeeded();
    }
    assert!(watch.secrets.len() > 10, "{}", watch.secrets.len());
}

#[test]
fn no_secret_of_a_session_that_failed_is_in_its_transcript() {
    let home = Home::with(Options {
        authentication: ClientAuthentication::ClientSecretPost(SECRET.to_owned()),
        ..Options::default()
    });
    let mut watch = Watch::new(&home);
    watch.secrets.insert("a-token-that-leaked".to_owned());
    watch.login(&[]).succeeded();
    let json = |body: &str| Fault::answer("/token", 200, "application/json", body);
    for fault in [
        Fault::answer("/token", 503, "text/plain", "a-token-that-leaked"),
        Fault::answer("/token", 400, "text/html", "<p>a-token-that-leaked</p>"),
        Fault::hang_up("/token"),
        json("{\"access_token\": \"a-token-that-leaked"),
        json("{\"access_token\":[\"a-token-that-leaked\"]}"),
        json("{\"error\":\"a-token-that-leaked\",\"a-token-that-leaked\":1}"),
        json("{\"error\":\"invalid_grant\",\"error_description\":\"a-token-that-leaked\"}"),
        Fault::tampered_signature(),
        Fault::wrong_audience(),
        Fault::wrong_nonce(),
        Fault::expired_id_token(),
        Fault::alg_none(),
        Fault::hs256_with_public_key(),
        Fault::claim("at_hash", json!("a-token-that-leaked")),
        Fault::claim("iss", json!("https://other.example/a-token-that-leaked")),
        Fault::stale_keys(),
        Fault::flood("/token", 400 << 10),
        Fault::metadata("token_endpoint", json!("https://a:a-token-that-leaked@id.example/")),
    ] {
        home.provider.misbehave(fault);
        watch.latch(&["token", "--force-refresh"]);
        watch.login_anyhow();
        home.provider.behave();
        watch.login(&[]).succeeded();
    }
}

impl Watch<'_> {
    /// A login under another profile, whatever comes of it.
    fn login_anyhow(&mut self) {
        let mut command = self.home.login_command(&["--profile", "broken", "--timeout", "1"]);
        command.args(["--record", &self.file()]).env("LATCH_CLIENT_SECRET", SECRET);
        let mut child = command.stderr(Stdio::piped()).spawn().expect("latch starts");
        let lines = BufReader::new(child.stderr.take().expect("standard error")).lines();
        for line in lines.map_while(Result::ok) {
            if let Some(url) = line.strip_prefix("  http") {
                let url = format!("http{url}");
                // Some faults end the login before its last page.
                let _ = block_on(async { Visitor::default().visit(&url).await.map(drop) });
            }
        }
        child.wait().expect("an end");
        self.read();
    }
}

#[test]
fn no_secret_of_a_device_login_is_in_its_transcript() {
    // Its ID token is kept, as one secret more.
    let scene = Scene::new(&AUTHGATE_WITH_KEYS);
    let mut watch = Watch::new(&scene.home);
    let mut command = scene.login_command(&["--flow", "device", "--record", &watch.file()]);
    let mut child = command.stderr(Stdio::piped()).spawn().expect("latch starts");
    let mut address = String::new();
    for line in BufReader::new(child.stderr.take().expect("standard error")).lines() {
        let line = line.expect("text");
        if let Some(code) = line.strip_prefix("    ") {
            let page = format!("http{address}?user_code={}", code.trim());
            block_on(Visitor::default().visit(&page)).expect("the last page");
        } else if let Some(rest) = line.strip_prefix("  http") {
            address = rest.to_owned();
        }
    }
    assert!(child.wait().expect("an end").success());
    watch.read();
    assert!(watch.secrets.len() > 4, "{:?}", watch.secrets);
    watch.latch(&["token", "--verify"]).succeeded();
    watch.latch(&["introspect"]).succeeded();
    watch.latch(&["logout"]).succeeded();
}

#[test]
fn no_secret_of_other_systems_is_in_their_transcripts() {
    for dialect in [&AUTHGATE_WITH_KEYS, &FIEF, &HEXCLAVE, &MOCK, &STYTCH] {
        let (scene, system) = (Scene::new(dialect), dialect.name());
        let mut watch = Watch::new(&scene.home);
        let login = scene.login_with(&["--record", &watch.file()]);
        assert!(login.stderr.contains("Recorded, without secrets"), "{system}: {}", login.stderr);
        watch.read();
        assert!(watch.secrets.len() > 3, "{system}: {:?}", watch.secrets);
        watch.latch(&["token", "--force-refresh"]).succeeded();
        watch.latch(&["whoami"]);
        watch.latch(&["logout"]).succeeded();
    }
}

/// Of a session whose user has not said who it is.
fn anonymous_refresh_token(scene: &Scene) -> String {
    let url = format!("{}/api/v1/auth/anonymous/sign-up", scene.standin.url());
    let headers = [
        "x-hexclave-access-type: client",
        "x-hexclave-project-id: demo-project",
        "content-length: 0",
        "connection: close",
    ];
    let answer = http::send(&Url::parse(&url).expect("an address"), "POST", &headers);
    let tokens: Value = serde_json::from_str(&answer.body).expect("JSON");
    tokens["refresh_token"].as_str().expect("a token").to_owned()
}

#[test]
fn no_secret_that_is_taken_over_is_in_the_transcript() {
    let scene = Scene::new(&HEXCLAVE);
    let mut watch = Watch::new(&scene.home);
    let refresh_token = anonymous_refresh_token(&scene);
    watch.secrets.insert(refresh_token.clone());
    let anonymous = scene.home.file("anonymous", &format!("{refresh_token}\n"));
    let login = ["--anonymous-token-file", &anonymous, "--record", &watch.file()];
    let pending = scene.start_login(&login);
    pending.visit();
    pending.finish().succeeded();
    watch.read();
    let scene = Scene::new(&HEXCLAVE);
    let mut watch = Watch::new(&scene.home);
    let forged = scene.forge("");
    watch.secrets.extend([forged.refresh_token.clone(), forged.user_id.clone()]);
    let file = scene.home.file("token", &forged.refresh_token);
    scene.import(&[&file, "--record", &watch.file()]).succeeded();
    watch.read();
}
