//! The whole program against a real Fief server, which `./dev test` installs.
#![cfg(unix)]

use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};

use latchstring_provider::visitor::Visitor;
use latchstring_testing::servers::fief::{self, Client, Fief};
use latchstring_testing::session::Session;
use latchstring_testing::{Home, Pending, Run, named, run};
use serde_json::{Value, json};

/// A user of every tenant.
fn ada() -> Visitor {
    named(fief::USER)
}

/// A client of a tenant, and a home to log in from.
struct Setting {
    fief: &'static Fief,
    client: Client,
    home: Home,
    /// With its SQLite the server fails requests that write at the same time.
    _turn: MutexGuard<'static, ()>,
}

static TURNS: Mutex<()> = Mutex::new(());

impl Setting {
    /// Returns None, with a line on the terminal, if there is no Fief server to start.
    fn new(tenant: &str) -> Option<Self> {
        let fief = Fief::shared()?;
        // A test that failed leaves nothing behind that others use.
        let turn = TURNS.lock().unwrap_or_else(PoisonError::into_inner);
        Some(Self { fief, client: fief.client(tenant), home: Home::new(), _turn: turn })
    }

    /// `latch login` by the preset, up to the address that the user opens.
    fn start_by_preset(&self) -> Pending {
        let words = ["login", "--provider", "fief", "--no-browser"];
        let mut command = self.home.command(&words);
        let base_url = format!("base-url={}", self.client.base_url);
        let client_id = format!("client-id={}", self.client.id);
        command.args(["--set", &base_url, "--set", &client_id]);
        Pending::start(command.args(["--port", &self.client.port.to_string()]))
    }

    /// The same by nothing but the issuer, with the parameters of every provider. The
    /// issuer is an https address.
    fn start_by_issuer(&self) -> Pending {
        let issuer = self.client.base_url.replacen("http:", "https:", 1);
        // Fief makes identifiers that may begin with a hyphen.
        let client_id = format!("--client-id={}", self.client.id);
        let words = ["login", "--issuer", &issuer, &client_id];
        let scopes = ["--scope", "openid", "--scope", "offline_access", "--no-browser"];
        let mut command = self.home.command(&[&words[..], &scopes].concat());
        command.args(["--redirect-host", "localhost", "--port", &self.client.port.to_string()]);
        Pending::start(command.env("SSL_CERT_FILE", self.fief.certificate()))
    }

    fn log_in_by_preset(&self) -> Run {
        let login = self.start_by_preset();
        login.visit_as(&ada());
        login.finish().succeeded()
    }

    fn whoami(&self) -> Value {
        self.home.latch(&["whoami", "--json"]).succeeded().json()
    }

    fn session(&self) -> Session {
        Session::read(&self.home.session_file())
    }
}

#[test]
fn a_login_by_the_preset_tells_whose_session_it_is() {
    let Some(setting) = Setting::new("") else { return };
    let login = setting.start_by_preset();
    let page = login.visit_as(&ada());
    login.finish().succeeded().saying(&["Logged in as ada@example.com"]);
    assert_eq!(page.status, 200);
    assert_eq!(setting.whoami()["email"], fief::USER);
    let token = setting.home.latch(&["token", "--json"]).succeeded().json();
    assert_eq!(token["scopes"], json!(["openid", "offline_access"]));
    assert_eq!(token["id_token"].as_str().map(|text| text.split('.').count()), Some(3));
}

#[test]
fn a_login_by_the_issuer_alone_is_repeated_without_the_prompt_that_fief_refuses() {
    let Some(setting) = Setting::new("") else { return };
    let login = setting.start_by_issuer();
    assert_eq!(login.parameter("prompt"), "consent");
    let page = login.visit_as(&ada());
    assert_eq!(page.status, 200, "{}", page.body);
    login.finish().succeeded().saying(&["login_required", "prompt", "Logged in as"]);
    // Refused once: the profile remembers it.
    let login = setting.start_by_issuer();
    assert_eq!(login.url.query_pairs().find(|(name, _)| name == "prompt"), None);
    login.visit_as(&ada());
    login.finish().succeeded();
}

#[test]
fn every_renewal_replaces_the_refresh_token_and_the_old_one_is_worth_nothing() {
    let Some(setting) = Setting::new("") else { return };
    setting.log_in_by_preset();
    let first = setting.session();
    let token = setting.home.token(&[]);
    assert_ne!(setting.home.token(&["--force-refresh"]), token);
    let second = setting.session();
    assert_ne!(second.inner["refresh_token"], first.inner["refresh_token"]);
    setting.home.token(&["--force-refresh"]);
    first.write();
    let renewal = setting.home.latch(&["token", "--force-refresh"]);
    renewal.failed(3, "login-required").saying(&["latch login"]);
}

#[test]
fn a_user_who_denies_access_is_not_logged_in() {
    let Some(setting) = Setting::new("") else { return };
    let login = setting.start_by_preset();
    let page = login.visit_as(&Visitor { refuses: true, ..ada() });
    assert_eq!(page.status, 403, "{}", page.body);
    login.finish().failed(4, "access-denied").saying(&["access_denied"]);
    assert!(setting.home.session_files().is_empty());
}

#[test]
fn a_second_tenant_has_users_and_sessions_of_its_own() {
    let Some(setting) = Setting::new("second") else { return };
    setting.log_in_by_preset();
    assert_eq!(setting.whoami()["email"], fief::USER);
    assert_ne!(setting.whoami()["tenant_id"], setting.fief.tenant_id(""));
    let token = setting.home.latch(&["token", "--check", "--json"]).succeeded().json();
    let issuer = token["access_token_claims"]["iss"].as_str().expect("an issuer").to_owned();
    assert!(issuer.starts_with("https://") && issuer.ends_with("/second"), "{issuer}");
    setting.home.token(&["--force-refresh"]);
}

#[test]
fn the_access_token_is_checked_here_and_a_renewed_one_proves_less() {
    let Some(setting) = Setting::new("") else { return };
    setting.log_in_by_preset();
    setting.home.token(&["--check", "--require-scope", "openid", "--require-acr", "1"]);
    let check = setting.home.latch(&["token", "--require-scope", "moats"]);
    check.failed(4, "insufficient-scope").saying(&["lacks the scope moats"]);
    setting.home.token(&["--force-refresh", "--require-acr", "0"]);
    let check = setting.home.latch(&["token", "--require-acr", "1"]);
    check.failed(4, "insufficient-scope").saying(&["authentication context 0"]);
}

#[test]
fn a_logout_forgets_the_session_and_says_that_fief_revokes_nothing() {
    let Some(setting) = Setting::new("") else { return };
    setting.log_in_by_preset();
    let session = setting.home.session_file();
    fs::copy(&session, setting.home.path("copy")).expect("a copy");
    let logout = run(&mut setting.home.command(&["logout"])).succeeded();
    logout.saying(&["Logged out", "the provider has no revocation endpoint"]);
    setting.home.latch(&["token"]).failed(3, "login-required");
    // As it says: the tokens are good for whoever has kept them.
    fs::copy(setting.home.path("copy"), &session).expect("a session");
    setting.home.token(&["--force-refresh"]);
}
