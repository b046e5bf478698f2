//! Whichever flow it is, stepped.

use crate::contract::{
    Action, Client, Code, Context, Demand, EpochMs, Failure, LoginRequest, Reply,
};
use crate::flow::login::Login;
use crate::flow::logout::Logout;
use crate::flow::token::Token;
use crate::flow::{Step, Stop};

/// One conversation, from `begin` to its end.
pub(crate) enum Session {
    Login(Box<Login>),
    Token(Box<Token>),
    Logout(Box<Logout>),
    Ended,
}

impl Session {
    pub(crate) fn login(
        client: Client,
        stored: Option<&[u8]>,
        request: LoginRequest,
        context: Context,
    ) -> Result<Self, Failure> {
        Login::new(client, stored, request, context).map(|flow| Self::Login(Box::new(flow)))
    }

    pub(crate) fn token(
        client: Client,
        stored: Option<&[u8]>,
        demand: Demand,
        context: Context,
    ) -> Result<Self, Failure> {
        Token::new(client, stored, demand, context).map(|flow| Self::Token(Box::new(flow)))
    }

    pub(crate) fn logout(client: Client, stored: Option<&[u8]>) -> Result<Self, Failure> {
        Logout::new(client, stored).map(|flow| Self::Logout(Box::new(flow)))
    }

    /// Steps the flow. A reply that does not fit leaves it as it was; every
    /// other failure ends it.
    pub(crate) fn next(&mut self, reply: Reply, now_ms: EpochMs) -> Result<Action, Failure> {
        let event = reply.into();
        match std::mem::replace(self, Self::Ended) {
            Self::Login(flow) => self.settle(flow.next(event, now_ms), Self::Login),
            Self::Token(flow) => self.settle(flow.next(event, now_ms), Self::Token),
            Self::Logout(flow) => self.settle(flow.next(event, now_ms), Self::Logout),
            Self::Ended => Err(unexpected("nothing more: this session has ended")),
        }
    }

    fn settle<F>(&mut self, step: Step<F>, wrap: fn(Box<F>) -> Self) -> Result<Action, Failure> {
        match step {
            Ok((flow, action)) => {
                *self = wrap(flow);
                Ok(action)
            }
            Err(Stop::Failed(failure)) => Err(failure),
            Err(Stop::Misfit(flow, expected)) => {
                *self = wrap(flow);
                Err(unexpected(expected))
            }
        }
    }
}

fn unexpected(expected: &str) -> Failure {
    Failure::new(
        Code::UnexpectedReply,
        format!("the reply does not fit the last action; expected {expected}"),
        "this is a fault of the host program; report it to its authors",
    )
}
