//! Exports of the hostile component: each session plays a part, which its name selects.

use std::cell::Cell;

use crate::contract::{
    Action, Client, Code, Context, Demand, Description, DpopKey, Facts, Failure, FlowChoice, Guest,
    GuestSession, LoginRequest, NoResponse, ProvenRequest, Reply, Session, Tokens,
};
use crate::failure::failure;
use crate::{demands, excess, requests};

struct Component;

struct Actor {
    /// Name of the part.
    part: String,
    redirect_uri: String,
    steps: Cell<u64>,
}

impl Guest for Component {
    type Session = Actor;

    fn account_key(client: Client) -> String {
        match part(client).as_str() {
            "a path for a name" => "../../.ssh/authorized_keys".to_owned(),
            "gigabytes for a name" => excess::text(),
            _ => "actor".to_owned(),
        }
    }

    fn choose_flow(_: Facts) -> FlowChoice {
        FlowChoice { flow: None, reason: "it makes no difference".to_owned() }
    }

    fn proof_input(_: DpopKey, _: ProvenRequest, _: Context) -> Result<String, Failure> {
        Ok("no proof".to_owned())
    }

    fn describe(_: Vec<u8>, _: u64) -> Result<Description, Failure> {
        Ok(excess::description())
    }
}

/// Parts that take the lock before they save, as a login component does.
const SAVES_UNDER_LOCK: [&str; 2] = ["saves without end", "more to store than there is room"];

impl GuestSession for Actor {
    fn login(
        client: Client,
        _: Option<Vec<u8>>,
        request: LoginRequest,
        _: Context,
    ) -> Result<Session, Failure> {
        Ok(actor(part(client), request.redirect_uri))
    }

    fn token(
        client: Client,
        _: Option<Vec<u8>>,
        _: Demand,
        _: Context,
    ) -> Result<Session, Failure> {
        Ok(actor(part(client), String::new()))
    }

    fn logout(client: Client, _: Option<Vec<u8>>, _: bool, _: Context) -> Result<Session, Failure> {
        Ok(actor(part(client), String::new()))
    }

    fn adopt(client: Client, _: Tokens, _: Context) -> Result<Session, Failure> {
        Ok(actor(part(client), String::new()))
    }

    fn next(&self, reply: Reply, _: u64) -> Result<Action, Failure> {
        let steps = self.steps.replace(self.steps.get() + 1);
        match reply {
            Reply::Answered(Err(NoResponse::Denied(reason))) => {
                return Err(failure(Code::EgressDenied, &reason));
            }
            Reply::NotSaved(reason) => return Err(failure(Code::NotSaved, &reason)),
            _ => {}
        }
        let part = self.part.as_str();
        if part == "sessions without end" {
            loop {
                std::mem::forget(actor(String::new(), String::new()));
            }
        }
        if steps == 0 && SAVES_UNDER_LOCK.contains(&part) {
            return Ok(Action::Lock);
        }
        excess::act(part)
            .or_else(|| requests::act(part, steps))
            .or_else(|| demands::act(part, &self.redirect_uri, steps))
            .unwrap_or_else(|| Err(failure(Code::HostFault, "no part is called so")))
    }
}

/// The client's identifier says what the component does.
fn part(client: Client) -> String {
    client.client_id.unwrap_or_default()
}

pub(crate) fn actor(part: String, redirect_uri: String) -> Session {
    Session::new(Actor { part, redirect_uri, steps: Cell::new(0) })
}

// Only for wasm: native linkers reject the exported names.
#[cfg(target_family = "wasm")]
crate::contract::generated::export!(Component with_types_in crate::contract::generated);
