//! The library in a program of the test's own.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use async_trait::async_trait;
use latchstring::capability::browser::Browser;
use latchstring::capability::clock::Clock;
use latchstring::capability::store::MemoryStore;
use latchstring::capability::terminal::Silence;
use latchstring::{Error, Latch, LatchBuilder};
use latchstring_provider::visitor::Visitor;
use latchstring_provider::{Options, Provider};

use crate::{SCOPES, block_on};

/// Begins far from any real time: nothing here may look at the real clock.
pub const BEGINNING_MS: u64 = 4_000_000_000_000;

/// A browser in which somebody logs in at once.
#[derive(Clone, Default)]
pub struct Visiting {
    visitor: Visitor,
    /// How often it was opened.
    pub opened: Arc<AtomicUsize>,
}

impl Browser for Visiting {
    fn open(&self, url: &str) -> Result<(), Error> {
        self.opened.fetch_add(1, Ordering::SeqCst);
        let (visitor, url) = (self.visitor.clone(), url.to_owned());
        thread::spawn(move || block_on(async move { visitor.visit(&url).await.expect("a page") }));
        Ok(())
    }
}

/// A clock that tests turn, shared with the provider.
#[derive(Clone)]
pub struct Turned(Arc<AtomicU64>);

impl Turned {
    /// Lets time pass.
    pub fn go_on(&self, time: Duration) {
        self.0.fetch_add(time.as_millis() as u64, Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for Turned {
    fn now_ms(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }

    /// A time limit, for the user, a browser or a provider, is never over in these tests;
    /// the time between two attempts is over at once.
    async fn sleep(&self, duration: Duration) {
        if duration >= Duration::from_secs(2) {
            std::future::pending().await
        }
    }
}

/// A provider, somebody to log in, and a clock for both.
pub struct Setting {
    /// The provider, whose clock is `clock`.
    pub provider: Provider,
    /// The clock of both sides.
    pub clock: Turned,
    /// The browser of the client.
    pub browser: Visiting,
}

impl Setting {
    /// A provider that was just started, at [`BEGINNING_MS`].
    pub fn new() -> Self {
        let clock = Turned(Arc::new(AtomicU64::new(BEGINNING_MS)));
        let now = clock.clone();
        let options = Options { now: Arc::new(move || now.now_ms()), ..Options::default() };
        let provider = Provider::start(options).expect("a provider");
        Self { provider, clock, browser: Visiting::default() }
    }

    /// A client of the provider, before its settings are checked.
    pub fn builder(&self) -> LatchBuilder {
        Latch::builder(self.provider.issuer(), "demo")
            .scopes(SCOPES)
            .store(MemoryStore::default())
            .terminal(Silence)
            .browser(self.browser.clone())
            .clock(self.clock.clone())
    }

    /// A client of the provider.
    pub fn latch(&self) -> Latch {
        self.builder().build().expect("good settings")
    }

    /// How many requests the provider has had at one path.
    pub fn asked(&self, path: &str) -> usize {
        self.provider.log().iter().filter(|seen| seen.path == path).count()
    }
}
