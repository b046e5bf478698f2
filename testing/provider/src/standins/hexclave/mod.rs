//! Hexclave: a code to poll with, a page to confirm the login on, and refresh tokens that
//! do not rotate.

mod cli;
mod errors;
mod page;
mod sessions;

use crate::{Answer, Asked};

pub(crate) use sessions::access_token;

use crate::standins::shared::Shared;
use errors::Error;

/// Path prefix of the API.
const API: &str = "/api/v1/";

pub(crate) fn answer(shared: &Shared, asked: &Asked) -> Answer {
    if asked.path == page::PATH {
        return page::confirm(shared, asked);
    }
    match asked.path.strip_prefix(API) {
        Some(path) => of_api(shared, asked, path).unwrap_or_else(|error| error.answer()),
        None => Answer::new(404, "text/plain", "there is nothing here\n"),
    }
}

fn of_api(shared: &Shared, asked: &Asked, path: &str) -> Result<Answer, Error> {
    authenticate(shared, asked)?;
    match (asked.method.as_str(), path) {
        ("POST", "auth/cli") => cli::begin(shared, asked),
        ("POST", "auth/cli/poll") => cli::poll(shared, asked),
        ("POST", "auth/cli/complete") => cli::complete(shared, asked),
        ("POST", "auth/anonymous/sign-up") => Ok(sessions::sign_up_anonymously(shared)),
        ("POST", "auth/sessions/current/refresh") => sessions::refresh(shared, asked),
        ("DELETE", "auth/sessions/current") => sessions::sign_out(shared, asked),
        ("GET", "users/me") => sessions::me(shared, asked),
        _ => Ok(Answer::new(404, "text/plain", "there is nothing here\n")),
    }
}

/// Checks the headers of a call: it must name its project and its access type. A
/// publishable key is checked if it is sent, and is mandatory if the project requires
/// one.
fn authenticate(shared: &Shared, asked: &Asked) -> Result<(), Error> {
    let options = &shared.options;
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
