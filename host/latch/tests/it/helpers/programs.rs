//! Programs that this machine has, with a server on loopback.

#![cfg(unix)]

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::thread;

use latchstring_testing::api::{Api, answer};
use latchstring_testing::{Home, Run, built, http, skip};
use serde_json::{Value, json};
use url::form_urlencoded;

use super::front::Front;
use super::scene::{Scene, Wants, finished, found, told};

/// A server that answers these addresses with JSON.
fn serving(wants: Wants, answers: &'static [(&'static str, &'static str)]) -> Scene {
    Scene::with(wants, |asked, stream| {
        let target = asked.line.split([' ', '?']).nth(1).unwrap_or_default();
        match answers.iter().find(|(path, _)| *path == target) {
            Some((_, body)) => {
                let kind = if body.starts_with('<') { "text/html" } else { "application/json" };
                answer(stream, &format!("200 OK\r\ncontent-type: {kind}"), body.as_bytes());
            }
            None => answer(stream, "404 Not Found", b"{}"),
        }
    })
}

/// The same over TLS, with a profile that names it.
fn secured(scene: &Scene) -> Front {
    let front = Front::of(scene.api.origin());
    scene.home.login_with(&["--api-origin", front.origin()]);
    front
}

fn host(front: &Front) -> &str {
    front.origin().trim_start_matches("https://")
}

// ---- kubectl ----------------------------------------------------------------------------

const CLUSTER: &[(&str, &str)] = &[
    ("/api", r#"{"kind":"APIVersions","versions":["v1"]}"#),
    ("/apis", r#"{"kind":"APIGroupList","apiVersion":"v1","groups":[]}"#),
    (
        "/api/v1",
        r#"{"kind":"APIResourceList","groupVersion":"v1","resources":[{"name":"pods","singularName":"pod","namespaced":true,"kind":"Pod","verbs":["get","list"]}]}"#,
    ),
    (
        "/api/v1/namespaces/default/pods",
        r#"{"kind":"PodList","apiVersion":"v1","metadata":{},"items":[{"kind":"Pod","apiVersion":"v1","metadata":{"name":"one"}}]}"#,
    ),
];

fn kubectl(scene: &Scene, front: &Front, program: &Path) -> Command {
    let exec = json!({
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "latch",
        "args": ["credential", "kubernetes", "--access-token"],
        "interactiveMode": "Never",
        "provideClusterInfo": true,
    });
    let config = json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{ "name": "c", "cluster": {
            "server": front.origin(),
            "certificate-authority": front.certificate(),
        } }],
        "users": [{ "name": "u", "user": { "exec": exec } }],
        "contexts": [{ "name": "x", "context": { "cluster": "c", "user": "u" } }],
        "current-context": "x",
    });
    let config = scene.home.file("kubeconfig", &config.to_string());
    let mut command =
        scene.program(program, &["--kubeconfig", &config, "get", "pods", "--output=name"]);
    command.env("KUBECACHEDIR", scene.home.path("cache"));
    command
}

#[test]
fn kubectl_gets_a_token_and_another_one_after_a_refusal() {
    let Some(program) = found("kubectl") else { return };
    let scene = serving(Wants::Bearer, CLUSTER);
    let front = secured(&scene);
    let run = finished(&mut kubectl(&scene, &front, &program)).succeeded();
    assert_eq!(run.stdout, "pod/one\n");
    assert_eq!(scene.renewals(), 0);
    scene.expire();
    finished(&mut kubectl(&scene, &front, &program)).succeeded();
    assert_eq!(scene.renewals(), 1);
    // The same process asks again, so its token was refused.
    scene.refuse();
    fs::remove_dir_all(scene.home.path("cache")).expect("a cache");
    let run = finished(&mut kubectl(&scene, &front, &program)).succeeded();
    assert_eq!(run.stdout, "pod/one\n");
    assert_eq!(scene.renewals(), 2);
    scene.home.latch(&["logout"]).succeeded();
    let run = finished(&mut kubectl(&scene, &front, &program));
    assert_ne!(run.code, 0);
    assert!(run.stderr.contains("latch login"), "{}", run.stderr);
}

// ---- docker -----------------------------------------------------------------------------

const REGISTRY: &[(&str, &str)] = &[
    ("/v2/", "{}"),
    (
        "/v2/a/manifests/latest",
        r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:0000000000000000000000000000000000000000000000000000000000000000","size":2},"layers":[]}"#,
    ),
];

fn docker(scene: &Scene, front: &Front, program: &Path, settings: &Value) -> Run {
    let config = scene.home.path("docker");
    fs::create_dir_all(&config).expect("a folder");
    fs::write(config.join("config.json"), settings.to_string()).expect("a file");
    let image = format!("{}/a:latest", host(front));
    let mut docker = scene.program(program, &["manifest", "inspect", "--insecure", &image]);
    finished(docker.env("DOCKER_CONFIG", &config).env("SSL_CERT_FILE", front.certificate()))
}

#[test]
fn docker_runs_the_launcher() {
    let Some(program) = found("docker") else { return };
    let scene = serving(Wants::Basic, REGISTRY);
    let front = secured(&scene);
    scene.launch_as("docker-credential-latch");
    let all = json!({ "credsStore": "latch" });
    let one = json!({ "credHelpers": { host(&front): "latch" } });
    for settings in [&all, &one] {
        docker(&scene, &front, &program, settings);
        assert_eq!(scene.tokens().pop().flatten(), Some(scene.home.token(&[])), "{settings}");
    }
    scene.expire();
    docker(&scene, &front, &program, &all);
    assert_eq!(scene.renewals(), 1);
    let asked = scene.tokens().len();
    scene.home.latch(&["logout"]).succeeded();
    docker(&scene, &front, &program, &all);
    // Another registry, which nobody named.
    let front = Front::of(scene.api.origin());
    docker(&scene, &front, &program, &all);
    assert!(scene.tokens()[asked..].iter().all(Option::is_none));
}

// ---- skopeo -----------------------------------------------------------------------------

fn skopeo(scene: &Scene, front: &Front, program: &Path) -> Run {
    let auth = scene
        .home
        .file("auth.json", &json!({ "credHelpers": { host(front): "latch" } }).to_string());
    let image = format!("docker://{}/a", host(front));
    let words = ["inspect", "--raw", "--tls-verify=false", "--authfile", &auth, &image];
    finished(&mut scene.program(program, &words))
}

#[test]
fn skopeo_runs_the_launcher() {
    let Some(program) = found("skopeo") else { return };
    let scene = serving(Wants::Basic, REGISTRY);
    let front = secured(&scene);
    scene.launch_as("docker-credential-latch");
    let run = skopeo(&scene, &front, &program).succeeded();
    assert!(run.stdout.contains("schemaVersion"), "{}", run.stdout);
    scene.expire();
    thread::scope(|scope| {
        let runs: Vec<_> =
            (0..8).map(|_| scope.spawn(|| skopeo(&scene, &front, &program))).collect();
        runs.into_iter().for_each(|run| drop(run.join().expect("a run").succeeded()));
    });
    assert_eq!(scene.renewals(), 1);
    // Another registry, which nobody named: an empty password goes there.
    let asked = scene.tokens().len();
    skopeo(&scene, &Front::of(scene.api.origin()), &program);
    let secrets = scene.tokens().split_off(asked).into_iter().flatten();
    assert!(secrets.into_iter().all(|sent| sent.is_empty()));
    scene.home.latch(&["logout"]).succeeded();
    let run = skopeo(&scene, &front, &program);
    assert!(run.stderr.contains("latch login"), "{}", run.stderr);
}

// ---- Terraform ----------------------------------------------------------------------------

const MODULES: &[(&str, &str)] = &[
    ("/.well-known/terraform.json", r#"{"modules.v1":"/modules/"}"#),
    ("/modules/a/b/c/versions", r#"{"modules":[{"versions":[]}]}"#),
];

/// The launcher is looked for in the folder of plugins, not by `PATH`.
fn terraform(scene: &Scene, front: &Front, program: &Path) -> Run {
    let plugins = scene.home.path(".terraform.d").join("plugins");
    fs::create_dir_all(&plugins).expect("a folder");
    // There from the last time.
    let _ = symlink(built("latch"), plugins.join("terraform-credentials-latch"));
    let config = scene.home.file("terraformrc", "credentials_helper \"latch\" {\n  args = []\n}\n");
    let module = format!("module \"m\" {{\n  source = \"{}/a/b/c\"\n}}\n", host(front));
    fs::write(scene.home.work_folder().join("main.tf"), module).expect("a file");
    let mut terraform = scene.program(program, &["init", "-no-color"]);
    terraform.env("TF_CLI_CONFIG_FILE", config).env("CHECKPOINT_DISABLE", "1");
    finished(terraform.env("SSL_CERT_FILE", front.certificate()))
}

#[test]
fn terraform_runs_the_launcher() {
    let Some(program) = found("terraform") else { return };
    let scene = serving(Wants::Bearer, MODULES);
    let front = secured(&scene);
    let run = terraform(&scene, &front, &program);
    assert!(run.stderr.contains("Module has no versions"), "{}", run.stderr);
    assert_eq!(scene.tokens().pop().flatten(), Some(scene.home.token(&[])));
    let asked = scene.tokens().len();
    let run = terraform(&scene, &Front::of(scene.api.origin()), &program);
    assert!(run.stderr.contains("401"), "{}", run.stderr);
    assert!(scene.tokens()[asked..].iter().all(Option::is_none));
}

// ---- go ---------------------------------------------------------------------------------

const PROXY: &[(&str, &str)] = &[
    ("/example.com/m/@v/list", "v1.0.0\n"),
    ("/example.com/m/@v/v1.0.0.info", r#"{"Version":"v1.0.0"}"#),
    ("/example.com/m/@v/v1.0.0.mod", "module example.com/m\n"),
];

fn go(scene: &Scene, front: &Front, program: &Path) -> Run {
    let words = ["list", "-m", "-versions", "example.com/m"];
    let mut go = scene.program(program, &words);
    let folder = |name: &str| scene.home.path(name);
    go.env("GOAUTH", "latch credential go").env("GOPROXY", front.origin());
    go.env("GOPATH", folder("gopath")).env("GOCACHE", folder("gocache"));
    go.envs([
        ("GOENV", "off"),
        ("GOTOOLCHAIN", "local"),
        ("GOSUMDB", "off"),
        ("GOFLAGS", "-modcacherw"),
    ]);
    finished(go.env("SSL_CERT_FILE", front.certificate()))
}

#[test]
fn go_gets_a_token_and_another_one_after_a_refusal() {
    let Some(program) = found("go") else { return };
    let scene = serving(Wants::Bearer, PROXY);
    let front = secured(&scene);
    let run = go(&scene, &front, &program).succeeded();
    assert_eq!(run.stdout, "example.com/m v1.0.0\n");
    scene.expire();
    go(&scene, &front, &program).succeeded();
    assert_eq!(scene.renewals(), 1);
    let old = scene.home.token(&[]);
    scene.refuse();
    let asked = scene.tokens().len();
    go(&scene, &front, &program).succeeded();
    let new = scene.home.token(&[]);
    let mut sent = scene.tokens().split_off(asked);
    sent.dedup();
    assert_eq!(sent, [Some(old), Some(new)], "401, renewed, 200");
    scene.home.latch(&["logout"]).succeeded();
    let run = go(&scene, &front, &program);
    assert!(run.stderr.contains("401 Unauthorized"), "{}", run.stderr);
}

#[test]
fn go_sends_no_token_to_a_proxy_that_nobody_named() {
    let Some(program) = found("go") else { return };
    let scene = serving(Wants::Bearer, PROXY);
    secured(&scene);
    go(&scene, &Front::of(scene.api.origin()), &program);
    assert_eq!(scene.tokens(), [None, None]);
}

// ---- npm and pnpm -----------------------------------------------------------------------

const PACKAGES: &[(&str, &str)] = &[(
    "/tiny",
    r#"{"name":"tiny","dist-tags":{"latest":"1.0.0"},"versions":{"1.0.0":{"name":"tiny","version":"1.0.0","dist":{"tarball":"http://127.0.0.1:1/tiny.tgz"}}}}"#,
)];

#[test]
fn npm_sends_the_token_to_the_registry_that_the_profile_names() {
    let Some(program) = found("npm") else { return };
    let scene = serving(Wants::Bearer, PACKAGES);
    scene.log_in();
    let npm = |registry: &str| {
        let program = program.display().to_string();
        let words = ["exec", "--for", "npm", "--", &program, "view", "tiny", "version"];
        let mut latch = scene.home.command(&[&words[..], &["--registry", registry]].concat());
        finished(latch.env("PATH", env::var_os("PATH").unwrap_or_default()))
    };
    assert_eq!(npm(scene.api.origin()).succeeded().stdout.trim(), "1.0.0");
    let asked = scene.tokens().len();
    let other = http::forward_to(scene.api.origin().trim_start_matches("http://"));
    assert_ne!(npm(&other).code, 0);
    assert!(scene.tokens()[asked..].iter().all(Option::is_none));
}

/// pnpm is one of the packages of the tests in Node.
fn pnpm(scene: &Scene, registry: &str) -> Option<Run> {
    let node = found("node")?;
    let program =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/web/node_modules/pnpm/bin/pnpm.cjs");
    if !program.is_file() {
        skip("pnpm is not installed, so latch is not tried as its helper");
        return None;
    }
    let words = [
        program.display().to_string(),
        "add".into(),
        "tiny".into(),
        "--registry".into(),
        registry.into(),
    ];
    let mut pnpm = scene.program(&node, &words);
    Some(finished(pnpm.env("npm_config_fetch_retries", "0").env("CI", "1")))
}

#[test]
fn pnpm_runs_the_launcher() {
    let scene = serving(Wants::Bearer, PACKAGES);
    scene.log_in();
    let launchers = scene.launchers().display().to_string();
    let words = ["credential", "install", "npm", "--launcher-dir", &launchers];
    scene.home.latch(&words).succeeded();
    let Some(run) = pnpm(&scene, scene.api.origin()) else { return };
    assert_eq!(
        scene.tokens().first().cloned().flatten(),
        Some(scene.home.token(&[])),
        "{}",
        run.stderr
    );
    scene.expire();
    pnpm(&scene, scene.api.origin());
    assert_eq!(scene.renewals(), 1);
    let asked = scene.tokens().len();
    let other = http::forward_to(scene.api.origin().trim_start_matches("http://"));
    pnpm(&scene, &other);
    assert!(!scene.tokens()[asked..].is_empty());
    assert!(scene.tokens()[asked..].iter().all(Option::is_none));
}

// ---- pip --------------------------------------------------------------------------------

fn pip(scene: &Scene, program: &Path, origin: &str) -> Run {
    let index = format!("{origin}/simple/").replacen("://", "://me@", 1);
    let words = ["-m", "pip", "download", "--no-deps", "--disable-pip-version-check", "--no-input"];
    let words = [&words[..], &["--keyring-provider", "subprocess", "--no-cache-dir"]].concat();
    let words = [&words[..], &["--index-url", &index, "tiny"]].concat();
    let mut pip = scene.program(program, &words);
    finished(pip.env("PIP_CONFIG_FILE", "/dev/null"))
}

#[test]
fn pip_runs_the_command_keyring() {
    let Some(program) = found("python3") else { return };
    let mut version = Command::new(&program);
    if finished(version.args(["-m", "pip", "--version"])).code != 0 {
        return;
    }
    let scene = serving(Wants::Basic, &[("/simple/tiny/", "<a href='/none'>none</a>")]);
    scene.launch_as("keyring");
    scene.log_in();
    let run = pip(&scene, &program, scene.api.origin());
    assert!(run.stderr.contains("No matching distribution"), "{}", run.stderr);
    assert_eq!(scene.tokens().pop().flatten(), Some(scene.home.token(&[])), "{}", run.stderr);
    scene.expire();
    pip(&scene, &program, scene.api.origin());
    assert_eq!(scene.tokens().pop().flatten(), Some(scene.home.token(&[])));
    assert_eq!(scene.renewals(), 1);
    let asked = scene.tokens().len();
    let other = http::forward_to(scene.api.origin().trim_start_matches("http://"));
    pip(&scene, &program, &other);
    let secrets = scene.tokens().split_off(asked).into_iter().flatten();
    assert!(secrets.into_iter().all(|sent| sent.is_empty()), "only the user name in the URL");
}

// ---- cargo --------------------------------------------------------------------------------

const CRATES: &[(&str, &str)] = &[
    ("/index/config.json", r#"{"dl":"http://127.0.0.1:1/dl","auth-required":true}"#),
    (
        "/index/ti/ny/tiny",
        r#"{"name":"tiny","vers":"1.0.0","deps":[],"cksum":"0000000000000000000000000000000000000000000000000000000000000000","features":{},"yanked":false}"#,
    ),
];

fn cargo(scene: &Scene, program: &Path, origin: &str) -> Run {
    let (folder, home) = (scene.home.work_folder(), scene.home.path("cargo"));
    fs::create_dir_all(folder.join("src")).expect("a folder");
    fs::write(folder.join("src/lib.rs"), "").expect("a file");
    let manifest = "[package]\nname = \"a\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n\
        [dependencies]\ntiny = { version = \"1\", registry = \"own\" }\n";
    fs::write(folder.join("Cargo.toml"), manifest).expect("a file");
    // What the last time left.
    let _ = fs::remove_file(folder.join("Cargo.lock"));
    let _ = fs::remove_dir_all(home.join("registry"));
    fs::create_dir_all(&home).expect("a folder");
    let config = format!(
        "[registries.own]\nindex = \"sparse+{origin}/index/\"\ncredential-provider = [\"latch\"]\n"
    );
    fs::write(home.join("config.toml"), config).expect("a file");
    let mut cargo = scene.program(program, &["generate-lockfile"]);
    cargo.env("CARGO_HOME", &home);
    for name in ["RUSTUP_HOME", "RUSTUP_TOOLCHAIN"] {
        if let Some(value) = env::var_os(name) {
            cargo.env(name, value);
        }
    }
    finished(&mut cargo)
}

#[test]
fn cargo_runs_latch_as_a_plugin() {
    let Some(program) = found("cargo") else { return };
    let scene = serving(Wants::Bearer, CRATES);
    scene.log_in();
    cargo(&scene, &program, scene.api.origin()).succeeded();
    assert_eq!(scene.tokens().pop().flatten(), Some(scene.home.token(&[])));
    scene.expire();
    cargo(&scene, &program, scene.api.origin()).succeeded();
    assert_eq!(scene.renewals(), 1);
    let asked = scene.tokens().len();
    let other = http::forward_to(scene.api.origin().trim_start_matches("http://"));
    assert_ne!(cargo(&scene, &program, &other).code, 0);
    scene.home.latch(&["logout"]).succeeded();
    let run = cargo(&scene, &program, scene.api.origin());
    assert_ne!(run.code, 0);
    assert!(run.stderr.contains("latch login"), "{}", run.stderr);
    assert!(scene.tokens()[asked..].iter().all(Option::is_none));
}

// ---- AWS ----------------------------------------------------------------------------------

/// A Security Token Service that gives keys for ID tokens of the provider.
fn sts() -> Api {
    Api::start(|asked, stream| {
        let form: Vec<(String, String)> =
            form_urlencoded::parse(&asked.body).into_owned().collect();
        let one = |name: &str| form.iter().find(|(key, _)| key == name).map(|(_, value)| &**value);
        let is_good = one("Action") == Some("AssumeRoleWithWebIdentity")
            && one("WebIdentityToken").is_some_and(|token| token.split('.').count() == 3)
            && asked.header("authorization").is_none();
        let is_signed = asked.header("authorization").is_some_and(|it| it.contains("AKIA1/"));
        let body = match (is_good, one("RoleArn")) {
            (false, None) if is_signed && one("Action") == Some("GetCallerIdentity") => {
                "<GetCallerIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
                 <GetCallerIdentityResult><Arn>arn:aws:sts::1:assumed-role/deploy/latch</Arn>\
                 <UserId>u</UserId><Account>1</Account></GetCallerIdentityResult>\
                 </GetCallerIdentityResponse>"
            }
            (true, Some("arn:aws:iam::1:role/deploy")) => {
                "<AssumeRoleWithWebIdentityResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\
                 <AssumeRoleWithWebIdentityResult><Credentials><AccessKeyId>AKIA1</AccessKeyId>\
                 <SecretAccessKey>key-secret</SecretAccessKey><SessionToken>session-secret</SessionToken>\
                 <Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>\
                 </AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
            }
            _ => {
                let refusal = b"<ErrorResponse><Error><Code>AccessDenied</Code>\
                    <Message>Not authorized</Message></Error></ErrorResponse>";
                return answer(stream, "403 Forbidden", refusal);
            }
        };
        answer(stream, "200 OK", body.as_bytes());
    })
}

#[test]
fn aws_keys_are_fetched_once_for_an_id_token() {
    let (home, sts) = (Home::new(), sts());
    home.login_with(&["--api-origin", sts.origin()]);
    let keys = |role: &str, extra: &[&str]| {
        let role = format!("arn:aws:iam::1:role/{role}");
        let words = ["credential", "aws", "--role-arn", &role, "--sts-endpoint", sts.origin()];
        home.latch(&[&words[..], extra].concat())
    };
    thread::scope(|scope| {
        let runs: Vec<_> = (0..8).map(|_| scope.spawn(|| keys("deploy", &[]))).collect();
        for run in runs {
            let run = run.join().expect("a run").succeeded();
            let expected = "{\"Version\":1,\"AccessKeyId\":\"AKIA1\",\"SecretAccessKey\":\"key-secret\",\
                \"SessionToken\":\"session-secret\",\"Expiration\":\"2099-01-01T00:00:00Z\"}\n";
            assert_eq!(run.stdout, expected);
        }
    });
    assert_eq!(sts.log().len(), 1, "eight processes, one request");
    let run = keys("other", &[]).failed(4, "provider-refused");
    run.saying(&["Not authorized", "AccessDenied", "trust policy"]);
    // Not after a logout, and not after another login.
    home.latch(&["logout"]).succeeded();
    keys("deploy", &[]).failed(3, "login-required").saying(&["latch login"]);
    home.login();
    keys("deploy", &[]).succeeded();
    assert_eq!(sts.log().len(), 3);
    // Only where the profile says so.
    let other = ["--sts-endpoint", "https://evil.example"];
    let words = ["credential", "aws", "--role-arn", "arn:aws:iam::1:role/deploy"];
    let run = home.latch(&[&words[..], &other].concat()).failed(6, "egress-denied");
    run.saying(&["latch profile add default --api-origin https://evil.example"]);
}

#[test]
fn the_aws_command_line_gets_its_keys_from_latch() {
    let Some(program) = found("aws") else { return };
    let scene = Scene::with(Wants::Bearer, |_, stream| answer(stream, "200 OK", b""));
    let sts = sts();
    scene.home.login_with(&["--api-origin", sts.origin()]);
    fs::create_dir_all(scene.home.path(".aws")).expect("a folder");
    let latch = built("latch");
    let process =
        format!("{} credential aws --role-arn arn:aws:iam::1:role/deploy", latch.display());
    let config = format!("[default]\nregion = eu-central-1\ncredential_process = {process}\n");
    fs::write(scene.home.path(".aws").join("config"), config).expect("a file");
    let ask = || {
        let words = ["sts", "get-caller-identity", "--output", "text"];
        let mut aws = scene.program(&program, &words);
        if let Some(root) = env::var_os("PYENV_ROOT") {
            aws.env("PYENV_ROOT", root);
        }
        finished(aws.env("AWS_ENDPOINT_URL_STS", sts.origin()))
    };
    for _ in 0..2 {
        let run = ask().succeeded();
        assert!(run.stdout.contains("assumed-role/deploy/latch"), "{}", run.stdout);
    }
    assert_eq!(sts.log().len(), 3, "keys for both, and two answers");
    scene.home.latch(&["logout"]).succeeded();
    let run = ask();
    assert_ne!(run.code, 0);
    assert!(run.stderr.contains("latch login"), "{}", run.stderr);
}

// ---- Vault --------------------------------------------------------------------------------

#[test]
fn vault_tokens_are_fetched_once_for_an_id_token() {
    let home = Home::new();
    let vault = Api::start(|asked, stream| {
        let body: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
        let is_good = asked.line == "POST /v1/auth/jwt/login HTTP/1.1" && body["role"] == "dev";
        match is_good && body["jwt"].as_str().is_some_and(|jwt| jwt.split('.').count() == 3) {
            true => answer(
                stream,
                "200 OK",
                br#"{"auth":{"client_token":"hvs.secret","lease_duration":3600,"renewable":true}}"#,
            ),
            false => answer(stream, "400 Bad Request", br#"{"errors":["role not found"]}"#),
        }
    });
    home.login_with(&["--api-origin", vault.origin()]);
    let ask = |role: &str, operation: &str| {
        let mut command = home.command(&["credential", "vault", "--role", role, operation]);
        told(command.env("VAULT_ADDR", vault.origin()), "")
    };
    for _ in 0..2 {
        assert_eq!(ask("dev", "get").succeeded().stdout, "hvs.secret");
    }
    assert_eq!(vault.log().len(), 1);
    ask("other", "get").failed(4, "provider-refused").saying(&["role not found"]);
    for operation in ["store", "erase"] {
        assert_eq!(ask("dev", operation).succeeded().stdout, "");
    }
    home.latch(&["logout"]).succeeded();
    ask("dev", "get").failed(3, "login-required");
}
