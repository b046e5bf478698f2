//! Client authentication (RFC 6749 §2.3).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded;

use crate::asked::Parameters;
use crate::call::Call;
use crate::dialect::Wanted;
use crate::options::ClientAuthentication;
use crate::refusal::Refusal;

/// Returns the client id of a request if the client has authenticated by its registered
/// method. Returns `None` if it did not have to.
///
/// Any other method is rejected even with the right secret, so that a client that guesses
/// its method fails (RFC 6749 §5.2, `invalid_client`).
pub(super) fn identified(
    call: &Call<'_>,
    parameters: &Parameters,
    wanted: Wanted,
) -> Result<Option<String>, Refusal> {
    let basic = call.asked.credentials("basic");
    let is_silent = basic.is_none() && parameters.one("client_id").is_none();
    match wanted {
        Wanted::Never => Ok(None),
        Wanted::IfSent if is_silent => Ok(None),
        Wanted::Always | Wanted::IfSent => authenticated(call, parameters, basic).map(Some),
    }
}

/// The same for a request that no client may send without its id.
pub(super) fn client_of(call: &Call<'_>, parameters: &Parameters) -> Result<String, Refusal> {
    authenticated(call, parameters, call.asked.credentials("basic"))
}

fn authenticated(
    call: &Call<'_>,
    parameters: &Parameters,
    basic: Option<&str>,
) -> Result<String, Refusal> {
    let (body_id, body_secret) = (parameters.one("client_id"), parameters.one("client_secret"));
    if let Some(client_id) = body_id.filter(|_| call.dialect.accepts_any_client) {
        return Ok(client_id.to_owned());
    }
    if basic.is_some() && body_secret.is_some() {
        return Err(Refusal::new("invalid_request", "authenticate in one way only"));
    }
    let expected_id = call.context.client_id.as_str();
    let authentication = &call.context.options.authentication;
    let is_authentic = match authentication {
        ClientAuthentication::None => {
            basic.is_none() && body_secret.is_none() && body_id == Some(expected_id)
        }
        ClientAuthentication::ClientSecretBasic(secret) => {
            let pair = basic.and_then(decode_basic);
            let claimed = pair.as_ref().map(|(id, secret)| (id.as_str(), secret.as_str()));
            claimed == Some((expected_id, secret)) && body_id.is_none_or(|id| id == expected_id)
        }
        ClientAuthentication::ClientSecretPost(secret) => {
            basic.is_none() && body_id == Some(expected_id) && body_secret == Some(secret)
        }
    };
    if is_authentic {
        return Ok(expected_id.to_owned());
    }
    let method = authentication.name();
    let description = format!("the client has to authenticate by {method}");
    Err(Refusal::new("invalid_client", description))
}

/// Client id and secret are form-encoded before they are joined (RFC 6749 §2.3.1).
fn decode_basic(credentials: &str) -> Option<(String, String)> {
    let joined = STANDARD.decode(credentials).ok()?;
    let joined = String::from_utf8(joined).ok()?;
    let (id, secret) = joined.split_once(':')?;
    Some((form_decode(id), form_decode(secret)))
}

fn form_decode(text: &str) -> String {
    // Text without `=` or `&` parses as one name. Encoded text contains neither, so
    // nothing that should match is lost.
    form_urlencoded::parse(text.as_bytes())
        .next()
        .map_or_else(String::new, |(name, _)| name.into_owned())
}
