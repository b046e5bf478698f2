//! The login component, which this one is composed with.
//!
//! It cannot be stopped from here: a trap in it ends the whole program, and what
//! it may take of memory and time is for whoever runs both to say
//! (`wasmtime run -W max-memory-size=..., -W timeout=...`).

use latchstring_core::capability::component::Component;

use crate::contract::{self, Action, Client, Context, Demand, Description, LoginRequest, Reply};
use crate::error::Error;

/// The component, as the loop steps it.
#[derive(Clone, Copy)]
pub(crate) struct Instance;

/// A session in it.
pub(crate) struct Session(contract::Session);

impl Instance {
    /// The contract's `account-key`.
    pub(crate) fn account_key(self, client: &Client) -> String {
        contract::account_key(client)
    }

    /// The contract's `describe`.
    pub(crate) fn describe(self, stored: &[u8], now_ms: u64) -> Result<Description, Error> {
        contract::describe(stored, now_ms).map_err(Error::from)
    }

    /// The contract's `session.login`.
    pub(crate) fn login(
        self,
        client: &Client,
        stored: Option<&[u8]>,
        request: &LoginRequest,
        context: &Context,
    ) -> Result<Session, Error> {
        let opened = contract::Session::login(client, stored, request, context);
        opened.map(Session).map_err(Error::from)
    }

    /// The contract's `session.token`.
    pub(crate) fn token(
        self,
        client: &Client,
        stored: Option<&[u8]>,
        demand: &Demand,
        context: &Context,
    ) -> Result<Session, Error> {
        let opened = contract::Session::token(client, stored, demand, context);
        opened.map(Session).map_err(Error::from)
    }

    /// The contract's `session.logout`.
    pub(crate) fn logout(
        self,
        client: &Client,
        stored: Option<&[u8]>,
        context: &Context,
    ) -> Result<Session, Error> {
        let opened = contract::Session::logout(client, stored, context);
        opened.map(Session).map_err(Error::from)
    }
}

impl Component for Instance {
    type Session = Session;

    fn next(&mut self, session: &Session, reply: &Reply, now_ms: u64) -> Result<Action, Error> {
        session.0.next(reply, now_ms).map_err(Error::from)
    }
}
