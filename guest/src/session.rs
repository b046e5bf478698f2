//! One session: dispatches to its flow, and retries failed requests.

use crate::contract::{
    Action, Client, Code, Context, Demand, EpochMs, Failure, LoginRequest, NoResponse, Outcome,
    Reply, Tokens,
};
use crate::flow::Progress::{Continue, Done};
use crate::flow::adoption::Adoption;
use crate::flow::login::Login;
use crate::flow::logout::Logout;
use crate::flow::proving::Proving;
use crate::flow::retry::Retry;
use crate::flow::token::Token;
use crate::flow::unattended::Unattended;
use crate::flow::{Progress, Step, misfit};
use crate::protocol::entropy::Entropy;

/// Longest response body that is parsed, in bytes, whatever the host's limit. Parsed JSON
/// can take sixty times its length in memory. Real responses are far smaller.
const BODY_LIMIT: usize = 256 << 10;

/// One session, from `begin` to its end. `None` once it has ended.
pub(crate) struct Session(Option<Running>);

struct Running {
    flow: Flow,
    retry: Retry,
    proving: Proving,
    /// The replies that fit the last action.
    expected: &'static str,
}

enum Flow {
    Login(Box<Login>),
    Token(Box<Token>),
    Unattended(Box<Unattended>),
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
        check_user(&client)?;
        let parts = Parts::new(&client, &context)?;
        let flow = Login::new(client, stored, request, context)?;
        Ok(parts.run(Flow::Login(Box::new(flow))))
    }

    pub(crate) fn token(
        client: Client,
        stored: Option<&[u8]>,
        demand: Demand,
        context: Context,
    ) -> Result<Self, Failure> {
        let parts = Parts::new(&client, &context)?;
        Ok(parts.run(match client.is_unattended() {
            true => {
                let flow = Unattended::new(client, stored, demand, context)?;
                Flow::Unattended(Box::new(flow))
            }
            false => Flow::Token(Box::new(Token::new(client, stored, demand, context)?)),
        }))
    }

    pub(crate) fn logout(
        client: Client,
        stored: Option<&[u8]>,
        unregister: bool,
        context: Context,
    ) -> Result<Self, Failure> {
        let parts = Parts::new(&client, &context)?;
        let flow = Logout::new(client, stored, unregister)?;
        Ok(parts.run(Flow::Logout(Box::new(flow))))
    }

    pub(crate) fn adopt(client: Client, tokens: Tokens, context: Context) -> Result<Self, Failure> {
        check_user(&client)?;
        let parts = Parts::new(&client, &context)?;
        let flow = Adoption::new(client, tokens, context)?;
        Ok(parts.run(Flow::Adoption(Box::new(flow))))
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
        let proven = self.proving.after(&reply, now_ms);
        if let Some(action) = proven.map_err(|failure| expecting(self.expected, failure))? {
            return Ok(self.awaiting(action));
        }
        if !self.flow.can_finish_without_response(now_ms)
            && let Some(action) = self.retry.after(&reply)
        {
            let action = self.proving.before(action, now_ms)?;
            return Ok(self.awaiting(action));
        }
        let Self { flow, mut retry, mut proving, expected } = self;
        match flow.next(reply, now_ms) {
            Ok(Continue(flow, action)) => {
                retry.record(&action);
                let action = proving.before(action, now_ms)?;
                Ok(Self { flow, retry, proving, expected }.awaiting(action))
            }
            Ok(Done(outcome)) => Ok(Done(outcome)),
            Err(failure) => Err(expecting(expected, proving.explain(failure))),
        }
    }

    fn awaiting(mut self, action: Action) -> Progress<Self, Outcome> {
        self.expected = replies_to(&action);
        Continue(self, action)
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
            Self::Unattended(flow) => {
                flow.next(reply, now_ms)?.within(|flow| Self::Unattended(Box::new(flow)))
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
        match self {
            Self::Token(flow) => flow.can_finish_without_response(now_ms),
            Self::Unattended(flow) => flow.can_finish_without_response(now_ms),
            _ => false,
        }
    }
}

/// What every session has besides its flow.
struct Parts {
    retry: Retry,
    proving: Proving,
}

impl Parts {
    fn new(client: &Client, context: &Context) -> Result<Self, Failure> {
        let retry = Retry::new(Entropy::new(context.entropy.clone())?);
        Ok(Self { retry, proving: Proving::new(client, context)? })
    }

    fn run(self, flow: Flow) -> Session {
        let Self { retry, proving } = self;
        Session(Some(Running { flow, retry, proving, expected: "begin" }))
    }
}

/// Fails with `invalid-configuration` if this client's grant has no user.
fn check_user(client: &Client) -> Result<(), Failure> {
    match client.is_unattended() {
        false => Ok(()),
        true => Err(Failure::configuration(
            "this client gets its tokens without a user, so nobody can log in with it",
            "ask for a token: that needs no login",
        )),
    }
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
        Action::ReadAssertion(_) => "assertion",
        Action::Sign(_) => "signed",
        Action::Decrypt(_) => "decrypted",
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
