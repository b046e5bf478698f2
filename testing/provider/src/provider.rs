//! The provider: its start and its end.

use std::io;
use std::sync::{Arc, Mutex};

use crate::asked::Seen;
use crate::fault::Fault;
use crate::keys::Keys;
use crate::options::Options;
use crate::route::answer;
use crate::server::Server;
use crate::shared::{Shared, lock};

/// A running provider. Dropping it closes its port and its connections.
///
/// It serves from its own thread, so that a test may block while a program that it has
/// started talks to the provider.
pub struct Provider {
    shared: Arc<Shared>,
    server: Server,
}

impl Provider {
    /// Binds 127.0.0.1 and serves. The port accepts connections when this returns.
    pub fn start(options: Options) -> io::Result<Self> {
        let listener = Server::bind(options.port)?;
        let shared = Arc::new(Shared {
            issuer: format!("http://{}", listener.local_addr()?),
            options,
            grants: Mutex::default(),
            keys: Mutex::new(Keys::generate()),
            faults: Mutex::default(),
            log: Mutex::default(),
        });
        let serving = Arc::clone(&shared);
        let server = Server::start(listener, move |asked| {
            lock(&serving.log).push(asked.seen());
            answer(&serving, asked)
        })?;
        Ok(Self { shared, server })
    }

    /// The issuer identifier: `http://127.0.0.1:PORT`, without a final slash (RFC 8414
    /// §2).
    pub fn issuer(&self) -> &str {
        &self.shared.issuer
    }

    /// All requests so far, in order of arrival, including rejected ones. A request is
    /// logged before its response is sent. For a client that has not waited for the
    /// response, see [`Provider::wait_for_end_of_connections`].
    pub fn log(&self) -> Vec<Seen> {
        lock(&self.shared.log).clone()
    }

    /// See [`Server::wait_for_end_of_connections`].
    pub fn wait_for_end_of_connections(&self) -> io::Result<()> {
        self.server.wait_for_end_of_connections()
    }

    /// Adds a fault to the present ones.
    pub fn misbehave(&self, fault: Fault) {
        lock(&self.shared.faults).push(fault);
    }

    /// Removes all faults.
    pub fn behave(&self) {
        lock(&self.shared.faults).clear();
    }

    /// Signs with a new key from now on. The old one stays published until the next
    /// rotation.
    pub fn rotate_keys(&self) {
        lock(&self.shared.keys).rotate();
    }
}
