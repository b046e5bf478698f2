//! A port on loopback and the thread that answers there.

use std::io;
use std::io::Read as _;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

use crate::answer::Answer;
use crate::asked::Asked;
use crate::serve::{Connections, serve};

/// A running server. Dropping it closes its port and its connections.
///
/// It serves from its own thread, so that a test may block while a program that it has
/// started talks to the server.
pub(crate) struct Server {
    address: SocketAddr,
    connections: Arc<Connections>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// Binds a port on 127.0.0.1 for [`Server::start`]. Zero: a free one.
    ///
    /// A separate step, because the endpoint may need to know the port.
    pub(crate) fn bind(port: u16) -> io::Result<TcpListener> {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port))
    }

    /// Serves the port, which accepts connections already.
    pub(crate) fn start(
        listener: TcpListener,
        endpoint: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let connections = Arc::new(Connections::default());
        let all = Arc::clone(&connections);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name("server".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serve(listener, Arc::new(endpoint), all) => {}
                    // The sender is dropped together with the server.
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { address, connections, stop: Some(stop), thread: Some(thread) })
    }

    /// Waits until every connection opened before this call has ended: each of its
    /// requests has been answered or never will be.
    ///
    /// For clients that were killed: their last request may have arrived at the port but
    /// not yet at the endpoint. A running client that keeps a connection open makes this
    /// wait.
    pub(crate) fn wait_for_end_of_connections(&self) -> io::Result<()> {
        // Connections are accepted in the order in which they were made. Once this one
        // was closed, all earlier ones are counted.
        let mut last = TcpStream::connect(self.address)?;
        last.shutdown(Shutdown::Write)?;
        last.read_to_end(&mut Vec::new())?;
        self.connections.wait_for_end();
        Ok(())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in the thread was printed. A second one here would abort.
            let _ = thread.join();
        }
    }
}
