//! Hexclave: a code to poll with, a page to confirm the login on, and refresh tokens that
//! do not rotate.
//!
//! None of this is OAuth: all routes are its own.

mod cli;
mod errors;
mod page;
mod sessions;

use super::demo::STANDARD;
use crate::answer::Answer;
use crate::asked::Asked;
use crate::context::Context;
use crate::dialect::{AccessToken, Dialect, Route};
use crate::issuer::IssuerRule;
use crate::keys::Signing;
use errors::Error;

/// Hexclave, formerly Stack Auth.
pub static HEXCLAVE: Dialect = Dialect {
    name: "hexclave",
    // Only its access tokens name an issuer.
    issuer: IssuerRule { scheme: "http", path: "/api/v1/projects/{project_id}", any_path: false },
    routes: &[
        Route::own(page::PATH, page::confirm),
        Route::own("/api/v1/auth/cli", |context, asked| post(context, asked, cli::begin)),
        Route::own("/api/v1/auth/cli/poll", |context, asked| post(context, asked, cli::poll)),
        Route::own("/api/v1/auth/anonymous/sign-up", |context, asked| {
            post(context, asked, sessions::sign_up_anonymously)
        }),
        Route::own("/api/v1/auth/sessions/current/refresh", |context, asked| {
            post(context, asked, sessions::refresh)
        }),
        Route::own("/api/v1/auth/sessions/current", |context, asked| {
            call(context, asked, "DELETE", sessions::sign_out)
        }),
        Route::protected("/api/v1/users/me", |context, asked| {
            call(context, asked, "GET", sessions::me)
        }),
    ],
    client_id: "demo-project",
    signing: Signing::Rs256,
    expires_in: 600,
    access_token: AccessToken::Signed(sessions::claims),
    polls_own_route: true,
    ..STANDARD
};

/// An endpoint of the API.
type Endpoint = fn(&Context, &Asked) -> Result<Answer, Error>;

fn post(context: &Context, asked: &Asked, endpoint: Endpoint) -> Answer {
    call(context, asked, "POST", endpoint)
}

fn call(context: &Context, asked: &Asked, method: &str, endpoint: Endpoint) -> Answer {
    if asked.method != method {
        return Answer::new(405, "text/plain", "").with("allow", method);
    }
    authenticate(context, asked)
        .and_then(|()| endpoint(context, asked))
        .unwrap_or_else(|error| error.answer())
}

/// Checks the headers of a call: it must name its project and its access type. A
/// publishable key is checked if it is sent, and is mandatory if the project requires
/// one.
fn authenticate(context: &Context, asked: &Asked) -> Result<(), Error> {
    let options = &context.options;
    match header(asked, "access-type") {
        None => return Err(Error::ACCESS_TYPE_REQUIRED),
        Some("client") => {}
        Some(_) => return Err(Error::INVALID_ACCESS_TYPE),
    }
    match header(asked, "project-id") {
        None => return Err(Error::ACCESS_TYPE_WITHOUT_PROJECT_ID),
        Some(project_id) if project_id == options.project_id => {}
        Some(_) => return Err(Error::CURRENT_PROJECT_NOT_FOUND),
    }
    match header(asked, "publishable-client-key") {
        None if options.requires_publishable_key => Err(Error::PUBLISHABLE_CLIENT_KEY_REQUIRED),
        Some(key) if key != options.publishable_key => Err(Error::INVALID_PUBLISHABLE_CLIENT_KEY),
        None | Some(_) => Ok(()),
    }
}

/// Returns a header under its present name or under that of Stack Auth.
fn header<'a>(asked: &'a Asked, name: &str) -> Option<&'a str> {
    let present = asked.header(&format!("x-hexclave-{name}"));
    present.or_else(|| asked.header(&format!("x-stack-{name}")))
}
