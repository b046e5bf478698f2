//! Gets a token that meets a demand: the stored one, or a renewed one (RFC 6749 §6).
//!
//! ```text
//! Ready -> done                                             the token is fresh
//! Ready -> AwaitingLock -> done                             renewed by another process
//!                       -> AwaitingProbe -> AwaitingRefresh -> AwaitingSave -> done
//! AwaitingRefresh -> [AwaitingRotationSave] -> AwaitingKeys the ID token's key is unknown
//!                 -> AwaitingRotationSave -> failed         the response or ID token is rejected
//!                 -> AwaitingRecheck -> AwaitingDeletion    the refresh token is invalid
//!                 -> AwaitingOmissionSave -> AwaitingRefresh
//!                                                           the provider refuses `resource`
//!                 -> AwaitingAmendment -> failed            it does not know the client
//! done, if the token is to be checked: -> Examining -> done
//!                                      -> AwaitingFindingSave -> failed
//! ```

use crate::contract::{
    Action, Client, Code, Context, Demand, EpochMs, Failure, Outcome, Reply, TokenSource,
};
use crate::flow::Progress::{Continue, Done};
use crate::flow::completion::accepted_secret;
use crate::flow::examination::{Asking, Examination, Finding};
use crate::flow::granting::remember;
use crate::flow::identity::Identity;
use crate::flow::registration::{Amendment, Change, disowns_client};
use crate::flow::{Progress, Save, Step, login_required, misfit, response};
use crate::protocol::audience::wanted;
use crate::protocol::challenge::Demanded;
use crate::protocol::dialect::{parse_renewal_response, renewal_request};
use crate::protocol::entropy::Entropy;
use crate::protocol::failure::printable;
use crate::protocol::id_token::{Expectations, IdToken, Occasion};
use crate::protocol::metadata::{IdTokenCheck, Provider};
use crate::protocol::schedule;
use crate::protocol::stored::Stored;
use crate::protocol::token::{
    TokenResponse, refresh_token_in, refuses_request, refuses_target, requires_interaction,
    voids_refresh_token,
};

const NOT_SAVED_REMEDY: &str = "the provider may have replaced the refresh token: repair the store now and try again, or log in again";

pub(crate) struct Token {
    setup: Setup,
    state: State,
}

struct Setup {
    /// The client as the caller describes it.
    caller: Client,
    /// The client that the session's login found, if it found one.
    found: Option<Client>,
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
    /// The provider refused a renewal that named the resource. That is being noted before
    /// the next attempt, which may be with the last refresh token that is left.
    AwaitingOmissionSave {
        refresh: Refresh,
        save: Save,
    },
    /// The provider does not know the client that this program registered. It is being
    /// forgotten.
    AwaitingAmendment(Amendment, Failure),
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
    /// Holds the next action as well.
    Check(Box<Stored>, Box<Identity>, Box<Action>),
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
        let stored =
            Stored::parse_for(&client, stored)?.map(|session| session.turned_to_audience(&client));
        let entropy = Entropy::new(context.entropy)?;
        let found = stored.as_ref().and_then(|session| session.found_client(&client));
        let setup = Setup { caller: client, found, given, demand, entropy };
        Ok(Self { setup, state: State::Ready(stored) })
    }

    pub(crate) fn next(self, reply: Reply, now_ms: EpochMs) -> Step<Self, Outcome> {
        use State::*;
        let Self { mut setup, state } = self;
        let progress = match (state, reply) {
            (Ready(stored), Reply::Begin) => setup.assess(stored, now_ms)?,
            (AwaitingLock { before, bridging }, Reply::Locked(stored)) => {
                let session = setup.read(stored)?;
                if session.is_newer_than(&before) && setup.is_fresh(&session, now_ms) {
                    setup.finish(session, TokenSource::Adopted, now_ms)?
                } else {
                    let refresh = Refresh { session, bridging, last_attempt: false };
                    Continue(AwaitingProbe(refresh), Action::Probe)
                }
            }
            (AwaitingProbe(refresh), Reply::Probed) => setup.refresh(refresh)?,
            (AwaitingRefresh(refresh), Reply::Answered(answer)) => {
                let answer = response(answer, "the token endpoint", Code::InvalidTokenResponse);
                let replaced = answer.as_ref().ok().and_then(refresh_token_in);
                let token = answer
                    .and_then(|response| parse_renewal_response(setup.client(), &response, now_ms));
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
            (AwaitingRotationSave { save, then }, reply) => {
                match (save.next(reply, NOT_SAVED_REMEDY)?, then) {
                    (Continue(save, action), then) => {
                        Continue(AwaitingRotationSave { save, then }, action)
                    }
                    (Done(()), AfterRotationSave::Check(session, identity, action)) => {
                        Continue(AwaitingKeys { session: *session, identity }, *action)
                    }
                    (Done(()), AfterRotationSave::Fail(failure)) => return Err(failure),
                }
            }
            (AwaitingKeys { session, identity }, reply) => {
                verified(session, identity.next(reply, now_ms)?)
            }
            (AwaitingSave { session, save }, reply) => match save.next(reply, NOT_SAVED_REMEDY)? {
                Continue(save, action) => Continue(AwaitingSave { session, save }, action),
                Done(()) => setup.finish(session, TokenSource::Renewed, now_ms)?,
            },
            (AwaitingRecheck { refused, failure }, Reply::Locked(stored)) => {
                let session = setup.read(stored)?;
                if session.refresh_token == refused.session.refresh_token {
                    Continue(AwaitingDeletion(failure), Action::Save(None))
                } else if session.is_newer_than(&refused.session)
                    && setup.is_fresh(&session, now_ms)
                {
                    setup.finish(session, TokenSource::Adopted, now_ms)?
                } else {
                    setup.refresh(Refresh { session, last_attempt: true, ..refused })?
                }
            }
            (AwaitingOmissionSave { refresh, save }, reply) => {
                match save.next(reply, NOT_SAVED_REMEDY)? {
                    Continue(save, action) => {
                        Continue(AwaitingOmissionSave { refresh, save }, action)
                    }
                    Done(()) => setup.refresh(refresh)?,
                }
            }
            (AwaitingAmendment(amendment, failure), reply) => match amendment.next(reply)? {
                Continue(amendment, action) => {
                    Continue(AwaitingAmendment(amendment, failure), action)
                }
                Done(()) => return Err(failure),
            },
            // The session is over even if it could not be deleted.
            (AwaitingDeletion(failure), Reply::Saved | Reply::NotSaved(_)) => {
                return Err(failure);
            }
            (Examining(examination), reply) => {
                setup.examined(examination.next(&setup.asking(now_ms), reply)?)
            }
            (AwaitingFindingSave(failure), Reply::Saved | Reply::NotSaved(_)) => {
                return Err(failure);
            }
            _ => return Err(misfit()),
        };
        Ok(progress.within(|state| Self { setup, state }))
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
    fn assess(&self, stored: Option<Stored>, now_ms: EpochMs) -> Step<State, Outcome> {
        let Some(session) = stored else {
            return Err(login_required("you are not logged in"));
        };
        let challenge = self.demand.challenge.as_deref();
        let demanded = challenge.map(|challenge| Demanded::of_fields([challenge]));
        if let Some(Some(demanded)) = &demanded
            && demanded.requires_login()
        {
            return Err(not_enough(&session, demanded));
        }
        let is_refused = self.demand.force_refresh || demanded.is_some();
        if !is_refused && self.is_fresh(&session, now_ms) {
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
        let bridging = !is_refused;
        Ok(Continue(State::AwaitingLock { before: session, bridging }, Action::Lock))
    }

    fn client(&self) -> &Client {
        self.found.as_ref().unwrap_or(&self.caller)
    }

    fn is_fresh(&self, session: &Stored, now_ms: EpochMs) -> bool {
        schedule::is_fresh(session, self.demand.min_ttl_ms, now_ms)
    }

    /// Reads the session again under the lock. Fails with `login-required` if it is gone.
    fn read(&mut self, stored: Option<Vec<u8>>) -> Result<Stored, Failure> {
        let session = Stored::parse_for(&self.caller, stored.as_deref())?
            .ok_or_else(|| login_required("another process has ended the session"))?
            .turned_to_audience(&self.caller);
        self.found = session.found_client(&self.caller);
        Ok(session)
    }

    fn refresh(&self, refresh: Refresh) -> Step<State, Outcome> {
        let session = &refresh.session;
        let refresh_token = session.refresh_token.as_deref().ok_or_else(not_renewable)?;
        let exchange = renewal_request(self.client(), &self.given, session, refresh_token)?;
        Ok(Continue(State::AwaitingRefresh(refresh), Action::Exchange(exchange)))
    }

    fn receive(
        &self,
        session: Stored,
        token: TokenResponse,
        now_ms: EpochMs,
    ) -> Step<State, Outcome> {
        let check = session.id_token_check;
        let expected = session.issuer_name(self.client()).map(|issuer| Expectations {
            issuer,
            client_id: session.client_id.clone(),
            client_secret: accepted_secret(self.client(), check),
            is_encrypted: self.client().decrypts,
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
        let session = Stored {
            access_token: Some(token.access_token),
            token_type: token.token_type,
            scopes: token.scopes.unwrap_or(session.scopes),
            // The response may omit the refresh token; the old one stays valid (RFC 6749
            // §6).
            refresh_token: token.refresh_token.or(session.refresh_token),
            received_at_ms: now_ms,
            expires_at_ms,
            authorization_details: token.authorization_details.or(session.authorization_details),
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
            (Ok(Continue(identity, action)), Some(rotated_session)) => {
                let (session, identity) = (Box::new(session), Box::new(identity));
                let then = AfterRotationSave::Check(session, identity, Box::new(action));
                Ok(save_rotated(&rotated_session, then))
            }
            (Ok(identity), _) => Ok(verified(session, identity)),
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
        &mut self,
        refresh: Refresh,
        failure: Failure,
        now_ms: EpochMs,
    ) -> Step<State, Outcome> {
        if requires_interaction(&failure) {
            let message = "the provider asks for a new login";
            return Err(Failure { provider: failure.provider, ..login_required(message) });
        }
        // Whether the refresh token or the audience was refused is not certain, so the session
        // stays. A login may help in either case.
        if let Some(wanted) = wanted(&self.caller)
            && (voids_refresh_token(&failure) || refuses_target(&failure))
        {
            let message = format!("the provider gives no token for {wanted} after this login");
            return Err(Failure { provider: failure.provider, ..login_required(&message) });
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
                Ok(Continue(state, Action::Lock))
            };
        }
        if let Some(resource) = &refresh.session.resource {
            let issuer = refresh.session.issuer.as_deref().unwrap_or_default();
            if disowns_client(&failure) && resource.is_registered {
                let client_id = &refresh.session.client_id;
                let (amendment, action) = Amendment::begin(issuer, client_id, Change::Forget);
                let message = "the provider does not know this client any more";
                let failure = Failure { provider: failure.provider, ..login_required(message) };
                return Ok(Continue(State::AwaitingAmendment(amendment, failure), action));
            }
            let is_omissible = self.caller.audience.is_none() && !resource.is_refused_on_renewal;
            if refuses_request(&failure) && is_omissible {
                return Ok(self.omit_resource(refresh));
            }
        }
        if failure.retryable && self.can_bridge(&refresh, now_ms) {
            return self.finish(refresh.session, TokenSource::Cached, now_ms);
        }
        Err(failure)
    }

    /// Notes that the provider refuses `resource` in a renewal, and tries without it. Entra
    /// ID does so although RFC 8707 §2.2 asks for it. A provider that rotates refresh tokens
    /// may have spent this one already.
    fn omit_resource(&mut self, mut refresh: Refresh) -> Progress<State, Outcome> {
        if let Some(resource) = &mut refresh.session.resource {
            resource.is_refused_on_renewal = true;
        }
        self.found = refresh.session.found_client(&self.caller);
        let (save, action) = Save::begin(refresh.session.to_bytes());
        Continue(State::AwaitingOmissionSave { refresh, save }, action)
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
    ) -> Step<State, Outcome> {
        let examination = Examination::begin(&self.asking(now_ms), session, source)?;
        Ok(self.examined(examination))
    }

    fn examined(&self, examination: Progress<Examination, Finding>) -> Progress<State, Outcome> {
        match examination {
            Continue(examination, action) => Continue(State::Examining(examination), action),
            Done(Finding::Granted(grant)) => Done(Outcome::Granted(grant)),
            Done(Finding::Refused(session)) => {
                Continue(State::AwaitingLock { before: session, bridging: false }, Action::Lock)
            }
            Done(Finding::Unanswerable(session, failure)) => {
                let save = Action::Save(Some(session.to_bytes()));
                Continue(State::AwaitingFindingSave(failure), save)
            }
        }
    }

    fn asking(&self, now_ms: EpochMs) -> Asking<'_> {
        Asking {
            client: self.client(),
            given: &self.given,
            entropy: &self.entropy,
            demand: &self.demand,
            now_ms,
        }
    }
}

fn verified(
    mut session: Stored,
    identity: Progress<Identity, IdToken>,
) -> Progress<State, Outcome> {
    match identity {
        Continue(identity, action) => {
            Continue(State::AwaitingKeys { session, identity: Box::new(identity) }, action)
        }
        Done(id_token) => {
            remember(&mut session, id_token);
            save(session)
        }
    }
}

fn save(session: Stored) -> Progress<State, Outcome> {
    let (save, action) = Save::begin(session.to_bytes());
    Continue(State::AwaitingSave { session, save }, action)
}

/// Saves the session as it was before the renewal, except for its refresh token. The old
/// access token may still be valid, and the new one must not be used unchecked.
fn save_rotated(session: &Stored, then: AfterRotationSave) -> Progress<State, Outcome> {
    let (save, action) = Save::begin(session.to_bytes());
    Continue(State::AwaitingRotationSave { save, then }, action)
}

/// The failure for a resource that wants more than this session has. What it has stays.
fn not_enough(session: &Stored, demanded: &Demanded) -> Failure {
    let missing = demanded.scopes.iter().filter(|scope| !session.scopes.contains(scope));
    let missing: Vec<String> = missing.map(|scope| printable(scope)).collect();
    let message = match demanded.error.as_deref() {
        Some("insufficient_user_authentication") => {
            "the resource requires you to authenticate again".to_owned()
        }
        _ if missing.is_empty() => "the resource requires more than this session allows".to_owned(),
        _ => format!(
            "the resource requires the scopes {}, which this session lacks",
            missing.join(" ")
        ),
    };
    Failure { remedy: STEP_UP_REMEDY.to_owned(), ..login_required(&message) }
}

const STEP_UP_REMEDY: &str =
    "log in again with the same --challenge; the session that you have stays until then";

fn not_renewable() -> Failure {
    login_required("the access token must be refreshed, but the provider gave no refresh token")
}
