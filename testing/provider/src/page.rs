//! Pages for the user. Each page is complete: no scripts, and nothing from another
//! origin.

use crate::answer::Answer;

const STYLE: &str = include_str!("page.css");

/// Content security policy. It has no `form-action`, because Chrome applies that to the
/// redirect after the form too, and would block the redirect to the client.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";

/// The login page: asks for a name, and whether to allow or refuse.
pub(crate) fn login(
    client_id: &str,
    scopes: &[String],
    login_hint: Option<&str>,
    action: &str,
) -> Answer {
    let client_id = escape(client_id);
    let action = escape(action);
    let name = escape(login_hint.unwrap_or_default());
    let scope_list = scope_list(scopes);
    page(
        200,
        "Log in",
        &format!(
            r#"<p><strong>{client_id}</strong> asks you to log in.{scope_list}
<form method="post" action="{action}">
<label for="name">Your name</label>
<input id="name" name="name" value="{name}" placeholder="Ada Lovelace" autocomplete="off" autofocus required>
<p class="hint">Any name will do: nobody checks it.</p>
<div class="buttons">
<button class="yes" name="decision" value="login">Log in</button>
<button name="decision" value="refuse" formnovalidate>Refuse</button>
</div>
</form>"#
        ),
    )
}

/// The error page for a request whose error cannot be sent to the client.
pub(crate) fn refusal(reason: &str) -> Answer {
    let reason = escape(reason);
    let advice = "Start again from the program that sent you here.";
    page(
        400,
        "This login cannot go on",
        &format!("<p>{reason}</p>\n<p class=\"hint\">{advice}</p>"),
    )
}

/// A complete page. `title` and `main` are HTML.
pub fn page(status: u16, title: &str, main: &str) -> Answer {
    let document = format!(
        r#"<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{STYLE}</style>
</head>
<body>
<main>
<h1>{title}</h1>
{main}
</main>
</body>
</html>
"#
    );
    Answer::new(status, "text/html; charset=utf-8", document)
        .not_stored()
        .with("content-security-policy", POLICY)
        .with("referrer-policy", "no-referrer")
        .with("x-content-type-options", "nosniff")
}

/// Ends the paragraph before it, and lists the scopes if there are any.
fn scope_list(scopes: &[String]) -> String {
    if scopes.is_empty() {
        return "</p>".into();
    }
    let items = scopes.iter().map(|scope| format!("<li>{}</li>", escape(describe(scope))));
    format!(" It wants to</p>\n<ul>{}</ul>", items.collect::<String>())
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

/// Escapes text for an HTML element or attribute.
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}
