//! One session: dispatches to its flow, and retries failed requests.

use crate::contract::{
    Action, Client, Code, Context, Demand, EpochMs, Failure, LoginRequest, NoResponse, Outcome,
    Reply, Tokens,
};
use crate::flow::Progress::{Continue, Done};
use crate::flow::adoption::Adoption;
use crate::flow::login::Login;
use crate::flow::logout::Logout;
use crate::flow::retry::Retry;
use crate::flow::token::Token;
use crate::flow::{Step, misfit};
use crate::protocol::entropy::Entropy;

/// Longest response body that is parsed, in bytes, whatever the host's limit. Parsed JSON
/// can take sixty times its length in memory. Real responses are far smaller.
const BODY_LIMIT: usize = 256 << 10;

/// One session, from `begin` to its end. `None` once it has ended.
pub(crate) struct Session(Option<Running>);

struct Running {
    flow: Flow,
    retry: Retry,
    /// The replies that fit the last action.
    expected: &'static str,
}

enum Flow {
    Login(Box<Login>),
    Token(Box<Token>),
    Logout(Box<Logout>),
    Adoption(Box<Adoption>),
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
        Ok(Self::new(Flow::Login(Box::new(flow)), retry))
    }

    pub(crate) fn token(
        client: Client,
        stored: Option<&[u8]>,
        demand: Demand,
        context: Context,
    ) -> Result<Self, Failure> {
        let retry = retry(&context)?;
        let flow = Token::new(client, stored, demand, context)?;
        Ok(Self::new(Flow::Token(Box::new(flow)), retry))
    }

    pub(crate) fn logout(
        client: Client,
        stored: Option<&[u8]>,
        unregister: bool,
        context: Context,
    ) -> Result<Self, Failure> {
        let retry = retry(&context)?;
        let flow = Logout::new(client, stored, unregister)?;
        Ok(Self::new(Flow::Logout(Box::new(flow)), retry))
    }

    pub(crate) fn adopt(client: Client, tokens: Tokens, context: Context) -> Result<Self, Failure> {
        let retry = retry(&context)?;
        let flow = Adoption::new(client, tokens, context)?;
        Ok(Self::new(Flow::Adoption(Box::new(flow)), retry))
    }

    fn new(flow: Flow, retry: Retry) -> Self {
        Self(Some(Running { flow, retry, expected: "begin" }))
    }

    /// Takes one step. Every failure ends the session.
    pub(crate) fn next(&mut self, reply: Reply, now_ms: EpochMs) -> Result<Action, Failure> {
        let Some(running) = self.0.take() else {
            return Err(expecting("nothing more: this session has ended", misfit()));
        };
        match running.next(limit_body(reply), now_ms)? {
            Continue(running, action) => {
                self.0 = Some(running);
                Ok(action)
            }
            Done(outcome) => Ok(Action::Done(outcome)),
        }
    }
}

impl Running {
    fn next(mut self, reply: Reply, now_ms: EpochMs) -> Step<Self, Outcome> {
        if !self.flow.can_finish_without_response(now_ms)
            && let Some(action) = self.retry.after(&reply)
        {
            return Ok(Continue(self, action));
        }
        let Self { flow, mut retry, expected } = self;
        match flow.next(reply, now_ms).map_err(|failure| expecting(expected, failure))? {
            Continue(flow, action) => {
                retry.record(&action);
                let expected = replies_to(&action);
                Ok(Continue(Self { flow, retry, expected }, action))
            }
            Done(outcome) => Ok(Done(outcome)),
        }
    }
}

impl Flow {
    fn next(self, reply: Reply, now_ms: EpochMs) -> Step<Self, Outcome> {
        Ok(match self {
            Self::Login(flow) => {
                flow.next(reply, now_ms)?.within(|flow| Self::Login(Box::new(flow)))
            }
            Self::Token(flow) => {
                flow.next(reply, now_ms)?.within(|flow| Self::Token(Box::new(flow)))
            }
            Self::Logout(flow) => {
                flow.next(reply, now_ms)?.within(|flow| Self::Logout(Box::new(flow)))
            }
            Self::Adoption(flow) => {
                flow.next(reply, now_ms)?.within(|flow| Self::Adoption(Box::new(flow)))
            }
        })
    }

    /// Whether the flow can finish without a response from the provider.
    fn can_finish_without_response(&self, now_ms: EpochMs) -> bool {
        matches!(self, Self::Token(flow) if flow.can_finish_without_response(now_ms))
    }
}

fn retry(context: &Context) -> Result<Retry, Failure> {
    Entropy::new(context.entropy.clone()).map(Retry::new)
}

/// Drops a body that is too long to be parsed.
fn limit_body(reply: Reply) -> Reply {
    match reply {
        Reply::Answered(Ok(response)) if response.body.len() > BODY_LIMIT => {
            Reply::Answered(Err(NoResponse::TooLarge(BODY_LIMIT as u64)))
        }
        reply => reply,
    }
}

/// Names the replies that fit an action.
fn replies_to(action: &Action) -> &'static str {
    match action {
        Action::Lock => "locked",
        Action::Probe => "probed",
        Action::Exchange(_) => "answered",
        Action::Authorize(_) => {
            "redirected, pasted, cancelled, timed-out, or chosen with one of the alternatives"
        }
        Action::Present(_) | Action::Visit(_) => "presented",
        Action::ReadRegistration(_) | Action::LockRegistration(_) => "registration",
        Action::SaveRegistration(_) => "saved or not-saved",
        Action::Confirm(_) => "confirmed, cancelled or timed-out",
        Action::Offer(_) => "cancelled, timed-out, or chosen with one of the flows offered",
        Action::Save(_) => "saved or not-saved",
        Action::Done(_) => "nothing more",
    }
}

/// Adds what was expected to the failure of a reply that does not fit.
fn expecting(expected: &str, mut failure: Failure) -> Failure {
    if failure.code == Code::UnexpectedReply {
        failure.message.push_str("; expected ");
        failure.message.push_str(expected);
    }
    failure
}
