//! A port on loopback and the thread that answers there.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::sync::oneshot;

use crate::answer::Answer;
use crate::asked::Asked;
use crate::serve::serve;

/// A server that is up. Dropping it closes its port and its connections.
///
/// It serves from a thread of its own, so that a test may block while a program
/// it has started talks to the server.
pub struct Server {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// A port on 127.0.0.1, for [`Server::start`]; 0 takes a free one.
    ///
    /// A step of its own, for whoever answers may have to know the port.
    pub fn bind(port: u16) -> io::Result<TcpListener> {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port))
    }

    /// Answers every request to that port; it accepts connections already.
    pub fn start(
        listener: TcpListener,
        endpoint: impl Fn(&Asked) -> Answer + Send + Sync + 'static,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name("server".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serve(listener, Arc::new(endpoint)) => {}
                    // The sender is dropped with the server.
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in there has been printed; a second one here would abort.
            let _ = thread.join();
        }
    }
}
