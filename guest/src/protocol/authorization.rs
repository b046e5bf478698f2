//! The authorization request and the redirect that answers it (RFC 6749 §4.1,
//! RFC 7636, RFC 9207).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq as _;
use url::Url;

use crate::contract::{Client, Code, Failure, Protocol, ProviderError};
use crate::protocol::endpoint;
use crate::protocol::entropy::Entropy;
use crate::protocol::failure::{in_words, printable, provider_error};
use crate::protocol::metadata::Provider;

/// Parameters that this module sets and that protect the login, or that would
/// change where and how the answer arrives.
const RESERVED: [&str; 12] = [
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
];

/// What one authorization request must be remembered by: used once, never stored.
pub(crate) struct Transaction {
    state: String,
    /// For the ID token (OIDC §3.1.2.1); none where none is asked for.
    pub(crate) nonce: Option<String>,
    pub(crate) code_verifier: String,
    redirect_uri: Url,
    /// Exactly as sent: the token request repeats it (RFC 6749 §4.1.3).
    pub(crate) redirect_uri_text: String,
    issuer: Option<String>,
    issuer_required: bool,
}

/// An authorization code that came with this transaction's state, from its
/// issuer, to its redirect URI. Only [`Transaction::check`] makes one.
pub(crate) struct VerifiedCode(String);

impl VerifiedCode {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a request to the redirect URI means.
pub(crate) enum Redirect {
    Code(VerifiedCode),
    /// The provider's own refusal, proven to belong to this transaction.
    Refused(ProviderError),
    /// Not this transaction's answer: the reason, for people.
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
            issuer: endpoint::issuer_name(client),
            issuer_required: provider.sends_issuer,
        })
    }

    /// The URL to bring the person to.
    pub(crate) fn authorization_request(
        &self,
        authorization_endpoint: &str,
        client: &Client,
    ) -> Result<String, Failure> {
        let mut url = endpoint::parse("the authorization endpoint", authorization_endpoint, true)
            .map_err(|message| Failure::configuration(message, "correct the endpoint"))?;
        let challenge = code_challenge(&self.code_verifier);
        let scope = client.scopes.join(" ");
        {
            let mut query = url.query_pairs_mut();
            query
                .append_pair("response_type", "code")
                .append_pair("client_id", &client.client_id)
                .append_pair("redirect_uri", &self.redirect_uri_text)
                .append_pair("state", &self.state)
                .append_pair("code_challenge", &challenge)
                .append_pair("code_challenge_method", "S256");
            if !scope.is_empty() {
                query.append_pair("scope", &scope);
            }
            if let Some(nonce) = &self.nonce {
                query.append_pair("nonce", nonce);
            }
            for resource in &client.resources {
                query.append_pair("resource", resource);
            }
            for (name, value) in further_parameters(client)? {
                query.append_pair(name, value);
            }
        }
        Ok(url.into())
    }

    /// The same for what a person brings back: the whole address that the browser
    /// ended on, or what follows its `?`.
    pub(crate) fn check_pasted(&self, text: &str) -> Redirect {
        let stray = |reason: &str| Redirect::Stray(reason.to_owned());
        // Terminals and mails break long lines, and people quote.
        let text: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        let text = text.trim_matches(['"', '\'', '<', '>']);
        if text.contains("code_challenge=") {
            return stray(
                "that is the address to open; paste the one that the browser ends on after the login",
            );
        }
        if text.starts_with("http://") || text.starts_with("https://") {
            return self.check(text);
        }
        let query = text.trim_start_matches('?');
        if !query.contains('=') {
            return stray(
                "a code alone is not enough, as nothing shows that it is this login's; paste the whole address",
            );
        }
        self.check(&format!("{}?{query}", self.redirect_uri.path()))
    }

    /// Whether `target`, a path and query as a browser sent them, is the answer
    /// to this transaction.
    pub(crate) fn check(&self, target: &str) -> Redirect {
        let stray = |reason: &str| Redirect::Stray(reason.to_owned());
        let Ok(url) = self.redirect_uri.join(target) else {
            return stray("its address cannot be read");
        };
        if url.path() != self.redirect_uri.path() || url.origin() != self.redirect_uri.origin() {
            return stray("it went to another address than the redirect URI");
        }
        let parameters = match Parameters::parse(&url) {
            Ok(parameters) => parameters,
            Err(reason) => return Redirect::Stray(reason),
        };
        let Some(state) = parameters.state else {
            return stray("it carried no state");
        };
        if !bool::from(state.as_bytes().ct_eq(self.state.as_bytes())) {
            return stray("it carried another login's state");
        }
        // Mix-up defence: code and error count only from the issuer asked (RFC 9207 §2.4).
        match (&parameters.iss, &self.issuer) {
            (Some(found), Some(expected)) if found != expected => {
                return Redirect::Stray(format!(
                    "it came from the issuer {}; expected {expected}",
                    printable(found)
                ));
            }
            (None, Some(expected)) if self.issuer_required => {
                return Redirect::Stray(format!("it named no issuer; expected {expected}"));
            }
            _ => {}
        }
        match (parameters.error, parameters.code) {
            (Some(error), _) => {
                Redirect::Refused(provider_error(&error, parameters.error_description.as_deref()))
            }
            (None, Some(code)) if !code.is_empty() => Redirect::Code(VerifiedCode(code)),
            (None, _) => stray("it carried neither a code nor an error"),
        }
    }
}

/// What an error in the redirect stands for (RFC 6749 §4.1.2.1).
pub(crate) fn refused(provider: ProviderError) -> Failure {
    let message = in_words(&provider);
    let failure = if provider.error == "access_denied" {
        Failure::new(
            Code::AccessDenied,
            format!("the login was refused: {message}"),
            "log in again and allow the access, or ask who may",
        )
    } else {
        Failure::new(
            Code::ProviderRefused,
            format!("the provider ended the login: {message}"),
            "check the client's registration, its scopes and its redirect URI at the provider",
        )
    };
    failure.said_by(provider)
}

/// Whether an ID token is asked for (OIDC §3.1.2.1).
pub(crate) fn wants_id_token(client: &Client) -> bool {
    matches!(client.protocol, Protocol::Oauth)
        && client.scopes.iter().any(|scope| scope == "openid")
}

/// S256 (RFC 7636 §4.2).
pub(crate) fn code_challenge(code_verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(code_verifier))
}

/// The `max_age` asked for, in seconds (OIDC §3.1.2.1).
///
/// One that cannot be read is refused: nobody would check what it asks for.
pub(crate) fn max_age_s(client: &Client) -> Result<Option<u64>, Failure> {
    match client.parameters.iter().find(|p| p.name == "max_age" && !p.value.is_empty()) {
        None => Ok(None),
        Some(parameter) => parameter.value.parse().map(Some).map_err(|_| {
            Failure::configuration(
                "the parameter max_age is no number of seconds",
                "give it as a whole number",
            )
        }),
    }
}

/// A client has an id, and scope names are visible ASCII without quotes and
/// backslashes (RFC 6749 §2.2, §3.3).
///
/// A space would hide `openid` from the rules that guard an ID token.
pub(crate) fn check_client(client: &Client) -> Result<(), Failure> {
    if client.client_id.is_empty() {
        return Err(Failure::configuration(
            "the client id is empty",
            "give the client id that the provider registered",
        ));
    }
    let is_name = |scope: &String| {
        !scope.is_empty() && scope.bytes().all(|b| b.is_ascii_graphic() && b != b'"' && b != b'\\')
    };
    match client.scopes.iter().find(|scope| !is_name(scope)) {
        None => Ok(()),
        Some(scope) => Err(Failure::configuration(
            format!("{} is no scope name", printable(scope)),
            "give each scope by itself, without spaces and quotes",
        )),
    }
}

/// The caller's parameters, and `prompt=consent` where offline access is asked
/// for: without it a provider must ignore that scope (OIDC §11).
fn further_parameters(client: &Client) -> Result<Vec<(&str, &str)>, Failure> {
    let mut parameters = check_parameters(client)?;
    let offline = client.scopes.iter().any(|scope| scope == "offline_access");
    if offline && wants_id_token(client) && !client.parameters.iter().any(|p| p.name == "prompt") {
        parameters.push(("prompt", "consent"));
    }
    Ok(parameters)
}

/// The caller's parameters; empty ones are left out.
pub(crate) fn check_parameters(client: &Client) -> Result<Vec<(&str, &str)>, Failure> {
    let mut parameters = Vec::new();
    for (position, parameter) in client.parameters.iter().enumerate() {
        if RESERVED.contains(&parameter.name.as_str()) {
            return Err(Failure::configuration(
                format!("the parameter {} belongs to the login itself", parameter.name),
                "leave it out; scopes and resources have settings of their own",
            ));
        }
        // A provider may refuse a repeated one or believe either (RFC 6749 §3.1).
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

/// The parameters of an authorization response; unknown ones are ignored, known
/// ones must not repeat (RFC 6749 §3.1).
#[derive(Default)]
struct Parameters {
    code: Option<String>,
    state: Option<String>,
    iss: Option<String>,
    error: Option<String>,
    error_description: Option<String>,
}

impl Parameters {
    fn parse(url: &Url) -> Result<Self, String> {
        let mut found = Self::default();
        for (name, value) in url.query_pairs() {
            let field = match name.as_ref() {
                "code" => &mut found.code,
                "state" => &mut found.state,
                "iss" => &mut found.iss,
                "error" => &mut found.error,
                "error_description" => &mut found.error_description,
                _ => continue,
            };
            if field.replace(value.into_owned()).is_some() {
                return Err(format!("it carried {name} twice"));
            }
        }
        Ok(found)
    }
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
