//! The frame of every page. Each page is complete: no scripts, and nothing from another
//! origin.

use crate::answer::Answer;

const STYLE: &str = include_str!("page.css");

/// Content security policy. It has no `form-action`, because Chrome applies that to the
/// redirect after the form too, and would block the redirect to the client.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'";

/// A complete page. `title` and `main` are HTML.
pub(crate) fn page(status: u16, title: &str, main: &str) -> Answer {
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

/// Escapes text for an HTML element or attribute.
pub(crate) fn escape(text: &str) -> String {
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
