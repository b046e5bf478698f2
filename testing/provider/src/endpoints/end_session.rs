//! Logout in the browser (OpenID Connect RP-Initiated Logout). No session is kept there,
//! so it has only the redirect.

use crate::answer::Answer;
use crate::call::Call;
use crate::pages;

/// Redirects to the client if it wants that, otherwise shows a page.
pub(super) fn end_session(call: &Call<'_>) -> Answer {
    match call.asked.query.one("post_logout_redirect_uri") {
        Some(target) => Answer::redirect(target),
        None => pages::notice(200, "Logged out", "You may close this window."),
    }
}
