//! From connections to endpoints and back.

use std::convert::Infallible;
use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Frame, Incoming};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::answer::{Answer, Body};
use crate::asked::{Asked, Parameters};
use crate::authorize::authorize;
use crate::metadata;
use crate::provider::{Shared, lock};
use crate::token::{revoke, token};
use crate::userinfo::userinfo;

/// No form that makes sense here comes near it.
const LARGEST_BODY: usize = 64 * 1024;

/// A connection on which nothing more is said.
type HangUp = Box<dyn Error + Send + Sync>;

/// Until it is dropped, and every connection with it.
pub(crate) async fn serve(listener: std::net::TcpListener, shared: Arc<Shared>) {
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    let mut connections = JoinSet::new();
    loop {
        // What fails to be accepted was the client's connection, not the port.
        if let Ok((stream, _)) = listener.accept().await {
            connections.spawn(converse(stream, Arc::clone(&shared)));
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn converse(stream: TcpStream, shared: Arc<Shared>) {
    // Best effort: without it answers are right, only later.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| respond(request, &shared));
    // An error here is a client that left or a fault that hung up.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(
    request: Request<Incoming>,
    shared: &Shared,
) -> Result<Response<Outgoing>, HangUp> {
    let asked = read(request).await?;
    lock(&shared.log).push(asked.seen());
    write(answer(shared, &asked)).await
}

/// The endpoint's answer, or what faults make of it.
fn answer(shared: &Shared, asked: &Asked) -> Answer {
    let path = asked.path.as_str();
    let instead = lock(&shared.faults).iter_mut().find_map(|fault| fault.instead_of(path));
    let mut answer = instead.unwrap_or_else(|| route(shared, asked));
    let keys = lock(&shared.keys);
    for fault in lock(&shared.faults).iter_mut() {
        fault.apply(path, &mut answer, &keys);
    }
    answer
}

fn route(shared: &Shared, asked: &Asked) -> Answer {
    match (asked.method.as_str(), asked.path.as_str()) {
        ("GET", path) if metadata::PATHS.contains(&path) => {
            Answer::json(200, &metadata::document(&shared.issuer, &shared.options))
        }
        ("GET", "/jwks") => Answer::json(200, &lock(&shared.keys).jwks()),
        ("GET" | "POST", "/authorize") => authorize(shared, asked),
        ("GET" | "POST", "/userinfo") => userinfo(shared, asked),
        ("POST", "/token") => token(shared, asked),
        ("POST", "/revoke") => revoke(shared, asked),
        (_, "/token" | "/revoke") => not_allowed("POST"),
        (_, "/authorize" | "/userinfo") => not_allowed("GET, POST"),
        (_, path) if path == "/jwks" || metadata::PATHS.contains(&path) => not_allowed("GET"),
        _ => Answer::new(404, "text/plain", "there is nothing here\n"),
    }
}

fn not_allowed(methods: &str) -> Answer {
    Answer::new(405, "text/plain", "").with("allow", methods)
}

async fn read(request: Request<Incoming>) -> Result<Asked, HangUp> {
    let (head, body) = request.into_parts();
    let header = |name| {
        let value = head.headers.get(name)?;
        value.to_str().ok().map(str::to_owned)
    };
    let body = Limited::new(body, LARGEST_BODY).collect().await?.to_bytes();
    let content_type: Option<String> = header(CONTENT_TYPE);
    let is_form = content_type.is_some_and(|content_type| {
        let media_type = content_type.split(';').next().unwrap_or_default();
        media_type.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded")
    });
    Ok(Asked {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: Parameters::parse(head.uri.query().unwrap_or_default().as_bytes()),
        form: is_form.then(|| Parameters::parse(&body)),
        authorization: header(AUTHORIZATION),
    })
}

async fn write(answer: Answer) -> Result<Response<Outgoing>, HangUp> {
    let body = match answer.body {
        Body::Bytes(bytes) => Outgoing::Whole(bytes.into()),
        Body::Flood(length) => Outgoing::Flood(length),
        Body::HangUp => return Err("hung up, as a fault asked".into()),
        Body::Silence => std::future::pending().await,
    };
    let mut response = Response::builder().status(answer.status);
    for (name, value) in answer.headers {
        response = response.header(name, value);
    }
    Ok(response.body(body)?)
}

/// Bytes on their way out.
enum Outgoing {
    Whole(Bytes),
    /// So many more spaces.
    Flood(u64),
}

impl hyper::body::Body for Outgoing {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        const SPACES: &[u8] = &[b' '; 64 * 1024];
        let chunk = match &mut *self {
            Self::Whole(bytes) => std::mem::take(bytes),
            Self::Flood(left) => {
                let length = (*left).min(SPACES.len() as u64);
                *left -= length;
                Bytes::from_static(&SPACES[..length as usize])
            }
        };
        let frame = (!chunk.is_empty()).then(|| Ok(Frame::data(chunk)));
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Flood(left) => *left == 0,
        }
    }

    /// A whole body goes out with its length, a flood without.
    fn size_hint(&self) -> hyper::body::SizeHint {
        match self {
            Self::Whole(bytes) => hyper::body::SizeHint::with_exact(bytes.len() as u64),
            Self::Flood(_) => hyper::body::SizeHint::default(),
        }
    }
}
