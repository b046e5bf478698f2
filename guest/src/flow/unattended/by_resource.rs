//! A client that knows the URL of a protected resource (RFC 9728) and nothing of its issuer.
//! Nobody is there to be asked whether the issuer is the right one.

use super::{Request, Setup, State};
use crate::contract::{Client, ClientAuthentication, EpochMs, Failure, GrantType, Outcome};
use crate::flow::Progress::{Continue, Done};
use crate::flow::discovery::Discovery;
use crate::flow::protected_resource::{Found, Search};
use crate::flow::{Progress, Step, misfit};
use crate::protocol::endpoint::Issuer;
use crate::protocol::failure::printable;
use crate::protocol::protected_resource::{ProtectedResource, ResourceUrl, check_binding, invalid};
use crate::protocol::stored::Resource;

impl Setup {
    /// Looks up the metadata of the issuer that the resource named.
    pub(super) fn searched(
        &mut self,
        request: Request,
        search: Progress<Search, Found>,
        now_ms: EpochMs,
    ) -> Step<State, Outcome> {
        let found = match search {
            Continue(search, action) => {
                return Ok(Continue(State::AwaitingResource(request, search), action));
            }
            Done(found) => found,
        };
        let demanded = found.demanded.unwrap_or_default();
        check_binding(&self.client, &found.described, &demanded)?;
        let issuer = choose_issuer(&self.caller, &found.described)?;
        let client = &mut self.client;
        if client.scopes.is_empty() {
            // What the challenge names counts, and only without it what the resource lists.
            client.scopes = match demanded.scopes.is_empty() {
                true => found.described.scopes,
                false => demanded.scopes,
            };
        }
        client.resources = vec![found.described.identifier];
        client.issuer = Some(issuer);
        self.issuer = Issuer::of(&self.client)?;
        let issuer = self.issuer.as_ref().ok_or_else(misfit)?;
        let discovery = Discovery::of_resource(&self.client, issuer, found.is_own_issuer)?;
        self.discovered(request, discovery, now_ms)
    }

    /// What the session keeps of the resource. The client's secret stays where it is.
    pub(super) fn stored_resource(&self) -> Result<Option<Resource>, Failure> {
        let Some(url) = &self.caller.resource_url else { return Ok(None) };
        Ok(Some(Resource {
            resource_url: ResourceUrl::parse(url)?.name(),
            identifier: self.client.resources.first().cloned().unwrap_or_default(),
            requested_scopes: self.client.scopes.clone(),
            client_secret: None,
            is_registered: false,
            is_refused_on_renewal: false,
        }))
    }
}

/// Chooses among the resource's authorization servers (RFC 9728 §7.6): the caller's, or the
/// only one. A secret, or a token that is exchanged, goes to a host that the caller named:
/// that of the issuer, or that of the resource itself.
fn choose_issuer(client: &Client, described: &ProtectedResource) -> Result<String, Failure> {
    let ProtectedResource { identifier, issuers, .. } = described;
    let name = printable(identifier);
    let listed = || issuers.iter().map(|one| printable(one)).collect::<Vec<_>>().join(", ");
    if let Some(issuer) = &client.issuer {
        return match issuers.contains(issuer) {
            true => Ok(issuer.clone()),
            false => Err(invalid(format!(
                "{name} names the authorization servers {}; expected {issuer} among them",
                listed()
            ))),
        };
    }
    let issuer = issuers.first().ok_or_else(misfit)?;
    if issuers.iter().any(|other| other != issuer) {
        return Err(Failure::configuration(
            format!("{name} has several authorization servers"),
            format!("choose one with --issuer: {}", listed()),
        ));
    }
    let host = |url: &str| {
        let url = ResourceUrl::parse(url).ok()?;
        url.url().host_str().map(str::to_owned)
    };
    if reveals_secret(client) && host(issuer) != host(identifier) {
        return Err(Failure::configuration(
            format!("{name} says that the secret of this client is for {}", printable(issuer)),
            format!("if that is right, say so with --issuer {}", printable(issuer)),
        ));
    }
    Ok(issuer.clone())
}

/// Whether a request for a token has something that another server could use.
fn reveals_secret(client: &Client) -> bool {
    let has_secret = client.client_secret.is_some()
        && client.authentication != Some(ClientAuthentication::ClientSecretJwt);
    has_secret || matches!(client.grant, GrantType::TokenExchange(_))
}
