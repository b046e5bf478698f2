//! Token requests for codes and refresh tokens (RFC 6749 §4.1.3, §6).

use crate::Answer;

use crate::standins::misbehaviour::Misbehaviour;
use crate::standins::shared::Shared;
use crate::standins::state::State;
use crate::standins::state::codes::{Proof, Wanted};
use crate::standins::state::sessions::{Renewal, SessionId};

/// Parameters of a token request, from a form or from JSON.
pub(crate) struct TokenRequest<'a> {
    pub(crate) grant_type: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) code: Option<&'a str>,
    pub(crate) redirect_uri: Option<&'a str>,
    pub(crate) code_verifier: Option<&'a str>,
    pub(crate) refresh_token: Option<&'a str>,
    pub(crate) device_code: Option<&'a str>,
}

/// An error of RFC 6749 §5.2, which each system formats in its own way.
pub(crate) struct Refusal {
    pub(crate) error: &'static str,
    pub(crate) description: String,
}

/// Handling of a refresh token that was used.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rotation {
    /// The refresh token stays valid, and each response repeats it.
    Never,
    /// A new refresh token replaces it, and the old one is rejected.
    Always,
    /// A new refresh token replaces it, and using the old one again ends the session (RFC
    /// 9700 §4.14.2).
    EndsSessionOnReuse,
}

impl Refusal {
    pub(crate) fn new(error: &'static str, description: impl Into<String>) -> Self {
        Self { error, description: description.into() }
    }

    /// Formats the error as in RFC 6749 §5.2.
    pub(crate) fn answer(&self) -> Answer {
        let status = if self.error == "invalid_client" { 401 } else { 400 };
        Answer::error(status, self.error, &self.description).not_stored()
    }
}

impl<'a> TokenRequest<'a> {
    /// Reads a request of the registered client. `None` accepts every client.
    pub(crate) fn read(
        client_id: Option<&str>,
        parameter: impl Fn(&str) -> Option<&'a str>,
    ) -> Result<Self, Refusal> {
        let sent = parameter("client_id").filter(|sent| client_id.is_none_or(|id| id == *sent));
        let client_id =
            sent.ok_or_else(|| Refusal::new("invalid_client", "this client is not known here"))?;
        let grant_type = parameter("grant_type");
        Ok(Self {
            grant_type: grant_type
                .ok_or_else(|| Refusal::new("invalid_request", "grant_type is missing"))?,
            client_id,
            code: parameter("code"),
            redirect_uri: parameter("redirect_uri"),
            code_verifier: parameter("code_verifier"),
            refresh_token: parameter("refresh_token"),
            device_code: parameter("device_code"),
        })
    }

    /// Opens a session for a code.
    pub(crate) fn redeem(
        &self,
        shared: &Shared,
        state: &mut State,
        redirect_uri: Wanted,
        code_verifier: Wanted,
    ) -> Result<SessionId, Refusal> {
        let code = required(self.code, "code")?;
        let proof = Proof {
            client_id: self.client_id,
            redirect_uri: self.redirect_uri,
            code_verifier: self.code_verifier,
        };
        let now_ms = shared.now_for_codes_ms();
        let grant = state.codes.redeem(code, &proof, redirect_uri, code_verifier, now_ms);
        let grant = grant.map_err(|reason| Refusal::new("invalid_grant", reason))?;
        Ok(state.sessions.open(grant))
    }

    /// Returns the session of a refresh token, and the refresh token for the response.
    pub(crate) fn renew(
        &self,
        shared: &Shared,
        state: &mut State,
        rotation: Rotation,
    ) -> Result<(SessionId, Option<String>), Refusal> {
        let refresh_token = required(self.refresh_token, "refresh_token")?;
        let refuse = |reason| Err(Refusal::new("invalid_grant", reason));
        let session = match state.sessions.renewal(refresh_token) {
            Renewal::Good(session) => session,
            Renewal::Spent(session) => {
                if rotation == Rotation::EndsSessionOnReuse {
                    state.sessions.revoke(session);
                }
                return refuse("this refresh token was replaced");
            }
            Renewal::Revoked => return refuse("this session was revoked"),
            Renewal::Unknown => return refuse("this refresh token was never issued"),
        };
        if state.sessions.grant(session).client_id != self.client_id {
            return refuse("this refresh token was issued to another client");
        }
        let next = if shared.does(Misbehaviour::OmitRefreshToken) {
            None
        } else if rotation == Rotation::Never {
            Some(refresh_token.to_owned())
        } else {
            Some(state.sessions.replace_refresh_token(refresh_token, session))
        };
        Ok((session, next))
    }

    /// Rejects a grant type that the system does not support.
    pub(crate) fn unsupported<T>(&self) -> Result<T, Refusal> {
        Err(Refusal::new("unsupported_grant_type", "this grant is not known here"))
    }
}

pub(crate) fn required<'a>(value: Option<&'a str>, name: &str) -> Result<&'a str, Refusal> {
    value.ok_or_else(|| Refusal::new("invalid_request", format!("{name} is missing")))
}
