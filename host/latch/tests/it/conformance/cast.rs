//! Who takes part in a recording: a provider, a user, a store and a line between
//! them, in virtual time.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use latchstring::capability::clock::Clock;
use latchstring::capability::entropy::Entropy;
use latchstring::capability::http::{Http, Limits, SystemHttp, Trouble};
use latchstring::capability::store::{Held, Key, Lock, Store};
use latchstring::capability::surroundings::Surroundings;
use latchstring::capability::terminal::Terminal;
use latchstring::contract::{Facts, Header, Request, Response};
use latchstring::{Error, Latch, LatchBuilder, LoginFlow, Recorder};
use latchstring_provider::visitor::Visitor;
use latchstring_testing::{SCOPES, block_on};

pub(crate) const BEGINNING_MS: u64 = 1_700_000_000_000;

/// Where providers are, and browsers come back to: the kit says so for good.
pub(crate) const PROVIDER_PORT: u16 = 8400;
pub(crate) const CALLBACK_PORT: u16 = 8401;

/// A wait for a user; shorter ones are for a provider.
const LONG: Duration = Duration::from_secs(60);

/// A clock that goes on when somebody waits, shared with the provider.
#[derive(Clone)]
pub(crate) struct Virtual {
    now_ms: Arc<AtomicU64>,
    /// Whether nobody comes: long waits end too.
    nobody_comes: bool,
}

impl Virtual {
    pub(crate) fn at(now_ms: u64) -> Self {
        Self { now_ms: Arc::new(AtomicU64::new(now_ms)), nobody_comes: false }
    }

    pub(crate) fn go_on(&self, time: Duration) {
        self.now_ms.fetch_add(time.as_millis() as u64, Ordering::SeqCst);
    }

    /// The same clock where nobody comes.
    pub(crate) fn deserted(&self) -> Self {
        Self { nobody_comes: true, ..self.clone() }
    }
}

#[async_trait]
impl Clock for Virtual {
    fn now_ms(&self) -> u64 {
        self.now_ms.load(Ordering::SeqCst)
    }

    async fn sleep(&self, duration: Duration) {
        if duration > LONG && !self.nobody_comes {
            std::future::pending::<()>().await;
        }
        self.go_on(duration);
    }
}

/// One place for a session and one for a registration, and what another process puts in the
/// first as soon as it is locked.
#[derive(Clone, Default)]
pub(crate) struct Shelf {
    pub(crate) bytes: Arc<Mutex<Option<Vec<u8>>>>,
    pub(crate) registration: Arc<Mutex<Option<Vec<u8>>>>,
    pub(crate) at_lock: Arc<Mutex<Option<Vec<u8>>>>,
}

struct Nothing;

impl Lock for Nothing {}

impl Shelf {
    pub(crate) fn take(&self) -> Vec<u8> {
        self.bytes.lock().expect("no panic").clone().expect("a session")
    }

    fn place_of(&self, key: &Key) -> &Mutex<Option<Vec<u8>>> {
        if key.is_session() { &self.bytes } else { &self.registration }
    }

    pub(crate) fn put(&self, bytes: &[u8]) {
        *self.bytes.lock().expect("no panic") = Some(bytes.to_vec());
    }
}

#[async_trait]
impl Store for Shelf {
    async fn read(&self, key: &Key) -> Result<Option<Vec<u8>>, Error> {
        Ok(self.place_of(key).lock().expect("no panic").clone())
    }

    async fn write(&self, held: &Held, bytes: &[u8]) -> Result<(), Error> {
        *self.place_of(held.key()).lock().expect("no panic") = Some(bytes.to_vec());
        Ok(())
    }

    async fn delete(&self, held: &Held) -> Result<(), Error> {
        *self.place_of(held.key()).lock().expect("no panic") = None;
        Ok(())
    }

    async fn lock(&self, key: &Key) -> Result<Held, Error> {
        if let Some(bytes) = self.at_lock.lock().expect("no panic").take() {
            self.put(&bytes);
        }
        Ok(Held::new(key, Nothing))
    }

    async fn list(&self) -> Result<Vec<Key>, Error> {
        Ok(Vec::new())
    }

    fn place(&self, _: &Key) -> String {
        "a shelf".to_owned()
    }
}

pub(crate) type Answered = Result<Response, Trouble>;

/// The line to the provider, on which some answers are others.
#[derive(Clone, Default)]
pub(crate) struct Line {
    http: Arc<SystemHttp>,
    /// By the end of the path, in order; after them the provider answers.
    instead: Arc<Mutex<BTreeMap<String, VecDeque<Answered>>>>,
}

impl Line {
    pub(crate) fn instead(&self, path: &str, answer: Answered) {
        let mut instead = self.instead.lock().expect("no panic");
        instead.entry(path.to_owned()).or_default().push_back(answer);
    }
}

#[async_trait]
impl Http for Line {
    async fn send(&self, request: Request, limits: Limits) -> Answered {
        let instead = {
            let mut instead = self.instead.lock().expect("no panic");
            let mut fitting =
                instead.iter_mut().filter(|(path, _)| request.url.ends_with(path.as_str()));
            fitting.find_map(|(_, answers)| answers.pop_front())
        };
        match instead {
            Some(answer) => answer,
            None => self.http.send(request, limits).await,
        }
    }
}

pub(crate) fn response(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Answered {
    let header = |(name, value): &(&str, &str)| Header {
        name: (*name).to_owned(),
        value: (*value).to_owned(),
    };
    let headers = headers.iter().map(header).collect();
    Ok(Response { status, headers, body: body.to_vec() })
}

pub(crate) fn refused_connection() -> Answered {
    let reason = "cannot reach 127.0.0.1:8400: connection refused".to_owned();
    Err(Trouble::Unreachable { reason, sent: false })
}

type Act = dyn Fn(String) -> Option<String> + Send + Sync;

/// Somebody at the terminal, who acts on the address shown there.
#[derive(Clone)]
pub(crate) struct User {
    act: Arc<Act>,
    address: Arc<Mutex<String>>,
    brought_back: Arc<Mutex<Option<String>>>,
}

impl User {
    /// Does this with the address, and may bring another one back.
    pub(crate) fn who(act: impl Fn(String) -> Option<String> + Send + Sync + 'static) -> Self {
        Self { act: Arc::new(act), address: Arc::default(), brought_back: Arc::default() }
    }

    /// Lets this visitor log in meanwhile: the last page comes when all is over.
    pub(crate) fn visiting(visitor: Visitor) -> Self {
        Self::who(move |address| {
            let visitor = visitor.clone();
            thread::spawn(move || block_on(async { visitor.visit(&address).await.map(drop) }));
            None
        })
    }

    fn acts(&self, address: String) {
        *self.brought_back.lock().expect("no panic") = (self.act)(address);
    }
}

#[async_trait]
impl Terminal for User {
    fn say(&self, text: &str) {
        let code = text.lines().find_map(|line| line.strip_prefix("    "));
        if let Some(code) = code {
            let address = self.address.lock().expect("no panic").clone();
            self.acts(format!("{address}?user_code={}", code.trim()));
        }
    }

    fn address(&self, url: &str) {
        *self.address.lock().expect("no panic") = url.to_owned();
        // A code comes after the address of its page.
        if !url.ends_with("/device") {
            self.acts(url.to_owned());
        }
    }

    fn wait(&self, _: &str) {}

    fn settle(&self) {}

    fn is_attended(&self) -> bool {
        false
    }

    async fn ask(&self, _: &str, _: bool) -> String {
        let text = self.brought_back.lock().expect("no panic").take();
        match text {
            Some(text) => text,
            None => std::future::pending().await,
        }
    }

    fn detail(&self, _: &str) {}
}

/// Nothing in the kit is random.
pub(crate) struct Fixed;

impl Entropy for Fixed {
    fn draw(&self) -> Result<[u8; 32], Error> {
        Ok(*b"not random: everybody knows this")
    }
}

/// A desktop.
pub(crate) struct Desktop;

impl Surroundings for Desktop {
    fn facts(&self) -> Facts {
        Facts { display: true, ..Facts::default() }
    }
}

/// All of them, and what is recorded of them.
pub(crate) struct Cast {
    pub(crate) clock: Virtual,
    pub(crate) shelf: Shelf,
    pub(crate) line: Line,
    pub(crate) recorder: Recorder,
}

impl Cast {
    pub(crate) fn new() -> Self {
        Self {
            clock: Virtual::at(BEGINNING_MS),
            shelf: Shelf::default(),
            line: Line::default(),
            recorder: Recorder::new(),
        }
    }

    /// A clock for a provider.
    pub(crate) fn now(&self) -> Arc<dyn Fn() -> u64 + Send + Sync> {
        let clock = self.clock.clone();
        Arc::new(move || clock.now_ms())
    }

    /// A client that asks for everything, and shows addresses to this user.
    pub(crate) fn client(&self, issuer: &str, client_id: &str, user: User) -> LatchBuilder {
        self.at(Latch::builder(issuer, client_id).scopes(SCOPES), user)
    }

    pub(crate) fn at(&self, builder: LatchBuilder, user: User) -> LatchBuilder {
        builder
            .flow(LoginFlow::Browser)
            .redirect_ports([CALLBACK_PORT])
            .open_browser(false)
            .store(self.shelf.clone())
            .clock(self.clock.clone())
            .http(self.line.clone())
            .entropy(Fixed)
            .surroundings(Desktop)
            .terminal(user)
            .record(self.recorder.clone())
    }
}
