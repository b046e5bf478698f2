//! One request to the API: its proof, and when it is sent again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, WWW_AUTHENTICATE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Incoming};
use tokio::sync::mpsc;
use url::Url;

use super::headers::{DPOP_NONCE, LATCH_ERROR, from_api, to_api};
use super::tokens::Tokens;
use crate::api::failed;
use crate::capability::http::{Body, Trouble, method};
use crate::drive::without_query;
use crate::error::{Code, Error, code_name};
use crate::latch::Latch;
use crate::token::Token;

/// Longest body that is kept in memory to be sent again, in bytes.
const LONGEST_KEPT: u64 = 1 << 20;

/// How often a request is sent again because the API asks for another nonce.
const MOST_NONCES: u32 = 2;

/// Passes requests on to one API.
pub(super) struct Forwarder {
    latch: Latch,
    tokens: Tokens,
    origin: String,
    /// The address of the proxy that stands for the origin.
    proxy: String,
    /// What the API named last ([RFC 9449 §9](https://www.rfc-editor.org/rfc/rfc9449#section-9)).
    nonce: Mutex<Option<String>>,
    failures: mpsc::Sender<Error>,
}

/// A request as the API gets it, without token and body.
struct Head {
    method: Method,
    url: Url,
    headers: HeaderMap,
}

impl Forwarder {
    pub(super) fn new(
        latch: Latch,
        tokens: Tokens,
        origin: String,
        proxy: String,
        failures: mpsc::Sender<Error>,
    ) -> Self {
        Self { latch, tokens, origin, proxy, nonce: Mutex::default(), failures }
    }

    /// Returns the API's response, or one that says why there is none. `target` is the path
    /// and query at the API.
    pub(super) async fn answer(&self, request: Request<Incoming>, target: &str) -> Response<Body> {
        // A program that breaks its request off reads no response, and it is no failure.
        let is_broken_off = Arc::new(AtomicBool::new(false));
        let noted = Arc::clone(&is_broken_off);
        let request = request.map(|body| {
            let body = body.map_err(move |error| {
                noted.store(true, Ordering::Relaxed);
                Trouble::Denied(format!("the program's request broke off: {error}"))
            });
            body.boxed()
        });
        self.exchange(request, target).await.unwrap_or_else(|error| {
            let response = in_place_of_api(&error);
            if !is_broken_off.load(Ordering::Relaxed) {
                // A failure that finds no room is like those before it.
                let _ = self.failures.try_send(error);
            }
            response
        })
    }

    async fn exchange(
        &self,
        request: Request<Body>,
        target: &str,
    ) -> Result<Response<Body>, Error> {
        let (parts, body) = request.into_parts();
        let unusable =
            |reason| Error::new(Code::InvalidConfiguration, reason, "change the request");
        let head = Head {
            method: method(parts.method.as_str()).map_err(unusable)?,
            url: self
                .latch
                .origins()
                .permit(&format!("{}{target}", self.origin), &self.latch.key().profile)?,
            headers: to_api(parts.headers),
        };
        let mut response = match body.size_hint().exact() {
            Some(length) if length <= LONGEST_KEPT => {
                let body = body.collect().await.map_err(failed)?.to_bytes();
                self.send_until_accepted(&head, &body).await?
            }
            _ => self.send_once_accepted(&head, body).await?,
        };
        from_api(response.headers_mut(), &head.url, &self.proxy);
        Ok(response)
    }

    /// Sends a request again if the API asks for a nonce or refuses the token.
    async fn send_until_accepted(
        &self,
        head: &Head,
        body: &Bytes,
    ) -> Result<Response<Body>, Error> {
        let mut token = self.tokens.token().await?;
        let mut nonce = self.nonce();
        let (mut nonces, mut is_renewed) = (0, false);
        loop {
            let body = Full::new(body.clone()).map_err(|never| match never {}).boxed();
            let response = self.send(head, &token, nonce.as_deref(), body).await?;
            if response.status() != StatusCode::UNAUTHORIZED {
                return Ok(response);
            }
            if let Some(wanted) = wanted_nonce(response.headers()) {
                if nonces == MOST_NONCES {
                    return Ok(response);
                }
                // This one, and not the newest of all: others may have answers from before.
                nonce = Some(wanted);
                nonces += 1;
                continue;
            }
            if is_renewed {
                return Ok(response);
            }
            match self.tokens.instead_of(&token).await? {
                Some(other) => token = other,
                None => return Ok(response),
            }
            nonce = self.nonce();
            is_renewed = true;
        }
    }

    /// Sends a request whose body is too long to be kept. A request without a body goes
    /// first, to learn the nonce and to renew a token that the API refuses.
    async fn send_once_accepted(&self, head: &Head, body: Body) -> Result<Response<Body>, Error> {
        let question =
            Head { method: Method::HEAD, url: head.url.clone(), headers: HeaderMap::new() };
        drop(self.send_until_accepted(&question, &Bytes::new()).await?);
        let token = self.tokens.token().await?;
        self.send(head, &token, self.nonce().as_deref(), body).await
    }

    async fn send(
        &self,
        head: &Head,
        token: &Token,
        nonce: Option<&str>,
        body: Body,
    ) -> Result<Response<Body>, Error> {
        let url = head.url.as_str();
        let proof = self.latch.proof(token, head.method.as_str(), url, nonce).await?;
        let mut request = Request::new(body);
        *request.method_mut() = head.method.clone();
        *request.uri_mut() = url.parse().map_err(|error| {
            Error::new(
                Code::InvalidConfiguration,
                format!("the request's address cannot be sent: {error}"),
                "change the request",
            )
        })?;
        *request.headers_mut() = head.headers.clone();
        let proof = proof.as_deref().map(|proof| ("dpop", proof));
        for (name, value) in token.headers().chain(proof) {
            // OK because tokens, proofs and the names of headers are checked for this.
            let name: HeaderName = name.parse().expect("a header name");
            let mut value = HeaderValue::from_str(value).expect("a header value");
            value.set_sensitive(true);
            request.headers_mut().insert(name, value);
        }
        let place = format!("{} {}", head.method, without_query(url));
        // The caller named the origin, so it may be on a private address.
        let response = self.latch.http().forward(request, true).await;
        self.latch.terminal().detail(&match &response {
            Ok(response) => format!("{place} -> {}", response.status().as_u16()),
            Err(_) => format!("{place} -> no response"),
        });
        let response = response.map_err(failed)?;
        if let Some(nonce) = nonce_in(response.headers()) {
            *self.nonce.lock().unwrap_or_else(PoisonError::into_inner) = Some(nonce);
        }
        Ok(response)
    }

    fn nonce(&self) -> Option<String> {
        self.nonce.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Returns the nonce with which the request is to be sent again, if a 401 response was given
/// for that alone.
fn wanted_nonce(headers: &HeaderMap) -> Option<String> {
    let mut challenges = headers.get_all(WWW_AUTHENTICATE).iter();
    let asks = |value: &HeaderValue| value.to_str().is_ok_and(|it| it.contains("use_dpop_nonce"));
    nonce_in(headers).filter(|_| challenges.any(asks))
}

fn nonce_in(headers: &HeaderMap) -> Option<String> {
    headers.get(DPOP_NONCE)?.to_str().ok().map(str::to_owned)
}

/// Returns the response that says why there is none of the API.
fn in_place_of_api(error: &Error) -> Response<Body> {
    let code = code_name(error.code());
    let text = format!("latch: {} [{code}]\n  {}\n", error.message(), error.remedy());
    let body = Full::from(text).map_err(|never| match never {}).boxed();
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::BAD_GATEWAY;
    let headers = response.headers_mut();
    headers.insert(LATCH_ERROR, HeaderValue::from_static(code));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
