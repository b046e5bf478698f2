//! The login component, for a program that is a component itself: the two are composed, so
//! it is called like any other import.
//!
//! It cannot be stopped from here: a trap in it ends the whole program, and its limits on
//! memory and time are those of the program that runs both.

use latchstring_core::capability::component::Component;

use crate::error::Error;
use latchstring_core::contract::{
    self, Action, Client, Context, Demand, Description, DpopKey, Facts, FlowChoice, LoginRequest,
    ProvenRequest, Reply, Tokens,
};

/// The export of the login component that this program imports.
pub const EXPORT: &str = contract::INTERFACE;

/// The size of the login component in bytes. It cannot be read from here, so the build says
/// what it composes.
pub const BYTES: Option<&str> = option_env!("LATCHSTRING_LOGIN_BYTES");

/// The SHA-256 hash of the login component in hexadecimal.
pub const SHA256: Option<&str> = option_env!("LATCHSTRING_LOGIN_SHA256");

/// The component.
pub(crate) struct Sandbox;

impl Sandbox {
    pub(crate) fn load() -> Result<&'static Self, Error> {
        Ok(&Self)
    }

    pub(crate) fn instantiate(&self) -> Result<Instance, Error> {
        Ok(Instance)
    }
}

/// Records what passes between host and component: not here.
#[derive(Clone)]
pub(crate) struct Recorder(());

/// The component, as the loop steps it. The methods are functions of the contract.
pub(crate) struct Instance;

/// A session in it.
pub(crate) struct Session(contract::Session);

impl Instance {
    pub(crate) fn record(&mut self, _: Recorder) {}

    pub(crate) fn account_key(&mut self, client: &Client) -> Result<String, Error> {
        Ok(contract::account_key(client))
    }

    pub(crate) fn choose_flow(&mut self, facts: Facts) -> Result<FlowChoice, Error> {
        Ok(contract::choose_flow(facts))
    }

    pub(crate) fn proof_input(
        &mut self,
        key: &DpopKey,
        request: &ProvenRequest,
        context: &Context,
    ) -> Result<String, Error> {
        contract::proof_input(key, request, context).map_err(Error::from)
    }

    pub(crate) fn describe(&mut self, stored: &[u8], now_ms: u64) -> Result<Description, Error> {
        contract::describe(stored, now_ms).map_err(Error::from)
    }

    pub(crate) fn login(
        &mut self,
        client: &Client,
        stored: Option<&[u8]>,
        request: &LoginRequest,
        context: &Context,
    ) -> Result<Session, Error> {
        let opened = contract::Session::login(client, stored, request, context);
        opened.map(Session).map_err(Error::from)
    }

    pub(crate) fn token(
        &mut self,
        client: &Client,
        stored: Option<&[u8]>,
        demand: &Demand,
        context: &Context,
    ) -> Result<Session, Error> {
        let opened = contract::Session::token(client, stored, demand, context);
        opened.map(Session).map_err(Error::from)
    }

    pub(crate) fn logout(
        &mut self,
        client: &Client,
        stored: Option<&[u8]>,
        unregister: bool,
        context: &Context,
    ) -> Result<Session, Error> {
        let opened = contract::Session::logout(client, stored, unregister, context);
        opened.map(Session).map_err(Error::from)
    }

    pub(crate) fn adopt(
        &mut self,
        client: &Client,
        tokens: &Tokens,
        context: &Context,
    ) -> Result<Session, Error> {
        contract::Session::adopt(client, tokens, context).map(Session).map_err(Error::from)
    }

    pub(crate) fn next(
        &mut self,
        session: &Session,
        reply: &Reply,
        now_ms: u64,
    ) -> Result<Action, Error> {
        session.0.next(reply, now_ms).map_err(Error::from)
    }
}

impl Component for Instance {
    type Session = Session;

    fn next(&mut self, session: &Session, reply: &Reply, now_ms: u64) -> Result<Action, Error> {
        Self::next(self, session, reply, now_ms)
    }
}
