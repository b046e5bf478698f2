//! A client that does everything right unless a test changes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::Request;
use latchstring_provider::visitor::{Browser, Page};
use latchstring_provider::{Options, Provider};
use p256::ecdsa::signature::Verifier;
use p256::ecdsa::{Signature, VerifyingKey};
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;

pub(crate) const REDIRECT_URI: &str = "http://127.0.0.1:53682/callback";
pub(crate) const CODE_VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters-in-all";

pub(crate) struct Client {
    pub(crate) provider: Provider,
    pub(crate) browser: Browser,
    now_ms: Arc<AtomicU64>,
}

impl Client {
    pub(crate) fn new() -> Self {
        Self::of(Options::default())
    }

    pub(crate) fn of(options: Options) -> Self {
        let now_ms = Arc::new(AtomicU64::new(1_800_000_000_000));
        let clock = Arc::clone(&now_ms);
        let options = Options { now: Arc::new(move || clock.load(Ordering::SeqCst)), ..options };
        Self { provider: Provider::start(options).unwrap(), browser: Browser::default(), now_ms }
    }

    pub(crate) fn seconds_go_by(&self, seconds: u64) {
        self.now_ms.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.provider.issuer())
    }

    /// The URL of the authorization request, with some parameters changed or removed.
    pub(crate) fn authorization_url(&self, changes: &[(&str, Option<&str>)]) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(CODE_VERIFIER));
        let right = [
            ("response_type", "code"),
            ("client_id", "demo"),
            ("redirect_uri", REDIRECT_URI),
            ("scope", "openid profile email offline_access"),
            ("state", "a state"),
            ("nonce", "a nonce"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let mut url = Url::parse(&self.url("/authorize")).unwrap();
        url.query_pairs_mut().extend_pairs(changed(&right, changes));
        url.into()
    }

    /// The redirect after the user presses a button.
    pub(crate) async fn decide(
        &mut self,
        changes: &[(&str, Option<&str>)],
        decision: &str,
    ) -> Redirect {
        let url = self.authorization_url(changes);
        let form = [("name", "Ada Lovelace"), ("decision", decision)];
        Redirect::of(&self.browser.post(&url, &form).await.unwrap())
    }

    pub(crate) async fn code(&mut self, changes: &[(&str, Option<&str>)]) -> String {
        let redirect = self.decide(changes, "login").await;
        redirect.parameter("code").unwrap()
    }

    pub(crate) async fn redeem(&mut self, code: &str, changes: &[(&str, Option<&str>)]) -> Page {
        let right = [
            ("grant_type", "authorization_code"),
            ("client_id", "demo"),
            ("code", code),
            ("redirect_uri", REDIRECT_URI),
            ("code_verifier", CODE_VERIFIER),
        ];
        self.post("/token", &changed(&right, changes)).await
    }

    /// Logs in. Returns the token response.
    pub(crate) async fn log_in(&mut self) -> Value {
        let code = self.code(&[]).await;
        granted(&self.redeem(&code, &[]).await)
    }

    pub(crate) async fn refresh(
        &mut self,
        tokens: &Value,
        changes: &[(&str, Option<&str>)],
    ) -> Page {
        let right = [
            ("grant_type", "refresh_token"),
            ("client_id", "demo"),
            ("refresh_token", text(tokens, "refresh_token")),
        ];
        self.post("/token", &changed(&right, changes)).await
    }

    pub(crate) async fn revoke(&mut self, token: &str) -> Page {
        self.post("/revoke", &[("client_id", "demo"), ("token", token)]).await
    }

    pub(crate) async fn userinfo(&mut self, tokens: &Value) -> Page {
        let bearer = format!("Bearer {}", text(tokens, "access_token"));
        let request = Request::get(self.url("/userinfo"))
            .header("authorization", bearer)
            .body(String::new())
            .unwrap();
        self.browser.send(request).await.unwrap()
    }

    pub(crate) async fn get(&mut self, path: &str) -> Page {
        let url = self.url(path);
        self.browser.get(&url).await.unwrap()
    }

    pub(crate) async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Page {
        let url = self.url(path);
        self.browser.post(&url, form).await.unwrap()
    }

    /// Returns the claims of an ID token, if a key of the provider's set has signed it.
    pub(crate) async fn verify(&mut self, id_token: &str) -> Option<Value> {
        let jwks = json(&self.get("/jwks").await);
        let (input, signature) = id_token.rsplit_once('.')?;
        let (header, claims) = input.split_once('.')?;
        let header: Value = serde_json::from_slice(&decode(header)?).ok()?;
        let keys = jwks["keys"].as_array()?;
        let key = keys.iter().find(|key| key["kid"] == header["kid"])?;
        if header["alg"] != "ES256" || key["alg"] != "ES256" {
            return None;
        }
        let [x, y] = ["x", "y"].map(|name| decode(text(key, name)).unwrap());
        let point = [&[4], x.as_slice(), y.as_slice()].concat();
        let signature = Signature::from_slice(&decode(signature)?).ok()?;
        VerifyingKey::from_sec1_bytes(&point).ok()?.verify(input.as_bytes(), &signature).ok()?;
        serde_json::from_slice(&decode(claims)?).ok()
    }
}

/// An authorization response that is being sent to the client.
pub(crate) struct Redirect(Url);

impl Redirect {
    pub(crate) fn of(page: &Page) -> Self {
        assert_eq!(page.status, 303, "{}", page.body);
        Self(Url::parse(page.header("location").unwrap()).unwrap())
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let mut pairs = self.0.query_pairs();
        let (_, value) = pairs.find(|(known, _)| known == name)?;
        Some(value.into_owned())
    }

    pub(crate) fn to(&self) -> &str {
        self.0.as_str().split('?').next().unwrap()
    }
}

pub(crate) fn granted(page: &Page) -> Value {
    assert_eq!(page.status, 200, "{}", page.body);
    assert_eq!(page.header("cache-control"), Some("no-store"));
    json(page)
}

/// Returns the error code of a rejected token request.
pub(crate) fn refused(page: &Page) -> String {
    assert_eq!(page.status, 400, "{}", page.body);
    assert_eq!(page.header("cache-control"), Some("no-store"));
    text(&json(page), "error").to_owned()
}

pub(crate) fn json(page: &Page) -> Value {
    serde_json::from_str(&page.body).unwrap()
}

pub(crate) fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object[name].as_str().unwrap()
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

fn changed<'a>(
    right: &[(&'a str, &'a str)],
    changes: &[(&'a str, Option<&'a str>)],
) -> Vec<(&'a str, &'a str)> {
    let kept =
        right.iter().copied().filter(|(name, _)| changes.iter().all(|(other, _)| other != name));
    let new = changes.iter().filter_map(|(name, value)| Some((*name, (*value)?)));
    kept.chain(new).collect()
}
