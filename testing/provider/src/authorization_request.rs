//! Validation of authorization requests (RFC 6749 §4.1.1).

use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::answer::Answer;
use crate::asked::Parameters;
use crate::metadata::SCOPES;
use crate::options::Options;

/// A valid request, which may be shown to the user.
pub(crate) struct AuthorizationRequest {
    pub(crate) reply_to: ReplyTo,
    /// Code challenge of method S256 (RFC 7636 §4.2).
    pub(crate) code_challenge: String,
    pub(crate) nonce: Option<String>,
    /// Requested scopes that exist here.
    pub(crate) scopes: Vec<String>,
    /// Resource indicators (RFC 8707 §2).
    pub(crate) resources: Vec<String>,
    pub(crate) login_hint: Option<String>,
}

/// Receiver of the error.
pub(crate) enum Refusal {
    /// The user: the redirect URI cannot be trusted (RFC 6749 §4.1.2.1).
    ToUser(String),
    /// The client, through the browser.
    ToClient(Answer),
}

/// Redirect URI of the response, and its fixed parameters.
pub(crate) struct ReplyTo {
    /// The redirect URI as sent. The token request must repeat it exactly.
    pub(crate) redirect_uri: String,
    url: Url,
    state: Option<String>,
    issuer: String,
}

impl ReplyTo {
    /// Redirects with a code or an error. Every response names its issuer (RFC 9207 §2).
    pub(crate) fn redirect(&self, outcome: &[(&str, &str)]) -> Answer {
        let mut url = self.url.clone();
        let mut query = url.query_pairs_mut();
        query.extend_pairs(outcome);
        if let Some(state) = &self.state {
            query.append_pair("state", state);
        }
        query.append_pair("iss", &self.issuer);
        drop(query);
        Answer::redirect(url.as_str()).not_stored()
    }

    fn refuse(&self, error: &str, description: &str) -> Refusal {
        let outcome = [("error", error), ("error_description", description)];
        Refusal::ToClient(self.redirect(&outcome))
    }
}

impl AuthorizationRequest {
    pub(crate) fn parse(
        query: &Parameters,
        issuer: &str,
        options: &Options,
    ) -> Result<Self, Refusal> {
        let reply_to = reply_to(query, issuer, options)?;
        let refuse = |error, description| Err(reply_to.refuse(error, description));
        if query.repeats() {
            return refuse("invalid_request", "a parameter comes twice");
        }
        match query.one("response_type") {
            Some("code") => {}
            Some(_) => return refuse("unsupported_response_type", "only code is supported"),
            None => return refuse("invalid_request", "response_type is missing"),
        }
        if query.one("response_mode").is_some_and(|mode| mode != "query") {
            return refuse("invalid_request", "the only response_mode is query");
        }
        // OpenID Connect Core §3.1.2.6 defines these three errors.
        if query.one("request").is_some() {
            return refuse("request_not_supported", "send plain parameters");
        }
        if query.one("request_uri").is_some() {
            return refuse("request_uri_not_supported", "send plain parameters");
        }
        if query.one("prompt") == Some("none") {
            return refuse("login_required", "you are not logged in here beforehand");
        }
        let code_challenge = match query.one("code_challenge") {
            Some(challenge) if is_s256(challenge) => challenge.to_owned(),
            Some(_) => return refuse("invalid_request", "code_challenge is not an S256 challenge"),
            None => return refuse("invalid_request", "code_challenge is missing"),
        };
        // If omitted, the method would be plain (RFC 7636 §4.3).
        if query.one("code_challenge_method") != Some("S256") {
            return refuse("invalid_request", "code_challenge_method is not S256");
        }
        if !query.all("resource").all(is_resource) {
            return refuse("invalid_target", "resource is not an absolute URI");
        }
        let scope = query.one("scope").unwrap_or_default();
        let known = scope.split(' ').filter(|scope| SCOPES.contains(scope));
        Ok(Self {
            code_challenge,
            nonce: query.one("nonce").map(str::to_owned),
            scopes: known.map(str::to_owned).collect(),
            resources: query.all("resource").map(str::to_owned).collect(),
            login_hint: query.one("login_hint").map(str::to_owned),
            reply_to,
        })
    }
}

/// Checks client and redirect URI first. Until both are valid, nothing may be redirected
/// (RFC 9700 §4.11.2).
fn reply_to(query: &Parameters, issuer: &str, options: &Options) -> Result<ReplyTo, Refusal> {
    let refuse = |reason: String| Err(Refusal::ToUser(reason));
    if ["client_id", "redirect_uri", "state"].iter().any(|name| query.all(name).count() > 1) {
        return refuse("A parameter comes twice.".into());
    }
    match query.one("client_id") {
        Some(client_id) if client_id == options.client_id => {}
        Some(client_id) => return refuse(format!("There is no client called {client_id}.")),
        None => return refuse("The client did not say who it is.".into()),
    }
    let Some(redirect_uri) = query.one("redirect_uri") else {
        return refuse("The client did not say where to return to.".into());
    };
    match Url::parse(redirect_uri) {
        Ok(url) if is_registered(&url, &options.redirect_path) => Ok(ReplyTo {
            redirect_uri: redirect_uri.to_owned(),
            url,
            state: query.one("state").map(str::to_owned),
            issuer: issuer.to_owned(),
        }),
        _ => refuse(format!("The client may not return to {redirect_uri}.")),
    }
}

/// Whether this is a loopback IP literal with any port (RFC 8252 §7.3). `localhost` is
/// not accepted (§8.3).
fn is_registered(url: &Url, path: &str) -> bool {
    let loopback = match url.host() {
        Some(Host::Ipv4(address)) => address == Ipv4Addr::LOCALHOST,
        Some(Host::Ipv6(address)) => address == Ipv6Addr::LOCALHOST,
        _ => false,
    };
    let bare = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none();
    url.scheme() == "http" && loopback && bare && url.path() == path
}

/// Whether this can be a SHA-256 hash in base64url: 43 characters (RFC 7636 §4.2).
fn is_s256(challenge: &str) -> bool {
    let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    challenge.len() == 43 && challenge.bytes().all(is_letter)
}

/// Whether this is an absolute URI without a fragment (RFC 8707 §2).
fn is_resource(resource: &str) -> bool {
    Url::parse(resource).is_ok_and(|url| url.fragment().is_none())
}
