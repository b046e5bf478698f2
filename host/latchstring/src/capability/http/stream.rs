//! Requests of any method, whose answers come piece by piece.

use async_trait::async_trait;
use bytes::Bytes;

use super::Trouble;
use crate::contract::{Header, Method, Request, Response};

/// A request to an API. It is kept in memory whole: it may have to be repeated.
#[derive(Clone)]
pub struct ApiRequest {
    /// As it is sent: methods are case-sensitive (RFC 9110 §9.1).
    pub method: String,
    /// Absolute; what follows a `#` is not sent.
    pub url: String,
    /// In order; a name may come more than once.
    pub headers: Vec<Header>,
    /// None is not the same as an empty one.
    pub body: Option<Bytes>,
}

impl ApiRequest {
    /// A request without headers and body.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self { method: method.into(), url: url.into(), headers: Vec::new(), body: None }
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push(Header { name: name.into(), value: value.into() });
        self
    }

    /// With this body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = Some(body.into());
        self
    }
}

/// An answer whose body is still to come.
pub struct Streamed {
    /// RFC 9110 §15.
    pub status: u16,
    /// In order.
    pub headers: Vec<Header>,
    /// Dropping it ends the connection.
    pub body: Box<dyn Pieces>,
}

/// A body on its way.
#[async_trait]
pub trait Pieces: Send {
    /// The next bytes as they come; none at the end.
    async fn next(&mut self) -> Result<Option<Bytes>, Trouble>;
}

/// A body that is there already, in one piece.
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

    /// The contract has the methods that logins need.
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
