//! A client of every dialect that does everything right unless a test changes it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hyper::Request;
use latchstring_provider::dialects::{AUTHGATE_WITH_KEYS, DEMO, FIEF, MOCK, STYTCH};
use latchstring_provider::visitor::{Browser, Page};
use latchstring_provider::{Dialect, Misbehaviour, Options, Provider};
use rsa::BoxedUint;
use rsa::signature::Verifier;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use url::Url;

pub(crate) const CODE_VERIFIER: &str = "a-verifier-of-at-least-forty-three-characters-in-all";

/// Another verifier than that of the authorization request.
pub(crate) const WRONG_VERIFIER: &str = "another-verifier-of-at-least-forty-three-characters";

/// Parameters of a valid request, changed or removed.
pub(crate) type Changes<'a> = &'a [(&'a str, Option<&'a str>)];

/// What a client knows of a system.
pub(crate) struct Site {
    pub(crate) dialect: &'static Dialect,
    pub(crate) client_id: &'static str,
    pub(crate) redirect_uri: &'static str,
    pub(crate) scope: &'static str,
    pub(crate) authorize: &'static str,
    pub(crate) token: &'static str,
    pub(crate) userinfo: &'static str,
    /// `None` if the system cannot revoke.
    pub(crate) revoke: Option<&'static str>,
    pub(crate) jwks: &'static str,
    /// Whether its requests are JSON.
    pub(crate) is_json: bool,
    /// Whether it compares what a token request repeats of the authorization request.
    pub(crate) is_strict: bool,
}

pub(crate) const AT_DEMO: Site = Site {
    dialect: &DEMO,
    client_id: "demo",
    redirect_uri: "http://127.0.0.1:53682/callback",
    scope: "openid profile email offline_access",
    authorize: "/authorize",
    token: "/token",
    userinfo: "/userinfo",
    revoke: Some("/revoke"),
    jwks: "/jwks",
    is_json: false,
    is_strict: true,
};

pub(crate) const AT_AUTHGATE: Site = Site {
    dialect: &AUTHGATE_WITH_KEYS,
    client_id: "cli-app",
    redirect_uri: "http://127.0.0.1:8088/callback",
    scope: "openid profile email",
    authorize: "/oauth/authorize",
    token: "/oauth/token",
    userinfo: "/oauth/userinfo",
    revoke: Some("/oauth/revoke"),
    jwks: "/.well-known/jwks.json",
    is_json: false,
    is_strict: true,
};

pub(crate) const AT_FIEF: Site = Site {
    dialect: &FIEF,
    client_id: "cli-app",
    redirect_uri: "http://localhost:51562/callback",
    scope: "openid offline_access",
    authorize: "/authorize",
    token: "/api/token",
    userinfo: "/api/userinfo",
    revoke: None,
    jwks: "/.well-known/jwks.json",
    is_json: false,
    is_strict: true,
};

pub(crate) const AT_STYTCH: Site = Site {
    dialect: &STYTCH,
    client_id: "cli-app",
    redirect_uri: "http://127.0.0.1:53682/callback",
    scope: "openid profile offline_access",
    authorize: "/oauth/authorize",
    token: "/v1/public/demo-project/oauth2/token",
    userinfo: "/v1/public/demo-project/oauth2/userinfo",
    revoke: Some("/v1/public/demo-project/oauth2/revoke"),
    jwks: "/v1/public/demo-project/.well-known/jwks.json",
    is_json: true,
    is_strict: true,
};

pub(crate) const AT_MOCK: Site = Site {
    dialect: &MOCK,
    client_id: "cli-app",
    redirect_uri: "http://localhost:8085/callback",
    scope: "openid",
    authorize: "/default/authorize",
    token: "/default/token",
    userinfo: "/default/userinfo",
    revoke: Some("/default/revoke"),
    jwks: "/default/jwks",
    is_json: false,
    is_strict: false,
};

/// The systems with a login that redirects.
pub(crate) const SITES: [Site; 5] = [AT_DEMO, AT_AUTHGATE, AT_FIEF, AT_STYTCH, AT_MOCK];

impl Site {
    /// A client of a provider that is like this system.
    pub(crate) fn client(&self) -> Client<'_> {
        self.client_of(Options::default())
    }

    pub(crate) fn client_of(&self, options: Options) -> Client<'_> {
        let now_ms = Arc::new(AtomicU64::new(1_800_000_000_000));
        let clock = Arc::clone(&now_ms);
        let options = Options { now: Arc::new(move || clock.load(Ordering::SeqCst)), ..options };
        let provider = Provider::like(self.dialect, options).unwrap();
        Client { site: self, provider, browser: Browser::default(), now_ms }
    }
}

pub(crate) struct Client<'a> {
    pub(crate) site: &'a Site,
    pub(crate) provider: Provider,
    pub(crate) browser: Browser,
    now_ms: Arc<AtomicU64>,
}

impl Client<'_> {
    pub(crate) fn seconds_go_by(&self, seconds: u64) {
        self.now_ms.fetch_add(seconds * 1000, Ordering::SeqCst);
    }

    pub(crate) fn misbehaves(&self, misbehaviour: Misbehaviour) {
        self.provider.misbehave_as(misbehaviour).unwrap();
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.provider.url())
    }

    /// The URL of the authorization request.
    pub(crate) fn authorization_url(&self, changes: Changes<'_>) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(CODE_VERIFIER));
        let right = [
            ("response_type", "code"),
            ("client_id", self.site.client_id),
            ("redirect_uri", self.site.redirect_uri),
            ("scope", self.site.scope),
            ("state", "a state"),
            ("nonce", "a nonce"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ];
        let mut url = Url::parse(&self.url(self.site.authorize)).unwrap();
        url.query_pairs_mut().extend_pairs(changed(&right, changes));
        url.into()
    }

    /// What comes first after the authorization request.
    pub(crate) async fn open(&mut self, changes: Changes<'_>) -> Page {
        let url = self.authorization_url(changes);
        self.browser.get(&url).await.unwrap()
    }

    /// The redirect after the user has given a name and decided.
    pub(crate) async fn decide(&mut self, changes: Changes<'_>, decision: &str) -> Redirect {
        let url = self.authorization_url(changes);
        let form = [("name", "Ada Lovelace"), ("decision", decision)];
        Redirect::of(&self.browser.post(&url, &form).await.unwrap())
    }

    pub(crate) async fn code(&mut self, changes: Changes<'_>) -> String {
        self.decide(changes, "login").await.parameter("code").unwrap()
    }

    pub(crate) async fn redeem(&mut self, code: &str, changes: Changes<'_>) -> Page {
        let right = [
            ("grant_type", "authorization_code"),
            ("client_id", self.site.client_id),
            ("code", code),
            ("redirect_uri", self.site.redirect_uri),
            ("code_verifier", CODE_VERIFIER),
        ];
        self.call(self.site.token, &changed(&right, changes)).await
    }

    /// Logs in. Returns the token response.
    pub(crate) async fn log_in(&mut self, changes: Changes<'_>) -> Value {
        let code = self.code(changes).await;
        granted(&self.redeem(&code, &[]).await)
    }

    pub(crate) async fn refresh(&mut self, tokens: &Value, changes: Changes<'_>) -> Page {
        let right = [
            ("grant_type", "refresh_token"),
            ("client_id", self.site.client_id),
            ("refresh_token", text(tokens, "refresh_token")),
        ];
        self.call(self.site.token, &changed(&right, changes)).await
    }

    pub(crate) async fn userinfo(&mut self, tokens: &Value) -> Page {
        self.bearer(self.site.userinfo, text(tokens, "access_token")).await
    }

    pub(crate) async fn get(&mut self, path: &str) -> Page {
        let url = self.url(path);
        self.browser.get(&url).await.unwrap()
    }

    pub(crate) async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Page {
        let url = self.url(path);
        self.browser.post(&url, form).await.unwrap()
    }

    pub(crate) async fn json(&mut self, path: &str, body: &Value) -> Page {
        self.send("POST", path, &[("content-type", "application/json")], &body.to_string()).await
    }

    /// Posts parameters in the system's own format.
    pub(crate) async fn call(&mut self, path: &str, parameters: &[(&str, &str)]) -> Page {
        if !self.site.is_json {
            return self.post(path, parameters).await;
        }
        let members = parameters.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        self.json(path, &Value::Object(Map::from_iter(members))).await
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

    /// Returns the claims of a token, if a key of the provider's set has signed it.
    pub(crate) async fn verify(&mut self, token: &str) -> Option<Value> {
        let jwks = json(&self.get(self.site.jwks).await);
        let (input, signature) = token.rsplit_once('.')?;
        let (header, claims) = input.split_once('.')?;
        let header: Value = serde_json::from_slice(&decode(header)?).ok()?;
        let keys = jwks["keys"].as_array()?;
        let key = keys.iter().find(|key| key["kid"] == header["kid"])?;
        let part = |name| decode(text(key, name)).unwrap();
        let (input, signature) = (input.as_bytes(), decode(signature)?);
        match (header["alg"].as_str()?, key["alg"].as_str()?) {
            ("ES256", "ES256") => {
                let point = [&[4], part("x").as_slice(), part("y").as_slice()].concat();
                let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&point).ok()?;
                let signature = p256::ecdsa::Signature::from_slice(&signature).ok()?;
                key.verify(input, &signature).ok()?;
            }
            ("RS256", "RS256") => {
                let [n, e] = ["n", "e"].map(|name| BoxedUint::from_be_slice_vartime(&part(name)));
                let key = rsa::PublicKey::new(n, e).ok()?;
                let key = rsa::pkcs1v15::VerifyingKey::<Sha256>::new(key);
                let signature = rsa::pkcs1v15::Signature::try_from(&*signature).ok()?;
                key.verify(input, &signature).ok()?;
            }
            _ => return None,
        }
        serde_json::from_slice(&decode(claims)?).ok()
    }
}

/// An authorization response that is being sent to the client.
pub(crate) struct Redirect(pub(crate) Url);

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
}

pub(crate) fn granted(page: &Page) -> Value {
    assert_eq!(page.status, 200, "{}", page.body);
    json(page)
}

/// Returns the error code of a refusal with status 400 or 401.
pub(crate) fn refused(page: &Page) -> String {
    assert!(matches!(page.status, 400 | 401), "{} {}", page.status, page.body);
    assert_eq!(page.header("cache-control"), Some("no-store"));
    let error = json(page);
    let member = if error["error"].is_string() { "error" } else { "error_type" };
    text(&error, member).to_owned()
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

fn changed<'a>(right: &[(&'a str, &'a str)], changes: Changes<'a>) -> Vec<(&'a str, &'a str)> {
    let kept =
        right.iter().copied().filter(|(name, _)| changes.iter().all(|(other, _)| other != name));
    let new = changes.iter().filter_map(|(name, value)| Some((*name, (*value)?)));
    kept.chain(new).collect()
}

fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}
