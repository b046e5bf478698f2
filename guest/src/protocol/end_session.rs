//! End of the user's session at the provider (OpenID Connect RP-Initiated Logout 1.0).

use crate::protocol::endpoint;

/// Returns the URL for the browser, or `None` if the endpoint is not a usable URL.
///
/// The ID token tells the provider whose session to end, even if it has expired (§2).
/// Without one, the client sends its id, and the provider asks the user.
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
