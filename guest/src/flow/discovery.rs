//! Fetches the provider's metadata: OpenID Connect Discovery, then RFC 8414 for what is
//! missing.

use crate::contract::{Action, Client, Code, Failure, Purpose, Reply};
use crate::flow::Progress::{Continue, Done};
use crate::flow::{Progress, Step, misfit, response};
use crate::protocol::endpoint::{Issuer, describe};
use crate::protocol::metadata::{
    Provider, authorization_server_url, invalid, openid_configuration_url, parse_metadata_response,
};
use crate::protocol::request::get;

pub(crate) struct Discovery {
    issuer: Issuer,
    /// Whether the metadata's statement about PKCE is needed.
    needs_pkce: bool,
    state: State,
}

enum State {
    AwaitingOpenidConfiguration,
    AwaitingAuthorizationServer(Box<First>),
}

/// Result of the first request.
enum First {
    Found(Provider),
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
        let state = State::AwaitingOpenidConfiguration;
        Continue(Self { issuer, needs_pkce, state }, Action::Exchange(exchange))
    }

    pub(crate) fn next(self, reply: Reply) -> Step<Self, Provider> {
        let Reply::Answered(answer) = reply else { return Err(misfit()) };
        let what = format!("the provider {}", describe(self.issuer.url()));
        let document = response(answer, &what, Code::InvalidMetadata)
            .and_then(|response| parse_metadata_response(&self.issuer, &response));
        match self.state {
            State::AwaitingOpenidConfiguration => {
                let first = match document {
                    Ok(Some(provider)) if provider.is_complete(self.needs_pkce) => {
                        return Ok(Done(provider));
                    }
                    Ok(Some(provider)) => First::Found(provider),
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
            State::AwaitingAuthorizationServer(first) => match (*first, document) {
                (First::Found(provider), Ok(Some(second))) => Ok(Done(provider.or(second))),
                // The first document is enough, whatever the second request returned.
                (First::Found(provider), _) => Ok(Done(provider)),
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

fn is_out_of_reach(failure: &Failure) -> bool {
    matches!(failure.code, Code::Unreachable | Code::EgressDenied)
}
