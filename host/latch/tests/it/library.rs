//! Embedding: the same sessions, with parts of the embedder's own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use latchstring::capability::browser::Browser;
use latchstring::capability::http::{Http, Limits, SystemHttp, Trouble};
use latchstring::capability::loopback::{
    Listener, Loopback, Redirect, RedirectHost, SystemLoopback, Visit,
};
use latchstring::capability::store::{Held, Key, MemoryStore, Store};
use latchstring::capability::terminal::{Silence, Terminal};
use latchstring::contract::Examination;
use latchstring::contract::{Request, Response};
use latchstring::pages::Pages;
use latchstring::{ApiRequest, Code, Demand, Error, Latch, LatchBuilder, TokenSource, TokenState};
use latchstring_provider::Fault;
use latchstring_provider::visitor::Visitor;
use latchstring_testing::alone::is_alone;
use latchstring_testing::embedded::{BEGINNING_MS, Setting};
use latchstring_testing::{SCOPES, block_on};
use tokio::sync::Notify;

#[test]
fn a_program_logs_in_asks_for_tokens_and_logs_out() {
    let setting = Setting::new();
    let latch = setting.latch();
    block_on(async {
        let error = latch.token().await.expect_err("you are not logged in");
        assert_eq!(error.code(), Code::LoginRequired);
        assert!(latch.status().await.expect("a store").is_none());

        let token = latch.login().await.expect("a login");
        assert_eq!(token.source(), TokenSource::Login);
        assert_eq!(token.scopes(), SCOPES);
        assert!(token.claims().is_some_and(|claims| claims.contains("Ada Lovelace")));
        let cached = latch.token().await.expect("a token");
        assert_eq!(cached.source(), TokenSource::Cached);
        assert_eq!(cached.access_token(), token.access_token());
        let bearer = format!("Bearer {}", token.access_token());
        assert_eq!(cached.headers().collect::<Vec<_>>(), [("authorization", bearer.as_str())]);

        let status = latch.status().await.expect("a store").expect("a session");
        assert!(status.token_state == TokenState::Fresh);
        assert_eq!(status.logged_in_at_ms, BEGINNING_MS);

        let report = latch.logout().await.expect("a logout");
        assert!(report.was_logged_in && report.not_revoked.is_empty());
        let error = latch.token().await.expect_err("logged out");
        assert_eq!(error.code(), Code::LoginRequired);
    });
    assert_eq!(setting.browser.opened.load(Ordering::SeqCst), 1);
    assert_eq!(setting.asked("/revoke"), 2);
}

#[test]
fn a_token_is_renewed_as_its_end_comes_near_and_not_before() {
    let setting = Setting::new();
    let latch = setting.latch();
    block_on(async {
        let first = latch.login().await.expect("a login");
        setting.clock.go_on(Duration::from_secs(3600 - 61));
        let cached = latch.token().await.expect("a token");
        assert_eq!(cached.access_token(), first.access_token());
        setting.clock.go_on(Duration::from_secs(1));
        let renewed = latch.token().await.expect("a token");
        assert_eq!(renewed.source(), TokenSource::Renewed);
        assert_ne!(renewed.access_token(), first.access_token());
        assert!(renewed.renew_at() < renewed.expires_at());
        let status = latch.status().await.expect("a store").expect("a session");
        assert_eq!(status.logged_in_at_ms, BEGINNING_MS);
    });
    assert_eq!(setting.browser.opened.load(Ordering::SeqCst), 1);
}

/// Sends for real, and remembers what was sent within which limits.
#[derive(Clone, Default)]
struct Recording {
    http: Arc<SystemHttp>,
    sent: Arc<Mutex<Vec<(String, Limits)>>>,
}

#[async_trait]
impl Http for Recording {
    async fn send(&self, request: Request, limits: Limits) -> Result<Response, Trouble> {
        self.sent.lock().expect("no panic").push((request.url.clone(), limits));
        self.http.send(request, limits).await
    }
}

#[test]
fn every_request_passes_through_the_embedders_http_within_the_same_limits() {
    let setting = Setting::new();
    let http = Recording::default();
    let latch = setting.builder().http(http.clone()).build().expect("good settings");
    block_on(async {
        latch.login().await.expect("a login");
        latch
            .token_for(Demand { examination: Some(Examination::Userinfo), ..Demand::default() })
            .await
            .expect("a token");
        latch.logout().await.expect("a logout");
    });
    let sent = http.sent.lock().expect("no panic");
    let by_browser = setting.asked("/authorize");
    assert_eq!(sent.len(), setting.provider.log().len() - by_browser);
    for (url, limits) in sent.iter() {
        assert!(url.starts_with(setting.provider.issuer()), "{url}");
        assert_eq!(limits.timeout, Duration::from_secs(10));
        assert_eq!(limits.body_bytes, 1 << 20);
    }
}

/// Keeps everything that would be shown.
#[derive(Clone, Default)]
struct Overheard(Arc<Mutex<String>>);

impl Overheard {
    fn hear(&self, text: &str) {
        self.0.lock().expect("no panic").push_str(text);
    }
}

impl Terminal for Overheard {
    fn say(&self, text: &str) {
        self.hear(text);
    }
    fn wait(&self, what: &str) {
        self.hear(what);
    }
    fn settle(&self) {}
    fn detail(&self, text: &str) {
        self.hear(text);
    }
}

#[test]
fn a_token_and_an_error_tell_no_secret_when_printed_for_debugging() {
    let setting = Setting::new();
    let overheard = Overheard::default();
    let latch = setting.builder().terminal(overheard.clone()).build().expect("good settings");
    block_on(async {
        let token = latch.login().await.expect("a login");
        let secrets = [Some(token.access_token()), token.id_token(), token.claims()];
        let printed = format!("{token:?} {token:#?}");
        for secret in secrets.into_iter().flatten() {
            assert!(!printed.contains(secret) && !overheard.0.lock().expect("it").contains(secret));
        }
        assert!(printed.contains("offline_access"), "{printed}");
        setting.provider.misbehave(Fault::hostile_token_error());
        let demand = Demand { force_refresh: true, ..Demand::default() };
        let error = latch.token_for(demand).await.expect_err("the session has ended");
        let printed = format!("{error:?} {error} {:?}", error.remedy());
        assert!(!printed.contains(token.access_token()) && !printed.contains('\u{1b}'));
    });
}

/// A store that is full, or that fills up.
#[derive(Clone)]
struct Full {
    store: MemoryStore,
    is_found_out: bool,
    writes: Arc<AtomicUsize>,
}

#[async_trait]
impl Store for Full {
    async fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, Error> {
        self.store.read(key).await
    }
    async fn write(&self, _: &Held, _: &[u8]) -> Result<(), Error> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        Err(Error::new(Code::NotSaved, "the disk is full", "free some space"))
    }
    async fn delete(&self, held: &Held) -> Result<(), Error> {
        self.store.delete(held).await
    }
    async fn lock(&self, key: &Key) -> Result<Held, Error> {
        self.store.lock(key).await
    }
    async fn list(&self) -> Result<Vec<Key>, Error> {
        self.store.list().await
    }
    async fn probe(&self, _: &Key) -> Result<Option<String>, Error> {
        if self.is_found_out {
            return Err(Error::new(Code::NotSaved, "the disk is full", "free some space"));
        }
        Ok(None)
    }
    fn place(&self, _: &Key) -> String {
        "a full disk".to_owned()
    }
}

fn full(is_found_out: bool) -> Full {
    Full { store: MemoryStore::default(), is_found_out, writes: Arc::default() }
}

#[test]
fn a_store_that_cannot_keep_the_session_fails_before_anybody_logs_in() {
    let setting = Setting::new();
    let latch = setting.builder().store(full(true)).build().expect("good settings");
    let error = block_on(latch.login()).expect_err("a full store");
    assert_eq!(error.code(), Code::NotSaved);
    assert_eq!(setting.browser.opened.load(Ordering::SeqCst), 0);
    assert!(setting.provider.log().is_empty());
}

/// A browser that remembers whether it was told of success.
#[derive(Clone, Default)]
struct Believing {
    saw_success: Arc<AtomicBool>,
    visit: Arc<Mutex<Option<thread::JoinHandle<()>>>>,
}

impl Browser for Believing {
    fn open(&self, url: &str) -> Result<(), Error> {
        let (saw_success, url) = (Arc::clone(&self.saw_success), url.to_owned());
        let visit = thread::spawn(move || {
            let page = block_on(Visitor::default().visit(&url)).expect("a page");
            saw_success.store(page.body.contains("You are logged in"), Ordering::SeqCst);
            assert_eq!(page.status, 500);
        });
        *self.visit.lock().expect("no panic") = Some(visit);
        Ok(())
    }
}

#[test]
fn a_session_that_could_not_be_saved_is_no_success_for_the_browser_either() {
    let setting = Setting::new();
    let (store, browser) = (full(false), Believing::default());
    let builder = setting.builder().store(store.clone()).browser(browser.clone());
    let error = block_on(builder.build().expect("settings").login()).expect_err("a full store");
    assert_eq!(error.code(), Code::NotSaved);
    assert!(error.message().contains("the disk is full"), "{error}");
    assert!(store.writes.load(Ordering::SeqCst) > 1, "a save is tried again");
    let visit = browser.visit.lock().expect("no panic").take().expect("a visit");
    visit.join().expect("the failure page");
    assert!(!browser.saw_success.load(Ordering::SeqCst));
}

/// A browser that only says that it was asked.
struct Told(Arc<Notify>);

impl Browser for Told {
    fn open(&self, _: &str) -> Result<(), Error> {
        self.0.notify_one();
        Ok(())
    }
}

#[test]
fn a_login_that_is_dropped_closes_its_listener() {
    // A process that another test starts has the listener too, until it runs its program.
    if !is_alone(module_path!(), "a_login_that_is_dropped_closes_its_listener") {
        return;
    }
    let setting = Setting::new();
    let port = latchstring_provider::port::free_port();
    let redirect =
        Redirect { host: RedirectHost::Ipv4, ports: vec![port], path: "/callback".to_owned() };
    let shown = Arc::new(Notify::new());
    let browser = Told(Arc::clone(&shown));
    let latch = setting.builder().redirect(redirect).browser(browser).build().expect("settings");
    block_on(async {
        tokio::select! {
            _ = latch.login() => panic!("nobody has logged in"),
            () = shown.notified() => {}
        }
        // The accepting task ends at its next turn.
        tokio::task::yield_now().await;
        assert!(std::net::TcpListener::bind(("127.0.0.1", port)).is_ok());
    });
}

#[test]
fn every_call_can_run_as_a_task_of_its_own() {
    fn is_task<T>(_: impl Future<Output = T> + Send) {}

    let latch = Setting::new().latch();
    is_task(latch.login());
    is_task(latch.token());
    is_task(latch.request(&ApiRequest::new("GET", "https://id.example")));
    is_task(latch.logout());
    is_task(latch.status());
}

#[test]
fn settings_that_cannot_work_are_refused_before_anything_happens() {
    let setting = Setting::new();
    let bad = |builder: LatchBuilder| builder.build().err().map(|error| error.code());
    for name in ["", "a/b", "ä", &"x".repeat(65)] {
        assert_eq!(bad(setting.builder().profile(name)), Some(Code::InvalidConfiguration));
    }
    for issuer in ["", "id.example", "http://id.example", "https://id.example/?a=b"] {
        let latch = Latch::builder(issuer, "demo").store(MemoryStore::default());
        let latch = latch.terminal(Silence).build().expect("not looked at yet");
        let error = block_on(latch.login()).expect_err(issuer);
        assert_eq!(error.code(), Code::InvalidConfiguration, "{issuer}");
    }
}

/// A listener on a system that does not tell one user's connection from another's.
struct Blind(Box<dyn Listener>);

#[async_trait]
impl Listener for Blind {
    fn redirect_uri(&self) -> &str {
        self.0.redirect_uri()
    }

    async fn visit(&mut self) -> Visit {
        self.0.visit().await
    }
}

struct BlindLoopback;

#[async_trait]
impl Loopback for BlindLoopback {
    async fn bind(&self, redirect: &Redirect, pages: &Pages) -> Result<Box<dyn Listener>, Error> {
        Ok(Box::new(Blind(SystemLoopback.bind(redirect, pages).await?)))
    }
}

/// A browser with a command line, which reads the file that it is started on.
#[derive(Clone, Default)]
struct FileReader(Arc<Mutex<Option<PathBuf>>>);

impl Browser for FileReader {
    fn open(&self, _: &str) -> Result<(), Error> {
        panic!("the address stands on a command line");
    }

    fn shows_address(&self) -> bool {
        true
    }

    fn open_file(&self, file: &Path) -> Result<(), Error> {
        let page = fs::read_to_string(file).expect("a page");
        let (_, rest) = page.split_once("0; url=").expect("an address");
        let address = rest.split('"').next().expect("an address").to_owned();
        *self.0.lock().expect("a file") = Some(file.to_owned());
        thread::spawn(move || block_on(async move { Visitor::default().visit(&address).await }));
        Ok(())
    }
}

#[test]
fn where_users_are_not_told_apart_a_private_file_leads_to_the_login_and_is_gone_after_it() {
    let setting = Setting::new();
    let browser = FileReader::default();
    let latch = setting.builder().browser(browser.clone()).loopback(BlindLoopback);
    let token = block_on(latch.build().expect("settings").login()).expect("a login");
    assert!(token.claims().is_some_and(|claims| claims.contains("Ada Lovelace")));
    let file = browser.0.lock().expect("a file").clone().expect("a file");
    assert!(!file.exists() && !file.parent().expect("a folder").exists());
}
