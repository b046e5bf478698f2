//! Decrypts and checks an answer that is a token: userinfo (OIDC §5.3.2), or introspection (RFC
//! 9701).
//!
//! ```text
//! an answer -> [Encrypted] -> [Signed] -> the same as JSON
//! ```

use crate::contract::{Action, Client, Code, Failure, Purpose, Reply, Response};
use crate::flow::Progress::{Continue, Done};
use crate::flow::completion::accepted_secret;
use crate::flow::granting::to_json;
use crate::flow::{Step, misfit, response};
use crate::protocol::jwk::{Jwk, parse_keys_response};
use crate::protocol::jws::Rejection;
use crate::protocol::request::get;
use crate::protocol::sealed::{Answer, check, decrypted, look};
use crate::protocol::stored::Stored;

/// An answer that is not readable yet.
pub(crate) struct Unsealing {
    subject: Subject,
    /// The signed token. `None`: it is being decrypted.
    token: Option<String>,
}

/// What an answer is about.
#[derive(Clone, Copy)]
pub(crate) enum Subject {
    User,
    AccessToken,
}

/// Whom an answer is for.
pub(crate) struct Recipient<'a> {
    pub(crate) client: &'a Client,
    pub(crate) session: &'a Stored,
    /// Location of the provider's keys.
    pub(crate) jwks_uri: Option<&'a String>,
}

impl Unsealing {
    /// Is done at once if the answer is not sealed.
    pub(crate) fn begin(
        recipient: &Recipient<'_>,
        subject: Subject,
        response: Response,
    ) -> Step<Self, Response> {
        match look(response).ok_or_else(|| subject.rejects("is no text"))? {
            Answer::Plain(response) => Ok(Done(response)),
            Answer::Encrypted(token) if recipient.client.decrypts => {
                Ok(Continue(Self { subject, token: None }, Action::Decrypt(token)))
            }
            Answer::Encrypted(token) | Answer::Signed(token) => {
                let known = recipient.session.id_token_key.as_slice();
                recipient.try_keys(subject, token, known, false)
            }
        }
    }

    pub(crate) fn next(self, recipient: &Recipient<'_>, reply: Reply) -> Step<Self, Response> {
        let Self { subject, token } = self;
        match (token, reply) {
            (None, Reply::Decrypted(text)) => Self::begin(recipient, subject, decrypted(text)),
            (Some(token), Reply::Answered(answer)) => {
                let response = response(answer, "the provider's key set", subject.code())?;
                let keys = parse_keys_response(&response, subject.code())?;
                recipient.try_keys(subject, token, &keys, true)
            }
            _ => Err(misfit()),
        }
    }
}

impl Recipient<'_> {
    /// Checks a signed answer with these keys. Fetches the provider's if that was not done yet.
    fn try_keys(
        &self,
        subject: Subject,
        token: String,
        keys: &[Jwk],
        were_fetched: bool,
    ) -> Step<Unsealing, Response> {
        let Self { client, session, jwks_uri } = self;
        let secret = accepted_secret(client, session.id_token_check);
        let issuer = session.issuer_name(client);
        let issuer = issuer.ok_or_else(|| subject.rejects("is signed, and no issuer is set"))?;
        match check(&token, keys, secret.as_deref(), &issuer, &session.client_id) {
            Ok(claims) => {
                let body = to_json(claims).into_bytes();
                Ok(Done(Response { status: 200, headers: Vec::new(), body }))
            }
            Err(Rejection::UnknownKey(reason)) => match jwks_uri.filter(|_| !were_fetched) {
                Some(jwks_uri) => {
                    let unsealing = Unsealing { subject, token: Some(token) };
                    Ok(Continue(unsealing, Action::Exchange(get(Purpose::Keys, jwks_uri))))
                }
                None => Err(subject.rejects(&reason.in_words())),
            },
            Err(Rejection::Failed(reason)) => Err(subject.rejects(&reason)),
        }
    }
}

impl Subject {
    fn code(self) -> Code {
        match self {
            Self::User => Code::InvalidUserinfo,
            Self::AccessToken => Code::InvalidAccessToken,
        }
    }

    fn rejects(self, reason: &str) -> Failure {
        let what = match self {
            Self::User => "userinfo",
            Self::AccessToken => "introspection",
        };
        Failure::new(
            self.code(),
            format!("the {what} response {reason}"),
            "report it to the provider; its answers are signed with its own keys",
        )
    }
}
