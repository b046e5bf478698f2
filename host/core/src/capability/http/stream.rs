//! API requests with any method, and responses that arrive piece by piece.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::combinators::BoxBody;

use super::Trouble;
use crate::contract::{Header, Method, Request, Response};

/// A body that is passed on as it arrives.
pub type Body = BoxBody<Bytes, Trouble>;

/// A request to an API. Its body is kept in memory, because it may have to be sent again.
#[derive(Clone)]
pub struct ApiRequest {
    /// The method, case-sensitive
    /// ([RFC 9110 §9.1](https://www.rfc-editor.org/rfc/rfc9110#section-9.1)).
    pub method: String,
    /// The absolute URL. A fragment is not sent.
    pub url: String,
    /// The headers in order. A name may occur more than once.
    pub headers: Vec<Header>,
    /// The body; `None` is different from an empty one.
    pub body: Option<Bytes>,
    /// Time limit for the response head and for each part of the body, without the time
    /// for the upload. `None`: 300 s.
    pub patience: Option<Duration>,
}

impl ApiRequest {
    /// Creates a request without headers and body.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: None,
            patience: None,
        }
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push(Header { name: name.into(), value: value.into() });
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Sets the time limit for the response head and for each part of the body.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }
}

/// A response whose body is still to come.
pub struct Streamed {
    /// The status code ([RFC 9110 §15](https://www.rfc-editor.org/rfc/rfc9110#section-15)).
    pub status: u16,
    /// The headers in order.
    pub headers: Vec<Header>,
    /// The body. Dropping it ends the connection.
    pub body: Box<dyn Pieces>,
}

/// A response body that arrives piece by piece.
#[async_trait]
pub trait Pieces: Send {
    /// Returns the next bytes as they arrive, or `None` at the end.
    ///
    /// # Errors
    ///
    /// Returns why the body cannot be read to its end.
    async fn next(&mut self) -> Result<Option<Bytes>, Trouble>;
}

/// A body that is in memory as one piece.
struct Whole(Option<Bytes>);

#[async_trait]
impl Pieces for Whole {
    async fn next(&mut self) -> Result<Option<Bytes>, Trouble> {
        Ok(self.0.take())
    }
}

impl From<Response> for Streamed {
    fn from(response: Response) -> Self {
        let body = Some(Bytes::from(response.body)).filter(|body| !body.is_empty());
        Self { status: response.status, headers: response.headers, body: Box::new(Whole(body)) }
    }
}

impl TryFrom<ApiRequest> for Request {
    type Error = Trouble;

    /// Converts the request. Fails if its method is none of those in the contract, which
    /// has only the methods that logins need.
    fn try_from(request: ApiRequest) -> Result<Self, Trouble> {
        let method = match request.method.as_str() {
            "GET" => Method::Get,
            "POST" => Method::Post,
            "DELETE" => Method::Delete,
            method => {
                return Err(Trouble::Denied(format!(
                    "this program's HTTP client cannot send {method:?}"
                )));
            }
        };
        let body = request.body.map(|body| body.to_vec());
        Ok(Self { method, url: request.url, headers: request.headers, body })
    }
}
