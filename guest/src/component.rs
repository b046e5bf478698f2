//! Exports of the component: WIT calls, forwarded to [`Session`].

use std::cell::RefCell;

use crate::contract::{
    self, Action, Client, Context, Demand, Description, DpopKey, EpochMs, Facts, Failure,
    FlowChoice, Guest, GuestSession, LoginRequest, ProvenRequest, Reply, Tokens,
};
use crate::protocol::description::describe;
use crate::protocol::dpop;
use crate::protocol::flow_choice::choose;
use crate::protocol::stored::{self, Stored};
use crate::session::Session;

struct Component;

/// The resource `session`. The host calls it one step at a time, so borrows never
/// overlap.
struct Held(RefCell<Session>);

impl Guest for Component {
    type Session = Held;

    fn account_key(client: Client) -> String {
        stored::account_key(&client)
    }

    fn choose_flow(facts: Facts) -> FlowChoice {
        choose(&facts)
    }

    fn proof_input(
        key: DpopKey,
        request: ProvenRequest,
        context: Context,
    ) -> Result<String, Failure> {
        dpop::proof_input(&key, &request, context)
    }

    fn describe(stored: Vec<u8>, now_ms: EpochMs) -> Result<Description, Failure> {
        Ok(describe(Stored::parse(&stored)?, now_ms))
    }
}

impl GuestSession for Held {
    fn login(
        client: Client,
        stored: Option<Vec<u8>>,
        request: LoginRequest,
        context: Context,
    ) -> Result<contract::Session, Failure> {
        hold(Session::login(client, stored.as_deref(), request, context))
    }

    fn token(
        client: Client,
        stored: Option<Vec<u8>>,
        demand: Demand,
        context: Context,
    ) -> Result<contract::Session, Failure> {
        hold(Session::token(client, stored.as_deref(), demand, context))
    }

    fn logout(
        client: Client,
        stored: Option<Vec<u8>>,
        unregister: bool,
        context: Context,
    ) -> Result<contract::Session, Failure> {
        hold(Session::logout(client, stored.as_deref(), unregister, context))
    }

    fn adopt(
        client: Client,
        tokens: Tokens,
        context: Context,
    ) -> Result<contract::Session, Failure> {
        hold(Session::adopt(client, tokens, context))
    }

    fn next(&self, reply: Reply, now_ms: EpochMs) -> Result<Action, Failure> {
        self.0.borrow_mut().next(reply, now_ms)
    }
}

fn hold(session: Result<Session, Failure>) -> Result<contract::Session, Failure> {
    Ok(contract::Session::new(Held(RefCell::new(session?))))
}

// Only for wasm: native linkers reject the exported names, and native tests do not need
// them.
#[cfg(target_family = "wasm")]
contract::generated::export!(Component with_types_in contract::generated);
