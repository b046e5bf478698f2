//! Authorization endpoints: request, pages and redirect (RFC 6749 §4.1.1, §4.1.2).

use crate::{Answer, Asked, Parameters};
use serde_json::Map;
use url::Url;

use crate::standins::misbehaviour::Misbehaviour;
use crate::standins::pages::{self, Form};
use crate::standins::redirects::Redirects;
use crate::standins::shared::Shared;
use crate::standins::state::codes::{Code, Wanted};
use crate::standins::state::sessions::Grant;

/// Lifetime of a code: the longest that RFC 6749 §4.1.2 recommends.
const CODE_LIFETIME_MS: u64 = 10 * 60 * 1000;

/// Differences between systems.
pub(crate) struct Rules<'a> {
    /// The registered client. `None` accepts every client.
    pub(crate) client_id: Option<&'a str>,
    pub(crate) redirects: Redirects,
    pub(crate) code_challenge: Wanted,
    /// Whether a request without the scope `openid` is rejected.
    pub(crate) requires_openid: bool,
    /// Whether `prompt=consent` and `prompt=none` are rejected because no user is logged
    /// in in this browser yet, as a Fief server does for its consent page.
    pub(crate) requires_login_before_consent: bool,
    pub(crate) pages: Pages,
}

/// Pages that the user sees.
#[derive(Clone, Copy)]
pub(crate) enum Pages {
    LoginThenConsent,
    /// The login includes the consent, and may set claims.
    LoginWithClaims,
}

/// A valid request, which may be shown to the user.
struct Request {
    reply_to: ReplyTo,
    client_id: String,
    redirect_uri: String,
    code_challenge: Option<String>,
    scopes: Vec<String>,
}

/// Redirect URI and state of the response.
struct ReplyTo {
    url: Url,
    state: Option<String>,
}

/// Shows the pages, or redirects. The request is kept in the page's own URL and is
/// checked again when a form is sent, because the user could have changed it.
pub(crate) fn authorize(shared: &Shared, asked: &Asked, rules: &Rules<'_>) -> Answer {
    let request = match Request::parse(shared, &asked.query, rules) {
        Ok(request) => request,
        Err(refusal) => return refusal,
    };
    let field = |name| asked.form.as_ref().and_then(|form| form.one(name));
    let action = format!("{}?{}", asked.path, asked.query.encode());
    let name = field("username").map(str::trim).filter(|name| !name.is_empty());
    let Some(name) = name else {
        let form = Form { action: &action, hidden: &[] };
        let login_hint = asked.query.one("login_hint");
        return match rules.pages {
            Pages::LoginThenConsent => pages::login(&form, &request.client_id, login_hint),
            Pages::LoginWithClaims => pages::login_with_claims(&form, login_hint),
        };
    };
    let claims = match (rules.pages, field("claims"), field("decision")) {
        (Pages::LoginThenConsent, _, Some("approve")) => Map::new(),
        (Pages::LoginThenConsent, _, Some("deny")) => {
            return request.reply_to.error("access_denied", "the person refused");
        }
        (Pages::LoginThenConsent, _, _) => {
            let form = Form { action: &action, hidden: &[("username", name)] };
            return pages::consent(&form, &request.client_id, &request.scopes);
        }
        (Pages::LoginWithClaims, None, _) => Map::new(),
        (Pages::LoginWithClaims, Some(claims), _) => match serde_json::from_str(claims) {
            Ok(claims) => claims,
            Err(_) => return refusal("The claims are not a JSON object."),
        },
    };
    let now_ms = shared.now_ms();
    let state = &mut shared.state();
    let grant = Grant {
        user: state.users.named(name),
        client_id: request.client_id,
        scopes: request.scopes,
        nonce: asked.query.one("nonce").map(str::to_owned),
        auth_time: now_ms / 1000,
        claims,
    };
    let code = state.codes.issue(Code {
        grant,
        redirect_uri: request.redirect_uri,
        code_challenge: request.code_challenge,
        expires_at_ms: now_ms + CODE_LIFETIME_MS,
    });
    request.reply_to.redirect(&[("code", &code)])
}

impl Request {
    /// Parses a request. Client and redirect URI come first: until both are valid,
    /// nothing may be redirected (RFC 9700 §4.11.2).
    fn parse(shared: &Shared, query: &Parameters, rules: &Rules<'_>) -> Result<Self, Answer> {
        if query.repeats() {
            return Err(refusal("A parameter comes twice."));
        }
        let client_id = query.one("client_id");
        let client_id = client_id.filter(|sent| rules.client_id.is_none_or(|known| known == *sent));
        let client_id = client_id.ok_or_else(|| refusal("This client is not known here."))?;
        let redirect_uri = query.one("redirect_uri").filter(|uri| rules.redirects.allow(uri));
        let registered = redirect_uri.and_then(|uri| Some((uri, Url::parse(uri).ok()?)));
        let (redirect_uri, url) =
            registered.ok_or_else(|| refusal("The client may not return to where it wants."))?;
        let echoes = !shared.does(Misbehaviour::NoStateEcho);
        let state = query.one("state").filter(|_| echoes).map(str::to_owned);
        let reply_to = ReplyTo { url, state };

        match query.one("response_type") {
            Some("code") => {}
            Some(_) => {
                return Err(reply_to.error("unsupported_response_type", "ask for a code"));
            }
            None => return Err(reply_to.error("invalid_request", "response_type is missing")),
        }
        let code_challenge = query.one("code_challenge").map(str::to_owned);
        if code_challenge.is_none() && rules.code_challenge == Wanted::Always {
            return Err(reply_to.error("invalid_request", "code_challenge is missing"));
        }
        // If omitted, the method would be plain (RFC 7636 §4.3).
        if code_challenge.is_some() && query.one("code_challenge_method") != Some("S256") {
            return Err(reply_to.error("invalid_request", "code_challenge_method is not S256"));
        }
        let scopes = query.one("scope").unwrap_or_default().split_whitespace();
        let scopes: Vec<_> = scopes.map(str::to_owned).collect();
        if rules.requires_openid && !scopes.iter().any(|scope| scope == "openid") {
            return Err(reply_to.error("invalid_scope", "the scope openid is missing"));
        }
        let prompt = query.one("prompt");
        if rules.requires_login_before_consent && matches!(prompt, Some("consent" | "none")) {
            return Err(reply_to.error_in_letters("login_required", "User is not logged in"));
        }
        Ok(Self {
            reply_to,
            client_id: client_id.to_owned(),
            redirect_uri: redirect_uri.to_owned(),
            code_challenge,
            scopes,
        })
    }
}

impl ReplyTo {
    fn error(&self, error: &str, description: &str) -> Answer {
        self.redirect(&[("error", error), ("error_description", description)])
    }

    /// Redirects with an error as a Fief server does: each letter of the description is a
    /// parameter.
    fn error_in_letters(&self, error: &str, description: &str) -> Answer {
        let letters: Vec<String> = description.chars().map(String::from).collect();
        let letters = letters.iter().map(|letter| ("error_description", letter.as_str()));
        let outcome: Vec<_> = [("error", error)].into_iter().chain(letters).collect();
        self.redirect(&outcome)
    }

    fn redirect(&self, outcome: &[(&str, &str)]) -> Answer {
        let mut url = self.url.clone();
        url.query_pairs_mut()
            .extend_pairs(outcome)
            .extend_pairs(self.state.iter().map(|state| ("state", state)));
        Answer::redirect(url.as_str()).not_stored()
    }
}

fn refusal(reason: &str) -> Answer {
    pages::notice(400, "This login cannot go on", reason)
}
