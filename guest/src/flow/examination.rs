//! Checks of an access token before it is granted, and what the user is told about it.

use crate::contract::{
    AccessRules, Action, Client, Code, Demand, EpochMs, Examination as Question, Exchange, Failure,
    Grant, NoResponse, Purpose, Reply, Response, TokenSource,
};
use crate::flow::Progress::{Continue, Done};
use crate::flow::granting::{grant, grant_with_claims, grant_with_report};
use crate::flow::unsealing::{Recipient, Subject, Unsealing};
use crate::flow::{Progress, Step, login_required, misfit, response};
use crate::protocol::access_token;
use crate::protocol::audience::mistaken;
use crate::protocol::client_authentication;
use crate::protocol::dialect::{parse_user_response, user_request};
use crate::protocol::endpoint::IssuerName;
use crate::protocol::entropy::Entropy;
use crate::protocol::id_token::Claims;
use crate::protocol::introspection::{
    introspection_request, is_active, parse_introspection_response, tokeninfo_request,
};
use crate::protocol::jwk::{Jwk, parse_keys_response};
use crate::protocol::metadata::Provider;
use crate::protocol::request::get;
use crate::protocol::stored::Stored;
use crate::protocol::userinfo::{Rejection, another_user, not_for_userinfo};

/// A check that waits for a response.
pub(crate) struct Examination {
    session: Stored,
    source: TokenSource,
    state: State,
}

enum State {
    /// Waits for the userinfo endpoint, or for the introspection endpoint, to which the
    /// client authenticates.
    Asked(Inquiry),
    /// Waits for what makes their answer readable.
    Unsealing(Inquiry, Unsealing),
    /// Waits for the tokeninfo endpoint, which gets the token itself as credential.
    Tokeninfo,
    /// Waits for the provider's keys, to check the token in the component.
    Local(Local),
}

impl State {
    fn asked(about: Subject, only_to_verify: bool) -> Self {
        Self::Asked(Inquiry { about, only_to_verify })
    }
}

#[derive(Clone, Copy)]
struct Inquiry {
    about: Subject,
    only_to_verify: bool,
}

struct Local {
    rules: AccessRules,
    issuer: IssuerName,
}

/// The result of a check.
pub(crate) enum Finding {
    Granted(Grant),
    /// The provider does not accept the token.
    Refused(Stored),
    /// The userinfo endpoint rejects even a token that was issued just now, so its answer
    /// says nothing about any token. Saved in the session: otherwise each check would
    /// cost a renewal.
    Unanswerable(Stored, Failure),
}

/// Context of a check.
pub(crate) struct Asking<'a> {
    pub(crate) client: &'a Client,
    pub(crate) given: &'a Provider,
    pub(crate) entropy: &'a Entropy,
    pub(crate) demand: &'a Demand,
    pub(crate) now_ms: EpochMs,
}

impl Examination {
    /// Is done at once if there is nothing to ask.
    pub(crate) fn begin(
        asking: &Asking<'_>,
        session: Stored,
        source: TokenSource,
    ) -> Step<Self, Finding> {
        // A token for a resource is none of the issuer's business.
        let is_for_another = session.resource.is_some() || asking.client.audience.is_some();
        let userinfo = || match is_for_another {
            true => Ok(None),
            false => user_request(asking.client, asking.given, &session),
        };
        let (state, exchange) = match &asking.demand.examination {
            None => return Ok(Done(asking.granted(session, source))),
            Some(Question::Userinfo) => match userinfo()? {
                Some(exchange) => (State::asked(Subject::User, false), exchange),
                None if session.id_token.is_none() && is_for_another => {
                    return Err(for_resource_alone());
                }
                None if session.id_token.is_none() && session.userinfo_refuses => {
                    return Err(userinfo_refuses());
                }
                None => return Ok(Done(asking.granted(session, source))),
            },
            Some(Question::Verification) => match userinfo()? {
                Some(exchange) => (State::asked(Subject::User, true), exchange),
                None => {
                    let exchange = asking.introspection(&session)?;
                    let exchange = exchange.ok_or_else(|| match session.userinfo_refuses {
                        true => userinfo_refuses(),
                        false if is_for_another => no_endpoint("introspection"),
                        false => no_endpoint("userinfo"),
                    })?;
                    (State::asked(Subject::AccessToken, true), exchange)
                }
            },
            Some(Question::Introspection) => {
                let exchange = asking.introspection(&session)?;
                let exchange = exchange.ok_or_else(|| no_endpoint("introspection"))?;
                (State::asked(Subject::AccessToken, false), exchange)
            }
            Some(Question::Tokeninfo) => {
                let endpoint = &asking.given.tokeninfo_endpoint;
                let endpoint = endpoint.as_ref().or(session.tokeninfo_endpoint.as_ref());
                let endpoint = endpoint.ok_or_else(|| no_endpoint("tokeninfo"))?;
                let access_token = session.access_token.as_deref().unwrap_or_default();
                (State::Tokeninfo, tokeninfo_request(endpoint, access_token))
            }
            Some(Question::Local(rules)) => {
                let issuer = session.issuer_name(asking.client).ok_or_else(no_keys)?;
                let keys: Vec<Jwk> = session.id_token_key.iter().cloned().collect();
                let local = Local { rules: rules.clone(), issuer };
                match local.check(&session, &keys, asking.now_ms) {
                    Err(access_token::Rejection::UnknownKey(_)) => {
                        let jwks_uri = asking.recipient(&session).jwks_uri;
                        let exchange = get(Purpose::Keys, jwks_uri.ok_or_else(no_keys)?);
                        (State::Local(local), exchange)
                    }
                    checked => return asking.checked(checked, session, source).map(Done),
                }
            }
        };
        Ok(Continue(Self { session, source, state }, Action::Exchange(exchange)))
    }

    pub(crate) fn next(self, asking: &Asking<'_>, reply: Reply) -> Step<Self, Finding> {
        let Self { session, source, state } = self;
        let finding = match (state, reply) {
            (State::Asked(inquiry), Reply::Answered(Ok(response))) if inquiry.is_read() => {
                let recipient = asking.recipient(&session);
                let unsealing = Unsealing::begin(&recipient, inquiry.about, response)?;
                return asking.unsealed(session, source, inquiry, unsealing);
            }
            (State::Asked(inquiry), Reply::Answered(answer)) => {
                asking.answered(session, source, inquiry, answer)?
            }
            (State::Unsealing(inquiry, unsealing), reply) => {
                let unsealing = unsealing.next(&asking.recipient(&session), reply)?;
                return asking.unsealed(session, source, inquiry, unsealing);
            }
            (State::Tokeninfo, Reply::Answered(answer)) => {
                asking.tokeninfo(session, source, answer)?
            }
            (State::Local(local), Reply::Answered(answer)) => {
                let code = Code::InvalidAccessToken;
                let response = response(answer, "the provider's key set", code)?;
                let keys = parse_keys_response(&response, code)?;
                asking.checked(local.check(&session, &keys, asking.now_ms), session, source)?
            }
            _ => return Err(misfit()),
        };
        Ok(Done(finding))
    }
}

impl Inquiry {
    /// Whether more than the status of an answer counts.
    fn is_read(self) -> bool {
        !(self.only_to_verify && matches!(self.about, Subject::User))
    }
}

impl Asking<'_> {
    fn recipient<'a>(&'a self, session: &'a Stored) -> Recipient<'a> {
        let jwks_uri = self.given.jwks_uri.as_ref().or(session.jwks_uri.as_ref());
        Recipient { client: self.client, session, jwks_uri }
    }

    fn unsealed(
        &self,
        session: Stored,
        source: TokenSource,
        inquiry: Inquiry,
        unsealing: Progress<Unsealing, Response>,
    ) -> Step<Examination, Finding> {
        match unsealing {
            Continue(unsealing, action) => {
                let state = State::Unsealing(inquiry, unsealing);
                Ok(Continue(Examination { session, source, state }, action))
            }
            Done(response) => self.answered(session, source, inquiry, Ok(response)).map(Done),
        }
    }

    fn answered(
        &self,
        session: Stored,
        source: TokenSource,
        inquiry: Inquiry,
        answer: Result<Response, NoResponse>,
    ) -> Result<Finding, Failure> {
        let Inquiry { about, only_to_verify } = inquiry;
        match about {
            Subject::User => self.userinfo(session, source, answer, only_to_verify),
            Subject::AccessToken => self.introspected(session, source, answer, only_to_verify),
        }
    }

    fn userinfo(
        &self,
        session: Stored,
        source: TokenSource,
        answer: Result<Response, NoResponse>,
        only_to_verify: bool,
    ) -> Result<Finding, Failure> {
        // The body may be unreadable (a signed one, for example), but status 200 means
        // that the token was accepted.
        let is_accepted = matches!(&answer, Ok(Response { status: 200, .. }));
        let parsed = response(answer, "the userinfo endpoint", Code::InvalidUserinfo)
            .map_err(Rejection::Failed)
            .and_then(|response| {
                parse_user_response(self.client, &response, session.subject.as_deref())
            });
        match parsed {
            Ok(claims) => Ok(self.with_claims(session, source, claims)),
            Err(Rejection::TokenRefused)
                if source == TokenSource::Renewed && self.client.speaks_oauth() =>
            {
                let session = Stored { userinfo_refuses: true, ..session };
                Ok(Finding::Unanswerable(session, userinfo_refuses()))
            }
            Err(Rejection::TokenRefused) => refused(session, source),
            Err(Rejection::AnotherUser) => Err(another_user()),
            // The token is accepted, or its state is unknown.
            Err(Rejection::NotForUserinfo) if only_to_verify => Ok(self.granted(session, source)),
            Err(Rejection::Failed(failure))
                if only_to_verify && (is_accepted || failure.retryable) =>
            {
                Ok(self.granted(session, source))
            }
            // The ID token, if there is one, already identifies the user.
            Err(Rejection::NotForUserinfo) if session.id_token.is_some() => {
                Ok(self.granted(session, source))
            }
            Err(Rejection::NotForUserinfo) => Err(not_for_userinfo()),
            Err(Rejection::Failed(failure)) => Err(failure),
        }
    }

    fn introspected(
        &self,
        session: Stored,
        source: TokenSource,
        answer: Result<Response, NoResponse>,
        only_to_verify: bool,
    ) -> Result<Finding, Failure> {
        let what = "the introspection endpoint";
        let report = response(answer, what, Code::InvalidAccessToken)
            .and_then(|response| parse_introspection_response(&response, what));
        match report {
            Ok(report) if only_to_verify && !is_active(&report) => refused(session, source),
            Ok(report) => Ok(self.with_report(session, source, report)),
            Err(failure) if only_to_verify && failure.retryable => {
                Ok(self.granted(session, source))
            }
            Err(failure) => Err(failure),
        }
    }

    fn tokeninfo(
        &self,
        session: Stored,
        source: TokenSource,
        answer: Result<Response, NoResponse>,
    ) -> Result<Finding, Failure> {
        let what = "the tokeninfo endpoint";
        let response = response(answer, what, Code::InvalidAccessToken)?;
        match parse_introspection_response(&response, what) {
            Ok(report) => Ok(self.with_report(session, source, report)),
            Err(failure) if response.status == 401 || is_invalid_token(&failure) => {
                refused(session, source)
            }
            Err(failure) => Err(failure),
        }
    }

    fn checked(
        &self,
        checked: Checked,
        session: Stored,
        source: TokenSource,
    ) -> Result<Finding, Failure> {
        match checked {
            Ok(claims) => Ok(self.with_report(session, source, claims)),
            Err(access_token::Rejection::UnknownKey(reason)) => {
                Err(access_token::unverifiable(reason))
            }
            Err(access_token::Rejection::Expired(failure)) => match refused(session, source) {
                Ok(renewal) => Ok(renewal),
                Err(_) => Err(failure),
            },
            Err(access_token::Rejection::Failed(failure)) => Err(failure),
        }
    }

    fn introspection(&self, session: &Stored) -> Result<Option<Exchange>, Failure> {
        let endpoint = &self.given.introspection_endpoint;
        let Some(endpoint) = endpoint.as_ref().or(session.introspection_endpoint.as_ref()) else {
            return Ok(None);
        };
        let method = client_authentication::keep(self.client, session.authentication.into())?;
        let access_token = session.access_token.as_deref().unwrap_or_default();
        Ok(Some(introspection_request(endpoint, self.client, method, access_token)))
    }

    fn with_claims(&self, session: Stored, source: TokenSource, claims: Claims) -> Finding {
        self.noted(grant_with_claims(self.client, session, self.entropy, source, claims))
    }

    fn with_report(&self, session: Stored, source: TokenSource, report: Claims) -> Finding {
        self.noted(grant_with_report(self.client, session, self.entropy, source, report))
    }

    fn granted(&self, session: Stored, source: TokenSource) -> Finding {
        self.noted(grant(self.client, session, self.entropy, source))
    }

    fn noted(&self, mut grant: Grant) -> Finding {
        grant.notices.extend(self.shortfall(&grant));
        grant.notices.extend(mistaken(self.client, &grant.access_token));
        Finding::Granted(grant)
    }

    /// Returns a notice if the token does not stay valid for as long as was asked for,
    /// because another one might not be better.
    fn shortfall(&self, grant: &Grant) -> Option<String> {
        let left_s = grant.expires_at_ms?.saturating_sub(self.now_ms) / 1000;
        let demanded_s = self.demand.min_ttl_ms / 1000;
        (left_s < demanded_s).then(|| {
            format!(
                "the access token is valid for {left_s} s, but {demanded_s} s were requested; a new one may not be valid for longer"
            )
        })
    }
}

type Checked = Result<Claims, access_token::Rejection>;

impl Local {
    fn check(&self, session: &Stored, keys: &[Jwk], now_ms: EpochMs) -> Checked {
        let token = session.access_token.as_deref().unwrap_or_default();
        access_token::verify(token, keys, &self.issuer, &self.rules, now_ms)
    }
}

/// Whether the error is `invalid_token` (RFC 6750 §3.1). Some providers send it with
/// status 400 instead of 401.
fn is_invalid_token(failure: &Failure) -> bool {
    failure.provider.as_ref().is_some_and(|said| said.error == "invalid_token")
}

/// Handles a token that the provider no longer accepts. Returns a renewal, or
/// `login-required` if the token is new or cannot be renewed.
fn refused(session: Stored, source: TokenSource) -> Result<Finding, Failure> {
    if source != TokenSource::Renewed && session.is_renewable() {
        return Ok(Finding::Refused(session));
    }
    Err(login_required("the provider no longer accepts the access token"))
}

fn userinfo_refuses() -> Failure {
    Failure::new(
        Code::InvalidUserinfo,
        "the userinfo endpoint rejects the access token although it was just issued (status 401)",
        "log in with the scope openid, which most providers require for userinfo",
    )
}

fn for_resource_alone() -> Failure {
    Failure::configuration(
        "nothing says who is logged in: the token is for the resource alone, and the provider sent no ID token",
        "log in with the scope openid in addition to those that the resource needs",
    )
}

fn no_endpoint(endpoint: &str) -> Failure {
    Failure::configuration(
        format!("the provider's {endpoint} endpoint is not known"),
        format!("set it with --{endpoint}-endpoint"),
    )
}

fn no_keys() -> Failure {
    Failure::configuration(
        "an access token cannot be checked without the issuer and its keys",
        "set the issuer and the JWKS URI",
    )
}
