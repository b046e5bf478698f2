//! One session: dispatches to its flow, and retries failed requests.

use crate::contract::{
    Action, Client, Code, Context, Demand, EpochMs, Failure, LoginRequest, Reply, Tokens,
};
use crate::flow::adoption::Adoption;
use crate::flow::login::Login;
use crate::flow::logout::Logout;
use crate::flow::retry::Retry;
use crate::flow::token::Token;
use crate::flow::{Event, Step, Stop};
use crate::protocol::entropy::Entropy;

/// One session, from `begin` to its end.
pub(crate) struct Session {
    flow: Flow,
    retry: Retry,
}

enum Flow {
    Login(Box<Login>),
    Token(Box<Token>),
    Logout(Box<Logout>),
    Adoption(Box<Adoption>),
    Ended,
}

impl Session {
    pub(crate) fn login(
        client: Client,
        stored: Option<&[u8]>,
        request: LoginRequest,
        context: Context,
    ) -> Result<Self, Failure> {
        let retry = retry(&context)?;
        let flow = Login::new(client, stored, request, context)?;
        Ok(Self { flow: Flow::Login(Box::new(flow)), retry })
    }

    pub(crate) fn token(
        client: Client,
        stored: Option<&[u8]>,
        demand: Demand,
        context: Context,
    ) -> Result<Self, Failure> {
        let retry = retry(&context)?;
        let flow = Token::new(client, stored, demand, context)?;
        Ok(Self { flow: Flow::Token(Box::new(flow)), retry })
    }

    pub(crate) fn logout(
        client: Client,
        stored: Option<&[u8]>,
        context: Context,
    ) -> Result<Self, Failure> {
        let retry = retry(&context)?;
        let flow = Logout::new(client, stored)?;
        Ok(Self { flow: Flow::Logout(Box::new(flow)), retry })
    }

    pub(crate) fn adopt(client: Client, tokens: Tokens, context: Context) -> Result<Self, Failure> {
        let retry = retry(&context)?;
        let flow = Adoption::new(client, tokens, context)?;
        Ok(Self { flow: Flow::Adoption(Box::new(flow)), retry })
    }

    /// Steps the flow. A reply that does not fit leaves it unchanged; every other failure
    /// ends it.
    pub(crate) fn next(&mut self, reply: Reply, now_ms: EpochMs) -> Result<Action, Failure> {
        let event = reply.into();
        if !self.flow.can_finish_without_response(now_ms)
            && let Some(action) = self.retry.after(&event)
        {
            return Ok(action);
        }
        let result = self.flow.next(event, now_ms);
        match &result {
            Ok(action) => self.retry.record(action),
            Err(_) if matches!(self.flow, Flow::Ended) => self.retry.clear(),
            Err(_) => {}
        }
        result
    }
}

impl Flow {
    fn next(&mut self, event: Event, now_ms: EpochMs) -> Result<Action, Failure> {
        match std::mem::replace(self, Self::Ended) {
            Self::Login(flow) => self.settle(flow.next(event, now_ms), Self::Login),
            Self::Token(flow) => self.settle(flow.next(event, now_ms), Self::Token),
            Self::Logout(flow) => self.settle(flow.next(event, now_ms), Self::Logout),
            Self::Adoption(flow) => self.settle(flow.next(event, now_ms), Self::Adoption),
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

    /// Whether the flow can finish without a response from the provider.
    fn can_finish_without_response(&self, now_ms: EpochMs) -> bool {
        matches!(self, Self::Token(flow) if flow.can_finish_without_response(now_ms))
    }
}

fn retry(context: &Context) -> Result<Retry, Failure> {
    Entropy::new(context.entropy.clone()).map(Retry::new)
}

fn unexpected(expected: &str) -> Failure {
    Failure::new(
        Code::UnexpectedReply,
        format!("the reply does not fit the last action; expected {expected}"),
        "this is a fault of the host program; report it to its authors",
    )
}
