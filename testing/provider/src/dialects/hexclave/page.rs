//! The page on which a user confirms a command-line login.

use url::form_urlencoded::byte_serialize;

use super::sessions;
use crate::answer::Answer;
use crate::asked::Asked;
use crate::context::Context;
use crate::page::{escape, page};
use crate::pages::{self, Form};

pub(super) const PATH: &str = "/handler/cli-auth-confirm";

/// Shows the page. Error pages have status 400, so that a simulated user can detect them.
pub(super) fn confirm(context: &Context, asked: &Asked) -> Answer {
    let Some(login_code) = asked.query.one("login_code") else {
        let text = "The link has no login code. Start again from the command line.";
        return pages::notice(400, "Invalid CLI Authorization Link", text);
    };
    let name = asked.field("name").map(str::trim).filter(|name| !name.is_empty());
    match (asked.field("decision"), name) {
        // There is no way to refuse: the command line continues to wait.
        (Some("cancel"), _) => {
            pages::notice(200, "CLI Authorization Cancelled", "You may close this window.")
        }
        (Some("authorize"), Some(name)) => authorize(context, login_code, name),
        _ => ask(login_code),
    }
}

fn authorize(context: &Context, login_code: &str, name: &str) -> Answer {
    let state = &mut context.state();
    let Some(open) = state.cli_logins.open(login_code, context.now_for_codes_ms()) else {
        let again = escape(&address(login_code));
        let main = format!(
            "<p>Invalid login code or the code has expired.</p>\n<p><a href=\"{again}\">Try Again</a></p>"
        );
        return page(400, "Authorization Failed", &main);
    };
    let user = match open.anonymous {
        Some(user) => {
            state.users.upgrade(user, name);
            user
        }
        None => state.users.named(name),
    };
    let (refresh_token, _) = sessions::open(context, state, user);
    state.cli_logins.complete(open, refresh_token);
    let text = "The command line is logged in. You may close this window.";
    pages::notice(200, "CLI Authorization Successful", text)
}

fn ask(login_code: &str) -> Answer {
    let action = address(login_code);
    let form = Form { action: &action, hidden: &[] };
    let fields = r#"<label for="name">Your name</label>
<input id="name" name="name">
<p class="hint">WARNING: go on only if you have just started this login yourself. Whoever sent you this link would be logged in as you.</p>
<div class="buttons">
<button class="yes" name="decision" value="authorize">Authorize</button>
<button name="decision" value="cancel">Cancel</button>
</div>"#;
    let main = format!("<p>A command line wants to log in as you.</p>\n{}", form.html(fields));
    page(200, "Authorize CLI Application", &main)
}

fn address(login_code: &str) -> String {
    let login_code: String = byte_serialize(login_code.as_bytes()).collect();
    format!("{PATH}?login_code={login_code}")
}
