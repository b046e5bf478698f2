//! Logs the user in: in a browser with authorization code and PKCE (RFC 6749 §4.1,
//! RFC 7636, RFC 8252), or with a code on another device (RFC 8628).
//!
//! ```text
//! Ready -> AwaitingProbe -> [AwaitingResource] -> [AwaitingMetadata] -> [AwaitingClient]
//!       -> [AwaitingResponseKeys] -> [AwaitingSignature] -> [AwaitingPush]
//!       -> AwaitingRedirect -> AwaitingToken
//!       -> OnDevice
//!       -> Completing
//! AwaitingRedirect, OnDevice -> AwaitingChoice -> AwaitingRedirect, OnDevice
//! the end, if this program registered the client: -> AwaitingAmendment
//! ```

mod by_resource;
mod next_attempt;

use self::by_resource::{Guarded, with_advice_on_registration};
use crate::contract::{
    Action, Authorization, Client, ClientAuthentication, Code, Context, EpochMs, Facts, Failure,
    FlowChoice, LoginFlow, LoginRequest, Outcome, Parameter, Pkce, Protocol, Purpose, Reply,
    SigningKey,
};
use crate::flow::Progress::{Continue, Done};
use crate::flow::completion::{AnsweredRedirect, Completion, LoginContext, Remarks};
use crate::flow::device::Device;
use crate::flow::discovery::Discovery;
use crate::flow::hexclave::HexclaveLogin;
use crate::flow::protected_resource::Search;
use crate::flow::proving::signing;
use crate::flow::registration::{Amendment, Registration};
use crate::flow::waiting::{Choice, Wait, cancelled, no_user_to_ask};
use crate::flow::{Progress, Step, misfit, response};
use crate::protocol::assertion::compact;
use crate::protocol::authorization::{
    Redirect, Transaction, VerifiedCode, address, check_client, demands, refused, refused_default,
    wants_id_token,
};
use crate::protocol::authorization_details::check_details;
use crate::protocol::client_authentication;
use crate::protocol::device::device_login_unavailable;
use crate::protocol::endpoint::Issuer;
use crate::protocol::entropy::Entropy;
use crate::protocol::failure::in_words;
use crate::protocol::flow_choice::{choose, flows_after};
use crate::protocol::id_token::Demands;
use crate::protocol::jwk::parse_keys_response;
use crate::protocol::metadata::{IdTokenCheck, Provider, check_pkce, unprotected_code};
use crate::protocol::pushed::{endpoint_for, parse_push_response, push_request};
use crate::protocol::request::get;
use crate::protocol::request_object::{request_input, request_key};
use crate::protocol::security::{check_device_security, check_provider_security};
use crate::protocol::signed_response::response_keys;
use crate::protocol::stored::Stored;
use crate::protocol::token::{TokenResponse, Wanted, parse_token_response, token_request};

/// Time limit for the user in a browser, if the caller sets none.
const BROWSER_TIME_LIMIT_MS: u64 = 5 * 60_000;

pub(crate) struct Login {
    setup: Setup,
    state: State,
}

struct Setup {
    client: Client,
    /// A login by the URL of a resource. `None`: the caller knows the issuer.
    guarded: Option<Guarded>,
    issuer: Option<Issuer>,
    given: Provider,
    assumed: Provider,
    request: LoginRequest,
    demands: Demands,
    entropy: Entropy,
    remarks: Remarks,
}

enum State {
    Ready,
    /// The store is being checked first: a user who has logged in must not learn that the
    /// session cannot be saved.
    AwaitingProbe,
    /// The resource is being asked who issues tokens for it.
    AwaitingResource(Search),
    AwaitingMetadata(Discovery),
    /// The client is being found or registered.
    AwaitingClient(Box<Registration>),
    /// The keys are being fetched that the response must be signed with.
    AwaitingResponseKeys(Wait),
    /// The authorization request is being signed. Holds what is signed.
    AwaitingSignature(Wait, String),
    /// The provider is getting the parameters of the authorization request.
    AwaitingPush(Wait),
    AwaitingRedirect(Wait),
    AwaitingToken(Redemption),
    /// The user is entering a code on another device.
    OnDevice {
        device: Box<Device>,
        provider: Provider,
        method: ClientAuthentication,
    },
    /// The user is confirming the login on a page of a Hexclave project.
    OnPage {
        login: Box<HexclaveLogin>,
        /// `browser` if a browser on this machine opens the page, otherwise `device`.
        flow: LoginFlow,
    },
    /// An attempt has failed, and the user is choosing how to continue.
    AwaitingChoice(Choice),
    /// The tokens have arrived.
    Completing(Box<Completion>),
    /// What came of the login is being noted with the client's registration.
    AwaitingAmendment(Amendment, Box<Result<Outcome, Failure>>),
}

/// An authorization code on its way to the token endpoint.
struct Redemption {
    provider: Provider,
    method: ClientAuthentication,
    transaction: Transaction,
    code: VerifiedCode,
}

impl Login {
    /// Checks everything that can be known to fail before the user is involved.
    pub(crate) fn new(
        client: Client,
        stored: Option<&[u8]>,
        request: LoginRequest,
        context: Context,
    ) -> Result<Self, Failure> {
        check_client(&client)?;
        let given = Provider::given(&client)?;
        let issuer = Issuer::of(&client)?;
        let assumed = Provider::assumed(&client)?;
        let known = given.clone().or(assumed.clone());
        let discovers = client.discover && issuer.is_some();
        let is_known = known.authorization_endpoint.is_some() && known.token_endpoint.is_some();
        let is_by_url = client.resource_url.is_some();
        if client.speaks_oauth() && !is_by_url && !discovers && !is_known {
            return Err(Failure::configuration(
                "without discovery, the authorization and token endpoints must be set",
                "set both, or set the issuer and allow discovery",
            ));
        }
        let demands = demands(&client)?;
        // The stored session will be replaced. Only a version that can read it may do
        // that.
        let stored = Stored::parse_for(&client, stored)?;
        let guarded = Guarded::of(&client, stored)?;
        let entropy = Entropy::new(context.entropy)?;
        let remarks = Remarks::default();
        let setup =
            Setup { client, guarded, issuer, given, assumed, request, demands, entropy, remarks };
        Ok(Self { setup, state: State::Ready })
    }

    pub(crate) fn next(self, reply: Reply, now_ms: EpochMs) -> Step<Self, Outcome> {
        use State::*;
        let Self { mut setup, state } = self;
        if let AwaitingAmendment(amendment, end) = state {
            return match amendment.next(reply)? {
                Continue(amendment, action) => {
                    Ok(Continue(Self { setup, state: AwaitingAmendment(amendment, end) }, action))
                }
                Done(()) => (*end).map(Done),
            };
        }
        let end = match setup.next(state, reply, now_ms) {
            Ok(Continue(state, action)) => return Ok(Continue(Self { setup, state }, action)),
            Ok(Done(outcome)) => Ok(outcome),
            Err(failure) => Err(failure),
        };
        match setup.amendment(&end) {
            Some((amendment, action)) => {
                let end = end.map_err(with_advice_on_registration);
                let state = AwaitingAmendment(amendment, Box::new(end));
                Ok(Continue(Self { setup, state }, action))
            }
            None => end.map(Done),
        }
    }
}

impl Setup {
    fn next(&mut self, state: State, reply: Reply, now_ms: EpochMs) -> Step<State, Outcome> {
        use State::*;
        Ok(match (state, reply) {
            (Ready, Reply::Begin) => Continue(AwaitingProbe, Action::Probe),
            (AwaitingProbe, Reply::Probed) if self.guarded.is_some() => self.search(now_ms)?,
            (AwaitingResource(search), reply) => self.searched(search.next(reply)?, now_ms)?,
            (AwaitingClient(registration), reply) => {
                let progress = registration.next(&self.client, &self.request, reply, now_ms)?;
                self.identified(progress, now_ms)?
            }
            (AwaitingProbe, Reply::Probed) => {
                // Needed for every flow, because the user may continue in a browser.
                let needs_pkce = self.client.pkce != Pkce::Known;
                let issuer = self.issuer.as_ref();
                self.discovered(Discovery::begin(&self.client, issuer, needs_pkce), now_ms)?
            }
            (AwaitingMetadata(discovery), reply) => {
                self.discovered(discovery.next(reply)?, now_ms)?
            }
            (AwaitingResponseKeys(mut wait), Reply::Answered(answer)) => {
                let code = Code::InvalidMetadata;
                let response = response(answer, "the provider's key set", code)?;
                wait.transaction.response_keys = Some(parse_keys_response(&response, code)?);
                self.request(wait, now_ms)?
            }
            (AwaitingSignature(wait, input), Reply::Signed(signature)) => {
                let client_id = self.client.id().to_owned();
                let request = compact(&input, &signature);
                self.send(wait, &[("client_id", client_id), ("request", request)], now_ms)?
            }
            (AwaitingPush(wait), Reply::Answered(answer)) => {
                let what = "the pushed authorization request endpoint";
                let response = response(answer, what, Code::InvalidMetadata)?;
                let url = parse_push_response(&wait.provider, &self.client, &response)?;
                let url = url.unwrap_or(wait.url);
                let notice = wait.notice.clone();
                await_redirect(Wait { url, ..wait }, now_ms, notice)
            }
            (AwaitingRedirect(wait), Reply::Redirected(target)) => {
                let redirect = wait.transaction.check(&target, now_ms);
                self.redeem(wait, redirect, now_ms)?
            }
            (AwaitingRedirect(wait), Reply::Pasted(text)) => {
                let redirect = wait.transaction.check_pasted(&text, now_ms);
                self.redeem(wait, redirect, now_ms)?
            }
            (AwaitingRedirect(_) | AwaitingChoice(_), Reply::Cancelled) => {
                return Err(cancelled());
            }
            (AwaitingRedirect(wait), Reply::TimedOut) => {
                let failure = wait.timed_out();
                self.offer(wait.provider, wait.flow, failure)?
            }
            (AwaitingRedirect(wait), Reply::Chosen(flow)) if wait.alternatives.contains(&flow) => {
                self.try_again(wait.provider, flow, now_ms)?
            }
            (AwaitingChoice(choice), Reply::Chosen(flow)) if choice.flows.contains(&flow) => {
                self.try_again(choice.provider, flow, now_ms)?
            }
            (AwaitingChoice(choice), Reply::TimedOut) => return Err(choice.failure),
            (AwaitingToken(redemption), Reply::Answered(answer)) => {
                let response = response(answer, "the token endpoint", Code::InvalidTokenResponse)?;
                let token = parse_token_response(&response, Wanted::by(&self.client))?;
                self.receive(redemption, token, now_ms)?
            }
            (OnDevice { device, provider, method }, reply) => {
                match device.next(&self.client, reply, now_ms) {
                    Ok(Continue(device, action)) => {
                        Continue(OnDevice { device: Box::new(device), provider, method }, action)
                    }
                    Ok(Done(token)) => self.complete(provider, method, None, token, now_ms)?,
                    Err(failure) => self.offer(provider, LoginFlow::Device, failure)?,
                }
            }
            (OnPage { login, flow }, reply) => match login.next(&self.client, reply, now_ms) {
                Ok(Continue(login, action)) => {
                    Continue(OnPage { login: Box::new(login), flow }, action)
                }
                Ok(Done(token)) => {
                    let method = ClientAuthentication::None;
                    self.complete(Provider::default(), method, None, token, now_ms)?
                }
                Err(failure) => self.offer(Provider::default(), flow, failure)?,
            },
            (Completing(completion), reply) => {
                completion.next(&self.client, &self.entropy, reply, now_ms)?.within(completing)
            }
            _ => return Err(misfit()),
        })
    }

    fn discovered(
        &mut self,
        discovery: Progress<Discovery, Provider>,
        now_ms: EpochMs,
    ) -> Step<State, Outcome> {
        match discovery {
            Continue(discovery, action) => Ok(Continue(State::AwaitingMetadata(discovery), action)),
            Done(found) if self.guarded.is_some() => self.identify(found),
            Done(found) => self.authorize(found, now_ms),
        }
    }

    /// Chooses the flow, now that the provider is known.
    fn authorize(&self, found: Provider, now_ms: EpochMs) -> Step<State, Outcome> {
        let provider = self.given.clone().or(found).or(self.assumed.clone());
        let (flow, reason) = match self.request.flow {
            Some(flow) => (flow, None),
            None => {
                let FlowChoice { flow, reason } = choose(&self.facts(&provider));
                let flow = flow.ok_or_else(|| no_user_to_ask(&reason))?;
                (flow, Some(reason))
            }
        };
        self.start(provider, flow, reason, now_ms)
    }

    /// The caller's facts, completed with what this provider offers.
    fn facts(&self, provider: &Provider) -> Facts {
        let offers_device = Some(provider.device_authorization_endpoint.is_some());
        Facts { offers_device, ..self.request.facts }
    }

    /// Starts the login with this flow.
    fn start(
        &self,
        provider: Provider,
        flow: LoginFlow,
        reason: Option<String>,
        now_ms: EpochMs,
    ) -> Step<State, Outcome> {
        if let Protocol::Hexclave(hexclave) = &self.client.protocol {
            // The page opens in a browser on this machine or on any other device.
            let flow = match flow {
                LoginFlow::Browser => LoginFlow::Browser,
                LoginFlow::Paste | LoginFlow::Device => LoginFlow::Device,
            };
            let (login, action) = HexclaveLogin::begin(
                &self.client,
                hexclave,
                flow == LoginFlow::Browser,
                self.time_limit_ms(),
                self.request.anonymous_refresh_token.as_deref(),
            )?;
            return Ok(Continue(State::OnPage { login: Box::new(login), flow }, action));
        }
        self.check_identity(&provider)?;
        let method = client_authentication::choose(&self.client, provider.auth_methods.as_deref())?;
        check_details(&self.client, &provider)?;
        check_provider_security(&self.client, &provider, true)?;
        if flow == LoginFlow::Device {
            check_device_security(&self.client)?;
            let Some(endpoint) = provider.device_authorization_endpoint.clone() else {
                return self.offer(provider, flow, device_login_unavailable());
            };
            let loopback_allowed = self.issuer.as_ref().is_none_or(Issuer::is_loopback);
            let latest_ms =
                self.request.patience_ms.map(|patience_ms| now_ms.saturating_add(patience_ms));
            let (device, action) = Device::begin(
                &self.client,
                &endpoint,
                &provider,
                method,
                loopback_allowed,
                latest_ms,
            )?;
            let device = Box::new(device);
            return Ok(Continue(State::OnDevice { device, provider, method }, action));
        }
        provider.token_endpoint()?;
        check_pkce(&self.client, &provider)?;
        let transaction =
            Transaction::new(&self.client, &provider, &self.request.redirect_uri, &self.entropy)?;
        let deadline_ms = now_ms.saturating_add(self.time_limit_ms());
        let mut alternatives = flows_after(&self.facts(&provider), flow);
        alternatives.retain(|way| *way != flow);
        let wait = Wait {
            provider,
            method,
            transaction,
            url: String::new(),
            flow,
            alternatives,
            reason,
            deadline_ms,
            notice: None,
        };
        match response_keys(&self.client, &wait.provider)? {
            Some(jwks_uri) => {
                let exchange = get(Purpose::Keys, jwks_uri);
                Ok(Continue(State::AwaitingResponseKeys(wait), Action::Exchange(exchange)))
            }
            None => self.request(wait, now_ms),
        }
    }

    /// Makes the authorization request.
    fn request(&self, wait: Wait, now_ms: EpochMs) -> Step<State, Outcome> {
        let parameters = wait.transaction.parameters(&self.client)?;
        let Some(key) = request_key(&self.client, &wait.provider)? else {
            return self.send(wait, &parameters, now_ms);
        };
        let jti = self.entropy.secret("request");
        let input = request_input(&self.client, key, parameters, jti, now_ms);
        let request = signing(SigningKey::Client, key.algorithm, &input);
        Ok(Continue(State::AwaitingSignature(wait, input), Action::Sign(request)))
    }

    /// Sends the authorization request: to the provider, if it takes them, and otherwise by
    /// the browser.
    fn send(
        &self,
        mut wait: Wait,
        parameters: &[(&str, String)],
        now_ms: EpochMs,
    ) -> Step<State, Outcome> {
        let endpoint = wait.provider.authorization_endpoint()?;
        wait.url = address(endpoint, parameters.iter().map(|(name, value)| (*name, value)))?;
        let Some(endpoint) = endpoint_for(&self.client, &wait.provider, wait.flow) else {
            return Ok(await_redirect(wait, now_ms, None));
        };
        let exchange = push_request(endpoint, &self.client, wait.method, parameters);
        Ok(Continue(State::AwaitingPush(wait), Action::Exchange(exchange)))
    }

    /// Time limit for the user in a browser.
    pub(super) fn time_limit_ms(&self) -> u64 {
        self.request.patience_ms.unwrap_or(BROWSER_TIME_LIMIT_MS)
    }

    /// Rejects settings under which no ID token could be checked, and demands that this
    /// provider's ID tokens cannot meet.
    fn check_identity(&self, provider: &Provider) -> Result<(), Failure> {
        if !wants_id_token(&self.client) {
            return Ok(());
        }
        let is_described = provider.issuer.is_some() || provider.jwks_uri.is_some();
        if self.issuer.is_none() || !is_described {
            return Err(Failure::configuration(
                "the scope openid requests an ID token, which cannot be checked without the issuer and its keys",
                "set the issuer and the JWKS URI, or leave out the scope openid",
            ));
        }
        match (provider.id_token_check(&self.client)?, self.demands.parameter()) {
            (IdTokenCheck::Nothing, Some(parameter)) => Err(Failure::configuration(
                format!(
                    "the answer to the parameter {parameter} is in the ID token, which this client cannot check for this provider"
                ),
                format!("leave out {parameter}"),
            )),
            _ => Ok(()),
        }
    }

    fn redeem(&mut self, wait: Wait, redirect: Redirect, now_ms: EpochMs) -> Step<State, Outcome> {
        match redirect {
            // Stray redirects must not extend the login past its deadline.
            Redirect::Stray(_) if now_ms >= wait.deadline_ms => {
                let failure = wait.timed_out();
                self.offer(wait.provider, wait.flow, failure)
            }
            Redirect::Stray(reason) => Ok(await_redirect(wait, now_ms, Some(reason))),
            Redirect::Refused(said) => match refused_default(&self.client, &said) {
                Some(parameter) => self.retry_without(wait, parameter, &in_words(&said), now_ms),
                None => Err(refused(said)),
            },
            Redirect::Unusable(failure) => Err(failure),
            Redirect::Code(code) => {
                let Wait { provider, method, transaction, .. } = wait;
                let exchange = token_request(
                    provider.token_endpoint()?,
                    &self.client,
                    method,
                    &transaction,
                    &code,
                );
                let redemption = Redemption { provider, method, transaction, code };
                Ok(Continue(State::AwaitingToken(redemption), Action::Exchange(exchange)))
            }
        }
    }

    /// Sends the authorization request again, with new secrets and without a default
    /// parameter that may be the reason for the refusal.
    fn retry_without(
        &mut self,
        wait: Wait,
        parameter: &str,
        words: &str,
        now_ms: EpochMs,
    ) -> Step<State, Outcome> {
        let left_out = Parameter { name: parameter.to_owned(), value: String::new() };
        self.client.parameters.push(left_out);
        self.remarks.refused_parameters.push(parameter.to_owned());
        let progress = self.try_again(wait.provider, wait.flow, now_ms)?;
        let notice = format!(
            "the provider refused the login ({words}); trying again without the parameter {parameter}"
        );
        Ok(with_notice(progress, notice))
    }

    fn receive(
        &self,
        redemption: Redemption,
        token: TokenResponse,
        now_ms: EpochMs,
    ) -> Step<State, Outcome> {
        let Redemption { provider, method, transaction, code } = redemption;
        let code = code.as_str().to_owned();
        let redirect = AnsweredRedirect { nonce: transaction.nonce, code };
        self.complete(provider, method, Some(redirect), token, now_ms)
    }

    fn complete(
        &self,
        provider: Provider,
        method: ClientAuthentication,
        redirect: Option<AnsweredRedirect>,
        token: TokenResponse,
        now_ms: EpochMs,
    ) -> Step<State, Outcome> {
        let mut remarks = self.remarks.clone();
        if redirect.is_some() {
            remarks.notices.extend(unprotected_code(&self.client, &provider));
        }
        let demands = self.demands.clone();
        let resource = self.stored_resource();
        let context = LoginContext { provider, method, redirect, demands, remarks, resource };
        let completion = Completion::begin(&self.client, context, token, now_ms)?;
        Ok(completion.within(completing))
    }
}

fn with_notice(progress: Progress<State, Outcome>, notice: String) -> Progress<State, Outcome> {
    match progress {
        Continue(state, Action::Authorize(authorization)) => {
            let notice = Some(notice);
            Continue(state, Action::Authorize(Authorization { notice, ..authorization }))
        }
        Continue(State::AwaitingPush(wait), action) => {
            Continue(State::AwaitingPush(Wait { notice: Some(notice), ..wait }), action)
        }
        progress => progress,
    }
}

fn completing(completion: Completion) -> State {
    State::Completing(Box::new(completion))
}

fn await_redirect(wait: Wait, now_ms: EpochMs, notice: Option<String>) -> Progress<State, Outcome> {
    let (wait, action) = wait.authorize(now_ms, notice);
    Continue(State::AwaitingRedirect(wait), action)
}
