//! Serving of connections: HTTP requests to an endpoint, and its responses.

use std::convert::Infallible;
use std::error::Error;
use std::pin::Pin;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::answer::{Answer, Body};
use crate::asked::{Asked, Parameters};

/// Longest request body, in bytes: more than any useful form.
const BODY_LIMIT: usize = 64 * 1024;

/// A function that answers requests.
pub(crate) type Endpoint = dyn Fn(&Asked) -> Answer + Send + Sync;

/// The error that closes a connection without a response.
type HangUp = Box<dyn Error + Send + Sync>;

/// Number of connections that have been accepted and have not ended.
#[derive(Default)]
pub(crate) struct Connections {
    open: Mutex<usize>,
    one_ended: Condvar,
}

impl Connections {
    /// Blocks until no connection is open.
    pub(crate) fn wait_for_end(&self) {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // A poisoned lock does no harm: the count changes in one step.
        drop(self.one_ended.wait_while(open, |open| *open > 0));
    }

    fn change(&self, change: impl FnOnce(&mut usize)) {
        change(&mut self.open.lock().unwrap_or_else(PoisonError::into_inner));
        self.one_ended.notify_all();
    }
}

/// An open connection. Dropping it counts it as ended.
struct Connection(Arc<Connections>);

impl Connection {
    fn new(all: &Arc<Connections>) -> Self {
        all.change(|open| *open += 1);
        Self(Arc::clone(all))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.change(|open| *open -= 1);
    }
}

/// Serves until it is dropped, which ends all connections.
pub(crate) async fn serve(
    listener: std::net::TcpListener,
    endpoint: Arc<Endpoint>,
    all: Arc<Connections>,
) {
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    let mut connections = JoinSet::new();
    loop {
        // If accepting fails, the client's connection is at fault, not the port.
        if let Ok((stream, _)) = listener.accept().await {
            let (connection, endpoint) = (Connection::new(&all), Arc::clone(&endpoint));
            connections.spawn(async move {
                converse(stream, endpoint).await;
                drop(connection);
            });
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn converse(stream: TcpStream, endpoint: Arc<Endpoint>) {
    // Best effort: without it, responses are right but later.
    let _ = stream.set_nodelay(true);
    let service = service_fn(|request| respond(request, &*endpoint));
    // An error here is a client that left, or a fault that closed the connection.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn respond(
    request: Request<Incoming>,
    endpoint: &Endpoint,
) -> Result<Response<Outgoing>, HangUp> {
    let asked = read(request).await?;
    write(endpoint(&asked)).await
}

async fn read(request: Request<Incoming>) -> Result<Asked, HangUp> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, BODY_LIMIT).collect().await?.to_bytes();
    let headers = head.headers.iter().filter_map(|(name, value)| {
        let value = value.to_str().ok()?;
        Some((name.as_str().to_owned(), value.to_owned()))
    });
    let mut asked = Asked {
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        headers: headers.collect(),
        query: Parameters::parse(head.uri.query().unwrap_or_default().as_bytes()),
        form: None,
        body: body.to_vec(),
    };
    if asked.media_type().as_deref() == Some("application/x-www-form-urlencoded") {
        asked.form = Some(Parameters::parse(&asked.body));
    }
    Ok(asked)
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

/// A response body that is being sent.
enum Outgoing {
    Whole(Bytes),
    /// This many more spaces.
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

    /// A complete body is sent with its length, a flood without.
    fn size_hint(&self) -> hyper::body::SizeHint {
        match self {
            Self::Whole(bytes) => hyper::body::SizeHint::with_exact(bytes.len() as u64),
            Self::Flood(_) => hyper::body::SizeHint::default(),
        }
    }
}
