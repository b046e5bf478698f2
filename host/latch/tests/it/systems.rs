//! What `latch` does alike at every system that has a preset: a table of the systems, and
//! a test for each behaviour, which goes through it. What only one system has is in the
//! file of its name.

use std::fs;

use latchstring_provider::dialects::{AUTHGATE, AUTHGATE_WITH_KEYS, FIEF, HEXCLAVE, MOCK, STYTCH};
use latchstring_provider::port::reserve_port;
use latchstring_provider::visitor::Visitor;
use latchstring_provider::{Dialect, ForgedSession, Misbehaviour, Options};
use latchstring_testing::session::Session;
use latchstring_testing::system::Scene;
use latchstring_testing::{Pending, named, refusing};
use serde_json::{Value, json};

use crate::{fief, hexclave};

/// A system, as its stand-in plays it.
struct Row {
    name: &'static str,
    dialect: &'static Dialect,
    /// The login in a browser. `None` if the system has its own kind of login.
    browser: Option<Browser>,
    /// Where it renews, and what it is sent there.
    token: &'static str,
    content_type: &'static str,
    userinfo: &'static str,
    /// What a login has to ask for so that userinfo names the user.
    profile: &'static [&'static str],
    /// What `whoami` says of Ada Lovelace, by JSON pointer. `{url}` is the stand-in's.
    whoami: &'static [(&'static str, &'static str)],
    rotation: Rotation,
    logout: Logout,
    /// The settings that a login requires, in the order in which it asks for them: name,
    /// words of the error, variable, and a value.
    settings: &'static [(&'static str, &'static str, &'static str, &'static str)],
    /// The file of the system's own program, if any file will do.
    import: Option<Import>,
}

/// A login with a redirect.
struct Browser {
    authorization: &'static str,
    scope: &'static str,
    redirect_host: &'static str,
    /// Port and redirect URI that the system's own program registers. `None`: any port.
    registered: Option<(u16, &'static str)>,
    /// Whether the server refuses every other redirect URI.
    is_exact: bool,
    /// Whether a user may refuse.
    asks: bool,
    /// Whether endpoints come from metadata.
    discovers: bool,
    /// What can be wrong with an ID token, and the word for it. Empty if there is none, or
    /// none that can be checked.
    id_token: &'static [(Misbehaviour, &'static str)],
    /// The user's name in messages, for Ada Lovelace and for Grace Hopper.
    names: [&'static str; 2],
}

/// Whether a renewal replaces the refresh token.
#[derive(Clone, Copy, PartialEq)]
enum Rotation {
    Always,
    Never,
    /// As the server is set up.
    Optional,
}

impl Rotation {
    /// The settings that there are of it.
    fn settings(self) -> &'static [bool] {
        match self {
            Self::Always => &[true],
            Self::Never => &[false],
            Self::Optional => &[false, true],
        }
    }
}

struct Logout {
    /// What the report says of it.
    revoked: &'static [&'static str],
    /// The revocation endpoint of OAuth, if it has one, and its requests.
    endpoint: Option<(&'static str, usize)>,
    says: &'static [&'static str],
}

struct Import {
    scope: &'static str,
    file: fn(&ForgedSession) -> String,
    damaged: &'static [&'static str],
    /// Said if no file is named.
    unnamed: &'static str,
}

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

const NONCE: (Misbehaviour, &str) = (Misbehaviour::WrongNonce, "nonce");
const AT_HASH: (Misbehaviour, &str) = (Misbehaviour::BadAtHash, "at_hash");

const NAMES: [&str; 2] = ["Ada Lovelace", "Grace Hopper"];

/// AuthGate that publishes its keys, and in its default configuration.
const fn authgate(name: &'static str, publishes_keys: bool) -> Row {
    Row {
        name,
        dialect: if publishes_keys { &AUTHGATE_WITH_KEYS } else { &AUTHGATE },
        browser: Some(Browser {
            authorization: "/oauth/authorize",
            scope: "openid profile email",
            redirect_host: "127.0.0.1",
            registered: Some((8088, "http://127.0.0.1:8088/callback")),
            is_exact: true,
            asks: true,
            discovers: true,
            id_token: if publishes_keys { &[NONCE, AT_HASH] } else { &[] },
            names: NAMES,
        }),
        token: "/oauth/token",
        content_type: FORM,
        userinfo: "/oauth/userinfo",
        profile: &[],
        whoami: &[("/name", "Ada Lovelace")],
        rotation: Rotation::Optional,
        logout: Logout {
            revoked: &["refresh token", "access token"],
            endpoint: Some(("/oauth/revoke", 2)),
            says: &["Logged out"],
        },
        settings: &[
            ("client-id", "the client ID that the server registered", "CLIENT_ID", "cli-app"),
            ("url", "the server's URL", "AUTHGATE_URL", "http://127.0.0.1:1"),
        ],
        // Its file is one for many clients: `authgate_import.rs`.
        import: None,
    }
}

const SYSTEMS: [Row; 6] = [
    authgate("AuthGate with keys", true),
    authgate("AuthGate as it comes", false),
    Row {
        name: "Fief",
        dialect: &FIEF,
        browser: Some(Browser {
            authorization: "/authorize",
            scope: "openid offline_access",
            redirect_host: "localhost",
            registered: Some((51562, "http://localhost:51562/callback")),
            is_exact: true,
            asks: true,
            discovers: true,
            id_token: &[NONCE, AT_HASH],
            names: ["ada.lovelace@example.com", "grace.hopper@example.com"],
        }),
        token: "/api/token",
        content_type: FORM,
        userinfo: "/api/userinfo",
        profile: &[],
        whoami: &[("/email", "ada.lovelace@example.com"), ("/fields/name", "Ada Lovelace")],
        rotation: Rotation::Always,
        logout: Logout {
            revoked: &[],
            endpoint: None,
            says: &["Logged out", "the provider has no revocation endpoint"],
        },
        settings: &[
            ("base-url", "the server's URL", "FIEF_BASE_URL", "http://127.0.0.1:1"),
            ("client-id", "the client ID", "FIEF_CLIENT_ID", "cli-app"),
        ],
        import: Some(Import {
            scope: "openid offline_access",
            file: fief::file_of,
            damaged: &[
                "{\"tokens\": {\"access_tok",
                "{\"tokens\": {}}",
                "{\"tokens\": [1]}",
                "\u{1}",
            ],
            unnamed: "pass the file",
        }),
    },
    Row {
        name: "Hexclave",
        dialect: &HEXCLAVE,
        browser: None,
        token: "/api/v1/auth/sessions/current/refresh",
        content_type: JSON,
        userinfo: "/api/v1/users/me",
        profile: &[],
        whoami: &[
            ("/display_name", "Ada Lovelace"),
            ("/primary_email", "ada.lovelace@example.com"),
        ],
        rotation: Rotation::Never,
        logout: Logout { revoked: &["refresh token"], endpoint: None, says: &["Logged out"] },
        settings: &[
            ("app-url", "the URL of your application", "HEXCLAVE_APP_URL", "http://127.0.0.1:1"),
            ("project-id", "the project's ID", "HEXCLAVE_PROJECT_ID", "demo-project"),
        ],
        import: Some(Import {
            scope: "",
            file: hexclave::file_of,
            damaged: &["", "{\"refresh", "{}", "a b"],
            unnamed: "credentials.json",
        }),
    },
    Row {
        name: "Stytch",
        dialect: &STYTCH,
        browser: Some(Browser {
            authorization: "/oauth/authorize",
            scope: "offline_access",
            redirect_host: "127.0.0.1",
            registered: None,
            is_exact: false,
            asks: true,
            discovers: false,
            id_token: &[],
            names: NAMES,
        }),
        token: "/v1/public/demo-project/oauth2/token",
        content_type: JSON,
        userinfo: "/v1/public/demo-project/oauth2/userinfo",
        profile: &["--scope", "profile"],
        whoami: &[("/name", "Ada Lovelace")],
        rotation: Rotation::Always,
        logout: Logout {
            revoked: &["refresh token", "access token"],
            endpoint: Some(("/v1/public/demo-project/oauth2/revoke", 2)),
            says: &["Logged out"],
        },
        settings: &[
            (
                "authorize-url",
                "asks the user for consent",
                "STYTCH_AUTHORIZE_URL",
                "http://127.0.0.1:1/authorize",
            ),
            ("client-id", "Connected App", "STYTCH_CLIENT_ID", "cli-app"),
            ("project-id", "the project's ID", "STYTCH_PROJECT_ID", "demo-project"),
        ],
        // It keeps its session in the keyring: `stytch.rs`.
        import: None,
    },
    Row {
        name: "the mock",
        dialect: &MOCK,
        browser: Some(Browser {
            authorization: "/default/authorize",
            scope: "openid",
            redirect_host: "localhost",
            registered: Some((8085, "http://localhost:8085/callback")),
            is_exact: false,
            asks: false,
            discovers: false,
            id_token: &[NONCE],
            names: NAMES,
        }),
        token: "/default/token",
        content_type: FORM,
        userinfo: "/default/userinfo",
        profile: &[],
        whoami: &[("/sub", "Ada Lovelace"), ("/azp", "cli-app"), ("/iss", "{url}/default")],
        rotation: Rotation::Optional,
        logout: Logout {
            revoked: &["refresh token"],
            endpoint: Some(("/default/revoke", 2)),
            says: &["Logged out"],
        },
        // Each has a default.
        settings: &[],
        // No program keeps a session of it.
        import: None,
    },
];

impl Row {
    fn scene(&self) -> Scene {
        self.with(Options::default())
    }

    fn with(&self, options: Options) -> Scene {
        Scene::with(self.dialect, options)
    }

    /// A scene with Ada's session.
    fn logged_in(&self) -> Scene {
        let scene = self.scene();
        self.log_in(&scene);
        scene
    }

    fn log_in(&self, scene: &Scene) {
        match self.browser {
            Some(_) => drop(scene.login()),
            // A login of Hexclave's takes as long as a poll: for what begins after it.
            None => hexclave::take_over(scene),
        }
    }

    /// A login that ends in an error, and leaves nothing behind.
    #[track_caller]
    fn fails(&self, scene: &Scene, visitor: &Visitor, (exit, code): (i32, &str), words: &[&str]) {
        let pending = scene.start_login(&[]);
        pending.visit_as(visitor);
        pending.finish().failed(exit, code).saying(words);
        assert!(scene.home.session_files().is_empty());
    }
}

fn refresh_token(scene: &Scene) -> Value {
    Session::read(&scene.home.session_file()).inner["refresh_token"].clone()
}

#[track_caller]
fn is_logged_out(scene: &Scene) {
    assert!(scene.home.session_files().is_empty());
    scene.latch(&["token"]).failed(3, "login-required").saying(&["latch login"]);
}

/// Goes through the systems. A failure is preceded by the name of its system.
#[allow(clippy::print_stdout, reason = "the test runner shows it if the test fails")]
fn at_each(behaves: impl Fn(&Row)) {
    for row in &SYSTEMS {
        println!("at {}", row.name);
        behaves(row);
    }
}

/// Goes through those that have a login with a redirect.
fn at_each_with_redirects(behaves: impl Fn(&Row, &Browser)) {
    at_each(|row| {
        if let Some(browser) = &row.browser {
            behaves(row, browser);
        }
    });
}

// ---- Logging in ---------------------------------------------------------------

#[test]
fn a_user_logs_in_in_the_browser() {
    at_each_with_redirects(|row, browser| {
        let scene = row.scene();
        let pending = scene.start_login(row.profile);
        assert_eq!(pending.url.path(), browser.authorization);
        assert_eq!(pending.parameter("client_id"), "cli-app");
        assert_eq!(pending.parameter("code_challenge_method"), "S256");
        assert!(pending.parameter("state").len() > 20);
        let has_nonce =
            pending.url.query_pairs().any(|(name, value)| name == "nonce" && value.len() > 20);
        assert_eq!(has_nonce, browser.scope.contains("openid"));
        let redirect = pending.redirect_uri();
        assert_eq!(redirect.host_str(), Some(browser.redirect_host));
        assert_eq!(redirect.path(), "/callback");
        assert_eq!(pending.visit().status, 200);
        let greeting = format!("Logged in as {}", browser.names[0]);
        pending.finish().succeeded().saying(&[&greeting]);
        let seen = scene.asked_once(row.token);
        assert_eq!(seen.header("content-type"), Some(row.content_type));
        for name in ["client_id", "code", "code_verifier", "grant_type"] {
            assert!(seen.parameter(name).is_some(), "{seen:?}");
        }
        let has_discovered =
            scene.standin.log().iter().any(|seen| seen.path.contains(".well-known"));
        assert_eq!(has_discovered, browser.discovers);
    });
}

#[test]
fn a_login_asks_for_what_the_preset_names() {
    at_each_with_redirects(|row, browser| {
        let scene = row.scene();
        let pending = scene.start_login(&[]);
        assert_eq!(pending.parameter("scope"), browser.scope);
        pending.visit();
        pending.finish().succeeded().saying(&["Logged in"]);
    });
}

#[test]
fn the_redirect_uri_is_the_one_that_the_systems_own_program_registers() {
    at_each_with_redirects(|row, browser| {
        let Some((port, uri)) = browser.registered else { return };
        let options = Options { redirect_uris: vec![uri.to_owned()], ..Options::default() };
        let (scene, _port) = (row.with(options), reserve_port(port));
        let pending = Pending::start(&mut scene.command("login", &["--no-browser"]));
        assert_eq!(pending.redirect_uri().as_str(), uri);
        pending.visit_as(&named("Grace Hopper"));
        let greeting = format!("Logged in as {}", browser.names[1]);
        pending.finish().succeeded().saying(&[&greeting]);
    });
}

#[test]
fn another_redirect_uri_than_the_registered_one_is_refused_by_the_server() {
    at_each_with_redirects(|row, browser| {
        if !browser.is_exact {
            return;
        }
        let scene = row.scene();
        let other_host =
            if browser.redirect_host == "localhost" { "127.0.0.1" } else { "localhost" };
        let others = [
            ["--redirect-host", other_host],
            ["--redirect-path", "/callback/"],
            ["--redirect-path", "/elsewhere"],
        ];
        for other in others {
            let page = scene.start_login(&other).visit();
            assert_eq!(page.status, 400);
            assert!(page.body.contains("may not return to where it wants"), "{}", page.body);
        }
    });
}

#[test]
fn a_user_who_refuses_is_not_logged_in() {
    at_each_with_redirects(|row, browser| {
        if browser.asks {
            let error = (4, "access-denied");
            row.fails(&row.scene(), &refusing(), error, &["the user refused"]);
        }
    });
}

#[test]
fn an_id_token_that_is_not_of_this_login_is_refused() {
    at_each_with_redirects(|row, browser| {
        for &(misbehaviour, word) in browser.id_token {
            let scene = row.scene();
            scene.misbehaves(misbehaviour);
            row.fails(&scene, &Visitor::default(), (6, "invalid-id-token"), &[word]);
        }
    });
}

#[test]
fn a_code_that_has_expired_is_the_servers_refusal() {
    at_each_with_redirects(|row, _| {
        let scene = row.scene();
        scene.misbehaves(Misbehaviour::CodeExpired);
        row.fails(&scene, &Visitor::default(), (4, "provider-refused"), &["invalid_grant"]);
    });
}

#[test]
fn a_redirect_without_its_state_finishes_nothing_and_says_why() {
    at_each_with_redirects(|row, _| {
        let scene = row.scene();
        scene.misbehaves(Misbehaviour::NoStateEcho);
        let (pending, page) = scene.visit_in_time(&Visitor::default());
        assert_eq!(page.status, 400);
        assert!(page.body.contains("state"), "{}", page.body);
        pending.finish().failed(5, "timed-out").saying(&["state"]);
        assert!(scene.asked(row.token).is_empty());
    });
}

#[test]
fn settings_that_are_missing_are_named() {
    at_each(|row| {
        let scene = row.scene();
        let mut words =
            ["login", "--provider", row.dialect.name(), "--no-browser"].map(str::to_owned).to_vec();
        for &(name, about, variable, value) in row.settings {
            let words_of_it = [name, about, variable, &format!("--set {name}=VALUE")];
            let login: Vec<&str> = words.iter().map(String::as_str).collect();
            scene.latch(&login).failed(2, "invalid-configuration").saying(&words_of_it);
            words.extend(["--set".to_owned(), format!("{name}={value}")]);
        }
        assert_eq!(scene.requests(), 0);
    });
}

// ---- With a session -----------------------------------------------------------

#[test]
fn whoami_tells_what_the_system_says_of_the_user() {
    at_each(|row| {
        let scene = row.scene();
        match row.browser {
            Some(_) => drop(scene.login_with(row.profile)),
            None => row.log_in(&scene),
        }
        let who = scene.latch(&["whoami", "--json"]).succeeded().json();
        for (pointer, value) in row.whoami {
            let value = value.replace("{url}", scene.standin.url());
            assert_eq!(who.pointer(pointer), Some(&json!(value)), "{who}");
        }
        assert!(!scene.asked(row.userinfo).is_empty());
    });
}

#[test]
fn asking_for_the_token_again_asks_nobody() {
    at_each(|row| {
        let scene = row.logged_in();
        let asked = scene.requests();
        let token = scene.token(&[]);
        assert_eq!(scene.token(&[]), token);
        assert_eq!(scene.requests(), asked);
    });
}

#[test]
fn an_expired_token_is_renewed() {
    at_each(|row| {
        let scene = row.with(Options { expires_in: Some(0), ..Options::default() });
        scene.login();
        let first = refresh_token(&scene);
        let token = scene.latch(&["token", "--json"]).succeeded().json();
        assert_eq!(token["source"], "renewed");
        assert_eq!(refresh_token(&scene) != first, row.rotation == Rotation::Always);
        let seen = scene.asked(row.token);
        let is_right = |content_type: Option<&str>| content_type == Some(row.content_type);
        assert!(seen.iter().all(|seen| is_right(seen.header("content-type"))), "{seen:?}");
    });
}

#[test]
fn a_refresh_token_is_replaced_if_the_server_replaces_it() {
    at_each(|row| {
        for &rotates in row.rotation.settings() {
            let options = Options { rotates_refresh_tokens: Some(rotates), ..Options::default() };
            let scene = row.with(options);
            row.log_in(&scene);
            let (mut token, mut refresh) = (scene.token(&[]), refresh_token(&scene));
            for _ in 0..2 {
                let renewed = scene.token(&["--force-refresh"]);
                assert_ne!(renewed, token);
                assert_eq!(refresh_token(&scene) != refresh, rotates);
                (token, refresh) = (renewed, refresh_token(&scene));
            }
        }
    });
}

#[test]
fn a_refresh_token_that_was_replaced_ends_the_session() {
    at_each(|row| {
        if row.rotation == Rotation::Never {
            return;
        }
        let options = Options { rotates_refresh_tokens: Some(true), ..Options::default() };
        let scene = row.with(options);
        row.log_in(&scene);
        let old = Session::read(&scene.home.session_file());
        scene.token(&["--force-refresh"]);
        old.write();
        let run = scene.latch(&["token", "--force-refresh"]);
        run.failed(3, "login-required").saying(&["log in with: latch login"]);
    });
}

#[test]
fn an_answer_without_a_refresh_token_leaves_the_old_one() {
    at_each(|row| {
        if !row.dialect.has(Misbehaviour::OmitRefreshToken) {
            return;
        }
        let scene = row.logged_in();
        let before = refresh_token(&scene);
        scene.misbehaves(Misbehaviour::OmitRefreshToken);
        let tokens = [(); 2].map(|()| scene.token(&["--force-refresh"]));
        assert_ne!(tokens[0], tokens[1]);
        assert_eq!(refresh_token(&scene), before);
    });
}

#[test]
fn a_token_that_is_no_longer_accepted_is_renewed_if_it_is_verified() {
    at_each(|row| {
        let scene = row.logged_in();
        let asked = scene.asked(row.userinfo).len();
        let first = scene.token(&["--verify"]);
        assert_eq!(scene.asked(row.userinfo).len(), asked + 1);
        scene.misbehaves(Misbehaviour::ExpireAccess);
        assert_eq!(scene.token(&[]), first);
        let second = scene.token(&["--verify"]);
        assert_ne!(second, first);
        assert_eq!(scene.token(&["--verify"]), second);
    });
}

#[test]
fn a_session_that_was_revoked_asks_for_a_login() {
    at_each(|row| {
        for command in [&["token", "--verify"][..], &["token", "--force-refresh"], &["whoami"]] {
            let scene = row.logged_in();
            scene.standin.revoke_all();
            let run = scene.latch(command).failed(3, "login-required");
            run.saying(&["log in with: latch login"]);
            is_logged_out(&scene);
        }
    });
}

#[test]
fn a_logout_revokes_what_can_be_revoked_and_forgets_the_session() {
    at_each(|row| {
        let scene = row.logged_in();
        let report = scene.latch(&["logout", "--json"]).succeeded().json();
        assert_eq!(report[0]["revoked"], json!(row.logout.revoked));
        if let Some((endpoint, requests)) = row.logout.endpoint {
            let seen = scene.asked(endpoint);
            assert_eq!(seen.len(), requests);
            for seen in seen {
                assert_eq!(seen.header("content-type"), Some(row.content_type));
                assert!(seen.parameter("client_id").is_some(), "{seen:?}");
            }
        }
        is_logged_out(&scene);
        row.log_in(&scene);
        scene.latch(&["logout"]).succeeded().saying(row.logout.says);
        is_logged_out(&scene);
    });
}

// ---- Sessions of the systems' own programs ------------------------------------

#[test]
fn a_session_that_is_over_is_not_taken_over() {
    at_each(|row| {
        let Some(import) = &row.import else { return };
        let scene = row.scene();
        let text = (import.file)(&scene.forge(import.scope));
        scene.standin.revoke_all();
        let file = scene.home.file("session", &text);
        scene.import(&[&file, "--remove"]).failed(3, "login-required");
        assert_eq!(fs::read_to_string(&file).expect("a file"), text);
        is_logged_out(&scene);
    });
}

#[test]
fn a_file_without_a_session_is_told_and_stays() {
    at_each(|row| {
        let Some(import) = &row.import else { return };
        let scene = row.scene();
        for text in import.damaged {
            let file = scene.home.file("damaged.json", text);
            let words = ["damaged.json", "contains no session that can be read"];
            scene.import(&[&file, "--remove"]).failed(8, "stored-damaged").saying(&words);
            assert_eq!(fs::read_to_string(&file).expect("a file"), *text);
        }
        let gone = scene.home.path("nowhere.json").display().to_string();
        scene.import(&[&gone]).failed(3, "login-required").saying(&["nowhere.json"]);
        scene.import(&[]).failed(3, "login-required").saying(&[import.unnamed]);
        assert!(scene.home.session_files().is_empty());
    });
}
