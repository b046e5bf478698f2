//! Finds out who issues tokens for a protected resource (RFC 9728): from a challenge, then
//! from the resource's metadata.
//!
//! ```text
//! [AwaitingRefusal -> [AwaitingRefusalOfMcp]] -> AwaitingMetadata -> ... -> found
//! ```

use std::collections::VecDeque;

use crate::contract::{Action, Code, Exchange, Failure, NoResponse, Purpose, Reply, Response};
use crate::flow::Progress::{Continue, Done};
use crate::flow::{Step, misfit, response};
use crate::protocol::challenge::{Demanded, fields};
use crate::protocol::endpoint;
use crate::protocol::protected_resource::{
    ProtectedResource, ResourceUrl, initialize_request, invalid, unauthenticated_get,
};
use crate::protocol::request::get;

/// Time limit for the request without a token. A server that lets it pass may answer with a
/// stream without end.
const REFUSAL_TIME_LIMIT_MS: u64 = 5_000;

pub(crate) struct Search {
    resource: ResourceUrl,
    state: State,
}

#[allow(clippy::enum_variant_names, reason = "a state is named for what it waits for")]
enum State {
    /// A server refuses a request without a token and says with what it would take one.
    AwaitingRefusal,
    /// An MCP server may refuse only what its clients send.
    AwaitingRefusalOfMcp,
    AwaitingMetadata {
        demanded: Option<Demanded>,
        /// The locations that are left.
        places: VecDeque<String>,
    },
}

/// What is known about the resource.
pub(crate) struct Found {
    pub(crate) described: ProtectedResource,
    /// What the resource demanded. `None` if it did not refuse a request without a token.
    pub(crate) demanded: Option<Demanded>,
    /// Whether the resource has no metadata. It is then its own issuer, as MCP servers were
    /// before there was such metadata.
    pub(crate) is_own_issuer: bool,
}

impl Search {
    /// Begins with the challenge that the caller has, or asks for one.
    pub(crate) fn begin(resource: &ResourceUrl, challenge: Option<&str>) -> Step<Self, Found> {
        let resource = resource.clone();
        match challenge {
            Some(challenge) => look_up(resource, Some(Refusal::of([challenge]))),
            None => {
                let action = ask(unauthenticated_get(&resource));
                Ok(Continue(Self { resource, state: State::AwaitingRefusal }, action))
            }
        }
    }

    pub(crate) fn next(self, reply: Reply) -> Step<Self, Found> {
        let Reply::Answered(answer) = reply else { return Err(misfit()) };
        let Self { resource, state } = self;
        let what = format!("the resource {}", endpoint::describe(resource.url()));
        match state {
            State::AwaitingRefusal => match refusal(answer, &what)? {
                Some(refusal) => look_up(resource, Some(refusal)),
                None => {
                    let action = ask(initialize_request(&resource));
                    let state = State::AwaitingRefusalOfMcp;
                    Ok(Continue(Self { resource, state }, action))
                }
            },
            State::AwaitingRefusalOfMcp => {
                let refusal = refusal(answer, &what)?;
                look_up(resource, refusal)
            }
            State::AwaitingMetadata { demanded, places } => {
                let response = response(answer, &what, Code::InvalidMetadata)?;
                match resource.parse_metadata_response(&response)? {
                    Some(described) => {
                        Ok(Done(Found { described, demanded, is_own_issuer: false }))
                    }
                    None => look_further(resource, demanded, places, None),
                }
            }
        }
    }
}

/// What a resource says when it refuses a request.
struct Refusal {
    demanded: Demanded,
    /// What could not be read.
    remark: Option<String>,
}

impl Refusal {
    fn of<'a>(fields: impl IntoIterator<Item = &'a str> + Clone) -> Self {
        let remark = Demanded::skips_any(fields.clone())
            .then(|| "a challenge (WWW-Authenticate) cannot be read, and is skipped".to_owned());
        Self { demanded: Demanded::of_fields(fields).unwrap_or_default(), remark }
    }
}

/// Returns the refusal if the resource refused the request. Any other answer says nothing:
/// many servers refuse only some requests.
fn refusal(answer: Result<Response, NoResponse>, what: &str) -> Result<Option<Refusal>, Failure> {
    match answer {
        Ok(response) if response.status == 401 => Ok(Some(Refusal::of(fields(&response.headers)))),
        Ok(_) | Err(NoResponse::TooLarge(_)) => Ok(None),
        Err(NoResponse::Unreachable(unreachable)) if unreachable.sent => Ok(None),
        Err(none) => response(Err(none), what, Code::InvalidMetadata).map(|_| None),
    }
}

/// Looks the metadata up where the challenge says, and nowhere else then; otherwise at the
/// well-known locations.
fn look_up(resource: ResourceUrl, refusal: Option<Refusal>) -> Step<Search, Found> {
    let (demanded, remark) = match refusal {
        Some(Refusal { demanded, remark }) => (Some(demanded), remark),
        None => (None, None),
    };
    let named = demanded.as_ref().and_then(|demanded| demanded.resource_metadata.as_deref());
    let places = match named {
        Some(url) => vec![resource.check_metadata_url(url)?],
        None => resource.metadata_urls(),
    };
    look_further(resource, demanded, places.into(), remark)
}

/// Looks at the next location of the metadata.
fn look_further(
    resource: ResourceUrl,
    demanded: Option<Demanded>,
    mut places: VecDeque<String>,
    remark: Option<String>,
) -> Step<Search, Found> {
    if let Some(place) = places.pop_front() {
        let exchange = get(Purpose::ResourceMetadata, &place);
        let action = Action::Exchange(Exchange { remark, ..exchange });
        let state = State::AwaitingMetadata { demanded, places };
        return Ok(Continue(Search { resource, state }, action));
    }
    match &demanded {
        Some(Demanded { resource_metadata: Some(place), .. }) => Err(invalid(format!(
            "{} says that its metadata is at {place}, where nothing is",
            resource.identifier()
        ))),
        Some(_) => {
            let described = ProtectedResource {
                identifier: resource.identifier(),
                issuers: vec![resource.origin()],
                scopes: Vec::new(),
                requires_proofs: false,
                requires_certificate: false,
            };
            Ok(Done(Found { described, demanded, is_own_issuer: true }))
        }
        None => Err(invalid(format!(
            "{} does not say who issues tokens for it: it neither refuses a request without a token nor has protected resource metadata",
            resource.identifier()
        ))),
    }
}

fn ask(exchange: Exchange) -> Action {
    Action::Exchange(Exchange { timeout_ms: Some(REFUSAL_TIME_LIMIT_MS), ..exchange })
}
