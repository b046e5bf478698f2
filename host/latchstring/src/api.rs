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

use crate::capability::http::{ApiRequest, Limits, Pieces, Streamed, Trouble, outgoing};
use crate::contract::{Code, Failure, Header};
use crate::drive::without_query;
use crate::egress::headers;
use crate::error::Error;
use crate::latch::Latch;
use crate::token::Token;

/// For the answer's head, and for each piece of its body: some APIs think long.
const PATIENCE: Duration = Duration::from_secs(300);

/// The slowest upload that is waited for, bytes in a second.
const SLOWEST_UPLOAD: u64 = 4096;

/// For an HTTP client that reads bodies whole.
const BODY_BYTES: u64 = 64 << 20;

/// Where the tokens of requests come from. A [`Latch`] is one such place.
#[async_trait]
pub trait TokenProvider: Send + Sync {
    /// A token that is good for now.
    async fn token(&self) -> Result<Token, Error>;

    /// Another one than the one with this fingerprint, which an API has refused.
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
    /// Asks an API with the session's token, which is renewed where it has to be,
    /// and once more where the API answers 401.
    ///
    /// Any status is an answer; redirects are not followed. Fails with
    /// `egress-denied` where the token may not go there
    /// ([`LatchBuilder::api_origins`](crate::LatchBuilder::api_origins)), with
    /// `login-required`, and with `unreachable`.
    pub async fn request(&self, request: &ApiRequest) -> Result<ApiResponse, Error> {
        self.request_with(request, self).await
    }

    /// The same with tokens from elsewhere.
    pub async fn request_with(
        &self,
        request: &ApiRequest,
        tokens: &dyn TokenProvider,
    ) -> Result<ApiResponse, Error> {
        // What must not be sent is not worth a renewal.
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

    /// Asks an API with this token, once.
    pub async fn send(&self, token: &Token, request: &ApiRequest) -> Result<ApiResponse, Error> {
        let mut request = self.check(request)?;
        for (name, value) in token.headers() {
            if request.headers.iter().any(|header| header.name.eq_ignore_ascii_case(name)) {
                return Err(Error::new(
                    Code::InvalidConfiguration,
                    format!("the header {name} is the session's to set, and the request has one"),
                    "leave it out of the request",
                ));
            }
            request.headers.push(Header { name: name.to_owned(), value: value.to_owned() });
        }
        let upload = request.body.as_ref().map_or(0, |body| body.len() as u64) / SLOWEST_UPLOAD;
        let limits = Limits {
            timeout: PATIENCE + Duration::from_secs(upload),
            body_bytes: BODY_BYTES,
            // Every origin here was named by the caller.
            private_addresses: true,
        };
        let place = format!("{} {}", request.method, without_query(&request.url));
        let begun_ms = self.clock().now_ms();
        let answer = self.http().stream(request, limits).await;
        let taken_ms = self.clock().now_ms().saturating_sub(begun_ms);
        self.terminal().detail(&match &answer {
            Ok(answer) => format!("{place} -> {} in {taken_ms} ms", answer.status),
            Err(_) => format!("{place} -> no answer in {taken_ms} ms"),
        });
        answer.map(ApiResponse).map_err(failed)
    }

    /// The request as it may be sent, but for the token.
    fn check(&self, request: &ApiRequest) -> Result<ApiRequest, Error> {
        let url = self.origins().permit(&request.url, &self.key().profile)?;
        let unusable =
            |reason| Error::new(Code::InvalidConfiguration, reason, "change the request");
        outgoing::method(&request.method).map_err(unusable)?;
        headers(&request.headers).map_err(unusable)?;
        // As it was read here, and so not to be read in another way.
        Ok(ApiRequest { url: url.into(), ..request.clone() })
    }
}

/// What an API answered. Dropping it ends the connection.
pub struct ApiResponse(Streamed);

impl ApiResponse {
    /// RFC 9110 §15.
    pub fn status(&self) -> u16 {
        self.0.status
    }

    /// Pairs of a header's name and its value, in order.
    pub fn headers(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.headers.iter().map(|header| (header.name.as_str(), header.value.as_str()))
    }

    /// The next bytes of the body as they come; none at its end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        let body: &mut dyn Pieces = self.0.body.as_mut();
        body.next().await.map_err(failed)
    }
}

fn failed(trouble: Trouble) -> Error {
    let (code, message, remedy, retryable) = match trouble {
        Trouble::Unreachable { reason, sent } => {
            (Code::Unreachable, reason, "check the network, and try again", !sent)
        }
        Trouble::TooLarge(limit) => {
            let message = format!("the API's answer has more than {limit} bytes");
            (Code::HostFault, message, "ask for less", false)
        }
        Trouble::Denied(reason) => {
            (Code::EgressDenied, reason, "ask another address, or in another way", false)
        }
    };
    Error::from(Failure { code, message, remedy: remedy.to_owned(), provider: None, retryable })
}
