//! Many callers at once share one session, and one renewal.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use latchstring::TokenSource;
use latchstring::capability::store::{MemoryStore, Store};
use latchstring_provider::Options;
use latchstring_testing::embedded::Setting;
use latchstring_testing::session::Session;
use latchstring_testing::{Home, block_on};

#[test]
fn sixteen_calls_at_once_renew_an_expired_session_once() {
    let setting = Setting::new();
    let latch = setting.latch();
    block_on(async {
        latch.login().await.expect("a login");
        setting.clock.go_on(Duration::from_secs(7200));
        let asked = setting.asked("/token");
        let latch = Arc::new(latch);
        let calls: Vec<_> = (0..16)
            .map(|_| {
                let latch = Arc::clone(&latch);
                tokio::spawn(async move { latch.token().await })
            })
            .collect();
        let (mut tokens, mut renewed, mut adopted) = (BTreeSet::new(), 0, 0);
        for call in calls {
            let token = call.await.expect("no panic").expect("a token");
            tokens.insert(token.access_token().to_owned());
            match token.source() {
                TokenSource::Renewed => renewed += 1,
                TokenSource::Adopted => adopted += 1,
                TokenSource::Cached | TokenSource::Login => {}
            }
        }
        assert_eq!((tokens.len(), renewed), (1, 1));
        assert!(adopted > 0, "nobody waited for the lock");
        assert_eq!(setting.asked("/token"), asked + 1);
    });
}

#[test]
fn sixteen_clients_of_one_store_share_one_renewal_too() {
    let setting = Setting::new();
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    let latch = || setting.builder().shared_store(Arc::clone(&store)).build().expect("settings");
    block_on(async {
        latch().login().await.expect("a login");
        setting.clock.go_on(Duration::from_secs(7200));
        let asked = setting.asked("/token");
        let calls: Vec<_> = (0..16)
            .map(|_| {
                let latch = latch();
                tokio::spawn(async move { latch.token().await })
            })
            .collect();
        for call in calls {
            call.await.expect("no panic").expect("a token");
        }
        assert_eq!(setting.asked("/token"), asked + 1);
    });
}

#[test]
fn sixteen_processes_at_once_get_a_token_each_and_end_no_session() {
    // Every token is stale at once, so that every process wants to renew; each
    // refresh token works once, and a second use would end the session.
    let home = Home::with(Options { expires_in: Some(0), ..Options::default() });
    home.login();
    thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| home.token(&[]));
        }
    });
    home.token(&[]);
    let renewals = home.asked("/token").len() - 1;
    assert_eq!(renewals, 17);
}

#[test]
fn sixteen_processes_at_once_renew_an_expired_token_once() {
    let home = Home::new();
    home.login();
    let mut session = Session::read(&home.session_file());
    session.inner["expires_at_ms"] = 1.into();
    session.write();
    let tokens: BTreeSet<String> = thread::scope(|scope| {
        let callers: Vec<_> = (0..16).map(|_| scope.spawn(|| home.token(&[]))).collect();
        callers.into_iter().map(|caller| caller.join().expect("a token")).collect()
    });
    assert_eq!((tokens.len(), home.asked("/token").len()), (1, 2));
}

#[test]
fn sixteen_profiles_added_at_once_are_all_kept() {
    let home = Home::new();
    let names: Vec<String> = (0..16).map(|number| format!("p{number:02}")).collect();
    thread::scope(|scope| {
        for name in &names {
            scope.spawn(|| home.latch(&["profile", "add", name, "--client-id", "x"]).succeeded());
        }
    });
    let mut kept: Vec<String> =
        home.latch(&["profile", "list"]).stdout.lines().map(str::to_owned).collect();
    kept.sort();
    assert_eq!(kept, names);
}
