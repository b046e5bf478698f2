//! Client authentication at `/token` and `/revoke` (RFC 6749 §2.3).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use url::form_urlencoded;

use crate::answer::Answer;
use crate::asked::{Asked, Parameters};
use crate::options::{ClientAuthentication, Options};

/// Returns the form of a request if the registered client has authenticated by its
/// registered method, otherwise the error response.
///
/// Any other method is rejected even with the right secret, so that a client that guesses
/// its method fails (RFC 6749 §5.2, `invalid_client`).
pub(crate) fn authenticated<'a>(
    asked: &'a Asked,
    options: &Options,
) -> Result<&'a Parameters, Answer> {
    let Some(form) = &asked.form else {
        return Err(invalid_request("send a form"));
    };
    if form.repeats() {
        return Err(invalid_request("a parameter comes twice"));
    }
    let basic = asked.credentials("basic");
    let (body_id, body_secret) = (form.one("client_id"), form.one("client_secret"));
    if basic.is_some() && body_secret.is_some() {
        return Err(invalid_request("authenticate in one way only"));
    }
    let expected_id = options.client_id.as_str();
    let authentic = match &options.authentication {
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
    if authentic {
        return Ok(form);
    }
    let method = options.authentication.name();
    let description = format!("the client has to authenticate by {method}");
    Err(Answer::error(401, "invalid_client", &description)
        .not_stored()
        .with("www-authenticate", "Basic realm=\"latchstring\""))
}

pub(crate) fn invalid_request(description: &str) -> Answer {
    Answer::error(400, "invalid_request", description).not_stored()
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
