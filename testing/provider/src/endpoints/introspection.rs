//! Introspection of access tokens (RFC 7662).

use serde_json::{Map, Value, json};

use super::client::check_client;
use crate::call::Call;
use crate::claims::{Login, members};
use crate::refusal::{Refusal, required};
use crate::state::sessions::Bearer;

/// Describes an access token.
pub(super) fn introspect(call: &Call<'_>) -> Result<Map<String, Value>, Refusal> {
    let parameters = call.parameters()?;
    check_client(call, &parameters, call.dialect.client_at_introspection)?;
    let token = required(parameters.one("token"), "token")?;
    let state = &call.context.state();
    let Bearer::Good(good) = state.sessions.bearer(token, call.context.now_ms()) else {
        return Ok(members(json!({ "active": false })));
    };
    let login = Login::of_bearer(state, &good, &call.issuer);
    let mut token = (call.dialect.introspection)(&login);
    token.extend(members(json!({
        "active": true,
        "token_type": "Bearer",
        "client_id": login.grant.client_id,
        "scope": login.scopes.join(" "),
        "exp": good.expires_at_ms / 1000,
        "iss": call.issuer.url(),
    })));
    Ok(token)
}
