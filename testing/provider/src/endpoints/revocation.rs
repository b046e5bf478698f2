//! Revocation of tokens (RFC 7009).

use serde_json::{Map, Value};

use super::client::check_client;
use crate::call::Call;
use crate::refusal::{Refusal, required};

/// Revokes a token. The response does not depend on the token (RFC 7009 §2.2).
pub(super) fn revoke(call: &Call<'_>) -> Result<Map<String, Value>, Refusal> {
    let parameters = call.parameters()?;
    check_client(call, &parameters, call.dialect.client_at_revocation)?;
    let token = required(parameters.one("token"), "token")?;
    let sessions = &mut call.context.state().sessions;
    if !call.dialect.revokes_only_refresh_tokens {
        sessions.revoke_token(token);
    } else if parameters.one("token_type_hint") == Some("refresh_token") {
        sessions.revoke_refresh_token(token);
    } else {
        let error = "unsupported_token_type";
        return Err(Refusal::new(error, "only refresh tokens can be revoked"));
    }
    Ok(Map::new())
}
