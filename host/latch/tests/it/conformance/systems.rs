//! Sessions at systems that do things in their own way.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use latchstring::contract::{Endpoints, Examination, Hexclave, HexclaveHeaders, Tokens};
use latchstring::{Demand, Latch, LoginFlow, Recorder};
use latchstring_provider::dialects::{AUTHGATE, HEXCLAVE};
use latchstring_provider::visitor::Visitor;
use latchstring_provider::{Dialect, Options, Provider};
use latchstring_testing::{block_on, refusing};

use super::cast::{Answered, BEGINNING_MS, CALLBACK_PORT, Cast, PROVIDER_PORT, User, response};
use super::scenes::Scene;

pub(crate) const SCENES: [Scene; 6] = [
    ("device-login", || {
        device(|cast| {
            cast.line.instead("/oauth/token", poll("authorization_pending"));
            cast.line.instead("/oauth/token", poll("slow_down"));
            deciding(Visitor::default())
        })
    }),
    ("device-login-denied", || device(|_| deciding(refusing()))),
    ("device-login-expired", || {
        device(|cast| {
            cast.line.instead("/oauth/device/code", short_lived_code());
            (0..9).for_each(|_| cast.line.instead("/oauth/token", poll("authorization_pending")));
            User::who(|_| None)
        })
    }),
    ("token-introspection", introspection),
    ("adopt", adopt),
    ("hexclave-login", hexclave),
];

fn standin(cast: &Cast, dialect: &'static Dialect) -> Provider {
    let callback = format!("http://127.0.0.1:{CALLBACK_PORT}/callback");
    let options = Options {
        port: PROVIDER_PORT,
        redirect_uris: vec![callback],
        now: cast.now(),
        ..Options::default()
    };
    Provider::like(dialect, options).expect("a stand-in")
}

/// Decides at the first address that is shown, before anything else goes on.
fn deciding(visitor: Visitor) -> User {
    let has_decided = AtomicBool::new(false);
    User::who(move |address| {
        if has_decided.swap(true, Ordering::Relaxed) {
            return None;
        }
        let visitor = visitor.clone();
        let visit = thread::spawn(move || {
            block_on(async { visitor.visit(&address).await.expect("a page") });
        });
        visit.join().expect("a decision");
        None
    })
}

fn poll(error: &str) -> Answered {
    let body = format!(r#"{{"error":"{error}"}}"#);
    response(400, &[("content-type", "application/json")], body.as_bytes())
}

fn short_lived_code() -> Answered {
    let body = r#"{
        "device_code": "the code of a device", "user_code": "WDJB-MJHT",
        "verification_uri": "http://127.0.0.1:8400/device", "expires_in": 12, "interval": 5
    }"#;
    response(200, &[("content-type", "application/json")], body.as_bytes())
}

fn authgate(cast: &Cast, standin: &Provider, user: User) -> Latch {
    let at = |path: &str| Some(format!("{}/oauth/{path}", standin.url()));
    cast.client(standin.url(), "cli-app", user)
        .scopes(["openid", "profile", "email"])
        .assumed_endpoints(Endpoints {
            device_authorization: at("device/code"),
            introspection: at("introspect"),
            tokeninfo: at("tokeninfo"),
            revocation: at("revoke"),
            ..Endpoints::default()
        })
        .flow(LoginFlow::Device)
        .build()
        .expect("good settings")
}

fn device(prepare: impl Fn(&Cast) -> User) -> Recorder {
    let cast = Cast::new();
    let standin = standin(&cast, &AUTHGATE);
    let user = prepare(&cast);
    // How it ends is in the recording.
    let _ = block_on(authgate(&cast, &standin, user).login());
    cast.recorder
}

fn introspection() -> Recorder {
    let cast = Cast::new();
    let standin = standin(&cast, &AUTHGATE);
    let latch = authgate(&cast, &standin, deciding(Visitor::default()));
    block_on(latch.login()).expect("a login");
    let demand = Demand { examination: Some(Examination::Introspection), ..Demand::default() };
    block_on(latch.token_for(demand)).expect("a token");
    cast.recorder
}

fn adopt() -> Recorder {
    let cast = Cast::new();
    let standin = standin(&cast, &AUTHGATE);
    let forged = standin.forge_session("Ada Lovelace", "openid profile");
    let latch = authgate(&cast, &standin, User::who(|_| None));
    let tokens = Tokens {
        access_token: Some(forged.access_token),
        refresh_token: Some(forged.refresh_token),
        expires_at_ms: Some(BEGINNING_MS + forged.expires_in * 1000),
        scopes: Some(vec!["openid".to_owned(), "profile".to_owned()]),
    };
    block_on(latch.adopt(&tokens)).expect("a session");
    cast.recorder
}

fn hexclave() -> Recorder {
    let cast = Cast::new();
    let standin = standin(&cast, &HEXCLAVE);
    let builder = Latch::builder(standin.url(), "demo-project").hexclave(Hexclave {
        app_url: standin.url().to_owned(),
        publishable_client_key: Some("pck-demo".to_owned()),
        headers: HexclaveHeaders::Hexclave,
    });
    let latch = cast.at(builder, deciding(Visitor::default())).build().expect("good settings");
    block_on(latch.login()).expect("a login");
    cast.recorder
}
