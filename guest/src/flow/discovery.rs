//! Fetches the provider's metadata: OpenID Connect Discovery, then RFC 8414 for what is
//! missing. If a resource named the issuer, the order is another one, and the first document
//! counts alone.

use std::collections::VecDeque;

use crate::contract::{Action, Client, Code, Failure, Purpose, Reply, Response};
use crate::flow::Progress::{Continue, Done};
use crate::flow::{Progress, Step, misfit, response};
use crate::protocol::endpoint::{Issuer, describe};
use crate::protocol::metadata::{
    Provider, authorization_server_url, default_endpoints, invalid, metadata_urls,
    openid_configuration_url, parse_metadata_response,
};
use crate::protocol::request::get;

pub(crate) struct Discovery {
    issuer: Issuer,
    uses_certificate: bool,
    state: State,
}

#[allow(clippy::enum_variant_names, reason = "a state is named for what it waits for")]
enum State {
    /// The issuer was named by a resource.
    AwaitingFirst {
        /// The locations that are left.
        places: VecDeque<String>,
        has_default_endpoints: bool,
    },
    AwaitingOpenidConfiguration {
        /// Whether the metadata's statement about PKCE is needed.
        needs_pkce: bool,
    },
    AwaitingAuthorizationServer(Box<First>),
}

/// Result of the first request.
enum First {
    Found(Box<Provider>),
    Absent,
    Unusable(Failure),
}

impl Discovery {
    /// Is done at once, with nothing found, if there is no metadata to fetch.
    pub(crate) fn begin(
        client: &Client,
        issuer: Option<&Issuer>,
        needs_pkce: bool,
    ) -> Progress<Self, Provider> {
        let discovers = client.discover && client.speaks_oauth();
        let Some(issuer) = issuer.filter(|_| discovers).cloned() else {
            return Done(Provider::default());
        };
        let exchange = get(Purpose::Metadata, &openid_configuration_url(&issuer));
        let state = State::AwaitingOpenidConfiguration { needs_pkce };
        let uses_certificate = client.certificate;
        Continue(Self { issuer, uses_certificate, state }, Action::Exchange(exchange))
    }

    /// Begins the search for the metadata of an issuer that a resource named. An MCP server
    /// that is its own issuer may do without: `has_default_endpoints`.
    pub(crate) fn of_resource(
        client: &Client,
        issuer: &Issuer,
        has_default_endpoints: bool,
    ) -> Step<Self, Provider> {
        let places = metadata_urls(issuer).into();
        look_further(issuer.clone(), client.certificate, places, has_default_endpoints)
    }

    pub(crate) fn next(self, reply: Reply) -> Step<Self, Provider> {
        let Reply::Answered(answer) = reply else { return Err(misfit()) };
        let what = format!("the provider {}", describe(self.issuer.url()));
        let response = response(answer, &what, Code::InvalidMetadata);
        let read = |response: Response| {
            parse_metadata_response(&self.issuer, &response, self.uses_certificate)
        };
        match self.state {
            State::AwaitingFirst { places, has_default_endpoints } => {
                // A page instead of JSON is not the metadata.
                let response = response?;
                let document = if is_page(&response) { None } else { read(response)? };
                match document {
                    Some(provider) => Ok(Done(provider)),
                    None => look_further(
                        self.issuer,
                        self.uses_certificate,
                        places,
                        has_default_endpoints,
                    ),
                }
            }
            State::AwaitingOpenidConfiguration { needs_pkce } => {
                let first = match response.and_then(read) {
                    Ok(Some(provider)) if provider.is_complete(needs_pkce) => {
                        return Ok(Done(provider));
                    }
                    Ok(Some(provider)) => First::Found(Box::new(provider)),
                    Ok(None) => First::Absent,
                    // If the provider cannot be reached, the second request would fail as
                    // well.
                    Err(failure) if is_out_of_reach(&failure) => return Err(failure),
                    Err(failure) => First::Unusable(failure),
                };
                let exchange = get(Purpose::Metadata, &authorization_server_url(&self.issuer));
                let state = State::AwaitingAuthorizationServer(Box::new(first));
                Ok(Continue(Self { state, ..self }, Action::Exchange(exchange)))
            }
            State::AwaitingAuthorizationServer(first) => match (*first, response.and_then(read)) {
                (First::Found(provider), Ok(Some(second))) => Ok(Done(provider.or(second))),
                // The first document is enough, whatever the second request returned.
                (First::Found(provider), _) => Ok(Done(*provider)),
                (First::Absent | First::Unusable(_), Ok(Some(second))) => Ok(Done(second)),
                (First::Unusable(failure), _) => Err(failure),
                (First::Absent, Ok(None)) => Err(invalid(format!(
                    "{what} publishes no metadata: neither {} nor {} exists",
                    openid_configuration_url(&self.issuer),
                    authorization_server_url(&self.issuer),
                ))),
                (First::Absent, Err(failure)) => Err(failure),
            },
        }
    }
}

/// Looks at the next location of the metadata.
fn look_further(
    issuer: Issuer,
    uses_certificate: bool,
    mut places: VecDeque<String>,
    has_default_endpoints: bool,
) -> Step<Discovery, Provider> {
    if let Some(place) = places.pop_front() {
        let exchange = get(Purpose::Metadata, &place);
        let state = State::AwaitingFirst { places, has_default_endpoints };
        let discovery = Discovery { issuer, uses_certificate, state };
        return Ok(Continue(discovery, Action::Exchange(exchange)));
    }
    if has_default_endpoints {
        return Ok(Done(default_endpoints(&issuer)));
    }
    Err(invalid(format!(
        "the provider {} publishes no metadata: none of {} exists",
        describe(issuer.url()),
        metadata_urls(&issuer).join(", "),
    )))
}

fn is_page(response: &Response) -> bool {
    response.status == 200 && serde_json::from_slice::<serde_json::Value>(&response.body).is_err()
}

fn is_out_of_reach(failure: &Failure) -> bool {
    matches!(failure.code, Code::Unreachable | Code::EgressDenied)
}
