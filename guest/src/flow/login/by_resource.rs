//! A login by the URL of a protected resource (RFC 9728): the issuer, the client and the
//! scopes are found out first. From then on it is a login like any other.

use super::{Setup, State};
use crate::contract::{Action, Client, Code, EpochMs, Failure, Outcome, Parameter, Pkce};
use crate::flow::Progress::{Continue, Done};
use crate::flow::discovery::Discovery;
use crate::flow::protected_resource::{Found, Search};
use crate::flow::registration::{Amendment, Change, Identity, Registration, disowns_client};
use crate::flow::{Progress, Step, misfit};
use crate::protocol::authorization::{OFFLINE_ACCESS, check_client, demands, wants_id_token};
use crate::protocol::challenge::Demanded;
use crate::protocol::endpoint::Issuer;
use crate::protocol::failure::printable;
use crate::protocol::metadata::Provider;
use crate::protocol::protected_resource::{ProtectedResource, ResourceUrl, check_binding, invalid};
use crate::protocol::registration::check_metadata_url;
use crate::protocol::stored::{Resource, Stored, another_issuer};

/// What a login by URL knows of the resource and its client.
pub(super) struct Guarded {
    url: ResourceUrl,
    /// Scopes that the resource names.
    described_scopes: Vec<String>,
    /// The session that the login replaces.
    before: Option<Stored>,
    identity: Option<Identity>,
}

impl Guarded {
    /// Returns `None` if the client has no `resource-url`.
    pub(super) fn of(client: &Client, stored: Option<Stored>) -> Result<Option<Self>, Failure> {
        let Some(url) = &client.resource_url else { return Ok(None) };
        if !client.speaks_oauth() {
            return Err(Failure::configuration(
                "a provider with a protocol of its own guards no resource with a URL",
                "leave out the resource URL",
            ));
        }
        if let Some(url) = &client.client_metadata_url {
            check_metadata_url(url)?;
        }
        Ok(Some(Self {
            url: ResourceUrl::parse(url)?,
            described_scopes: Vec::new(),
            before: stored,
            identity: None,
        }))
    }
}

impl Setup {
    fn guarded(&self) -> Result<&Guarded, Failure> {
        self.guarded.as_ref().ok_or_else(misfit)
    }

    pub(super) fn search(&mut self, now_ms: EpochMs) -> Step<State, Outcome> {
        let search = Search::begin(&self.guarded()?.url, self.request.challenge.as_deref())?;
        self.searched(search, now_ms)
    }

    /// Looks up the metadata of the issuer that the resource named.
    pub(super) fn searched(
        &mut self,
        search: Progress<Search, Found>,
        now_ms: EpochMs,
    ) -> Step<State, Outcome> {
        let found = match search {
            Continue(search, action) => {
                return Ok(Continue(State::AwaitingResource(search), action));
            }
            Done(found) => found,
        };
        let demanded = found.demanded.unwrap_or_default();
        check_binding(&self.client, &found.described, &demanded)?;
        let issuer = self.choose_issuer(&found.described)?;
        self.demand(demanded, &found.described.scopes)?;
        if let Some(guarded) = &mut self.guarded {
            guarded.described_scopes = found.described.scopes;
        }
        let client = &mut self.client;
        client.resources = vec![found.described.identifier];
        client.issuer = Some(issuer);
        if client.pkce == Pkce::Discovered {
            client.pkce = if found.is_own_issuer { Pkce::Known } else { Pkce::Required };
        }
        self.issuer = Issuer::of(&self.client)?;
        let issuer = self.issuer.as_ref().ok_or_else(misfit)?;
        let discovery = Discovery::of_resource(&self.client, issuer, found.is_own_issuer)?;
        self.discovered(discovery, now_ms)
    }

    /// Chooses among the resource's authorization servers (RFC 9728 §7.6): the caller's, or
    /// the one of the session that is replaced, or the only one.
    fn choose_issuer(&self, described: &ProtectedResource) -> Result<String, Failure> {
        let issuers = &described.issuers;
        let listed = || issuers.iter().map(|one| printable(one)).collect::<Vec<_>>().join(", ");
        let before = self.guarded()?.before.as_ref();
        if let Some(issuer) = &self.client.issuer {
            if issuers.contains(issuer) {
                return Ok(issuer.clone());
            }
            return Err(invalid(format!(
                "{} names the authorization servers {}; expected {issuer} among them",
                described.identifier,
                listed()
            )));
        }
        if let Some(before) = before {
            if let Some(issuer) =
                issuers.iter().find(|issuer| before.issuer.as_ref() == Some(issuer))
            {
                return Ok(issuer.clone());
            }
            // A client that was registered by hand belongs to one issuer: its secret must
            // not go to another.
            if self.client.client_id.is_some() {
                return Err(invalid(format!(
                    "{} now names the authorization server {}; the client {} belongs to {}",
                    described.identifier,
                    listed(),
                    self.client.id(),
                    before.issuer.as_deref().unwrap_or_default(),
                )));
            }
            return Err(another_issuer());
        }
        match issuers.as_slice() {
            [first, second, ..] if first != second && !self.request.facts.terminal => {
                Err(Failure::new(
                    Code::InvalidConfiguration,
                    format!("{} has several authorization servers", described.identifier),
                    format!("choose one with --issuer: {}", listed()),
                ))
            }
            [first, ..] => Ok(first.clone()),
            [] => Err(invalid("the resource names no authorization server")),
        }
    }

    /// Takes over what the resource demands. Scopes: the caller's, else those of the
    /// challenge together with those that were asked for before, else all that the resource
    /// names.
    fn demand(&mut self, demanded: Demanded, described: &[String]) -> Result<(), Failure> {
        if self.client.scopes.is_empty() {
            let before = self.guarded()?.before.as_ref();
            let before = before.and_then(|before| before.resource.as_ref());
            let mut scopes = match demanded.scopes.is_empty() {
                true => described.to_vec(),
                false => demanded.scopes.clone(),
            };
            if demanded.requires_login()
                && let Some(before) = before
            {
                add_missing(&mut scopes, &before.requested_scopes);
            }
            self.client.scopes = scopes;
        }
        for (name, value) in [("acr_values", demanded.acr_values), ("max_age", demanded.max_age)] {
            let is_given = self.client.parameters.iter().any(|parameter| parameter.name == name);
            if let Some(value) = value.filter(|_| !is_given) {
                self.client.parameters.push(Parameter { name: name.to_owned(), value });
            }
        }
        // Only an ID token shows whether the demands are met. Without one, the resource
        // itself checks them again.
        if wants_id_token(&self.client) {
            self.demands = demands(&self.client)?;
        }
        check_client(&self.client)
    }

    /// Finds the client, now that the issuer's metadata is known.
    pub(super) fn identify(&mut self, found: Provider) -> Step<State, Outcome> {
        let offers_offline_access =
            found.scopes.as_ref().is_some_and(|all| all.iter().any(|one| one == OFFLINE_ACCESS));
        // Without a refresh token, the session would end with the access token.
        if offers_offline_access && !self.client.scopes.is_empty() {
            add_missing(&mut self.client.scopes, &[OFFLINE_ACCESS.to_owned()]);
        }
        let mut scopes = self.client.scopes.clone();
        add_missing(&mut scopes, &self.guarded()?.described_scopes);
        let issuer = self.issuer.as_ref().ok_or_else(misfit)?;
        let resource = self.guarded()?.url.url();
        let wait_ms = self.time_limit_ms();
        let (registration, action) =
            Registration::begin(&self.request, issuer, resource, scopes, found, wait_ms)?;
        Ok(Continue(State::AwaitingClient(Box::new(registration)), action))
    }

    pub(super) fn identified(
        &mut self,
        progress: Progress<Registration, (Provider, Identity)>,
        now_ms: EpochMs,
    ) -> Step<State, Outcome> {
        match progress {
            Continue(registration, action) => {
                Ok(Continue(State::AwaitingClient(Box::new(registration)), action))
            }
            Done((provider, identity)) => {
                self.client.client_id = Some(identity.client_id.clone());
                self.client.client_secret = identity.client_secret.clone();
                self.client.authentication = identity.method;
                if let Some(guarded) = &mut self.guarded {
                    guarded.identity = Some(identity);
                }
                self.authorize(provider, now_ms)
            }
        }
    }

    /// Returns what to note with the client's registration at the end of a login, and the
    /// first action for it.
    pub(super) fn amendment(&self, end: &Result<Outcome, Failure>) -> Option<(Amendment, Action)> {
        let identity = self.guarded.as_ref()?.identity.as_ref().filter(|one| one.is_registered)?;
        let change = match end {
            Ok(_) if identity.is_unfinished => Change::Finished,
            Err(failure) if disowns_client(failure) => Change::Forget,
            Err(Failure { code: Code::TimedOut | Code::Cancelled, .. }) => Change::Unfinished,
            _ => return None,
        };
        Some(Amendment::begin(self.client.issuer.as_deref()?, &identity.client_id, change))
    }

    /// Returns what the session remembers of the resource.
    pub(super) fn stored_resource(&self) -> Option<Resource> {
        let guarded = self.guarded.as_ref()?;
        Some(Resource {
            resource_url: guarded.url.name(),
            identifier: self.client.resources.first()?.clone(),
            requested_scopes: self.client.scopes.clone(),
            client_secret: self.client.client_secret.clone(),
            is_registered: guarded.identity.as_ref().is_some_and(|one| one.is_registered),
            is_refused_on_renewal: false,
        })
    }
}

/// Adds what else a login that came to nothing may mean. A server that has forgotten a client
/// says so only on a page for the user.
pub(super) fn with_advice_on_registration(failure: Failure) -> Failure {
    let is_unfinished = matches!(failure.code, Code::TimedOut | Code::Cancelled);
    let remedy = match is_unfinished {
        true => format!(
            "{}; if the provider's page does not know this client, with --register",
            failure.remedy
        ),
        false => failure.remedy,
    };
    Failure { remedy, ..failure }
}

/// Adds those of `more` that `scopes` lacks.
fn add_missing(scopes: &mut Vec<String>, more: &[String]) {
    for scope in more {
        if !scopes.contains(scope) {
            scopes.push(scope.clone());
        }
    }
}
