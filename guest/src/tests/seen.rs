//! Views for tests: a request that was sent, a URL that was shown.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use url::{Url, form_urlencoded};

use crate::contract::{Authorization, Exchange, Header, LoginFlow, Method};
use crate::protocol::request::find_header;

pub(super) struct Sent {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: Vec<Header>,
    pub(super) authorization: Option<String>,
    pub(super) form: Pairs,
    /// The JSON body. Null if it is not JSON.
    pub(super) json: Value,
    pub(super) wait_ms: u64,
}

pub(super) struct Shown {
    pub(super) url: String,
    pub(super) query: Pairs,
    pub(super) wait_ms: u64,
    pub(super) notice: Option<String>,
    pub(super) flow: LoginFlow,
    pub(super) reason: Option<String>,
    pub(super) alternatives: Vec<LoginFlow>,
}

impl Sent {
    pub(super) fn read(exchange: &Exchange) -> Self {
        let request = &exchange.request;
        let body = request.body.as_deref().unwrap_or_default();
        let json: Value = serde_json::from_slice(body).unwrap_or_default();
        let form = if json.is_null() { body } else { &[] };
        Self {
            method: request.method,
            url: request.url.clone(),
            headers: request.headers.clone(),
            authorization: find_header(&request.headers, "authorization").map(str::to_owned),
            form: Pairs(form_urlencoded::parse(form).into_owned().collect()),
            json,
            wait_ms: exchange.wait_ms,
        }
    }

    /// A parameter of the body, which is a form or a JSON object.
    #[track_caller]
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        self.form.one(name).or(self.json[name].as_str()).map(str::to_owned)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        find_header(&self.headers, name)
    }
}

impl Shown {
    pub(super) fn read(authorization: &Authorization) -> Self {
        let url = Url::parse(&authorization.url).unwrap();
        Self {
            url: authorization.url.clone(),
            query: Pairs(url.query_pairs().into_owned().collect()),
            wait_ms: authorization.wait_ms,
            notice: authorization.notice.clone(),
            flow: authorization.flow,
            reason: authorization.reason.clone(),
            alternatives: authorization.alternatives.clone(),
        }
    }
}

/// The header and the claims of a signed token.
pub(super) fn jws(token: &str) -> (Value, Value) {
    let mut parts = token.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).unwrap());
    let mut part = || serde_json::from_slice(&parts.next().unwrap()).unwrap();
    (part(), part())
}

/// The form of a request or the query of a URL.
pub(super) struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// A parameter of an authorization request, which may be signed.
    pub(super) fn asked(&self, name: &str) -> Option<String> {
        match self.one("request") {
            Some(request) => jws(request).1[name].as_str().map(str::to_owned),
            None => self.one(name).map(str::to_owned),
        }
    }

    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(found, _)| found == name).map(|(_, value)| value.as_str()).collect()
    }

    /// The value of a parameter that must not repeat.
    #[track_caller]
    pub(super) fn one(&self, name: &str) -> Option<&str> {
        let all = self.all(name);
        assert!(all.len() <= 1, "{name} is there {} times", all.len());
        all.first().copied()
    }
}
