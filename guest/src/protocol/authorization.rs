//! The authorization request and the redirect that answers it (RFC 6749 §4.1,
//! RFC 7636, RFC 9207).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;
use url::Url;

use crate::contract::{Client, Code, EpochMs, Failure, GrantType, ProviderError};
use crate::protocol::authorization_details::AUTHORIZATION_DETAILS;
use crate::protocol::dpop::thumbprint;
use crate::protocol::endpoint::{self, IssuerName};
use crate::protocol::entropy::Entropy;
use crate::protocol::failure::{in_words, printable, provider_error};
use crate::protocol::id_token::Demands;
use crate::protocol::jwk::Jwk;
use crate::protocol::metadata::Provider;
use crate::protocol::security::check_client_security;
use crate::protocol::signed_response::{self, RESPONSE_MODE};

/// Parameters that the caller must not set: they protect the login, or would change where
/// and how the response arrives.
const RESERVED: [&str; 14] = [
    "response_type",
    "response_mode",
    "client_id",
    "redirect_uri",
    "scope",
    "state",
    "nonce",
    "code_challenge",
    "code_challenge_method",
    "resource",
    "request",
    "request_uri",
    "dpop_jkt",
    AUTHORIZATION_DETAILS,
];

/// The scope for a refresh token (OIDC §11).
pub(crate) const OFFLINE_ACCESS: &str = "offline_access";

/// Values of one authorization request that its response is checked against. Used once,
/// never stored.
pub(crate) struct Transaction {
    state: String,
    /// Nonce for the ID token (OIDC §3.1.2.1). `None` if none is requested.
    pub(crate) nonce: Option<String>,
    pub(crate) code_verifier: String,
    redirect_uri: Url,
    /// The redirect URI exactly as sent: the token request repeats it (RFC 6749 §4.1.3).
    pub(crate) redirect_uri_text: String,
    issuer: Option<IssuerName>,
    issuer_required: bool,
    client_id: String,
    /// The provider's keys, if only a signed response is accepted.
    pub(crate) response_keys: Option<Vec<Jwk>>,
}

/// An authorization code that arrived with this transaction's state, from its issuer, at
/// its redirect URI. Only [`Transaction::check`] creates one.
pub(crate) struct VerifiedCode(String);

impl VerifiedCode {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The meaning of a request to the redirect URI.
pub(crate) enum Redirect {
    Code(VerifiedCode),
    /// An error from the provider, proven to belong to this transaction.
    Refused(ProviderError),
    /// The response to this transaction, but it cannot be trusted.
    Unusable(Failure),
    /// Not the response to this transaction. Holds the reason, for the user.
    Stray(String),
}

impl Transaction {
    pub(crate) fn new(
        client: &Client,
        provider: &Provider,
        redirect_uri: &str,
        entropy: &Entropy,
    ) -> Result<Self, Failure> {
        let redirect_uri_text = redirect_uri.to_owned();
        let redirect_uri =
            endpoint::parse("the redirect URI", redirect_uri, true).map_err(|message| {
                Failure::configuration(
                    message,
                    "use a loopback address such as http://127.0.0.1/callback",
                )
            })?;
        Ok(Self {
            state: entropy.secret("state"),
            nonce: wants_id_token(client).then(|| entropy.secret("nonce")),
            code_verifier: entropy.secret("code_verifier"),
            redirect_uri,
            redirect_uri_text,
            issuer: provider.issuer_name(client),
            issuer_required: provider.sends_issuer || client.demands_signed_response,
            client_id: client.id().to_owned(),
            response_keys: None,
        })
    }

    /// Returns the parameters of the authorization request (RFC 6749 §4.1.1).
    pub(crate) fn parameters<'a>(
        &self,
        client: &'a Client,
    ) -> Result<Vec<(&'a str, String)>, Failure> {
        let mut parameters = vec![
            ("response_type", "code".to_owned()),
            ("client_id", client.id().to_owned()),
            ("redirect_uri", self.redirect_uri_text.clone()),
            ("state", self.state.clone()),
            ("code_challenge", code_challenge(&self.code_verifier)),
            ("code_challenge_method", "S256".to_owned()),
        ];
        let scope = client.scopes.join(" ");
        if !scope.is_empty() {
            parameters.push(("scope", scope));
        }
        parameters.extend(self.nonce.iter().map(|nonce| ("nonce", nonce.clone())));
        // The code is then worth nothing without the key either (RFC 9449 §10).
        parameters.extend(client.dpop.iter().map(|key| ("dpop_jkt", thumbprint(key))));
        parameters.extend(client.resources.iter().map(|uri| ("resource", uri.clone())));
        if client.demands_signed_response {
            parameters.push(("response_mode", RESPONSE_MODE.to_owned()));
        }
        let details = client.authorization_details.clone();
        parameters.extend(details.map(|details| (AUTHORIZATION_DETAILS, details)));
        let further = further_parameters(client)?;
        parameters.extend(further.into_iter().map(|(name, value)| (name, value.to_owned())));
        Ok(parameters)
    }

    /// Checks text that the user pasted: the whole address that the browser ended on, or
    /// the part after its `?`.
    pub(crate) fn check_pasted(&self, text: &str, now_ms: EpochMs) -> Redirect {
        let stray = |reason: &str| Redirect::Stray(reason.to_owned());
        // Terminals and mail programs break long lines, and users add quotes.
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let text = text.trim_matches(['"', '\'', '<', '>']);
        if ["code_challenge=", "request=", "request_uri="].iter().any(|name| text.contains(name)) {
            return stray(
                "this is the address to open; after the login, paste the address the browser ends on",
            );
        }
        if text.starts_with("http://") || text.starts_with("https://") {
            return self.check(text, now_ms);
        }
        let query = text.trim_start_matches('?');
        if !query.contains('=') {
            return stray(
                "a code alone is not enough, because nothing shows that it belongs to this login; paste the whole address",
            );
        }
        self.check(&format!("{}?{query}", self.redirect_uri.path()), now_ms)
    }

    /// Checks whether `target`, a path and query as a browser sent them, is the response
    /// to this transaction.
    pub(crate) fn check(&self, target: &str, now_ms: EpochMs) -> Redirect {
        let stray = |reason: &str| Redirect::Stray(reason.to_owned());
        let Ok(url) = self.redirect_uri.join(target) else {
            return stray("its address cannot be read");
        };
        if url.path() != self.redirect_uri.path() || url.origin() != self.redirect_uri.origin() {
            return stray("it did not go to the redirect URI");
        }
        let parameters = Parameters::read(&url);
        match &self.response_keys {
            None => self.check_parameters(parameters),
            Some(keys) => self.check_signed(parameters, keys, now_ms),
        }
        .unwrap_or_else(Redirect::Stray)
    }

    /// Checks a response of which only the signed part counts (JARM §2.4). One with this
    /// transaction's state ends the login if it cannot be trusted: others do not know the
    /// state.
    fn check_signed(
        &self,
        parameters: Parameters,
        keys: &[Jwk],
        now_ms: EpochMs,
    ) -> Result<Redirect, String> {
        let Some(response) = once("response", parameters.response)? else {
            self.check_state(parameters.state)?;
            return Ok(Redirect::Unusable(signed_response::unsigned()));
        };
        let claims = signed_response::unchecked(&response).ok_or("its response cannot be read")?;
        self.check_state(claims.state.iter().cloned().collect())?;
        match signed_response::check(&response, &claims, keys, &self.client_id, now_ms) {
            Ok(()) => self.check_parameters(claims.into()),
            Err(failure) => Ok(Redirect::Unusable(failure)),
        }
    }

    fn check_state(&self, state: Vec<String>) -> Result<(), String> {
        let state = once("state", state)?.ok_or("it carried no state")?;
        match state.as_bytes().ct_eq(self.state.as_bytes()).into() {
            true => Ok(()),
            false => Err("it carried another login's state".to_owned()),
        }
    }

    /// Checks the parameters of a redirect. The error says why they are not the response
    /// to this transaction.
    fn check_parameters(&self, parameters: Parameters) -> Result<Redirect, String> {
        self.check_state(parameters.state)?;
        // Mix-up defence: a code or an error is accepted only from the issuer that was
        // asked (RFC 9207 §2.4).
        match (once("iss", parameters.iss)?, &self.issuer) {
            (Some(found), Some(expected)) if !expected.covers(&found) => {
                return Err(format!(
                    "it came from the issuer {}; expected {}",
                    printable(&found),
                    expected.as_str()
                ));
            }
            (None, Some(expected)) if self.issuer_required => {
                return Err(format!("it named no issuer; expected {}", expected.as_str()));
            }
            _ => {}
        }
        // An error ends the login even if its parameters repeat: the user would otherwise
        // wait for a response that never arrives.
        if let Some(error) = error_text(&parameters.error) {
            let description = error_text(&parameters.error_description);
            return Ok(Redirect::Refused(provider_error(&error, description.as_deref())));
        }
        match once("code", parameters.code)? {
            Some(code) if !code.is_empty() => Ok(Redirect::Code(VerifiedCode(code))),
            _ => Err("it carried neither a code nor an error".to_owned()),
        }
    }
}

/// Returns the address of the authorization endpoint with these parameters.
pub(crate) fn address<'a, V: AsRef<str>>(
    endpoint: &str,
    parameters: impl IntoIterator<Item = (&'a str, V)>,
) -> Result<String, Failure> {
    let mut url = endpoint::parse("the authorization endpoint", endpoint, true)
        .map_err(|message| Failure::configuration(message, "correct the endpoint"))?;
    url.query_pairs_mut().extend_pairs(parameters);
    Ok(url.into())
}

/// The failure for an error in the redirect (RFC 6749 §4.1.2.1).
pub(crate) fn refused(provider: ProviderError) -> Failure {
    let message = in_words(&provider);
    let failure = if provider.error == "access_denied" {
        Failure::new(
            Code::AccessDenied,
            format!("the login was refused: {message}"),
            "log in again and allow access, or ask an administrator",
        )
    } else {
        Failure::new(
            Code::ProviderRefused,
            format!("the provider ended the login: {message}"),
            "check the client's registration, its scopes and its redirect URI at the provider",
        )
    };
    failure.with_provider_error(provider)
}

/// Returns the default parameter of the authorization request that may have caused this
/// error. Returns `None` if no such parameter was sent.
pub(crate) fn refused_default(client: &Client, provider: &ProviderError) -> Option<&'static str> {
    let error = provider.error.as_str();
    let may_be_curable = error.starts_with("unsupported")
        || [
            "login_required",
            "interaction_required",
            "consent_required",
            "account_selection_required",
            "invalid_request",
            "invalid_scope",
        ]
        .contains(&error);
    (may_be_curable && asks_for_consent(client)).then_some("prompt")
}

/// Whether an ID token is requested (OIDC §3.1.2.1).
pub(crate) fn wants_id_token(client: &Client) -> bool {
    client.speaks_oauth() && client.scopes.iter().any(|scope| scope == "openid")
}

/// The code challenge for a verifier, by the method S256 (RFC 7636 §4.2).
pub(crate) fn code_challenge(code_verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(code_verifier))
}

/// Returns the requirements of the parameters for the user's authentication (OIDC
/// §3.1.2.1). Fails with `invalid-configuration` if there are some but no ID token is
/// requested: only an ID token shows that they are met, and a requirement that is not
/// checked protects nothing.
pub(crate) fn demands(client: &Client) -> Result<Demands, Failure> {
    let value = |name: &str| {
        let parameter = client.parameters.iter().find(|parameter| parameter.name == name);
        parameter.map(|parameter| parameter.value.as_str()).filter(|value| !value.is_empty())
    };
    let max_age_s = value("max_age").map(str::parse).transpose().map_err(|_| {
        Failure::configuration(
            "the parameter max_age is not a whole number of seconds",
            "set whole seconds, such as 300",
        )
    })?;
    let acr_values = value("acr_values").unwrap_or_default();
    let acr_values = acr_values.split_ascii_whitespace().map(str::to_owned).collect();
    let demands = Demands { max_age_s, acr_values };
    match demands.parameter() {
        Some(parameter) if !wants_id_token(client) => Err(Failure::configuration(
            format!(
                "the answer to the parameter {parameter} is in an ID token, which is not requested"
            ),
            format!("request the scope openid too, or leave out {parameter}"),
        )),
        _ => Ok(demands),
    }
}

/// Checks that the client has an id and keeps the rules that it names, and that scope names are visible ASCII without
/// quotes and backslashes (RFC 6749 §2.2, §3.3).
///
/// A space in a scope name would hide `openid` from the checks that require an ID token.
pub(crate) fn check_client(client: &Client) -> Result<(), Failure> {
    check_client_security(client)?;
    // What the client presents may say enough (RFC 7523 §2.1, RFC 8693 §2.1).
    let presents = matches!(client.grant, GrantType::JwtBearer | GrantType::TokenExchange(_));
    let is_anonymous = presents && client.authentication.is_none();
    if client.id().is_empty() && client.resource_url.is_none() && !is_anonymous {
        return Err(Failure::configuration(
            "the client ID is empty",
            "set the client ID that the provider registered",
        ));
    }
    let is_name = |scope: &String| {
        !scope.is_empty() && scope.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
    };
    match client.scopes.iter().find(|scope| !is_name(scope)) {
        None => Ok(()),
        Some(scope) => Err(Failure::configuration(
            format!("{} is not a valid scope", printable(scope)),
            "give each scope separately, without spaces or quotes",
        )),
    }
}

/// Returns the caller's parameters, and `prompt=consent` if offline access is requested:
/// without it, an OpenID provider must ignore that scope (OIDC §11). The servers that a
/// resource names are often such providers, whatever scopes are requested.
fn further_parameters(client: &Client) -> Result<Vec<(&str, &str)>, Failure> {
    let mut parameters = check_parameters(client)?;
    if asks_for_consent(client) {
        parameters.push(("prompt", "consent"));
    }
    Ok(parameters)
}

fn asks_for_consent(client: &Client) -> bool {
    client.scopes.iter().any(|scope| scope == OFFLINE_ACCESS)
        && (wants_id_token(client) || client.resource_url.is_some())
        && !client.parameters.iter().any(|parameter| parameter.name == "prompt")
}

/// Returns the caller's parameters except those with an empty value. Fails with
/// `invalid-configuration` if one is reserved or repeats.
pub(crate) fn check_parameters(client: &Client) -> Result<Vec<(&str, &str)>, Failure> {
    let mut parameters = Vec::new();
    for (position, parameter) in client.parameters.iter().enumerate() {
        if RESERVED.contains(&parameter.name.as_str()) {
            return Err(Failure::configuration(
                format!("the parameter {} is set by the login itself", parameter.name),
                "leave it out; scopes and resources have their own settings",
            ));
        }
        // A provider may reject a repeated parameter, or use either value (RFC 6749
        // §3.1).
        if client.parameters[..position].iter().any(|earlier| earlier.name == parameter.name) {
            return Err(Failure::configuration(
                format!("the parameter {} is given twice", printable(&parameter.name)),
                "give it once",
            ));
        }
        if !parameter.value.is_empty() {
            parameters.push((parameter.name.as_str(), parameter.value.as_str()));
        }
    }
    Ok(parameters)
}

/// Parameters of an authorization response, each with all of its values. Unknown
/// parameters are ignored (RFC 6749 §4.1.2).
#[derive(Default)]
struct Parameters {
    code: Vec<String>,
    state: Vec<String>,
    iss: Vec<String>,
    error: Vec<String>,
    error_description: Vec<String>,
    /// The signed response, with all others in it.
    response: Vec<String>,
}

impl From<signed_response::Claims> for Parameters {
    fn from(claims: signed_response::Claims) -> Self {
        let one = |value: Option<String>| value.into_iter().collect();
        Self {
            code: one(claims.code),
            state: one(claims.state),
            iss: one(claims.iss),
            error: one(claims.error),
            error_description: one(claims.error_description),
            response: Vec::new(),
        }
    }
}

impl Parameters {
    fn read(url: &Url) -> Self {
        let mut found = Self::default();
        for (name, value) in url.query_pairs() {
            let values = match name.as_ref() {
                "code" => &mut found.code,
                "state" => &mut found.state,
                "iss" => &mut found.iss,
                "error" => &mut found.error,
                "error_description" => &mut found.error_description,
                "response" => &mut found.response,
                _ => continue,
            };
            values.push(value.into_owned());
        }
        found
    }
}

/// Returns the value of a parameter that must not repeat (RFC 6749 §3.1). The error says
/// that it does.
fn once(name: &str, values: Vec<String>) -> Result<Option<String>, String> {
    if values.len() > 1 {
        return Err(format!("it carried {name} twice"));
    }
    Ok(values.into_iter().next())
}

/// Returns the text of an error parameter, even if it repeats. Fief sends a description
/// as one parameter for each character.
fn error_text(values: &[String]) -> Option<String> {
    let is_spelt_out = values.len() > 1 && values.iter().all(|value| value.chars().count() <= 1);
    if is_spelt_out { Some(values.concat()) } else { values.first().cloned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenge_matches_rfc_7636_appendix_b() {
        assert_eq!(
            code_challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }
}
