//! The proxy's listener and its connections.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONNECTION;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::forward::Forwarder;
use super::gate::Gate;
use crate::capability::http::Body;
use crate::capability::loopback::{Ends, Peers};
use crate::latch::Latch;

/// Most connections at a time; others wait. Each may need a second one, to the API, and
/// some systems allow a process 256 open files.
const MOST_CONNECTIONS: usize = 100;

/// From this many connections on, each ends with its response, so that those that only wait
/// for another request leave room for others.
const MOST_KEPT: usize = MOST_CONNECTIONS / 2;

/// How long a connection may be open without a request.
const IDLE: Duration = Duration::from_secs(60);

/// Delay after the system failed to accept a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

pub(super) struct Server {
    pub(super) latch: Latch,
    pub(super) gate: Gate,
    pub(super) forwarder: Forwarder,
    pub(super) peers: Peers,
}

impl Server {
    /// Serves until it is dropped, which ends the connections too.
    pub(super) async fn accept(self: Arc<Self>, listener: TcpListener) {
        let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
        let mut connections = JoinSet::new();
        loop {
            // OK because nothing closes the semaphore.
            let place = Arc::clone(&room).acquire_owned().await.expect("open");
            let Ok((stream, _)) = listener.accept().await else {
                self.latch.clock().sleep(ACCEPT_PAUSE).await;
                continue;
            };
            while connections.try_join_next().is_some() {}
            if !self.is_refused(&stream) {
                let (server, room) = (Arc::clone(&self), Arc::clone(&room));
                connections.spawn(async move {
                    server.serve(stream, &room).await;
                    drop(place);
                });
            }
        }
    }

    /// Returns whether the connection is another user's, or is closed already.
    fn is_refused(&self, stream: &TcpStream) -> bool {
        let (Ok(ours), Ok(theirs)) = (stream.local_addr(), stream.peer_addr()) else { return true };
        self.peers.peer(Ends { ours, theirs }).is_none_or(|peer| peer.is_refused())
    }

    async fn serve(&self, stream: TcpStream, room: &Semaphore) {
        // Otherwise small pieces of a stream wait for each other. It works without, too.
        let _ = stream.set_nodelay(true);
        let service = service_fn(async |request: Request<Incoming>| {
            let version = request.version();
            let mut response = self.respond(request).await;
            // The program's, whatever the API speaks.
            *response.version_mut() = version;
            if room.available_permits() <= MOST_CONNECTIONS - MOST_KEPT {
                response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response)
        });
        // A program that breaks its connection off gets no response.
        let _ = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE)
            .serve_connection(TokioIo::new(stream), service)
            .await;
    }

    async fn respond(&self, request: Request<Incoming>) -> Response<Body> {
        match self.gate.admit(&request).map(str::to_owned) {
            Some(target) => self.forwarder.answer(request, &target).await,
            // The same for everything: a stranger learns nothing from it.
            None => {
                let body = Empty::<Bytes>::new().map_err(|never| match never {}).boxed();
                let mut response = Response::new(body);
                *response.status_mut() = StatusCode::NOT_FOUND;
                response
            }
        }
    }
}
