//! The listener's HTTP server, for few and short connections with one request each.

use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use async_trait::async_trait;
use wasip2::sockets::network::ErrorCode;
use wasip2::sockets::tcp::TcpSocket;

use super::connection::Connection;
use super::request::Expected;
use super::{Listener, Visit, Waiting};
use crate::pages::Pages;
use crate::wasi::ready;

const MOST_CONNECTIONS: usize = 64;

/// A connection whose request is being read. Its output is `None` if the request does not
/// count.
type Arrival = Pin<Box<dyn Future<Output = Option<Visit>> + Send>>;

pub(super) struct Server {
    // Comes before the sockets, so that connections are dropped first.
    arriving: VecDeque<Arrival>,
    sockets: Vec<TcpSocket>,
    expected: Expected,
    redirect_uri: String,
    pages: Pages,
}

impl Server {
    pub(super) fn new(
        sockets: Vec<TcpSocket>,
        expected: Expected,
        redirect_uri: String,
        pages: Pages,
    ) -> Self {
        Self { arriving: VecDeque::new(), sockets, expected, redirect_uri, pages }
    }

    /// Adds a connection. If there are too many, drops the oldest.
    fn admit(&mut self, connection: Connection) {
        if self.arriving.len() >= MOST_CONNECTIONS {
            self.arriving.pop_front();
        }
        let (expected, pages) = (self.expected.clone(), self.pages.clone());
        self.arriving.push_back(Box::pin(async move {
            let (target, cookies, connection) = connection.asked(&expected).await?;
            let waiting = Waiting { connection: Some(connection), pages };
            Some(Visit::new(target, cookies, waiting.answer()))
        }));
    }
}

#[async_trait]
impl Listener for Server {
    fn redirect_uri(&self) -> &str {
        &self.redirect_uri
    }

    async fn visit(&mut self) -> Visit {
        loop {
            let Self { arriving, sockets, .. } = self;
            tokio::select! {
                biased;
                visit = next(arriving) => return visit,
                connection = accept(sockets) => self.admit(connection),
            }
        }
    }
}

/// Returns the next request that counts.
async fn next(arriving: &mut VecDeque<Arrival>) -> Visit {
    poll_fn(|context| {
        let mut index = 0;
        while index < arriving.len() {
            match arriving[index].as_mut().poll(context) {
                Poll::Pending => index += 1,
                Poll::Ready(visit) => {
                    drop(arriving.remove(index));
                    if let Some(visit) = visit {
                        return Poll::Ready(visit);
                    }
                }
            }
        }
        Poll::Pending
    })
    .await
}

async fn accept(sockets: &[TcpSocket]) -> Connection {
    match sockets {
        [one, other] => tokio::select! {
            connection = accept_one(one) => connection,
            connection = accept_one(other) => connection,
        },
        sockets => accept_one(&sockets[0]).await,
    }
}

async fn accept_one(socket: &TcpSocket) -> Connection {
    loop {
        match socket.accept() {
            Ok((socket, input, output)) => return Connection::new(socket, input, output),
            // Keep listening: a browser may have closed the connection already.
            Err(ErrorCode::WouldBlock | _) => ready(socket.subscribe()).await,
        }
    }
}
