//! Secrets are seen by nobody who did not ask for them.

use std::collections::BTreeSet;

use latchstring_provider::{ClientAuthentication, Fault, Options};
use latchstring_testing::session::Session;
use latchstring_testing::{Home, Pending, run};

const SECRET: &str = "a client secret nobody should see";

/// What was printed where it may be read, and what must not be in it.
#[derive(Default)]
struct Watch {
    seen: Vec<String>,
    secrets: BTreeSet<String>,
}

impl Watch {
    /// Runs a command with every detail. `token` alone may print on standard output.
    fn run(&mut self, home: &Home, arguments: &[&str]) {
        let run = run(home.command(arguments).arg("-v").env("LATCH_CLIENT_SECRET", SECRET));
        self.seen.push(run.stderr);
        if arguments.first() != Some(&"token") {
            self.seen.push(run.stdout);
        }
        self.learn(home);
    }

    fn login(&mut self, home: &Home, extra: &[&str]) {
        let mut login = home.login_command(extra);
        let pending = Pending::start(login.arg("-v").env("LATCH_CLIENT_SECRET", SECRET));
        let page = pending.visit();
        let run = pending.finish();
        self.seen.extend([run.stderr, run.stdout, page.body]);
        self.learn(home);
    }

    fn learn(&mut self, home: &Home) {
        self.secrets.insert(SECRET.to_owned());
        let names = ["code", "code_verifier", "refresh_token", "token", "client_secret"];
        for seen in home.provider.log() {
            let said = names.iter().filter_map(|name| seen.parameter(name));
            self.secrets.extend(said.map(str::to_owned));
            let credentials =
                seen.header("authorization").into_iter().filter_map(|text| text.split(' ').nth(1));
            self.secrets.extend(credentials.map(str::to_owned));
        }
        for file in home.session_files() {
            self.secrets.extend(Session::read(&file).secrets());
        }
        if home.config_file().exists() {
            self.seen.push(home.config());
        }
    }

    #[track_caller]
    fn nothing_leaked(&self) {
        // Tokens of a login and two renewals, codes, verifiers, credentials.
        assert!(self.secrets.len() > 10, "{}", self.secrets.len());
        for text in &self.seen {
            for secret in &self.secrets {
                assert!(!text.contains(secret.as_str()), "{secret} in: {text}");
            }
        }
    }
}

/// Everything that can be done with a session, and much that goes wrong.
fn use_everything(authentication: ClientAuthentication, json: &[&str]) {
    let home = Home::with(Options { authentication, ..Options::default() });
    let mut watch = Watch::default();
    watch.login(&home, json);
    for command in [
        &["token"][..],
        &["token", "--force-refresh"],
        &["token", "--output", "json"],
        &["whoami"],
        &["status"],
        &["profile", "show"],
        &["profile", "list"],
    ] {
        watch.run(&home, &[command, json].concat());
    }
    let userinfo = format!("{}/userinfo?a=b", home.provider.issuer());
    watch.run(&home, &[&["request", "GET", &userinfo, "-i"], json].concat());
    let renewing = Fault::answer("/userinfo", 401, "text/plain", "no").times(1);
    home.provider.misbehave(renewing);
    watch.run(&home, &[&["request", "GET", &userinfo], json].concat());
    for fault in [
        Fault::answer("/token", 503, "text/plain", "later"),
        Fault::hang_up("/token"),
        Fault::answer("/token", 200, "application/json", "{\"access_token\": \"leaked-token"),
        Fault::answer("/token", 200, "application/json", "{\"access_token\":[\"leaked-token\"]}"),
        Fault::tampered_signature(),
        Fault::wrong_audience(),
    ] {
        home.provider.misbehave(fault);
        watch.run(&home, &[&["token", "--force-refresh"], json].concat());
        watch.login(&home, &[&["--profile", "broken"], json].concat());
        home.provider.behave();
    }
    home.provider.misbehave(Fault::hang_up("/revoke").times(1));
    watch.run(&home, &[&["logout"], json].concat());
    watch.login(&home, json);
    home.provider.misbehave(Fault::hostile_token_error());
    watch.run(&home, &[&["token", "--force-refresh"], json].concat());
    watch.secrets.insert("leaked-token".to_owned());
    watch.nothing_leaked();
}

#[test]
fn no_message_at_any_verbosity_holds_a_secret() {
    use_everything(ClientAuthentication::ClientSecretBasic(SECRET.to_owned()), &[]);
}

#[test]
fn no_message_in_json_holds_a_secret() {
    use_everything(ClientAuthentication::ClientSecretPost(SECRET.to_owned()), &["--json"]);
}

#[test]
fn a_damaged_session_is_not_quoted() {
    let home = Home::new();
    home.login();
    let mut session = Session::read(&home.session_file());
    let secrets = session.secrets();
    session.inner["scopes"] = session.inner["access_token"].clone();
    session.write();
    for command in [&["token", "-v"][..], &["status", "-v"], &["logout", "-v", "--json"]] {
        let run = home.latch(command).failed(8, "stored-damaged");
        assert!(!secrets.iter().any(|secret| (run.stderr.clone() + &run.stdout).contains(secret)));
    }
}
