//! A client that does everything right unless a test changes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::Request;
use latchstring_provider::visitor::{Browser, Page};
use latchstring_provider::{Dialect, Misbehaviour, Options, Provider};
use rsa::pkcs1v15::{Signature, VerifyingKey};
use rsa::signature::Verifier;
use rsa::{BoxedUint, PublicKey};
use serde_json::Value;
use sha2::{Digest, Sha256};
use url::Url;

pub(crate) const CODE_VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters-in-all";

/// Parameters of a valid request, changed or removed.
pub(crate) type Changes<'a> = &'a [(&'a str, Option<&'a str>)];

pub(crate) struct Client {
    pub(crate) standin: Provider,
    browser: Browser,
    now_ms: Arc<AtomicU64>,
}

impl Client {
    pub(crate) fn new(dialect: &'static Dialect) -> Self {
        Self::of(dialect, Options::default())
    }

    pub(crate) fn of(dialect: &'static Dialect, options: Options) -> Self {
        let now_ms = Arc::new(AtomicU64::new(1_800_000_000_000));
        let clock = Arc::clone(&now_ms);
        let options = Options { now: Arc::new(move || clock.load(Ordering::SeqCst)), ..options };
        let standin = Provider::like(dialect, options).unwrap();
        Self { standin, browser: Browser::default(), now_ms }
    }

    pub(crate) fn seconds_go_by(&self, seconds: u64) {
        self.now_ms.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    pub(crate) fn misbehaves(&self, misbehaviour: Misbehaviour) {
        self.standin.misbehave_as(misbehaviour).unwrap();
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.standin.url())
    }

    pub(crate) async fn get(&mut self, path: &str) -> Page {
        let url = self.url(path);
        self.browser.get(&url).await.unwrap()
    }

    pub(crate) async fn form(&mut self, path: &str, form: &[(&str, &str)]) -> Page {
        let url = self.url(path);
        self.browser.post(&url, form).await.unwrap()
    }

    pub(crate) async fn json(&mut self, path: &str, body: &Value) -> Page {
        self.send("POST", path, &[("content-type", "application/json")], &body.to_string()).await
    }

    pub(crate) async fn bearer(&mut self, path: &str, access_token: &str) -> Page {
        let bearer = format!("Bearer {access_token}");
        self.send("GET", path, &[("authorization", &bearer)], "").await
    }

    pub(crate) async fn send(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &str,
    ) -> Page {
        let mut request = Request::builder().method(method).uri(self.url(path));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.browser.send(request.body(body.to_owned()).unwrap()).await.unwrap()
    }

    pub(crate) fn authorization_url(
        &self,
        path: &str,
        redirect_uri: &str,
        scope: &str,
        changes: Changes<'_>,
    ) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(CODE_VERIFIER));
        let right = [
            ("response_type", "code"),
            ("client_id", "cli-app"),
            ("redirect_uri", redirect_uri),
            ("scope", scope),
            ("state", "a state"),
            ("nonce", "a nonce"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let mut url = Url::parse(&self.url(path)).unwrap();
        url.query_pairs_mut().extend_pairs(changed(&right, changes));
        url.into()
    }

    /// The page after the user has opened an authorization URL, given a name and decided.
    pub(crate) async fn decide(&mut self, url: &str, decision: &str) -> Page {
        let form = [("name", "Ada Lovelace"), ("decision", decision)];
        self.browser.post(url, &form).await.unwrap()
    }

    /// Returns the claims of a token, if the key at that path has signed it.
    pub(crate) async fn verify(&mut self, jwks: &str, token: &str) -> Value {
        let jwks = json(&self.get(jwks).await);
        let (input, signature) = token.rsplit_once('.').unwrap();
        let (header, claims) = input.split_once('.').unwrap();
        let header: Value = serde_json::from_slice(&decode(header)).unwrap();
        let key = jwks["keys"].as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]);
        assert_eq!(header["alg"], "RS256");
        let [n, e] = ["n", "e"]
            .map(|name| BoxedUint::from_be_slice_vartime(&decode(text(key.unwrap(), name))));
        let key = VerifyingKey::<Sha256>::new(PublicKey::new(n, e).unwrap());
        let signature = Signature::try_from(decode(signature).as_slice()).unwrap();
        key.verify(input.as_bytes(), &signature).unwrap();
        serde_json::from_slice(&decode(claims)).unwrap()
    }
}

/// Returns the header of a signed token, without checking the signature.
pub(crate) fn header(token: &str) -> Value {
    serde_json::from_slice(&decode(token.split('.').next().unwrap())).unwrap()
}

/// Returns a parameter of the URL to which a browser is redirected.
pub(crate) fn sent_back(page: &Page, name: &str) -> Option<String> {
    assert_eq!(page.status, 303, "{}", page.body);
    let url = Url::parse(page.header("location").unwrap()).unwrap();
    let (_, value) = url.query_pairs().find(|(known, _)| known == name)?;
    Some(value.into_owned())
}

pub(crate) fn granted(page: &Page) -> Value {
    assert_eq!(page.status, 200, "{}", page.body);
    json(page)
}

/// Returns the error code of a refusal with status 400.
pub(crate) fn refused(page: &Page) -> String {
    assert_eq!(page.status, 400, "{}", page.body);
    text(&json(page), "error").to_owned()
}

pub(crate) fn json(page: &Page) -> Value {
    serde_json::from_str(&page.body).unwrap()
}

pub(crate) fn text<'a>(object: &'a Value, name: &str) -> &'a str {
    object[name].as_str().unwrap()
}

/// Returns the left half of a hash, as in `at_hash` and `c_hash`.
pub(crate) fn half_hash(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(text)[..16])
}

pub(crate) fn changed<'a>(
    right: &[(&'a str, &'a str)],
    changes: Changes<'a>,
) -> Vec<(&'a str, &'a str)> {
    let kept =
        right.iter().copied().filter(|(name, _)| changes.iter().all(|(other, _)| other != name));
    let new = changes.iter().filter_map(|(name, value)| Some((*name, (*value)?)));
    kept.chain(new).collect()
}

fn decode(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}
