//! Endpoint `/authorize`: login page and redirect (RFC 6749 §4.1.1, §4.1.2).

use crate::answer::Answer;
use crate::asked::Asked;
use crate::authorization_request::{AuthorizationRequest, Refusal};
use crate::grants::{Code, Consent};
use crate::page;
use crate::shared::{Shared, lock};

/// Lifetime of a code. RFC 6749 §4.1.2 allows up to ten minutes.
const CODE_LIFETIME_MS: u64 = 60_000;

/// Shows the login page, or redirects. The request is kept in the page's own URL and is
/// checked again when the form is sent, because the user could have changed it.
pub(crate) fn authorize(shared: &Shared, asked: &Asked) -> Answer {
    let request = AuthorizationRequest::parse(&asked.query, &shared.issuer, &shared.options);
    let request = match request {
        Ok(request) => request,
        Err(Refusal::ToUser(reason)) => return page::refusal(&reason),
        Err(Refusal::ToClient(answer)) => return answer,
    };
    let form = asked.form.as_ref();
    let decision = form.and_then(|form| form.one("decision"));
    let name = form.and_then(|form| form.one("name")).map(str::trim);
    match (decision, name) {
        (Some("refuse"), _) => request
            .reply_to
            .redirect(&[("error", "access_denied"), ("error_description", "the person refused")]),
        (Some("login"), Some(name)) if !name.is_empty() => {
            let code = issue_code(shared, &request, name);
            request.reply_to.redirect(&[("code", &code)])
        }
        _ => page::login(
            &shared.options.client_id,
            &request.scopes,
            request.login_hint.as_deref(),
            &format!("/authorize?{}", asked.query.encode()),
        ),
    }
}

fn issue_code(shared: &Shared, request: &AuthorizationRequest, name: &str) -> String {
    let now = shared.now_ms();
    let consent = Consent {
        name: name.to_owned(),
        scopes: request.scopes.clone(),
        resources: request.resources.clone(),
        nonce: request.nonce.clone(),
        auth_time: now / 1000,
    };
    lock(&shared.grants).issue_code(Code {
        consent,
        redirect_uri: request.reply_to.redirect_uri.clone(),
        code_challenge: request.code_challenge.clone(),
        expires_at_ms: now + CODE_LIFETIME_MS,
    })
}
