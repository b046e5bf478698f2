//! A stand-in as a whole: how it starts, what a test does with it, how it ends.

use std::io;
use std::sync::Arc;

use latchstring_provider::Server;

use crate::forge::{ForgedSession, forge};
use crate::misbehaviour::Misbehaviour;
use crate::options::Options;
use crate::route;
use crate::seen::Seen;
use crate::shared::Shared;
use crate::system::System;

/// A stand-in that is up. Dropping it closes its port and its connections.
///
/// It serves from a thread of its own, so that a test may block while a program
/// it has started talks to the stand-in.
pub struct Standin {
    shared: Arc<Shared>,
    _server: Server,
}

impl Standin {
    /// Binds 127.0.0.1 and serves; the port accepts connections when this
    /// returns.
    pub fn start(system: System, options: Options) -> io::Result<Self> {
        let listener = Server::bind(options.port)?;
        let url = format!("http://{}", listener.local_addr()?);
        let shared = Arc::new(Shared::new(system, url, options));
        let serving = Arc::clone(&shared);
        let server = Server::start(listener, move |asked| route::answer(&serving, asked))?;
        Ok(Self { shared, _server: server })
    }

    /// Where it is reached: `http://127.0.0.1:PORT`, without a slash at its end.
    pub fn url(&self) -> &str {
        &self.shared.url
    }

    /// The issuer identifier: with https for Fief, and with a path for Stytch
    /// and the mock. Hexclave has none and gives its address.
    pub fn issuer(&self) -> String {
        route::issuer(&self.shared)
    }

    /// Every request so far, in order of arrival, except those that control the
    /// stand-in.
    pub fn log(&self) -> Vec<Seen> {
        self.shared.log().clone()
    }

    /// Goes wrong in one more way; an error where the system has nothing that
    /// could go wrong in this way.
    pub fn misbehave(&self, misbehaviour: Misbehaviour) -> io::Result<()> {
        self.shared.misbehave(misbehaviour).map_err(io::Error::other)
    }

    /// Goes right again. What happened once has happened.
    pub fn behave(&self) {
        self.shared.behave();
    }

    /// Ends every session so far, as an administrator would.
    pub fn revoke_all(&self) {
        self.shared.state().sessions.revoke_all();
    }

    /// A session as if a person of that name had logged in before, for whoever
    /// has to take over what another program stored.
    pub fn forge_session(&self, name: &str, scope: &str) -> ForgedSession {
        forge(&self.shared, name, scope)
    }
}
