//! A stand-in: its start, its control by tests, and its end.

use std::io;
use std::sync::Arc;

use crate::Server;

use crate::standins::forge::{ForgedSession, forge};
use crate::standins::misbehaviour::Misbehaviour;
use crate::standins::options::Options;
use crate::standins::seen::Seen;
use crate::standins::shared::Shared;
use crate::standins::system::System;
use crate::standins::{issuing, route};

/// A running stand-in. Dropping it closes its port and its connections.
///
/// It serves from its own thread, so that a test may block while a program that it has
/// started talks to the stand-in.
pub struct Standin {
    shared: Arc<Shared>,
    _server: Server,
}

impl Standin {
    /// Binds 127.0.0.1 and serves. The port accepts connections when this returns.
    pub fn start(system: System, options: Options) -> io::Result<Self> {
        let listener = Server::bind(options.port)?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared::new(system, url, options));
        let serving = Arc::clone(&shared);
        let server = Server::start(listener, move |asked| route::answer(&serving, asked))?;
        Ok(Self { shared, _server: server })
    }

    /// URL of the stand-in: `http://127.0.0.1:PORT`, without a final slash.
    pub fn url(&self) -> &str {
        &self.shared.url
    }

    /// The issuer identifier: with https for Fief, and with a path for Stytch and the
    /// mock. For Hexclave, which has none, the URL.
    pub fn issuer(&self) -> String {
        issuing::issuer(&self.shared)
    }

    /// All requests so far, in order of arrival, except those that control the stand-in.
    pub fn log(&self) -> Vec<Seen> {
        self.shared.log().clone()
    }

    /// Adds a fault. Returns an error if the system has nothing to break in this way.
    pub fn misbehave(&self, misbehaviour: Misbehaviour) -> io::Result<()> {
        self.shared.misbehave(misbehaviour).map_err(io::Error::other)
    }

    /// Removes all faults. The effects of those that happen once remain.
    pub fn behave(&self) {
        self.shared.behave();
    }

    /// Revokes every session so far, as an administrator would.
    pub fn revoke_all(&self) {
        self.shared.state().sessions.revoke_all();
    }

    /// Creates a session as if a user of that name had logged in before, for tests of
    /// adoption.
    pub fn forge_session(&self, name: &str, scope: &str) -> ForgedSession {
        forge(&self.shared, name, scope)
    }
}
