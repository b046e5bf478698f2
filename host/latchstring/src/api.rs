//! Requests to an API with the session's token.
//!
//! ```no_run
//! use latchstring::{ApiRequest, Latch};
//!
//! # async fn run() -> Result<(), latchstring::Error> {
//! let latch = Latch::builder("https://id.example.com", "my-cli")
//!     .api_origins(["https://api.example.com"])
//!     .build()?;
//! let request = ApiRequest::new("GET", "https://api.example.com/v1/me");
//! let mut answer = latch.request(&request).await?;
//! println!("{}", answer.status());
//! while let Some(chunk) = answer.chunk().await? {
//!     println!("{} bytes", chunk.len());
//! }
//! # Ok(())
//! # }
//! ```

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use crate::capability::http::{ApiRequest, Limits, Pieces, Streamed, Trouble, method};
use crate::drive::without_query;
use crate::egress::headers;
use crate::error::{Code, Error};
use crate::latch::Latch;
use crate::token::Token;
use latchstring_core::contract::{Header, ProvenRequest};

/// Time limit for the response head and for each part of the body, without the time for the
/// upload, unless the request sets another. Some APIs take long to answer.
const PATIENCE: Duration = Duration::from_secs(300);

/// Slowest upload that is waited for, in bytes per second.
const SLOWEST_UPLOAD: u64 = 4096;

/// Largest response body for HTTP clients that read bodies as a whole, in bytes.
const BODY_BYTES: u64 = 64 << 20;

/// Source of tokens for API requests. A [`Latch`] is one.
#[async_trait]
pub trait TokenProvider: Send + Sync {
    /// Returns a token that is valid now.
    ///
    /// # Errors
    ///
    /// Returns an error if no token can be had.
    async fn token(&self) -> Result<Token, Error>;

    /// Returns another token than the one with this fingerprint, which an API has refused.
    ///
    /// # Errors
    ///
    /// Returns an error if no token can be had.
    async fn token_instead_of(&self, refused: &str) -> Result<Token, Error>;
}

#[async_trait]
impl TokenProvider for Latch {
    async fn token(&self) -> Result<Token, Error> {
        Latch::token(self).await
    }

    async fn token_instead_of(&self, refused: &str) -> Result<Token, Error> {
        Latch::token_instead_of(self, refused).await
    }
}

impl Latch {
    /// Sends a request to an API with the session's token, renewed if needed. Sends it
    /// again with another token if the API answers 401.
    ///
    /// Every status is a response, not an error. Redirects are not followed.
    ///
    /// # Errors
    ///
    /// Returns `egress-denied` if the token may not be sent there
    /// ([`LatchBuilder::api_origins`](crate::LatchBuilder::api_origins)), `login-required`
    /// if only a login can help, and `unreachable` if the API cannot be reached.
    pub async fn request(&self, request: &ApiRequest) -> Result<ApiResponse, Error> {
        self.request_with(request, self).await
    }

    /// Sends a request like [`request`](Self::request), with tokens from another source.
    ///
    /// # Errors
    ///
    /// Fails like [`request`](Self::request).
    pub async fn request_with(
        &self,
        request: &ApiRequest,
        tokens: &dyn TokenProvider,
    ) -> Result<ApiResponse, Error> {
        // Checked first, so that no token is renewed for a request that must not be sent.
        self.check(request)?;
        let token = tokens.token().await?;
        let answer = self.send(&token, request).await?;
        if answer.status() != 401 || !self.can_replace(&token).await? {
            return Ok(answer);
        }
        drop(answer);
        let token = tokens.token_instead_of(&token.fingerprint()).await?;
        self.send(&token, request).await
    }

    /// Sends a request to an API with this token, once.
    ///
    /// # Errors
    ///
    /// Returns `egress-denied` if the token may not be sent there, `invalid-configuration`
    /// if the request cannot be sent as it is, and `unreachable` if the API cannot be
    /// reached.
    pub async fn send(&self, token: &Token, request: &ApiRequest) -> Result<ApiResponse, Error> {
        let answer = self.send_once(token, request, None).await?;
        match answer.wanted_nonce() {
            Some(nonce) => self.send_once(token, request, Some(&nonce)).await,
            None => Ok(answer),
        }
    }

    /// Returns the value of the header `DPoP` for one request with a token that is bound to
    /// this client's key ([RFC 9449 §4](https://www.rfc-editor.org/rfc/rfc9449#section-4)).
    /// `nonce` is what the API named in its last response, if it did. Returns `None` if the
    /// token is not bound.
    ///
    /// # Errors
    ///
    /// Fails if the URL cannot be read or the key cannot sign.
    pub async fn proof(
        &self,
        token: &Token,
        method: &str,
        url: &str,
        nonce: Option<&str>,
    ) -> Result<Option<String>, Error> {
        if !token.is_bound() {
            return Ok(None);
        }
        let request = ProvenRequest {
            method: method.to_owned(),
            url: url.to_owned(),
            access_token: token.access_token().to_owned(),
            nonce: nonce.map(str::to_owned),
        };
        self.prove(request).await.map(Some)
    }

    async fn send_once(
        &self,
        token: &Token,
        request: &ApiRequest,
        nonce: Option<&str>,
    ) -> Result<ApiResponse, Error> {
        let mut request = self.check(request)?;
        let proof = self.proof(token, &request.method, &request.url, nonce).await?;
        let proof = proof.map(|proof| Header { name: "dpop".to_owned(), value: proof });
        request.headers.extend(proof);
        for (name, value) in token.headers() {
            if request.headers.iter().any(|header| header.name.eq_ignore_ascii_case(name)) {
                return Err(Error::new(
                    Code::InvalidConfiguration,
                    format!(
                        "the header {name} comes from the session, so the request cannot set it"
                    ),
                    "leave it out of the request",
                ));
            }
            request.headers.push(Header { name: name.to_owned(), value: value.to_owned() });
        }
        let upload = request.body.as_ref().map_or(0, |body| body.len() as u64) / SLOWEST_UPLOAD;
        let limits = Limits {
            timeout: request.patience.unwrap_or(PATIENCE) + Duration::from_secs(upload),
            body_bytes: BODY_BYTES,
            // The caller named every origin that is allowed here.
            private_addresses: true,
        };
        let place = format!("{} {}", request.method, without_query(&request.url));
        let begun_ms = self.clock().now_ms();
        let answer = self.http().stream(request, limits).await;
        let taken_ms = self.clock().now_ms().saturating_sub(begun_ms);
        self.terminal().detail(&match &answer {
            Ok(answer) => format!("{place} -> {} in {taken_ms} ms", answer.status),
            Err(_) => format!("{place} -> no response in {taken_ms} ms"),
        });
        answer.map(ApiResponse).map_err(failed)
    }

    /// Returns the request as it may be sent, still without the token.
    fn check(&self, request: &ApiRequest) -> Result<ApiRequest, Error> {
        let url = self.origins().permit(&request.url, &self.key().profile)?;
        let unusable =
            |reason| Error::new(Code::InvalidConfiguration, reason, "change the request");
        method(&request.method).map_err(unusable)?;
        headers(&request.headers).map_err(unusable)?;
        // The normalised URL, so that the HTTP client cannot parse it differently.
        Ok(ApiRequest { url: url.into(), ..request.clone() })
    }
}

/// An API's response. Dropping it ends the connection.
pub struct ApiResponse(Streamed);

impl ApiResponse {
    /// Returns the status code
    /// ([RFC 9110 §15](https://www.rfc-editor.org/rfc/rfc9110#section-15)).
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// Returns the headers in order, as pairs of name and value.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.headers.iter().map(|header| (header.name.as_str(), header.value.as_str()))
    }

    /// Returns the nonce with which the request is to be sent again, if it was refused for
    /// that alone ([RFC 9449 §9](https://www.rfc-editor.org/rfc/rfc9449#section-9)).
    fn wanted_nonce(&self) -> Option<String> {
        let is = |name: &str, other: &str| name.eq_ignore_ascii_case(other);
        let asks = self.status() == 401
            && self.headers().any(|(name, value)| {
                is(name, "www-authenticate") && value.contains("use_dpop_nonce")
            });
        let mut headers = self.headers().filter(|(name, _)| is(name, "dpop-nonce"));
        headers.next().filter(|_| asks).map(|(_, nonce)| nonce.to_owned())
    }

    /// Returns the next bytes of the body as they arrive, or `None` at its end.
    ///
    /// # Errors
    ///
    /// Returns `unreachable` if the connection breaks, and `host-fault` if the body is too
    /// large.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let body: &mut dyn Pieces = self.0.body.as_mut();
        body.next().await.map_err(failed)
    }
}

/// Returns the error for a request that got no response.
pub(crate) fn failed(trouble: Trouble) -> Error {
    let (code, message, remedy, retryable) = match trouble {
        Trouble::Unreachable { reason, sent } => {
            (Code::Unreachable, reason, "check the network, and try again", !sent)
        }
        Trouble::TooLarge(limit) => {
            let message = format!("the API's response has more than {limit} bytes");
            (Code::HostFault, message, "ask for less", false)
        }
        Trouble::Denied(reason) => {
            (Code::EgressDenied, reason, "change the address or the request", false)
        }
    };
    let error = Error::new(code, message, remedy);
    if retryable { error.retryable() } else { error }
}
