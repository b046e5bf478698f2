//! Description of a stored session, without its secrets.

use crate::contract::{Description, EpochMs, TokenState};
use crate::protocol::schedule;
use crate::protocol::stored::Stored;

pub(crate) fn describe(stored: Stored, now_ms: EpochMs) -> Description {
    let token_state = if schedule::is_fresh(&stored, 0, now_ms) {
        TokenState::Fresh
    } else if stored.is_renewable() {
        TokenState::Renewable
    } else {
        TokenState::Expired
    };
    Description {
        issuer: stored.issuer,
        resource: stored.resource.map(|resource| resource.resource_url),
        client_id: stored.client_id,
        subject: stored.subject,
        display_name: stored.display_name,
        scopes: stored.scopes,
        authorization_details: stored.authorization_details.map(|details| details.to_string()),
        logged_in_at_ms: stored.logged_in_at_ms,
        expires_at_ms: stored.expires_at_ms,
        token_state,
    }
}
