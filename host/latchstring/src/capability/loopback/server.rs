//! The listener's HTTP server, for few and short connections. Each has one request, or two
//! if the first is redirected to the last page.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{
    ALLOW, CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, CONTENT_TYPE, COOKIE, HeaderMap,
    HeaderName, HeaderValue, LOCATION, REFERRER_POLICY, SET_COOKIE, X_CONTENT_TYPE_OPTIONS,
};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc};
use tokio::task::{JoinHandle, yield_now};
use tokio::time::{sleep, timeout};

use super::peers::{Ends, Peers};
use super::request::{Expected, Refusal, judge};
use super::{END_ADDRESS, Listener, Peer, PendingPage, Visit};
use crate::pages::{NOTHING, Page, Pages};

const MOST_CONNECTIONS: usize = 64;
/// Time limit for a request, from the start of the connection: hyper starts counting before
/// the first byte.
const REQUEST_PATIENCE: Duration = Duration::from_secs(5);
/// Longest request line and headers, in bytes.
const LONGEST_REQUEST: usize = 16 * 1024;
/// How long a browser waits for its page while the code is exchanged and the session saved.
const PAGE_PATIENCE: Duration = Duration::from_secs(120);
/// How long to read what a browser still sends after its page.
const LINGER: Duration = Duration::from_secs(1);
/// Delay after the system failed to accept a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A listener that serves until it is dropped.
pub(super) struct Server {
    redirect_uri: String,
    peers: Arc<Peers>,
    visits: mpsc::Receiver<Visit>,
    accepting: JoinHandle<()>,
}

impl Server {
    pub(super) fn start(
        listeners: Vec<TcpListener>,
        expected: Expected,
        redirect_uri: String,
        pages: Pages,
        peers: Peers,
    ) -> Self {
        let peers = Arc::new(peers);
        let (state, visits) = SharedState::new(expected, pages, Arc::clone(&peers));
        let accepting = tokio::spawn(accept(listeners, state));
        Self { redirect_uri, peers, visits, accepting }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

#[async_trait]
impl Listener for Server {
    fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    async fn visit(&mut self) -> Visit {
        match self.visits.recv().await {
            Some(visit) => visit,
            // OK because the sender lives as long as the accepting task, which ends only
            // with this listener.
            None => std::future::pending().await,
        }
    }

    async fn close(&mut self) {
        self.accepting.abort();
        let _ = (&mut self.accepting).await;
    }

    fn tells_peers(&self) -> bool {
        self.peers.tells()
    }
}

/// Shared state to judge a request and pass it on.
#[derive(Clone)]
pub(super) struct SharedState {
    expected: Arc<Expected>,
    pages: Pages,
    peers: Arc<Peers>,
    visits: mpsc::Sender<Visit>,
    /// Notified when a connection no longer has a request that waits for a page.
    left: Arc<Notify>,
}

impl SharedState {
    /// Returns it with the receiver of the requests that count.
    pub(super) fn new(
        expected: Expected,
        pages: Pages,
        peers: Arc<Peers>,
    ) -> (Self, mpsc::Receiver<Visit>) {
        let (visits, arriving) = mpsc::channel(MOST_CONNECTIONS);
        let expected = Arc::new(expected);
        (Self { expected, pages, peers, visits, left: Arc::default() }, arriving)
    }
}

/// The open connections, oldest first.
#[derive(Default)]
struct Connections(VecDeque<Connection>);

struct Connection {
    /// Whether its request waits for a page.
    visiting: Arc<AtomicBool>,
    task: JoinHandle<()>,
}

impl Connections {
    /// Makes room for one more connection. If there are too many, the oldest that does not
    /// wait for a page is closed: refusing the newest would let a flood of silent
    /// connections keep the browser out. If all wait for a page, the newest has to wait,
    /// because any of them may be the browser.
    async fn make_room(&mut self, left: &Notify) {
        loop {
            self.0.retain(|connection| !connection.task.is_finished());
            if self.0.len() < MOST_CONNECTIONS {
                return;
            }
            let idle = self.0.iter().position(|connection| !connection.is_visiting());
            if let Some(connection) = idle.and_then(|idle| self.0.remove(idle)) {
                connection.task.abort();
                return;
            }
            left.notified().await;
        }
    }
}

impl Connection {
    fn is_visiting(&self) -> bool {
        self.visiting.load(Ordering::Relaxed)
    }
}

impl Drop for Connections {
    /// Connections that wait for a page outlive the listener until the page is written.
    fn drop(&mut self) {
        for connection in self.0.iter().filter(|connection| !connection.is_visiting()) {
            connection.task.abort();
        }
    }
}

async fn accept(listeners: Vec<TcpListener>, state: SharedState) {
    let mut connections = Connections::default();
    let mut first = 0;
    loop {
        connections.make_room(&state.left).await;
        // Each listener comes first in turn, so that none is starved.
        first = (first + 1) % listeners.len();
        let Ok(stream) = next_connection(&listeners, first).await else {
            sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let visiting = Arc::new(AtomicBool::new(false));
        let ends = match (stream.local_addr(), stream.peer_addr()) {
            (Ok(ours), Ok(theirs)) => Ends { ours, theirs },
            // The connection was reset before it could send a request.
            _ => continue,
        };
        let task = tokio::spawn(serve(stream, state.clone(), visiting.clone(), Some(ends)));
        connections.0.push_back(Connection { visiting, task });
        // Let the task read the request before a burst of connections closes this one.
        yield_now().await;
    }
}

async fn next_connection(listeners: &[TcpListener], first: usize) -> io::Result<TcpStream> {
    let (before, after) = listeners.split_at(first);
    poll_fn(|cx| {
        for listener in after.iter().chain(before) {
            if let Poll::Ready(accepted) = listener.poll_accept(cx) {
                return Poll::Ready(accepted.map(|(stream, _)| stream));
            }
        }
        Poll::Pending
    })
    .await
}

/// Answers the connection's requests and closes it. `ends` is `None` if it is not a network
/// connection of this machine.
pub(super) async fn serve<S>(
    stream: S,
    state: SharedState,
    visiting: Arc<AtomicBool>,
    ends: Option<Ends>,
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    // Held until the page is written; see `Answer::send`.
    let pending = Arc::new(Mutex::new(None));
    let service = service_fn(|request| {
        let (state, visiting, pending) = (state.clone(), visiting.clone(), pending.clone());
        async move {
            let version = request.version();
            let mut response = respond(request, &state, &visiting, &pending, ends).await;
            // Otherwise, an HTTP/1.0 connection would be kept open in spite of the
            // response's `Connection` header.
            *response.version_mut() = version;
            Ok::<_, Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_PATIENCE)
        .max_buf_size(LONGEST_REQUEST)
        .half_close(true)
        .serve_connection(TokioIo::new(stream), service);
    let finished = pin!(connection.without_shutdown()).await;
    visiting.store(false, Ordering::Relaxed);
    state.left.notify_one();
    if let Ok(parts) = finished {
        let mut stream = parts.io.into_inner();
        let _ = stream.shutdown().await;
        drop(pending.lock().unwrap_or_else(PoisonError::into_inner).take());
        drain(&mut stream).await;
    }
}

/// Reads until the browser closes the connection too: closing a socket with unread bytes
/// resets the connection, and the browser may lose the page.
async fn drain(stream: &mut (impl AsyncRead + Unpin)) {
    let read_on = async {
        let mut scrap = [0; 4096];
        while stream.read(&mut scrap).await.is_ok_and(|count| count > 0) {}
    };
    let _ = timeout(LINGER, read_on).await;
}

async fn respond(
    request: Request<Incoming>,
    state: &SharedState,
    visiting: &AtomicBool,
    pending: &Mutex<Option<PendingPage>>,
    ends: Option<Ends>,
) -> Response<Full<Bytes>> {
    let target = request.uri().to_string();
    let headers: Vec<_> =
        request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    if let Err(refusal) = judge(&state.expected, request.method().as_str(), &target, &headers) {
        return refuse(refusal);
    }
    // Asked now because the connection is open and few requests get this far.
    let Some(peer) = ends.map_or(Some(Peer::Unknown), |ends| state.peers.peer(ends)) else {
        // The other end is closed, so the response is not read.
        return show(state.pages.abandoned(), false);
    };
    let keeps_connection = keeps_connection(&request);
    visiting.store(true, Ordering::Relaxed);
    let (answer, mut page) = PendingPage::pair(state.pages.clone());
    let visit = Visit::new(target, cookies(request.headers()), answer)
        .from_peer(peer)
        .keeping_connection(keeps_connection);
    // If the listener is gone, the answer is dropped, which sends the abandoned page.
    let _ = state.visits.send(visit).await;
    let shown = page.page(PAGE_PATIENCE).await;
    *pending.lock().unwrap_or_else(PoisonError::into_inner) = Some(page);
    show(shown, keeps_connection)
}

/// Returns whether the browser intends to use the connection again (RFC 9112 §9.3).
fn keeps_connection(request: &Request<Incoming>) -> bool {
    let closes = request.headers().get_all(CONNECTION).iter().any(|value| {
        let value = value.to_str().unwrap_or_default();
        value.split(',').any(|option| option.trim().eq_ignore_ascii_case("close"))
    });
    request.version() == Version::HTTP_11 && !closes
}

/// Returns the response with this page. The connection stays open only for a browser that
/// is redirected to the last page: it requests that at once, and if it closes the
/// connection instead, the login knows that it will not.
fn show(page: Page, keeps_connection: bool) -> Response<Full<Bytes>> {
    let mut response = response(page.status, "text/html; charset=utf-8", page.html.into());
    if keeps_connection && page.location.as_deref() == Some(END_ADDRESS) {
        response.headers_mut().remove(CONNECTION);
    }
    let policy = Some(page.policy.into_owned());
    let headers =
        [(CONTENT_SECURITY_POLICY, policy), (LOCATION, page.location), (SET_COOKIE, page.cookie)];
    for (name, value) in headers {
        if let Some(value) = value.and_then(|value| HeaderValue::try_from(value).ok()) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn cookies(headers: &HeaderMap) -> String {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.collect::<Vec<_>>().join("; ")
}

fn refuse(refusal: Refusal) -> Response<Full<Bytes>> {
    let (status, text) = refusal.answer();
    let mut response =
        response(status, "text/plain; charset=utf-8", Bytes::from_static(text.as_bytes()));
    if refusal == Refusal::Method {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET"));
    }
    response
}

/// Returns a response that runs no script, loads nothing, cannot be framed, stored or
/// sniffed, and does not reveal its address to other sites (RFC 9700 §4.2.4).
fn response(status: u16, content_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or_default();
    let headers = response.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, NOTHING),
        (CONTENT_TYPE, content_type),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (CACHE_CONTROL, "no-store"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (CONNECTION, "close"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
