//! Clients: who is registered, what for, and how they authenticate (RFC 6749 §2).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use url::{Url, form_urlencoded};

use crate::asked::Parameters;
use crate::call::Call;
use crate::dialect::{Redirects, Wanted};
use crate::options::ClientAuthentication;
use crate::refusal::Refusal;

/// A registered client.
pub(super) struct Client<'a> {
    pub(super) id: String,
    /// `None`: whatever it sends will do.
    authentication: Option<&'a ClientAuthentication>,
    redirect_uris: Vec<&'a str>,
    /// How redirect URIs are compared.
    redirects: Redirects,
}

impl<'a> Client<'a> {
    /// Returns the client of this id, if it is known.
    pub(super) fn known(call: &'a Call<'_>, id: &str) -> Option<Self> {
        let (dialect, context) = (call.dialect, call.context);
        if !dialect.accepts_any_client && id != context.client_id {
            return None;
        }
        let options = &context.options;
        let redirect_uris = match options.redirect_uris.as_slice() {
            [] => dialect.redirect_uris.to_vec(),
            own => own.iter().map(String::as_str).collect(),
        };
        Some(Self {
            id: id.to_owned(),
            authentication: (!dialect.accepts_any_client).then_some(&options.authentication),
            redirect_uris,
            redirects: dialect.redirects,
        })
    }

    /// Returns a redirect URI as a URL, if this client has registered it.
    pub(super) fn redirect(&self, uri: &str) -> Option<Url> {
        let url = Url::parse(uri).ok()?;
        let is_registered = match self.redirects {
            Redirects::Exact => self.redirect_uris.contains(&uri),
            Redirects::AnyPort => {
                let sent = without_port(uri);
                self.redirect_uris.iter().any(|uri| without_port(uri) == sent)
            }
            Redirects::Anywhere => true,
        };
        is_registered.then_some(url)
    }

    /// Whether the client has authenticated by its registered method.
    ///
    /// Any other method is rejected even with the right secret, so that a client that
    /// guesses its method fails (RFC 6749 §5.2, `invalid_client`).
    fn has_authenticated(&self, basic: Option<&(String, String)>, body: &Parameters) -> bool {
        let (body_id, body_secret) = (body.one("client_id"), body.one("client_secret"));
        let is_self = |id: &str| id == self.id;
        match self.authentication {
            None => true,
            Some(ClientAuthentication::None) => {
                basic.is_none() && body_secret.is_none() && body_id.is_some_and(is_self)
            }
            Some(ClientAuthentication::ClientSecretBasic(secret)) => {
                basic.is_some_and(|(id, sent)| is_self(id) && sent == secret)
                    && body_id.is_none_or(is_self)
            }
            Some(ClientAuthentication::ClientSecretPost(secret)) => {
                basic.is_none() && body_id.is_some_and(is_self) && body_secret == Some(secret)
            }
        }
    }
}

/// Returns the id of the client that a request is from, if the client has authenticated.
pub(super) fn client_of(call: &Call<'_>, parameters: &Parameters) -> Result<String, Refusal> {
    let basic = call.asked.credentials("basic");
    if basic.is_some() && parameters.one("client_secret").is_some() {
        return Err(Refusal::new("invalid_request", "authenticate in one way only"));
    }
    // What cannot be decoded is nobody's.
    let basic = basic.map(|credentials| decode_basic(credentials).unwrap_or_default());
    let id = basic.as_ref().map(|(id, _)| id.as_str()).or_else(|| parameters.one("client_id"));
    let client = id.and_then(|id| Client::known(call, id));
    let client = client.filter(|client| client.has_authenticated(basic.as_ref(), parameters));
    client.map(|client| client.id).ok_or_else(|| {
        let method = call.context.options.authentication.name();
        let description = format!("the client has to authenticate by {method}");
        Refusal::new("invalid_client", description)
    })
}

/// Rejects a request whose client does not identify itself as the dialect wants it.
pub(super) fn check_client(
    call: &Call<'_>,
    parameters: &Parameters,
    wanted: Wanted,
) -> Result<(), Refusal> {
    let is_silent =
        call.asked.credentials("basic").is_none() && parameters.one("client_id").is_none();
    match wanted {
        Wanted::Never => Ok(()),
        Wanted::IfSent if is_silent => Ok(()),
        Wanted::Always | Wanted::IfSent => client_of(call, parameters).map(drop),
    }
}

fn without_port(uri: &str) -> Option<Url> {
    let mut url = Url::parse(uri).ok()?;
    url.set_port(None).ok()?;
    Some(url)
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
