//! Tokens that no user logs in for, at a certified provider: npm `oidc-provider`.

use std::fs;
use std::path::Path;
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use latchstring_provider::visitor::Visitor;
use latchstring_testing::api::{Api, answer};
use latchstring_testing::servers::{Server, log_in};
use latchstring_testing::session::Session;
use latchstring_testing::{Home, Run, run};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};

/// As in `web/oidc-provider.mjs`.
const SECRET: &str = "a secret: +/%&=~\"";
const CI: &str = "https://ci.example";

/// A profile of a client without users.
fn profile(home: &Home, server: &Server, client_id: &str, more: &[&str]) {
    let words = ["profile", "add", "default", "--issuer", server.issuer()];
    let words = [&words[..], &["--client-id", client_id, "--scope", "deploy"], more].concat();
    home.latch(&words).succeeded();
}

fn with_secret(home: &Home, server: &Server, client_id: &str, secret: &str, more: &[&str]) {
    let file = home.file("secret", secret);
    let words = ["--grant", "client-credentials", "--client-secret-file", &file];
    profile(home, server, client_id, &[&words[..], more].concat());
}

/// The key with this identifier, as a JSON Web Key.
fn jwk(id: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/web/client-keys.json");
    let keys: Value = serde_json::from_slice(&fs::read(path).expect("keys")).expect("JSON");
    let mut keys = keys["keys"].as_array().expect("a list").iter();
    keys.find(|key| key["kid"] == id).expect("the key").clone()
}

/// A file with this key that only the user can read.
pub(crate) fn key_file(home: &Home, id: &str) -> String {
    let file = home.file(id, &jwk(id).to_string());
    #[cfg(unix)]
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("mine");
    file
}

fn now_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("a time").as_secs()
}

/// What the CI system says about a job.
fn job(audience: &str, expires_in_s: i64) -> String {
    let expiry = now_s().saturating_add_signed(expires_in_s);
    let claims = json!({ "iss": CI, "sub": "repo:acme/app", "aud": audience, "exp": expiry });
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let input = format!("{}.{}", encode(&json!({ "alg": "ES256", "kid": "ci" })), encode(&claims));
    let key = jwk("ci");
    let part = |name: &str| {
        URL_SAFE_NO_PAD.decode(key[name].as_str().expect("a part")).expect("base64url")
    };
    let point = [&[4], &part("x")[..], &part("y")].concat();
    let random = SystemRandom::new();
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let pair =
        EcdsaKeyPair::from_private_key_and_public_key(algorithm, &part("d"), &point, &random);
    let signature = pair.expect("a key").sign(&random, input.as_bytes()).expect("a signature");
    format!("{input}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// How often the provider was asked for a token.
fn minted(server: &Server) -> usize {
    server.asked("token").len()
}

// ---- Client credentials ---------------------------------------------------------------

#[test]
fn a_machine_gets_a_token_without_a_login() {
    let server = Server::oidc_provider();
    let home = Home::new();
    with_secret(&home, &server, "machine", SECRET, &[]);
    let token = home.token(&[]);
    for _ in 0..3 {
        assert_eq!(home.token(&[]), token);
    }
    assert_eq!(minted(&server), 1);
    assert_eq!(server.asked("token")[0]["authentication"], "client_secret_basic");
    let report = home.latch(&["introspect", "--json"]).succeeded().json();
    assert_eq!(report["introspection"]["active"], true, "{report}");
    assert_ne!(home.token(&["--force-refresh"]), token);
    home.latch(&["login"]).failed(2, "invalid-configuration").saying(&["nobody can log in"]);
    let status = home.latch(&["status"]).succeeded().stdout;
    assert!(status.contains("machine"), "{status}");
    home.latch(&["logout"]).succeeded();
    assert_eq!(server.asked("revocation").len(), 1);
    home.token(&[]);
}

#[test]
fn sixty_four_processes_ask_once_and_once_more_when_the_token_has_run_out() {
    let server = Server::oidc_provider();
    let home = Home::new();
    with_secret(&home, &server, "machine", SECRET, &[]);
    for round in 1..3 {
        thread::scope(|scope| {
            let runs: Vec<_> = (0..64).map(|_| scope.spawn(|| home.token(&[]))).collect();
            let tokens: Vec<_> = runs.into_iter().map(|run| run.join().expect("a token")).collect();
            assert!(tokens.iter().all(|token| *token == tokens[0]));
        });
        assert_eq!(minted(&server), round);
        Session::read(&home.session_file()).later(7200).write();
    }
}

#[test]
fn a_refused_machine_is_told_why_and_asked_for_no_login() {
    let server = Server::oidc_provider();
    let home = Home::new();
    with_secret(&home, &server, "machine", "wrong", &[]);
    let run = home.latch(&["token"]).failed(4, "provider-refused").saying(&["invalid_client"]);
    assert!(!run.stderr.contains("latch login") && !run.stderr.contains("wrong"), "{}", run.stderr);
    assert_eq!(minted(&server), 1, "no second try");
}

// ---- Client authentication --------------------------------------------------------------

#[test]
fn a_client_authenticates_with_its_key_in_four_algorithms() {
    let server = Server::oidc_provider();
    for (client_id, more) in [
        ("es256", &[][..]),
        ("eddsa", &[]),
        ("ps256", &[]),
        ("rs256", &["--client-key-algorithm", "RS256"]),
    ] {
        let home = Home::new();
        let key = key_file(&home, client_id);
        let words = ["--grant", "client-credentials", "--client-key-file", &key];
        profile(&home, &server, client_id, &[&words[..], more].concat());
        let token = home.token(&[]);
        let report = home.latch(&["introspect", "--json"]).succeeded().json();
        assert_eq!(report["introspection"]["active"], true, "{client_id}");
        assert_eq!(home.token(&[]), token);
        let asked = server.asked("token").pop().expect("a request");
        assert_eq!(
            (&asked["status"], &asked["authentication"]),
            (&json!(200), &json!("client_assertion"))
        );
    }
    let home = Home::new();
    let key = key_file(&home, "ci");
    let words = ["--grant", "client-credentials", "--client-key-file", &key];
    profile(&home, &server, "es256", &words);
    home.latch(&["token"]).failed(4, "provider-refused").saying(&["invalid_client"]);
}

#[test]
fn a_client_signs_with_its_secret() {
    let server = Server::oidc_provider();
    let home = Home::new();
    let method = ["--client-auth", "client_secret_jwt"];
    with_secret(&home, &server, "client_secret_jwt", &SECRET.repeat(2), &method);
    home.token(&[]);
    assert_eq!(server.asked("token")[0]["authentication"], "client_assertion");
}

#[test]
fn a_user_logs_in_with_a_client_that_has_a_key() {
    let server = Server::oidc_provider();
    let home = Home::new();
    let key = key_file(&home, "es256");
    let words = ["login", "--issuer", server.issuer(), "--client-id", "signs", "--no-browser"];
    let scopes = ["--scope", "openid", "--scope", "offline_access", "--client-key-file", &key];
    log_in(&home, &Visitor::default(), &[&words[..], &scopes].concat()).0.succeeded();
    let token = home.token(&[]);
    assert_ne!(home.token(&["--force-refresh"]), token);
    home.latch(&["logout"]).succeeded();
    for route in ["token", "revocation"] {
        for asked in server.asked(route) {
            let seen = (&asked["status"], &asked["authentication"]);
            assert_eq!(seen, (&json!(200), &json!("client_assertion")), "{route}");
        }
    }
}

#[test]
fn a_key_that_cannot_be_used_is_named_and_nothing_is_sent() {
    let server = Server::oidc_provider();
    let encrypted =
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----";
    let p384 = json!({ "kty": "EC", "crv": "P-384", "d": "AA", "x": "AA", "y": "AA" }).to_string();
    for (text, words) in [
        (encrypted, "is encrypted"),
        ("", "contains no private key"),
        ("{", "is not a JSON Web Key"),
        (&p384, "of a kind that cannot be used"),
        (r#"{"kty":"OKP","crv":"Ed25519"}"#, "lacks d"),
    ] {
        let home = Home::new();
        let key = home.file("key", text);
        #[cfg(unix)]
        fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o600))
            .expect("mine");
        profile(
            &home,
            &server,
            "es256",
            &["--grant", "client-credentials", "--client-key-file", &key],
        );
        home.latch(&["token"]).failed(2, "invalid-configuration").saying(&[words, &key]);
    }
    #[cfg(unix)]
    {
        let home = Home::new();
        let key = key_file(&home, "es256");
        fs::set_permissions(&key, std::os::unix::fs::PermissionsExt::from_mode(0o644))
            .expect("open");
        profile(
            &home,
            &server,
            "es256",
            &["--grant", "client-credentials", "--client-key-file", &key],
        );
        home.latch(&["token"]).failed(2, "invalid-configuration").saying(&["chmod 600", &key]);
    }
    assert_eq!(minted(&server), 0);
}

// ---- Assertions -----------------------------------------------------------------------------

/// Asks for a token with more variables.
fn token_with(home: &Home, variables: &[(&str, &str)]) -> Run {
    let mut command = home.command(&["token"]);
    run(command.envs(variables.iter().copied()))
}

#[test]
fn a_job_gets_a_token_for_what_its_ci_system_says() {
    let server = Server::oidc_provider();
    let good = job(server.issuer(), 300);
    let file = |home: &Home| format!("file:{}", home.file("job.jwt", &format!("{good}\n")));
    let command = |home: &Home| format!("command:cat {}", home.file("job.jwt", &good));
    for place in [&file as &dyn Fn(&Home) -> String, &command, &|_| "env:JOB".to_owned()] {
        let home = Home::new();
        let place = place(&home);
        profile(&home, &server, "job", &["--grant", "jwt-bearer", "--assertion", &place]);
        let run = token_with(&home, &[("JOB", &good)]).succeeded();
        assert_eq!(token_with(&home, &[]).succeeded().stdout, run.stdout, "{place}");
    }
    assert_eq!(minted(&server), 3);
}

#[test]
fn an_assertion_that_cannot_be_good_is_explained_and_not_sent() {
    let server = Server::oidc_provider();
    let home = Home::new();
    profile(&home, &server, "job", &["--grant", "jwt-bearer", "--assertion", "env:JOB"]);
    for (assertion, words) in [
        (job("https://elsewhere.example", 300), "is for https://elsewhere.example"),
        (job(server.issuer(), -90), "expired 9"),
        (String::new(), "the variable JOB has no assertion"),
    ] {
        let run = token_with(&home, &[("JOB", &assertion)]);
        run.failed(2, "invalid-configuration").saying(&[words]);
    }
    assert_eq!(minted(&server), 0);
    // The provider knows another key.
    let (signed, _) = job(server.issuer(), 300)
        .rsplit_once('.')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .expect("a token");
    let forged = format!("{signed}.{}", URL_SAFE_NO_PAD.encode([1; 64]));
    let run = token_with(&home, &[("JOB", &forged)]).failed(4, "provider-refused");
    let run = run.saying(&["iss https://ci.example", "sub repo:acme/app", server.issuer()]);
    assert!(!run.stderr.contains(&forged[forged.len() - 20..]), "{}", run.stderr);
}

#[test]
fn a_command_for_an_assertion_comes_from_the_profile_alone() {
    let server = Server::oidc_provider();
    let home = Home::new();
    profile(&home, &server, "job", &["--grant", "jwt-bearer", "--assertion", "env:JOB"]);
    let place = "command:touch ran";
    let given = home.latch(&["token", "--assertion", place]);
    given.failed(2, "invalid-configuration").saying(&["from a profile only"]);
    let variable = token_with(&home, &[("LATCH_ASSERTION", place)]);
    variable.failed(2, "invalid-configuration");
    assert!(!home.work_folder().join("ran").exists());
}

/// A CI system that gives a job an ID token of five minutes on request.
fn ci() -> Api {
    Api::start(|asked, stream| {
        let audience =
            asked.line.split_once("audience=").and_then(|(_, rest)| rest.split(' ').next());
        let is_known = asked.header("authorization") == Some("bearer of-the-runner");
        match (is_known, audience) {
            (true, Some(audience)) => {
                let audience = audience.replace("%3A", ":").replace("%2F", "/");
                let body = json!({ "value": job(&audience, 300) }).to_string();
                answer(stream, "200 OK\r\ncontent-type: application/json", body.as_bytes());
            }
            _ => answer(stream, "401 Unauthorized", b""),
        }
    })
}

#[test]
fn sixty_four_jobs_of_github_actions_ask_once_each_time_the_token_has_run_out() {
    let server = Server::oidc_provider();
    let ci = ci();
    let home = Home::new();
    profile(&home, &server, "job", &["--grant", "jwt-bearer", "--assertion", "github"]);
    let url = format!("{}/token?api-version=2", ci.origin());
    let variables = [
        ("ACTIONS_ID_TOKEN_REQUEST_URL", &*url),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "of-the-runner"),
    ];
    for round in 1..4 {
        thread::scope(|scope| {
            let ask = || token_with(&home, &variables).succeeded().stdout;
            let runs: Vec<_> = (0..64).map(|_| scope.spawn(ask)).collect();
            let tokens: Vec<_> = runs.into_iter().map(|run| run.join().expect("a token")).collect();
            assert!(tokens.iter().all(|token| *token == tokens[0]));
        });
        assert_eq!((minted(&server), ci.log().len()), (round, round));
        Session::read(&home.session_file()).later(7200).write();
    }
    // Without the permission, or elsewhere.
    let home = Home::new();
    profile(&home, &server, "job", &["--grant", "jwt-bearer", "--assertion", "github"]);
    home.latch(&["token"]).failed(2, "invalid-configuration").saying(&["id-token: write"]);
    let stolen = [variables[0], ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "another")];
    token_with(&home, &stolen).failed(2, "invalid-configuration").saying(&["status 401"]);
}

#[test]
fn a_machine_in_google_cloud_asks_its_metadata_server() {
    let server = Server::oidc_provider();
    let metadata = |flavor: &'static str| {
        let issuer = server.issuer().to_owned();
        Api::start(move |asked, stream| {
            let is_asked = asked.header("metadata-flavor") == Some("Google")
                && asked.line.contains("/service-accounts/default/identity?audience=");
            let status = if is_asked { "200 OK" } else { "403 Forbidden" };
            let head = format!("{status}\r\nmetadata-flavor: {flavor}");
            answer(stream, &head, job(&issuer, 3600).as_bytes());
        })
    };
    for (flavor, works) in [("Google", true), ("another", false)] {
        let home = Home::new();
        let machine = metadata(flavor);
        profile(&home, &server, "job", &["--grant", "jwt-bearer", "--assertion", "gcp"]);
        let host = machine.origin().trim_start_matches("http://");
        // A proxy is not asked.
        let variables = [("GCE_METADATA_HOST", host), ("http_proxy", "http://127.0.0.1:9")];
        let run = token_with(&home, &variables);
        match works {
            true => drop(run.succeeded()),
            false => drop(run.failed(2, "invalid-configuration")),
        }
    }
}

#[test]
fn doctor_names_what_could_be_presented() {
    let home = Home::new();
    let doctor = |variables: &[(&str, &str)]| {
        let mut command = home.command(&["doctor"]);
        run(command.envs(variables.iter().copied())).succeeded().stdout
    };
    let plain = doctor(&[]);
    assert!(!plain.contains("workload"), "{plain}");
    let job = [("GITHUB_ACTIONS", "true")];
    assert!(doctor(&job).contains("GitHub Actions: add to the job: permissions"));
    let job = [job[0], ("ACTIONS_ID_TOKEN_REQUEST_URL", "https://ci.example/token")];
    let said = doctor(&job);
    assert!(
        said.contains("GitHub Actions: --assertion github") && !said.contains("add to the job")
    );
    let pod = [("AZURE_FEDERATED_TOKEN_FILE", "/var/run/token"), ("VERCEL_OIDC_TOKEN", "s3cret")];
    let said = doctor(&pod);
    assert!(said.contains("Azure: --assertion file:/var/run/token"), "{said}");
    assert!(said.contains("Vercel: --assertion env:VERCEL_OIDC_TOKEN") && !said.contains("s3cret"));
}

// ---- Presets --------------------------------------------------------------------------------

/// A token service that takes these fields of a form and no others, as Google's does.
fn strict_service(expected: &'static [&'static str]) -> Api {
    Api::start(move |asked, stream| {
        let fields = url::form_urlencoded::parse(&asked.body).map(|(name, _)| name.into_owned());
        let mut fields: Vec<String> = fields.collect();
        fields.sort();
        let token = json!({ "access_token": fields.join(","), "token_type": "Bearer",
            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token" });
        match fields == expected {
            true => answer(
                stream,
                "200 OK\r\ncontent-type: application/json",
                token.to_string().as_bytes(),
            ),
            false => answer(stream, "400 Bad Request", fields.join(",").as_bytes()),
        }
    })
}

/// The built-in preset, for a service elsewhere.
fn moved(home: &Home, name: &str, from: &str, to: &str) {
    let text = home.latch(&["provider", "show", name]).succeeded().stdout;
    assert!(text.contains(from), "{text}");
    let folder = home.config_folder().join("providers");
    fs::create_dir_all(&folder).expect("a folder");
    fs::write(folder.join("moved.toml"), text.replace(from, to)).expect("a preset");
}

#[test]
fn a_preset_says_how_a_job_gets_its_token() {
    let service = strict_service(&[
        "audience",
        "grant_type",
        "requested_token_type",
        "scope",
        "subject_token",
        "subject_token_type",
    ]);
    let home = Home::new();
    let token_endpoint = format!("{}/v1/token", service.origin());
    moved(&home, "google-workload", "https://sts.googleapis.com/v1/token", &token_endpoint);
    let pool = "provider=projects/1/locations/global/workloadIdentityPools/ci/providers/github";
    let words = ["token", "--provider", "moved", "--set", pool, "--subject-token", "env:JOB"];
    let mut command = home.command(&words);
    run(command.env("JOB", job("https://iam.googleapis.com/projects/1", 300))).succeeded();
    let status = home.latch(&["status"]).succeeded().stdout;
    assert!(status.contains("none: it presents what says enough"), "{status}");
}

// ---- Token exchange --------------------------------------------------------------------------

#[test]
fn another_profiles_token_is_exchanged_and_its_login_is_named() {
    let server = Server::oidc_provider();
    let home = Home::new();
    let words = ["login", "--profile", "person", "--issuer", server.issuer()];
    let more = ["--client-id", "public", "--scope", "openid", "--no-browser"];
    log_in(&home, &Visitor::default(), &[&words[..], &more].concat()).0.succeeded();
    let words = ["--grant", "token-exchange", "--subject-profile", "person"];
    let kind = ["--requested-token-type", "access_token", "--audience", "api"];
    profile(&home, &server, "exchange", &[&words[..], &kind].concat());
    let token = home.token(&[]);
    assert_eq!(home.token(&[]), token);
    let asked = server.asked("token").pop().expect("a request");
    assert_eq!(asked["grant_type"], "urn:ietf:params:oauth:grant-type:token-exchange");
    // A source that is gone: its login is what helps.
    home.latch(&["logout", "--profile", "person"]).succeeded();
    Session::read(&home.session_file()).later(7200).write();
    let run = home.latch(&["token"]).failed(3, "login-required");
    run.saying(&["latch login --profile person"]);
    // A machine has a token without a login. This provider exchanges none of those.
    let machine = ["profile", "add", "machine", "--issuer", server.issuer(), "--client-id"];
    let secret = home.file("secret", SECRET);
    let grant = ["machine", "--grant", "client-credentials", "--client-secret-file", &secret];
    home.latch(&[&machine[..], &grant].concat()).succeeded();
    let run = home.latch(&["token", "--subject-profile", "machine"]).failed(4, "provider-refused");
    run.saying(&["invalid_grant"]);
    // One that exchanges a token itself could go round in circles.
    let run = home.latch(&["token", "--subject-profile", "default"]);
    run.failed(2, "invalid-configuration").saying(&["exchanges a token itself"]);
}

// ---- Identity assertion authorization grants -------------------------------------------------

const ID_JAG: [&str; 3] = ["--grant", "id-jag", "--subject-profile"];

fn log_in_at(idp: &Server, home: &Home, profile: &[&str]) {
    let words = ["login", "--issuer", idp.issuer(), "--client-id", "agent", "--scope", "openid"];
    let words = [&words[..], profile, &["--no-browser"]].concat();
    log_in(home, &Visitor::default(), &words).0.succeeded();
}

#[test]
fn an_identity_provider_vouches_for_a_user_at_another_server() {
    let (idp, server) = (Server::oidc_provider(), Server::oidc_provider());
    let home = Home::new();
    log_in_at(&idp, &home, &["--profile", "work"]);
    profile(&home, &server, "job", &[&ID_JAG[..], &["work"]].concat());
    let token = home.token(&[]);
    assert_eq!(home.token(&[]), token);
    assert_eq!(minted(&server), 1);
    let report = home.latch(&["introspect", "--json"]).succeeded().json();
    assert_eq!(report["introspection"]["active"], true, "{report}");
    let asked = idp.asked("token").pop().expect("a request");
    assert_eq!(asked["grant_type"], "urn:ietf:params:oauth:grant-type:token-exchange");
    let asked = server.asked("token").pop().expect("a request");
    assert_eq!(asked["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
    // Nothing of it is kept but the token.
    let sessions = home.latch(&["status"]).succeeded().stdout;
    assert!(!sessions.contains("N_A") && sessions.matches("agent").count() == 1, "{sessions}");

    // The session at the identity provider is what everything comes from.
    home.latch(&["logout", "--profile", "work"]).succeeded();
    assert_eq!(home.token(&[]), token, "still good");
    let run = home.latch(&["token", "--force-refresh"]).failed(3, "login-required");
    run.saying(&["latch login --profile work"]);
    assert_eq!(minted(&server), 1);
}

#[test]
fn an_identity_provider_needs_no_profile() {
    let (idp, server) = (Server::oidc_provider(), Server::oidc_provider());
    let home = Home::new();
    let named = ["--idp-issuer", idp.issuer(), "--idp-client-id", "agent"];
    let words = ["profile", "add", "chat", "--issuer", server.issuer(), "--client-id", "job"];
    let words = [&words[..], &["--scope", "deploy", "--grant", "id-jag"], &named].concat();
    home.latch(&words).succeeded();
    let token = ["token", "--profile", "chat"];
    let run = home.latch(&token).failed(3, "login-required");
    let login = format!("--profile chat --issuer {} --client-id agent", idp.issuer());
    run.saying(&["latch login", &login]);

    // An ID token from elsewhere will do.
    log_in_at(&idp, &home, &[]);
    let id_token = home.latch(&["token", "--id-token"]).succeeded().stdout;
    let file = home.file("id-token", &id_token);
    home.latch(&[&token[..], &["--subject-token-file", &file]].concat()).succeeded();
}

#[test]
fn an_identity_provider_that_is_set_up_wrongly_is_told_apart() {
    let (idp, server) = (Server::oidc_provider(), Server::oidc_provider());
    let home = Home::new();
    log_in_at(&idp, &home, &["--profile", "work"]);
    // It vouches for the client `job` alone.
    profile(&home, &server, "machine", &[&ID_JAG[..], &["work"]].concat());
    let run = home.latch(&["token"]).failed(2, "invalid-configuration");
    run.saying(&["is for the client job; expected machine", "administrator"]);
    assert_eq!(minted(&server), 0);
    // It wants to see the user again.
    profile(&home, &server, "job", &[&ID_JAG[..], &["work"]].concat());
    let run = home.latch(&["token", "--scope", "offline_access"]).failed(3, "login-required");
    run.saying(&["insufficient_user_authentication", "latch login --profile work"]);
    // It is not named.
    let home = Home::new();
    profile(&home, &server, "job", &ID_JAG[..2]);
    home.latch(&["token"]).failed(2, "invalid-configuration").saying(&["--subject-profile"]);
}

// ---- Recordings ------------------------------------------------------------------------------

#[test]
fn a_recording_replays_and_holds_no_assertion() {
    let server = Server::oidc_provider();
    let home = Home::new();
    let good = job(server.issuer(), 300);
    profile(&home, &server, "job", &["--grant", "jwt-bearer", "--assertion", "env:JOB"]);
    let recording = home.path("recording.json").display().to_string();
    let mut command = home.command(&["token", "--record", &recording]);
    run(command.env("JOB", &good)).succeeded();
    let text = fs::read_to_string(&recording).expect("a recording");
    let (_, signature) = good.rsplit_once('.').expect("a token");
    assert!(!text.contains(signature) && !text.contains("acme"), "{text}");
    home.latch(&["replay", &recording]).succeeded();
    let home = Home::new();
    let key = key_file(&home, "es256");
    let words = ["--grant", "client-credentials", "--client-key-file", &key, "--audience", "api"];
    profile(&home, &server, "es256", &words);
    let recording = home.path("recording.json").display().to_string();
    home.latch(&["token", "--record", &recording]).succeeded();
    home.latch(&["replay", &recording]).succeeded();
}
