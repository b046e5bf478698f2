//! Calls of Hexclave's API: who may make one.

use super::errors::Error;
use crate::answer::Answer;
use crate::asked::Asked;
use crate::context::Context;

/// An endpoint of the API.
pub(super) type Endpoint = fn(&Context, &Asked) -> Result<Answer, Error>;

/// Answers a POST request.
pub(super) fn post(context: &Context, asked: &Asked, endpoint: Endpoint) -> Answer {
    call(context, asked, "POST", endpoint)
}

/// Answers a request of this method.
pub(super) fn call(context: &Context, asked: &Asked, method: &str, endpoint: Endpoint) -> Answer {
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
pub(super) fn header<'a>(asked: &'a Asked, name: &str) -> Option<&'a str> {
    let present = asked.header(&format!("x-hexclave-{name}"));
    present.or_else(|| asked.header(&format!("x-stack-{name}")))
}
