//! Private addresses: whose they have to be, and how long finding out may take.

use std::future::pending;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use latchstring::capability::http::{Http, Limits, Trouble};
use latchstring::capability::store::MemoryStore;
use latchstring::capability::terminal::Silence;
use latchstring::contract::{Request, Response};
use latchstring::{Code, Latch, LoginFlow};
use serde_json::json;
use url::Url;

const ISSUER: &str = "https://id.example";
const DEVICE: &str = "https://api.example/device";

/// A network with one provider, whose device endpoint is on an origin of its own and
/// is down.
#[derive(Clone, Default)]
struct Network {
    /// Addresses of the issuer's name; the resolver never answers if unset.
    addresses: Option<Vec<IpAddr>>,
    looked_up: Arc<AtomicUsize>,
    /// Requests to the device endpoint, by whether they could go to a private address.
    sent: Arc<Mutex<Vec<bool>>>,
}

#[async_trait]
impl Http for Network {
    async fn send(&self, request: Request, limits: Limits) -> Result<Response, Trouble> {
        if request.url == DEVICE {
            self.sent.lock().expect("no panic").push(limits.private_addresses);
            return Ok(Response { status: 503, headers: Vec::new(), body: Vec::new() });
        }
        let metadata = json!({
            "issuer": ISSUER,
            "authorization_endpoint": "https://id.example/authorize",
            "token_endpoint": "https://api.example/token",
            "device_authorization_endpoint": DEVICE,
            "response_types_supported": ["code"],
            "grant_types_supported": ["urn:ietf:params:oauth:grant-type:device_code"],
        });
        let body = metadata.to_string().into_bytes();
        Ok(Response { status: 200, headers: Vec::new(), body })
    }

    async fn resolve(&self, url: &Url) -> Vec<IpAddr> {
        assert_eq!(url.host_str(), Some("id.example"));
        self.looked_up.fetch_add(1, Ordering::SeqCst);
        match &self.addresses {
            Some(addresses) => addresses.clone(),
            None => pending().await,
        }
    }
}

async fn login_fails(network: &Network) -> latchstring::Error {
    let latch = Latch::builder(ISSUER, "demo")
        .flow(LoginFlow::Device)
        .store(MemoryStore::default())
        .terminal(Silence)
        .http(network.clone())
        .build()
        .expect("good settings");
    latch.login().await.expect_err("a provider that is down")
}

#[tokio::test(start_paused = true)]
async fn a_resolver_that_never_answers_costs_one_time_limit_and_sends_nothing() {
    let network = Network::default();
    let begun = tokio::time::Instant::now();
    let error = login_fails(&network).await;
    assert_eq!(error.code(), Code::Unreachable);
    assert!(error.message().contains("id.example"), "{error}");
    assert!(network.sent.lock().expect("no panic").is_empty());
    // Nothing was sent, so the component tries again; each time has its own limit.
    let tries = network.looked_up.load(Ordering::SeqCst);
    let waited = begun.elapsed().as_secs();
    assert!((10 * tries as u64..10 * tries as u64 + 10).contains(&waited), "{tries}: {waited} s");
}

#[tokio::test(start_paused = true)]
async fn only_an_issuer_without_any_public_address_opens_the_private_network() {
    for (addresses, private) in [
        (&["10.0.0.1"][..], true),
        (&["10.0.0.1", "fd00::1"], true),
        (&["1.1.1.1", "10.0.0.1"], false),
        (&["10.0.0.1", "1.1.1.1"], false),
        (&["1.1.1.1"], false),
        (&[], false),
    ] {
        let parsed = addresses.iter().map(|one| one.parse().expect("an address"));
        let network = Network { addresses: Some(parsed.collect()), ..Network::default() };
        login_fails(&network).await;
        let sent = network.sent.lock().expect("no panic").clone();
        assert!(sent.len() > 1 && sent.iter().all(|one| *one == private), "{addresses:?} {sent:?}");
        assert_eq!(network.looked_up.load(Ordering::SeqCst), 1, "looked up once in a session");
    }
}
