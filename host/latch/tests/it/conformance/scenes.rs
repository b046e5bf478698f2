//! The sessions that the kit is made of, each by the name of its file.

use std::thread;
use std::time::Duration;

use latchstring::contract::Examination;
use latchstring::{Demand, Latch, LoginFlow, Recorder};
use latchstring_provider::visitor::{Browser, Visitor};
use latchstring_provider::{Fault, Options, Provider};
use latchstring_testing::{block_on, refusing};
use serde_json::json;

use super::cast::{CALLBACK_PORT, Cast, PROVIDER_PORT, User, refused_connection, response};

/// A file's name, and how what is in it came to be.
pub(crate) type Scene = (&'static str, fn() -> Recorder);

pub(crate) const SCENES: [Scene; 24] = [
    ("browser-login", || login(|_, _| ())),
    ("browser-login-forged-redirect-first", forged_redirect_first),
    ("browser-login-denied", || login_of(User::visiting(refusing()))),
    ("browser-login-timed-out", timed_out),
    ("browser-login-network-trouble", || {
        login(|cast, _| cast.line.instead("/openid-configuration", refused_connection()))
    }),
    ("browser-login-another-issuer", || {
        login(|_, provider| provider.misbehave(Fault::other_issuer()))
    }),
    ("browser-login-bad-signature", || {
        login(|_, provider| provider.misbehave(Fault::tampered_signature()))
    }),
    ("browser-login-not-utf-8", || {
        login(|cast, _| {
            let body = response(200, &[("content-type", "application/json")], b"{\"\xff\xfe\"}");
            cast.line.instead("/openid-configuration", body);
        })
    }),
    ("browser-login-large-times", || {
        login(|_, provider| {
            let seconds = json!(7_000_000_000_000_u64);
            provider.misbehave(Fault::member("/token", "expires_in", seconds));
        })
    }),
    ("paste-login", paste),
    ("token-cached", || token(|_, _| Demand::default())),
    ("token-renewed", || token(|cast, _| hours_later(cast))),
    ("token-renewed-by-another", renewed_by_another),
    ("token-refresh-refused", || {
        token(|cast, provider| {
            let refusal = r#"{"error":"invalid_grant","error_description":"it was revoked"}"#;
            provider.misbehave(Fault::answer("/token", 400, "application/json", refusal));
            hours_later(cast)
        })
    }),
    ("token-provider-unavailable", || {
        token(|cast, _| {
            let headers = [("content-type", "text/html"), ("retry-after", "2")];
            cast.line.instead("/token", response(503, &headers, b"<h1>Down</h1>"));
            hours_later(cast)
        })
    }),
    ("token-userinfo", || {
        token(|_, _| Demand { examination: Some(Examination::Userinfo), ..Demand::default() })
    }),
    ("token-session-damaged", damaged),
    ("resource-login-registers", || resource_login(|_, _| ())),
    ("resource-login-registered-before", || {
        resource_login(|cast, provider| {
            let latch = resource_client(cast, provider);
            block_on(latch.login()).expect("a first login");
        })
    }),
    ("resource-login-registration-refused", || {
        resource_login(|cast, _| {
            let refusal = br#"{"error":"access_denied","error_description":"ask us first"}"#;
            cast.line.instead("/register", response(403, &[JSON], refusal));
        })
    }),
    ("resource-login-another-origin", || {
        resource_login(|cast, _| {
            let elsewhere = br#"{"resource":"https://api.example","authorization_servers":[]}"#;
            cast.line.instead("/oauth-protected-resource/mcp", response(200, &[JSON], elsewhere));
        })
    }),
    ("resource-token-insufficient-scope", || {
        let cast = Cast::new();
        let provider = provider(&cast);
        let latch = resource_client(&cast, &provider);
        block_on(latch.login()).expect("a login");
        let challenge = "Bearer error=\"insufficient_scope\", scope=\"profile email\"".to_owned();
        let demand = Demand { challenge: Some(challenge), ..Demand::default() };
        let _ = block_on(latch.token_for(demand));
        cast.recorder
    }),
    ("logout", || logout(|_| ())),
    ("logout-provider-unreachable", || {
        logout(|cast| (0..6).for_each(|_| cast.line.instead("/revoke", refused_connection())))
    }),
];

fn provider(cast: &Cast) -> Provider {
    let options = Options { port: PROVIDER_PORT, now: cast.now(), ..Options::default() };
    Provider::start(options).expect("a provider")
}

fn login(prepare: impl Fn(&Cast, &Provider)) -> Recorder {
    let cast = Cast::new();
    let provider = provider(&cast);
    prepare(&cast, &provider);
    run(&cast, &provider, User::visiting(Visitor::default()))
}

fn login_of(user: User) -> Recorder {
    let cast = Cast::new();
    let provider = provider(&cast);
    run(&cast, &provider, user)
}

/// How it ends is in the recording.
fn run(cast: &Cast, provider: &Provider, user: User) -> Recorder {
    let _ = block_on(client(cast, provider, user).login());
    cast.recorder.clone()
}

fn client(cast: &Cast, provider: &Provider, user: User) -> Latch {
    cast.client(provider.issuer(), "demo", user).build().expect("good settings")
}

fn forged_redirect_first() -> Recorder {
    login_of(User::who(|address| {
        thread::spawn(move || {
            block_on(async {
                let forged = "/callback?code=a-code-of-mine&state=a-state-of-mine";
                let forged = format!("http://127.0.0.1:{CALLBACK_PORT}{forged}");
                Browser::default().get(&forged).await.expect("a page");
                Visitor::default().visit(&address).await.expect("the last page");
            });
        });
        None
    }))
}

fn timed_out() -> Recorder {
    let cast = Cast::new();
    let provider = provider(&cast);
    let user = User::who(|_| None);
    let builder = cast.client(provider.issuer(), "demo", user).clock(cast.clock.deserted());
    let _ = block_on(builder.build().expect("good settings").login());
    cast.recorder
}

fn paste() -> Recorder {
    let cast = Cast::new();
    let provider = provider(&cast);
    let user = User::who(|address| {
        let visit = thread::spawn(move || {
            let form = [("name", "Ada Lovelace"), ("decision", "login")];
            let page = block_on(Browser::default().post(&address, &form)).expect("a redirect");
            page.header("location").expect("an address").to_owned()
        });
        Some(visit.join().expect("an address"))
    });
    let builder = cast.client(provider.issuer(), "demo", user).flow(LoginFlow::Paste);
    let _ = block_on(builder.build().expect("good settings").login());
    cast.recorder
}

/// A client that somebody has logged in with.
fn logged_in(cast: &Cast, provider: &Provider) -> Latch {
    let latch = client(cast, provider, User::visiting(Visitor::default()));
    block_on(latch.login()).expect("a login");
    latch
}

fn token(prepare: impl Fn(&Cast, &Provider) -> Demand) -> Recorder {
    let cast = Cast::new();
    let provider = provider(&cast);
    let latch = logged_in(&cast, &provider);
    let demand = prepare(&cast, &provider);
    let _ = block_on(latch.token_for(demand));
    cast.recorder
}

fn hours_later(cast: &Cast) -> Demand {
    cast.clock.go_on(Duration::from_secs(2 * 3600));
    Demand::default()
}

fn renewed_by_another() -> Recorder {
    let cast = Cast::new();
    let provider = provider(&cast);
    let latch = logged_in(&cast, &provider);
    let stale = cast.shelf.take();
    let demand = hours_later(&cast);
    block_on(latch.token_for(demand.clone())).expect("a renewed token");
    let renewed = cast.shelf.take();
    cast.shelf.put(&stale);
    *cast.shelf.at_lock.lock().expect("no panic") = Some(renewed);
    block_on(latch.token_for(demand)).expect("the token of another");
    cast.recorder
}

fn damaged() -> Recorder {
    let cast = Cast::new();
    let provider = provider(&cast);
    let latch = logged_in(&cast, &provider);
    cast.shelf.put(b"{\"latchstring\":1,\"origins\":[],\"bytes\":20}\n{\"format\":1,\"issuer\"");
    let _ = block_on(latch.token());
    cast.recorder
}

fn logout(prepare: impl Fn(&Cast)) -> Recorder {
    let cast = Cast::new();
    let provider = provider(&cast);
    let latch = logged_in(&cast, &provider);
    prepare(&cast);
    block_on(latch.logout()).expect("a logout");
    cast.recorder
}

const JSON: (&str, &str) = ("content-type", "application/json");

/// A login by the URL of an MCP server whose tokens the provider issues.
fn resource_login(prepare: impl Fn(&Cast, &Provider)) -> Recorder {
    let cast = Cast::new();
    let provider = provider(&cast);
    prepare(&cast, &provider);
    let _ = block_on(resource_client(&cast, &provider).login());
    cast.recorder
}

/// A client for the server, which answers one login, and the provider one registration.
fn resource_client(cast: &Cast, provider: &Provider) -> Latch {
    let issuer = provider.issuer();
    let resource = format!("{issuer}/mcp");
    let challenge = ("www-authenticate", "Bearer realm=\"mcp\"");
    cast.line.instead("/mcp", response(401, &[challenge], b""));
    let described = json!({
        "resource": resource,
        "authorization_servers": [issuer],
        "scopes_supported": ["profile"],
    });
    let described = response(200, &[JSON], described.to_string().as_bytes());
    cast.line.instead("/oauth-protected-resource/mcp", described);
    let described = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "registration_endpoint": format!("{issuer}/register"),
        "code_challenge_methods_supported": ["S256"],
    });
    let described = response(200, &[JSON], described.to_string().as_bytes());
    cast.line.instead("/oauth-authorization-server", described);
    let registered = response(201, &[JSON], br#"{"client_id":"demo"}"#);
    cast.line.instead("/register", registered);
    let user = User::visiting(Visitor::default());
    cast.at(Latch::for_resource(resource), user).build().expect("good settings")
}
