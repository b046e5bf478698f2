//! Fake capabilities that record every request and do nothing.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::json;

use super::desktop_facts;
use crate::LatchBuilder;
use crate::capability::browser::Browser;
use crate::capability::clock::Clock;
use crate::capability::http::{Http, Limits, SystemHttp, Trouble};
use crate::capability::store::{Key, MemoryStore, Store as _};
use crate::capability::surroundings;
use crate::capability::terminal::Terminal;
use crate::error::Error;
use latchstring_core::contract::{Facts, Request, Response};
use latchstring_core::session::Envelope;

/// An internal address that a provider must not name.
const INSIDE: &str = "https://169.254.169.254/token";

#[derive(Clone, Default)]
pub(super) struct Surroundings {
    kept: Arc<Mutex<Kept>>,
    store: MemoryStore,
}

/// The requests that the host let through.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) opened: Vec<String>,
    pub(super) sent: Vec<String>,
    pub(super) said: Vec<String>,
    pub(super) slept_ms: u64,
}

impl Surroundings {
    pub(super) fn equip(&self, builder: LatchBuilder) -> LatchBuilder {
        builder
            .surroundings(self.clone())
            .browser(self.clone())
            .clock(self.clone())
            .http(self.clone())
            .store(self.store.clone())
            .terminal(self.clone())
    }

    /// Stores a session.
    pub(super) async fn store_something(&self, key: &Key) {
        let envelope = Envelope { origins: Vec::new(), session: b"{}".to_vec().into() };
        let held = self.store.lock(key).await.unwrap();
        self.store.write(&held, &envelope.seal()).await.unwrap();
    }

    pub(super) fn kept<T>(&self, look: impl FnOnce(&mut Kept) -> T) -> T {
        look(&mut self.kept.lock().unwrap())
    }
}

impl surroundings::Surroundings for Surroundings {
    fn facts(&self) -> Facts {
        desktop_facts()
    }
}

impl Browser for Surroundings {
    fn open(&self, url: &str) -> Result<(), Error> {
        self.kept(|kept| kept.opened.push(url.to_owned()));
        Ok(())
    }
}

#[async_trait]
impl Clock for Surroundings {
    fn now_ms(&self) -> u64 {
        self.kept(|kept| 4_000_000_000_000 + kept.slept_ms)
    }

    /// Returns at once and counts the time as passed.
    async fn sleep(&self, duration: Duration) {
        let slept_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        self.kept(|kept| kept.slept_ms = kept.slept_ms.saturating_add(slept_ms));
        tokio::task::yield_now().await;
    }
}

#[async_trait]
impl Http for Surroundings {
    async fn send(&self, request: Request, limits: Limits) -> Result<Response, Trouble> {
        if request.url == INSIDE {
            // The real client refuses it before any network access.
            return SystemHttp::new().send(request, limits).await;
        }
        self.kept(|kept| kept.sent.push(request.url));
        let metadata = json!({ "issuer": "https://1.1.1.1", "token_endpoint": INSIDE });
        Ok(Response { status: 200, headers: Vec::new(), body: metadata.to_string().into_bytes() })
    }
}

#[async_trait]
impl Terminal for Surroundings {
    fn say(&self, text: &str) {
        self.kept(|kept| kept.said.push(text.to_owned()));
    }
    fn wait(&self, _what: &str) {}
    fn settle(&self) {}
    fn detail(&self, text: &str) {
        self.say(text);
    }
}
