//! What the pages say, with forms that a program can fill in too.

use crate::answer::Answer;
use crate::page::{escape, page};

/// A form: its action, and its hidden fields.
pub(crate) struct Form<'a> {
    pub(crate) action: &'a str,
    pub(crate) hidden: &'a [(&'a str, &'a str)],
}

impl Form<'_> {
    /// A complete form. `inside` is HTML.
    pub(crate) fn html(&self, inside: &str) -> String {
        let action = escape(self.action);
        let hidden = self.hidden.iter().map(|(name, value)| {
            let value = escape(value);
            format!("<input type=\"hidden\" name=\"{name}\" value=\"{value}\">\n")
        });
        let hidden: String = hidden.collect();
        format!("<form method=\"post\" action=\"{action}\">\n{hidden}{inside}\n</form>")
    }
}

/// The login page on which a user can refuse too.
pub(crate) fn login_or_refuse(
    form: &Form<'_>,
    client_id: &str,
    scopes: &[String],
    login_hint: Option<&str>,
) -> Answer {
    let client_id = escape(client_id);
    let name = escape(login_hint.unwrap_or_default());
    let items = scopes.iter().map(|scope| format!("<li>{}</li>", escape(describe(scope))));
    let scope_list = match items.collect::<String>() {
        items if items.is_empty() => "</p>".to_owned(),
        items => format!(" It wants to</p>\n<ul>{items}</ul>"),
    };
    let fields = format!(
        r#"<label for="name">Your name</label>
<input id="name" name="name" value="{name}" placeholder="Ada Lovelace" autocomplete="off" autofocus required>
<p class="hint">Any name will do: nobody checks it.</p>
<div class="buttons">
<button class="yes" name="decision" value="login">Log in</button>
<button name="decision" value="refuse" formnovalidate>Refuse</button>
</div>"#
    );
    let introduction = format!("<p><strong>{client_id}</strong> asks you to log in.{scope_list}");
    page(200, "Log in", &format!("{introduction}\n{}", form.html(&fields)))
}

/// The login page before that for the consent. Any password is accepted.
pub(crate) fn login(form: &Form<'_>, client_id: &str, login_hint: Option<&str>) -> Answer {
    let fields = format!(
        r#"{}
<p><label for="password">Password</label>
<input id="password" type="password" name="password"></p>
<div class="buttons"><button class="yes">Log in</button></div>"#,
        user_name(login_hint)
    );
    let client_id = escape(client_id);
    let introduction = format!("<p>Log in to go on to <strong>{client_id}</strong>.</p>");
    page(200, "Log in", &format!("{introduction}\n{}", form.html(&fields)))
}

/// The login page that asks for a user name and for claims.
pub(crate) fn login_with_claims(form: &Form<'_>, login_hint: Option<&str>) -> Answer {
    let fields = format!(
        r#"{}
<p><label for="claims">Claims, as a JSON object</label>
<input id="claims" name="claims" value=""></p>
<div class="buttons"><button class="yes">Sign in</button></div>"#,
        user_name(login_hint)
    );
    page(200, "Mock login", &form.html(&fields))
}

/// The consent page.
pub(crate) fn consent(form: &Form<'_>, client_id: &str, scopes: &[String]) -> Answer {
    let scope_list: String =
        scopes.iter().map(|scope| format!("<li>{}</li>", escape(scope))).collect();
    let buttons = r#"<div class="buttons">
<button class="yes" name="decision" value="login">Approve</button>
<button name="decision" value="refuse">Deny</button>
</div>"#;
    let client_id = escape(client_id);
    let main = format!(
        "<p><strong>{client_id}</strong> asks for</p>\n<ul>{scope_list}</ul>\n{}",
        form.html(buttons)
    );
    page(200, "Allow access?", &main)
}

/// The page that asks for the code of a device. `known` is the one in the link.
pub(crate) fn device_code(action: &str, known: &str) -> Answer {
    let known = escape(known);
    let fields = format!(
        r#"<label for="code">The code that your device shows</label>
<input id="code" name="code" value="{known}" placeholder="XXXX-XXXX" required>
<div class="buttons"><button class="yes">Continue</button></div>"#
    );
    page(200, "Connect a device", &Form { action, hidden: &[] }.html(&fields))
}

/// The error page for a request whose error cannot be sent to the client.
pub(crate) fn refusal(reason: &str) -> Answer {
    let reason = escape(reason);
    let advice = "Start again from the program that sent you here.";
    let main = format!("<p>{reason}</p>\n<p class=\"hint\">{advice}</p>");
    page(400, "This login cannot go on", &main)
}

/// A page with one sentence and no form.
pub(crate) fn notice(status: u16, title: &str, text: &str) -> Answer {
    page(status, title, &format!("<p>{}</p>", escape(text)))
}

fn user_name(login_hint: Option<&str>) -> String {
    let value = escape(login_hint.unwrap_or_default());
    format!(
        r#"<p><label for="name">User name</label>
<input id="name" name="name" value="{value}" required></p>"#
    )
}

fn describe(scope: &str) -> &str {
    match scope {
        "openid" => "know who you are",
        "profile" => "see your name",
        "email" => "see your email address",
        "offline_access" => "stay logged in",
        other => other,
    }
}
