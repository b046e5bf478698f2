//! Gets a token that meets a demand: the stored one, or a renewed one (RFC 6749 §6).
//!
//! ```text
//! Ready -> done                                             the token is fresh
//! Ready -> AwaitingLock -> done                             renewed by another process
//!                       -> AwaitingProbe -> AwaitingRefresh -> AwaitingSave -> done
//! AwaitingRefresh -> [AwaitingRotationSave] -> AwaitingKeys the ID token's key is unknown
//!                 -> AwaitingRotationSave -> failed         the response or ID token is rejected
//!                 -> AwaitingRecheck -> AwaitingDeletion    the refresh token is invalid
//! done, if the token is to be checked: -> Examining -> done
//!                                      -> AwaitingFindingSave -> failed
//! ```

use crate::contract::{
    Action, Client, Code, Context, Demand, EpochMs, Exchange, Failure, Grant, Outcome, TokenSource,
};
use crate::flow::completion::accepted_secret;
use crate::flow::examination::{self, Asking, Examination};
use crate::flow::granting::remember;
use crate::flow::identity::{self, Identity};
use crate::flow::{Event, Save, Step, Stop, login_required, response};
use crate::protocol::dialect::{parse_renewal_response, renewal_request};
use crate::protocol::entropy::Entropy;
use crate::protocol::id_token::{Expectations, Occasion};
use crate::protocol::metadata::{IdTokenCheck, Provider};
use crate::protocol::schedule;
use crate::protocol::stored::Stored;
use crate::protocol::token::{
    TokenResponse, refresh_token_in, requires_interaction, voids_refresh_token,
};

const NOT_SAVED_REMEDY: &str = "the provider may have replaced the refresh token: mend the store at once and try again, or log in again";

pub(crate) struct Token {
    setup: Setup,
    state: State,
}

struct Setup {
    client: Client,
    given: Provider,
    demand: Demand,
    entropy: Entropy,
}

enum State {
    Ready(Option<Stored>),
    AwaitingLock {
        /// The session as read without the lock, to see whether it has changed.
        before: Stored,
        bridging: bool,
    },
    /// The store is being checked: a refresh token is used only if its successor can be
    /// saved.
    AwaitingProbe(Refresh),
    AwaitingRefresh(Refresh),
    /// The session from before the renewal is being saved with its new refresh token,
    /// ahead of everything else: a crash or a rejected ID token must not lose that token.
    AwaitingRotationSave {
        save: Save,
        then: AfterRotationSave,
    },
    AwaitingKeys {
        session: Stored,
        identity: Box<Identity>,
    },
    AwaitingSave {
        session: Stored,
        save: Save,
    },
    /// The provider rejected this refresh token. The session is read again, in case
    /// another process has saved a newer one.
    AwaitingRecheck {
        refused: Refresh,
        failure: Failure,
    },
    /// The session is over and is being deleted. Holds the reason.
    AwaitingDeletion(Failure),
    /// A finding about the provider is being saved. Holds the reason why there is no
    /// grant.
    AwaitingFindingSave(Failure),
    Examining(Examination),
    Ended,
}

/// A renewal request.
struct Refresh {
    session: Stored,
    /// Whether the stored access token may be granted if the provider cannot be reached:
    /// not if a new one was asked for, or if this one was rejected.
    bridging: bool,
    /// Whether this is the second refresh token, after the first one proved to be
    /// outdated.
    last_attempt: bool,
}

enum AfterRotationSave {
    Check(Box<Stored>, Box<Identity>, Exchange),
    Fail(Failure),
}

impl Token {
    pub(crate) fn new(
        client: Client,
        stored: Option<&[u8]>,
        demand: Demand,
        context: Context,
    ) -> Result<Self, Failure> {
        let given = Provider::given(&client)?;
        let stored = Stored::parse_for(&client, stored)?;
        let entropy = Entropy::new(context.entropy)?;
        Ok(Self { setup: Setup { client, given, demand, entropy }, state: State::Ready(stored) })
    }

    pub(crate) fn next(self: Box<Self>, event: Event, now_ms: EpochMs) -> Step<Self> {
        use State::*;
        let Self { setup, state } = *self;
        let (state, action) = match (state, event) {
            (Ready(stored), Event::Begin) => setup.assess(stored, now_ms)?,
            (AwaitingLock { before, bridging }, Event::Locked(stored)) => {
                let session = setup.read(stored)?;
                if is_newer(&session, &before) && setup.is_fresh(&session, now_ms) {
                    setup.finish(session, TokenSource::Adopted, now_ms)?
                } else {
                    let refresh = Refresh { session, bridging, last_attempt: false };
                    (AwaitingProbe(refresh), Action::Probe)
                }
            }
            (AwaitingProbe(refresh), Event::Probed) => setup.refresh(refresh)?,
            (AwaitingRefresh(refresh), Event::Answered(answer)) => {
                let answer = response(answer, "the token endpoint", Code::InvalidTokenResponse);
                let replaced = answer.as_ref().ok().and_then(refresh_token_in);
                let token = answer
                    .and_then(|response| parse_renewal_response(&setup.client, &response, now_ms));
                match (token, replaced) {
                    (Ok(token), _) => setup.receive(refresh.session, token, now_ms)?,
                    // The provider has replaced the refresh token, even if the rest of
                    // the response is unusable.
                    (Err(failure), Some(replaced))
                        if failure.provider.is_none()
                            && refresh.session.refresh_token.as_ref() != Some(&replaced) =>
                    {
                        let refresh_token = Some(replaced);
                        let session = Stored { refresh_token, ..refresh.session };
                        save_rotated(&session, AfterRotationSave::Fail(failure))
                    }
                    (Err(failure), _) => setup.refused(refresh, failure, now_ms)?,
                }
            }
            (AwaitingRotationSave { then, .. }, Event::Saved) => match then {
                AfterRotationSave::Check(session, identity, exchange) => {
                    (AwaitingKeys { session: *session, identity }, Action::Exchange(exchange))
                }
                AfterRotationSave::Fail(failure) => return Err(failure.into()),
            },
            (AwaitingRotationSave { save, then }, Event::NotSaved(reason)) => {
                let (save, action) = save.retry(&reason, NOT_SAVED_REMEDY)?;
                (AwaitingRotationSave { save, then }, action)
            }
            (AwaitingKeys { session, identity }, Event::Answered(answer)) => {
                match identity.next(answer, now_ms)? {
                    identity::Progress::Ask(identity, exchange) => {
                        (AwaitingKeys { session, identity }, Action::Exchange(exchange))
                    }
                    identity::Progress::Verified(id_token) => {
                        let mut session = session;
                        remember(&mut session, id_token);
                        save(session)
                    }
                }
            }
            (AwaitingSave { session, .. }, Event::Saved) => {
                setup.finish(session, TokenSource::Renewed, now_ms)?
            }
            (AwaitingSave { session, save }, Event::NotSaved(reason)) => {
                let (save, action) = save.retry(&reason, NOT_SAVED_REMEDY)?;
                (AwaitingSave { session, save }, action)
            }
            (AwaitingRecheck { refused, failure }, Event::Locked(stored)) => {
                let session = setup.read(stored)?;
                if session.refresh_token == refused.session.refresh_token {
                    (AwaitingDeletion(failure), Action::Save(None))
                } else if is_newer(&session, &refused.session) && setup.is_fresh(&session, now_ms) {
                    setup.finish(session, TokenSource::Adopted, now_ms)?
                } else {
                    setup.refresh(Refresh { session, last_attempt: true, ..refused })?
                }
            }
            // The session is over even if it could not be deleted.
            (AwaitingDeletion(failure), Event::Saved | Event::NotSaved(_)) => {
                return Err(failure.into());
            }
            (Examining(examination), Event::Answered(answer)) => {
                let progress = setup.asking().next(examination, answer, now_ms)?;
                setup.examined(progress, now_ms)
            }
            (AwaitingFindingSave(failure), Event::Saved | Event::NotSaved(_)) => {
                return Err(failure.into());
            }
            (state, _) => {
                let expected = state.expected();
                return Err(Stop::Misfit(Box::new(Self { setup, state }), expected));
            }
        };
        Ok((Box::new(Self { setup, state }), action))
    }

    /// Whether the stored access token can be granted without a response from the
    /// provider.
    pub(crate) fn can_finish_without_response(&self, now_ms: EpochMs) -> bool {
        match &self.state {
            State::AwaitingRefresh(refresh) => self.setup.can_bridge(refresh, now_ms),
            _ => false,
        }
    }
}

impl Setup {
    /// Decides whether to grant the stored token, renew it, or ask for a login.
    fn assess(&self, stored: Option<Stored>, now_ms: EpochMs) -> Result<(State, Action), Failure> {
        let Some(session) = stored else {
            return Err(login_required("nobody is logged in"));
        };
        if !self.demand.force_refresh && self.is_fresh(&session, now_ms) {
            return self.finish(session, TokenSource::Cached, now_ms);
        }
        if session.refresh_token.is_none() {
            return Err(match schedule::has_doubtful_expiry(&session, now_ms) {
                true => login_required(
                    "this machine's clock was ahead when the access token was issued, so its expiry is unknown, and the provider gave no refresh token",
                ),
                false => not_renewable(),
            });
        }
        let bridging = !self.demand.force_refresh;
        Ok((State::AwaitingLock { before: session, bridging }, Action::Lock))
    }

    fn is_fresh(&self, session: &Stored, now_ms: EpochMs) -> bool {
        schedule::is_fresh(session, self.demand.min_ttl_ms, now_ms)
    }

    /// Reads the session again under the lock. Fails with `login-required` if it is gone.
    fn read(&self, stored: Option<Vec<u8>>) -> Result<Stored, Failure> {
        Stored::parse_for(&self.client, stored.as_deref())?
            .ok_or_else(|| login_required("another process has ended the session"))
    }

    fn refresh(&self, refresh: Refresh) -> Result<(State, Action), Failure> {
        let session = &refresh.session;
        let refresh_token = session.refresh_token.as_deref().ok_or_else(not_renewable)?;
        let exchange = renewal_request(&self.client, &self.given, session, refresh_token)?;
        Ok((State::AwaitingRefresh(refresh), Action::Exchange(exchange)))
    }

    fn receive(
        &self,
        session: Stored,
        token: TokenResponse,
        now_ms: EpochMs,
    ) -> Result<(State, Action), Failure> {
        let check = session.id_token_check;
        let expected = session.issuer_name(&self.client).map(|issuer| Expectations {
            issuer,
            client_id: session.client_id.clone(),
            client_secret: accepted_secret(&self.client, check),
            access_token: token.access_token.clone(),
            occasion: Occasion::Refresh {
                subject: session.subject.clone(),
                nonce: session.nonce.clone(),
            },
        });
        let is_renewable = token.refresh_token.is_some() || session.refresh_token.is_some();
        let expires_at_ms = token.expires_at_ms(is_renewable, now_ms);
        let rotated = token.refresh_token.is_some() && token.refresh_token != session.refresh_token;
        let rotated_session = rotated
            .then(|| Stored { refresh_token: token.refresh_token.clone(), ..session.clone() });
        let mut session = Stored {
            access_token: Some(token.access_token),
            token_type: token.token_type,
            scopes: token.scopes.unwrap_or(session.scopes),
            // The response may omit the refresh token; the old one stays valid (RFC 6749
            // §6).
            refresh_token: token.refresh_token.or(session.refresh_token),
            received_at_ms: now_ms,
            expires_at_ms,
            ..session
        };
        let jwks_uri = self.given.jwks_uri.clone().or(session.jwks_uri.clone());
        let can_be_checked = match check {
            IdTokenCheck::Keys => jwks_uri.is_some(),
            IdTokenCheck::KeysAndSecret => true,
            IdTokenCheck::Nothing => false,
        };
        let id_token = token.id_token.filter(|_| can_be_checked);
        let (Some(id_token), Some(expected)) = (id_token, expected) else {
            return Ok(save(session));
        };
        let key = session.id_token_key.clone();
        match (Identity::begin(id_token, expected, jwks_uri, key, now_ms), rotated_session) {
            (Ok(identity::Progress::Verified(id_token)), _) => {
                remember(&mut session, id_token);
                Ok(save(session))
            }
            (Ok(identity::Progress::Ask(identity, exchange)), Some(rotated_session)) => {
                Ok(save_rotated(
                    &rotated_session,
                    AfterRotationSave::Check(Box::new(session), identity, exchange),
                ))
            }
            (Ok(identity::Progress::Ask(identity, exchange)), None) => {
                Ok((State::AwaitingKeys { session, identity }, Action::Exchange(exchange)))
            }
            // The refresh token is saved all the same: a wrong clock is enough to get
            // here, and once it is right the session can continue.
            (Err(failure), Some(rotated_session)) => {
                Ok(save_rotated(&rotated_session, AfterRotationSave::Fail(failure)))
            }
            (Err(failure), None) => Err(failure),
        }
    }

    /// Handles a rejected renewal. The session ends only if the provider rejects the
    /// refresh token that was read under the lock.
    fn refused(
        &self,
        refresh: Refresh,
        failure: Failure,
        now_ms: EpochMs,
    ) -> Result<(State, Action), Failure> {
        if requires_interaction(&failure) {
            let message = "the provider asks for a new login";
            return Err(Failure { provider: failure.provider, ..login_required(message) });
        }
        if voids_refresh_token(&failure) {
            let ended = Failure {
                provider: failure.provider,
                ..login_required("the provider has ended the session")
            };
            return if refresh.last_attempt {
                Err(ended)
            } else {
                let state = State::AwaitingRecheck { refused: refresh, failure: ended };
                Ok((state, Action::Lock))
            };
        }
        if failure.retryable && self.can_bridge(&refresh, now_ms) {
            return self.finish(refresh.session, TokenSource::Cached, now_ms);
        }
        Err(failure)
    }

    /// Whether the stored token can be granted during an outage: it may be within the
    /// leeway for renewal, but it must still be valid.
    fn can_bridge(&self, refresh: &Refresh, now_ms: EpochMs) -> bool {
        let min_ttl_ms = self.demand.min_ttl_ms;
        refresh.bridging && schedule::is_valid(&refresh.session, min_ttl_ms, now_ms)
    }

    /// Grants the token, after the examination that was asked for.
    fn finish(
        &self,
        session: Stored,
        source: TokenSource,
        now_ms: EpochMs,
    ) -> Result<(State, Action), Failure> {
        let question = self.demand.examination.as_ref();
        let progress = self.asking().begin(question, session, source, now_ms)?;
        Ok(self.examined(progress, now_ms))
    }

    fn examined(&self, progress: examination::Progress, now_ms: EpochMs) -> (State, Action) {
        match progress {
            examination::Progress::Ask(examination, exchange) => {
                (State::Examining(examination), Action::Exchange(exchange))
            }
            examination::Progress::Granted(mut grant) => {
                grant.notices.extend(self.shortfall(&grant, now_ms));
                (State::Ended, Action::Done(Outcome::Granted(grant)))
            }
            examination::Progress::Refused(session) => {
                (State::AwaitingLock { before: session, bridging: false }, Action::Lock)
            }
            examination::Progress::Unanswerable(session, failure) => {
                (State::AwaitingFindingSave(failure), Action::Save(Some(session.to_bytes())))
            }
        }
    }

    /// Returns a notice if the token does not stay valid for as long as was asked for,
    /// because a renewal might not bring a better one.
    fn shortfall(&self, grant: &Grant, now_ms: EpochMs) -> Option<String> {
        let left_s = grant.expires_at_ms?.saturating_sub(now_ms) / 1000;
        let demanded_s = self.demand.min_ttl_ms / 1000;
        (left_s < demanded_s).then(|| {
            format!(
                "the access token is valid for {left_s} s, and {demanded_s} s were asked for, which is more than a renewal is sure to bring"
            )
        })
    }

    fn asking(&self) -> Asking<'_> {
        Asking { client: &self.client, given: &self.given, entropy: &self.entropy }
    }
}

impl State {
    fn expected(&self) -> &'static str {
        match self {
            Self::Ready(_) => "begin",
            Self::AwaitingLock { .. } | Self::AwaitingRecheck { .. } => "locked",
            Self::AwaitingProbe(_) => "probed",
            Self::AwaitingRefresh(_) | Self::AwaitingKeys { .. } | Self::Examining(_) => {
                "the answer to a request"
            }
            Self::AwaitingRotationSave { .. }
            | Self::AwaitingSave { .. }
            | Self::AwaitingDeletion(_)
            | Self::AwaitingFindingSave(_) => "saved or not-saved",
            Self::Ended => "nothing more: this session has ended",
        }
    }
}

fn save(session: Stored) -> (State, Action) {
    let (save, action) = Save::begin(session.to_bytes());
    (State::AwaitingSave { session, save }, action)
}

/// Saves the session as it was before the renewal, except for its refresh token. The old
/// access token may still be valid, and the new one must not be used unchecked.
fn save_rotated(session: &Stored, then: AfterRotationSave) -> (State, Action) {
    let (save, action) = Save::begin(session.to_bytes());
    (State::AwaitingRotationSave { save, then }, action)
}

fn not_renewable() -> Failure {
    login_required("the access token has to be renewed, and the provider gave no refresh token")
}

/// Whether the access token was received after `before` was read. A new refresh token
/// alone is the trace of a renewal that failed.
fn is_newer(now: &Stored, before: &Stored) -> bool {
    now.access_token != before.access_token || now.received_at_ms != before.received_at_ms
}
