//! A token that a long-lived program keeps fresh, in virtual time.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use latchstring::capability::clock::Clock;
use latchstring::capability::store::{MemoryStore, Store};
use latchstring::capability::terminal::Silence;
use latchstring::{Code, FreshToken, Latch, LatchBuilder};
use latchstring_provider::{Fault, Options, Provider};
use latchstring_testing::embedded::{BEGINNING_MS, Visiting};
use latchstring_testing::{SCOPES, block_on};
use tokio::sync::watch;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// A clock on the wall, and the timers of a machine: they differ where the clock
/// is set or the machine sleeps.
#[derive(Clone)]
struct Clocks {
    /// Time for timers.
    awake_ms: watch::Sender<u64>,
    /// The clock on the wall, less that.
    ahead_ms: Arc<AtomicI64>,
    /// How many tasks there are that sleep whenever they have nothing to do.
    sleepers: Arc<AtomicUsize>,
}

impl Clocks {
    fn new() -> Self {
        Self {
            awake_ms: watch::Sender::new(BEGINNING_MS),
            ahead_ms: Arc::default(),
            sleepers: Arc::default(),
        }
    }

    /// Time passes for timers and the clock alike, a second at a time, and only
    /// while everybody sleeps.
    async fn go_on(&self, time: Duration) {
        for _ in 0..time.as_secs() {
            self.everybody_sleeps().await;
            self.awake_ms.send_modify(|now| *now += 1000);
            // Whoever wakes now is no sleeper any more.
            tokio::task::yield_now().await;
        }
        self.everybody_sleeps().await;
    }

    async fn everybody_sleeps(&self) {
        while self.awake_ms.receiver_count() < self.sleepers.load(Ordering::SeqCst) {
            tokio::task::yield_now().await;
        }
    }

    /// The clock is set, or the machine sleeps: no timer notices.
    fn jump(&self, ms: i64) {
        self.ahead_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for Clocks {
    fn now_ms(&self) -> u64 {
        self.awake_ms.borrow().saturating_add_signed(self.ahead_ms.load(Ordering::SeqCst))
    }

    async fn sleep(&self, duration: Duration) {
        let mut awake_ms = self.awake_ms.subscribe();
        let end_ms = *awake_ms.borrow() + duration.as_millis() as u64;
        let _ = awake_ms.wait_for(|now| *now >= end_ms).await;
    }
}

/// A provider whose tokens live an hour, and somebody who is logged in.
struct Setting {
    provider: Provider,
    clocks: Clocks,
    store: Arc<dyn Store>,
}

impl Setting {
    async fn new() -> Self {
        let clocks = Clocks::new();
        let now = clocks.clone();
        let options = Options { now: Arc::new(move || now.now_ms()), ..Options::default() };
        let provider = Provider::start(options).expect("a provider");
        let setting = Self { provider, clocks, store: Arc::new(MemoryStore::default()) };
        setting.builder().build().expect("settings").login().await.expect("a login");
        setting
    }

    fn builder(&self) -> LatchBuilder {
        Latch::builder(self.provider.issuer(), "demo")
            .scopes(SCOPES)
            .shared_store(Arc::clone(&self.store))
            .terminal(Silence)
            .browser(Visiting::default())
            .clock(self.clocks.clone())
    }

    fn keep_fresh(&self) -> FreshToken {
        self.clocks.sleepers.fetch_add(1, Ordering::SeqCst);
        self.builder().build().expect("settings").keep_fresh()
    }

    fn renewals(&self) -> usize {
        self.provider.log().iter().filter(|seen| seen.path == "/token").count() - 1
    }

    /// Waits for a renewal that is under way in another task.
    async fn renewed(&self, fresh: &mut FreshToken, before: &str) -> String {
        loop {
            let token = fresh.token().await.expect("a token").access_token().to_owned();
            if token != before {
                return token;
            }
            fresh.changed().await;
        }
    }
}

async fn text(fresh: &FreshToken) -> String {
    fresh.token().await.expect("a token").access_token().to_owned()
}

#[test]
fn a_token_is_renewed_ahead_of_its_end_without_anybody_asking() {
    block_on(async {
        let setting = Setting::new().await;
        let mut fresh = setting.keep_fresh();
        let first = text(&fresh).await;
        setting.clocks.go_on(HOUR / 4 * 3 - MINUTE).await;
        assert_eq!(text(&fresh).await, first);
        assert_eq!(setting.renewals(), 0);
        setting.clocks.go_on(MINUTE * 6).await;
        let second = setting.renewed(&mut fresh, &first).await;
        assert_eq!(setting.renewals(), 1);
        setting.clocks.go_on(HOUR / 10 * 9).await;
        setting.renewed(&mut fresh, &second).await;
        assert_eq!(setting.renewals(), 2);
    });
}

#[test]
fn after_a_sleep_past_its_end_nobody_gets_the_old_token() {
    block_on(async {
        let setting = Setting::new().await;
        let fresh = setting.keep_fresh();
        let first = text(&fresh).await;
        setting.clocks.jump(8 * HOUR.as_millis() as i64);
        assert_ne!(text(&fresh).await, first);
        assert_eq!(setting.renewals(), 1);
    });
}

#[test]
fn after_a_sleep_the_renewal_comes_within_half_a_minute() {
    block_on(async {
        let setting = Setting::new().await;
        let mut fresh = setting.keep_fresh();
        let first = text(&fresh).await;
        setting.clocks.jump(50 * MINUTE.as_millis() as i64);
        setting.clocks.go_on(Duration::from_secs(31)).await;
        setting.renewed(&mut fresh, &first).await;
        assert_eq!(setting.renewals(), 1);
    });
}

#[test]
fn a_clock_that_is_set_back_does_not_make_a_token_live_longer() {
    block_on(async {
        let setting = Setting::new().await;
        let mut fresh = setting.keep_fresh();
        let first = text(&fresh).await;
        setting.clocks.jump(-(24 * HOUR.as_millis() as i64));
        setting.clocks.go_on(HOUR / 10 * 9).await;
        setting.renewed(&mut fresh, &first).await;
        assert_eq!(setting.renewals(), 1);
    });
}

#[test]
fn an_outage_leaves_the_token_in_place_and_is_waited_out() {
    block_on(async {
        let setting = Setting::new().await;
        let mut fresh = setting.keep_fresh();
        let first = text(&fresh).await;
        setting.provider.misbehave(Fault::answer("/token", 503, "text/html", "down").times(6));
        while setting.renewals() == 0 {
            setting.clocks.go_on(Duration::from_secs(1)).await;
        }
        assert_eq!(text(&fresh).await, first);
        setting.clocks.go_on(2 * MINUTE).await;
        setting.renewed(&mut fresh, &first).await;
        assert_eq!(setting.renewals(), 7);
    });
}

#[test]
fn a_session_that_has_ended_is_told_and_a_new_login_is_picked_up() {
    block_on(async {
        let setting = Setting::new().await;
        let mut fresh = setting.keep_fresh();
        text(&fresh).await;
        let latch = setting.builder().build().expect("settings");
        latch.logout().await.expect("a logout");
        setting.clocks.go_on(HOUR / 10 * 9).await;
        while fresh.token().await.is_ok() {
            fresh.changed().await;
        }
        let error = fresh.token().await.expect_err("an end");
        assert_eq!(error.code(), Code::LoginRequired);
        let token = latch.login().await.expect("a login");
        setting.clocks.go_on(MINUTE).await;
        while fresh.token().await.is_err() {
            fresh.changed().await;
        }
        assert_eq!(text(&fresh).await, token.access_token());
    });
}

#[test]
fn many_programs_share_one_renewal() {
    block_on(async {
        let setting = Setting::new().await;
        let mut programs: Vec<FreshToken> = (0..8).map(|_| setting.keep_fresh()).collect();
        let first = text(&programs[0]).await;
        setting.clocks.go_on(HOUR / 10 * 9).await;
        let mut tokens = Vec::new();
        for program in &mut programs {
            tokens.push(setting.renewed(program, &first).await);
        }
        assert!(tokens.iter().all(|token| *token == tokens[0]));
        assert_eq!(setting.renewals(), 1);
    });
}

#[test]
fn nothing_is_renewed_once_it_is_dropped() {
    block_on(async {
        let setting = Setting::new().await;
        let fresh = setting.keep_fresh();
        text(&fresh).await;
        drop(fresh);
        setting.clocks.sleepers.store(0, Ordering::SeqCst);
        setting.clocks.go_on(2 * HOUR).await;
        assert_eq!(setting.renewals(), 0);
    });
}

#[test]
fn a_caller_that_stops_waiting_does_not_stop_the_renewal() {
    block_on(async {
        let setting = Setting::new().await;
        let latch = setting.builder().build().expect("settings");
        let first = latch.token().await.expect("a token").access_token().to_owned();
        setting.clocks.jump(2 * HOUR.as_millis() as i64);
        // As long as it takes to begin, and no longer.
        let mut call = Box::pin(latch.token());
        let begun = std::future::poll_fn(|cx| {
            let _ = call.as_mut().poll(cx);
            std::task::Poll::Ready(())
        });
        begun.await;
        drop(call);
        while setting.renewals() == 0 {
            tokio::task::yield_now().await;
        }
        let token = latch.token().await.expect("a token");
        assert_ne!(token.access_token(), first);
        assert_eq!(setting.renewals(), 1);
    });
}
