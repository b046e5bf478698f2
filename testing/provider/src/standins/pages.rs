//! Pages for the user, with forms that a program can fill in too.

use crate::{Answer, escape, page};

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

/// The login page. Any password is accepted.
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

/// The login page of the mock: asks for a user name and for claims.
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
<button class="yes" name="decision" value="approve">Approve</button>
<button name="decision" value="deny">Deny</button>
</div>"#;
    let client_id = escape(client_id);
    let main = format!(
        "<p><strong>{client_id}</strong> asks for</p>\n<ul>{scope_list}</ul>\n{}",
        form.html(buttons)
    );
    page(200, "Allow access?", &main)
}

/// A page with one sentence and no form.
pub(crate) fn notice(status: u16, title: &str, text: &str) -> Answer {
    page(status, title, &format!("<p>{}</p>", escape(text)))
}

fn user_name(login_hint: Option<&str>) -> String {
    let value = escape(login_hint.unwrap_or_default());
    format!(
        r#"<p><label for="username">User name</label>
<input id="username" name="username" value="{value}" required></p>"#
    )
}
