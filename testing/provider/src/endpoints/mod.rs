//! The endpoints that systems have in common. What differs is in the dialect.

mod authorization;
mod client;
mod device;
mod end_session;
mod introspection;
mod metadata;
mod revocation;
mod token;
mod userinfo;

use crate::answer::Answer;
use crate::call::Call;
use crate::context::lock;
use crate::endpoint::Endpoint;

/// Answers a request whose method is one of the endpoint's.
pub(crate) fn answer(endpoint: Endpoint, call: &Call<'_>) -> Answer {
    match endpoint {
        Endpoint::Metadata => Answer::json(200, &metadata::document(call)),
        Endpoint::Jwks => Answer::json(200, &lock(&call.context.keys).jwks()),
        Endpoint::Authorization => authorization::authorize(call),
        Endpoint::Token => call.answer(token::token(call)),
        Endpoint::DeviceAuthorization => call.answer(device::authorize(call)),
        Endpoint::Verification => device::page(call),
        Endpoint::Userinfo => userinfo::userinfo(call),
        Endpoint::Revocation => call.answer(revocation::revoke(call)),
        Endpoint::Introspection => call.answer(introspection::introspect(call)),
        Endpoint::EndSession => end_session::end_session(call),
    }
}
