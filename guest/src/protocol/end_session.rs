//! The end of a person's session at the provider (OpenID Connect RP-Initiated
//! Logout 1.0).

use crate::protocol::endpoint;

/// Where the browser goes; none where the endpoint cannot be read.
///
/// The ID token tells the provider whose session it is, expired or not (§2); a
/// client without one names itself, and the provider asks the person.
pub(crate) fn end_session_url(
    endpoint: &str,
    client_id: &str,
    id_token: Option<&str>,
) -> Option<String> {
    let mut url = endpoint::parse("the end-session endpoint", endpoint, true).ok()?;
    url.query_pairs_mut().append_pair("client_id", client_id);
    if let Some(id_token) = id_token {
        url.query_pairs_mut().append_pair("id_token_hint", id_token);
    }
    Some(url.into())
}
