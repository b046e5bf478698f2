//! A provider: its start, its control by tests, and its end.

use std::io;
use std::sync::{Arc, Mutex};

use crate::asked::Seen;
use crate::context::{Context, lock};
use crate::control;
use crate::dialect::Dialect;
use crate::dialects::DEMO;
use crate::fault::Fault;
use crate::forge::{ForgedSession, forge};
use crate::issuer::Issuer;
use crate::keys::Keys;
use crate::misbehaviour::Misbehaviour;
use crate::options::Options;
use crate::route;
use crate::server::Server;

/// A running provider. Dropping it closes its port and its connections.
///
/// It serves from its own thread, so that a test may block while a program that it has
/// started talks to the provider.
pub struct Provider {
    dialect: &'static Dialect,
    context: Arc<Context>,
    issuer: String,
    server: Server,
}

impl Provider {
    /// Starts the [demo provider](DEMO).
    pub fn start(options: Options) -> io::Result<Self> {
        Self::like(&DEMO, options)
    }

    /// Starts a provider that is like a system. It binds 127.0.0.1, and the port accepts
    /// connections when this returns.
    pub fn like(dialect: &'static Dialect, options: Options) -> io::Result<Self> {
        let listener = Server::bind(options.port)?;
        let host = listener.local_addr()?.to_string();
        let issuer = Issuer::new(&dialect.issuer, &host, &options);
        let context = Arc::new(Context {
            url: format!("http://{host}"),
            client_id: options.client_id.clone().unwrap_or_else(|| dialect.client_id.into()),
            expires_in: options.expires_in.unwrap_or(dialect.expires_in),
            keys: Mutex::new(Keys::generate(dialect.signing)),
            state: Mutex::default(),
            faults: Mutex::default(),
            log: Mutex::default(),
            issuer,
            options,
        });
        let serving = Arc::clone(&context);
        let server = Server::start(listener, move |asked| route::answer(dialect, &serving, asked))?;
        Ok(Self { dialect, issuer: context.issuer.url(), context, server })
    }

    /// URL of the provider: `http://127.0.0.1:PORT`, without a final slash.
    pub fn url(&self) -> &str {
        &self.context.url
    }

    /// The issuer identifier (RFC 8414 §2). For a dialect with many, the usual one.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// All requests so far, in order of arrival, including rejected ones, but not those
    /// that control the provider. A request is logged before its response is sent. For a
    /// client that has not waited for the response, see
    /// [`Provider::wait_for_end_of_connections`].
    pub fn log(&self) -> Vec<Seen> {
        lock(&self.context.log).clone()
    }

    /// Waits until every connection opened before this call has ended: each of its
    /// requests has been answered or never will be.
    ///
    /// For clients that were killed: their last request may have arrived at the port but
    /// not yet at the endpoint. A running client that keeps a connection open makes this
    /// wait.
    pub fn wait_for_end_of_connections(&self) -> io::Result<()> {
        self.server.wait_for_end_of_connections()
    }

    /// Adds a fault to the present ones.
    pub fn misbehave(&self, fault: Fault) {
        lock(&self.context.faults).add(fault);
    }

    /// Adds a fault by its name. Returns an error if the dialect has nothing to break in
    /// this way.
    pub fn misbehave_as(&self, misbehaviour: Misbehaviour) -> io::Result<()> {
        control::misbehave(self.dialect, &self.context, misbehaviour).map_err(io::Error::other)
    }

    /// Removes all faults. The effects of those that happen once remain.
    pub fn behave(&self) {
        lock(&self.context.faults).clear();
    }

    /// Signs with a new key from now on. The old one stays published until the next
    /// rotation.
    pub fn rotate_keys(&self) {
        lock(&self.context.keys).rotate();
    }

    /// Revokes every session so far, as an administrator would.
    pub fn revoke_all(&self) {
        self.context.state().sessions.revoke_all();
    }

    /// Creates a session as if a user of that name had logged in before, for tests of
    /// adoption.
    pub fn forge_session(&self, name: &str, scope: &str) -> ForgedSession {
        forge(self.dialect, &self.context, name, scope)
    }
}
