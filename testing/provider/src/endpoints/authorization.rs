//! Authorization requests, the pages, and the redirect (RFC 6749 §4.1.1, §4.1.2).

use serde_json::Map;
use url::Url;

use super::client::Client;
use crate::answer::Answer;
use crate::call::Call;
use crate::dialect::{Pages, Wanted};
use crate::pages::{self, Form};
use crate::state::codes::Code;
use crate::state::sessions::Grant;

/// Lifetime of a code. RFC 6749 §4.1.2 allows up to ten minutes.
const CODE_LIFETIME_MS: u64 = 60_000;

/// A valid request, which may be shown to the user.
struct Request {
    reply_to: ReplyTo,
    client_id: String,
    /// Code challenge of method S256 (RFC 7636 §4.2).
    code_challenge: Option<String>,
    scopes: Vec<String>,
    /// Resource indicators (RFC 8707 §2).
    resources: Vec<String>,
}

/// Redirect URI of the response, and its fixed parameters.
struct ReplyTo {
    /// The redirect URI as sent. The token request must repeat it exactly.
    redirect_uri: String,
    url: Url,
    state: Option<String>,
    /// The issuer, if the response names it.
    issuer: Option<String>,
}

/// Shows the pages, or redirects. The request is kept in the page's own URL and is checked
/// again when a form is sent, because the user could have changed it.
pub(super) fn authorize(call: &Call<'_>) -> Answer {
    let request = match Request::parse(call) {
        Ok(request) => request,
        Err(refusal) => return refusal,
    };
    let (asked, pages) = (call.asked, call.dialect.pages);
    let decision = asked.field("decision");
    if decision == Some("refuse") {
        return request.reply_to.error("access_denied", "the user refused");
    }
    let action = format!("{}?{}", asked.path, asked.query.encode());
    let login_hint = asked.query.one("login_hint");
    let name = asked.field("name").map(str::trim).filter(|name| !name.is_empty());
    let has_decided = decision == Some("login") || pages == Pages::LoginWithClaims;
    match name {
        Some(name) if has_decided => grant(call, request, name),
        Some(name) if pages == Pages::LoginThenConsent => {
            let form = Form { action: &action, hidden: &[("name", name)] };
            pages::consent(&form, &request.client_id, &request.scopes)
        }
        _ => {
            let form = Form { action: &action, hidden: &[] };
            match pages {
                Pages::Login => {
                    pages::login_or_refuse(&form, &request.client_id, &request.scopes, login_hint)
                }
                Pages::LoginThenConsent => pages::login(&form, &request.client_id, login_hint),
                Pages::LoginWithClaims => pages::login_with_claims(&form, login_hint),
            }
        }
    }
}

/// Redirects with a code for a user who has agreed.
fn grant(call: &Call<'_>, request: Request, name: &str) -> Answer {
    let typed = call.asked.field("claims");
    let typed = typed.filter(|_| call.dialect.pages == Pages::LoginWithClaims);
    let Ok(claims) = typed.map_or_else(|| Ok(Map::new()), serde_json::from_str) else {
        return pages::refusal("The claims are not a JSON object.");
    };
    let now_ms = call.context.now_ms();
    let state = &mut call.context.state();
    let user = state.users.named(name);
    let code = state.codes.issue(Code {
        grant: Grant {
            user,
            client_id: request.client_id,
            scopes: request.scopes,
            resources: request.resources,
            nonce: call.asked.query.one("nonce").map(str::to_owned),
            auth_time: now_ms / 1000,
            claims,
        },
        redirect_uri: request.reply_to.redirect_uri.clone(),
        code_challenge: request.code_challenge,
        expires_at_ms: now_ms + CODE_LIFETIME_MS,
    });
    request.reply_to.redirect(&[("code", &code)])
}

impl Request {
    fn parse(call: &Call<'_>) -> Result<Self, Answer> {
        let (dialect, query) = (call.dialect, &call.asked.query);
        let (client_id, reply_to) = reply_to(call)?;
        let refuse = |error, description| Err(reply_to.error(error, description));
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
        if query.one("prompt").is_some_and(|prompt| dialect.refused_prompts.contains(&prompt)) {
            return Err(reply_to.login_required(dialect.spells_login_required));
        }
        let code_challenge = match query.one("code_challenge") {
            Some(challenge) if is_s256(challenge) => Some(challenge.to_owned()),
            Some(_) => return refuse("invalid_request", "code_challenge is not an S256 challenge"),
            None if dialect.code_challenge == Wanted::Always => {
                return refuse("invalid_request", "code_challenge is missing");
            }
            None => None,
        };
        // If omitted, the method would be plain (RFC 7636 §4.3).
        if code_challenge.is_some() && query.one("code_challenge_method") != Some("S256") {
            return refuse("invalid_request", "code_challenge_method is not S256");
        }
        if !query.all("resource").all(is_resource) {
            return refuse("invalid_target", "resource is not an absolute URI");
        }
        let scopes = query.one("scope").unwrap_or_default().split_whitespace();
        let granted =
            |scope: &&str| !dialect.drops_unknown_scopes || dialect.scopes.contains(scope);
        let scopes: Vec<_> = scopes.filter(granted).map(str::to_owned).collect();
        if dialect.required_scope.is_some_and(|scope| !scopes.iter().any(|sent| sent == scope)) {
            return refuse("invalid_scope", "a scope that every request needs is missing");
        }
        let resources = query.all("resource").map(str::to_owned).collect();
        Ok(Self { client_id, code_challenge, scopes, resources, reply_to })
    }
}

/// Checks client and redirect URI first. Until both are valid, nothing may be redirected
/// (RFC 9700 §4.11.2).
fn reply_to(call: &Call<'_>) -> Result<(String, ReplyTo), Answer> {
    let (dialect, query) = (call.dialect, &call.asked.query);
    if ["client_id", "redirect_uri", "state"].iter().any(|name| query.all(name).count() > 1) {
        return Err(pages::refusal("A parameter comes twice."));
    }
    let Some(client) = query.one("client_id").and_then(|id| Client::known(call, id)) else {
        return Err(pages::refusal("This client is not known here."));
    };
    let redirect_uri = query.one("redirect_uri");
    let registered = redirect_uri.and_then(|uri| Some((uri, client.redirect(uri)?)));
    let Some((redirect_uri, url)) = registered else {
        return Err(pages::refusal("The client may not return to where it wants."));
    };
    let reply_to = ReplyTo {
        redirect_uri: redirect_uri.to_owned(),
        url,
        state: query.one("state").map(str::to_owned),
        issuer: dialect.names_issuer.then(|| call.issuer.url()),
    };
    Ok((client.id, reply_to))
}

impl ReplyTo {
    fn error(&self, error: &str, description: &str) -> Answer {
        self.redirect(&[("error", error), ("error_description", description)])
    }

    /// The error of a `prompt` that needs a user who is logged in.
    fn login_required(&self, is_spelled: bool) -> Answer {
        let description = "User is not logged in";
        if !is_spelled {
            return self.error("login_required", description);
        }
        let letters: Vec<String> = description.chars().map(String::from).collect();
        let letters = letters.iter().map(|letter| ("error_description", letter.as_str()));
        let outcome: Vec<_> = [("error", "login_required")].into_iter().chain(letters).collect();
        self.redirect(&outcome)
    }

    /// Redirects with a code or an error.
    fn redirect(&self, outcome: &[(&str, &str)]) -> Answer {
        let mut url = self.url.clone();
        url.query_pairs_mut()
            .extend_pairs(outcome)
            .extend_pairs(self.state.iter().map(|state| ("state", state)))
            .extend_pairs(self.issuer.iter().map(|issuer| ("iss", issuer)));
        Answer::redirect(url.as_str()).not_stored()
    }
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
