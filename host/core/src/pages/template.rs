//! HTML templates with slots, and their `Content-Security-Policy`.

use std::fmt::Write;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::PageContent;
use super::texts::{Language, Text, Texts};

/// The `Content-Security-Policy` of a response that is not a page: allows nothing.
pub const NOTHING: &str =
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// The built-in template. Parsed when the first page is made, because most commands make
/// none.
pub(super) static BUILT_IN: LazyLock<Template> = LazyLock::new(|| {
    // OK because the template is part of this program, and a test makes pages of it.
    Template::parse(include_str!("page.html")).expect("a whole template")
});

/// A parsed template: HTML split at its slots.
#[derive(Debug, Clone)]
pub(super) struct Template {
    head: String,
    /// Each slot with the HTML that follows it.
    parts: Vec<(Slot, String)>,
    policy: String,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Slot {
    Lang,
    Dir,
    Name,
    Title,
    Text,
    Details,
    Tone,
    Icon,
    Warning,
}

/// The names of the slots.
const SLOTS: [(&str, Slot); 9] = [
    ("lang", Slot::Lang),
    ("dir", Slot::Dir),
    ("name", Slot::Name),
    ("title", Slot::Title),
    ("text", Slot::Text),
    ("details", Slot::Details),
    ("tone", Slot::Tone),
    ("icon", Slot::Icon),
    ("warning", Slot::Warning),
];

/// Slots that a template must have: without them a page would hide what the user must know.
const NEEDED: [&str; 3] = ["title", "text", "warning"];

impl Template {
    /// Parses HTML with slots like `{{title}}`. The error says what is wrong with it.
    pub(super) fn parse(html: &str) -> Result<Self, String> {
        // Browsers hash a style after they have changed line ends to line feeds.
        let html = html.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n");
        let policy = policy(&html)?;
        let mut pieces = html.split("{{");
        let head = pieces.next().unwrap_or_default().to_owned();
        let mut parts = Vec::new();
        for piece in pieces {
            let (name, rest) = piece.split_once("}}").ok_or("a {{ has no matching }}")?;
            let slot = SLOTS.iter().find(|(known, _)| *known == name.trim());
            let (_, slot) = slot.ok_or_else(|| {
                let known = SLOTS.map(|(known, _)| known).join(", ");
                format!("it has the unknown slot {{{{{name}}}}}; expected one of {known}")
            })?;
            parts.push((*slot, rest.to_owned()));
        }
        for (name, slot) in SLOTS.iter().filter(|(name, _)| NEEDED.contains(name)) {
            if !parts.iter().any(|(known, _)| known == slot) {
                return Err(format!("it lacks the slot {{{{{name}}}}}"));
            }
        }
        Ok(Self { head, parts, policy })
    }

    /// Returns the `Content-Security-Policy` of every page made from this template: its own
    /// styles and nothing else.
    pub(super) fn policy(&self) -> &str {
        &self.policy
    }

    /// Returns a page. All texts are escaped; only what this program writes itself is
    /// markup.
    pub(super) fn fill(&self, texts: &Texts, content: &PageContent<'_>) -> String {
        let mut html = String::with_capacity(8 * 1024);
        html.push_str(&self.head);
        for (slot, rest) in &self.parts {
            match slot {
                Slot::Lang => {
                    push_escaped(&mut html, texts.lang.as_ref().map_or("en", Language::tag));
                }
                Slot::Dir => html.push_str(texts.lang.as_ref().map_or("ltr", Language::direction)),
                Slot::Name => push_escaped(&mut html, Text::or(&texts.name, "latchstring")),
                Slot::Title => push_escaped(&mut html, content.title),
                Slot::Text => push_escaped(&mut html, content.text),
                Slot::Details => push_details(&mut html, &content.details),
                Slot::Tone => html.push_str(content.tone),
                Slot::Icon => html.push_str(content.icon),
                Slot::Warning => push_warning(&mut html, texts),
            }
            html.push_str(rest);
        }
        html
    }
}

/// Returns a policy that allows each style of `html` by its hash.
fn policy(html: &str) -> Result<String, String> {
    let lower = html.to_ascii_lowercase();
    let mut hashes = String::new();
    let mut from = 0;
    while let Some(tag) = lower[from..].find("<style").map(|at| from + at) {
        let begin = lower[tag..].find('>').map(|at| tag + at + 1);
        let end = begin.and_then(|begin| lower[begin..].find("</style").map(|at| begin + at));
        let (Some(begin), Some(end)) = (begin, end) else {
            return Err("its <style> has no end".to_owned());
        };
        let style = &html[begin..end];
        if style.contains("{{") {
            return Err("it has a slot in its <style>, which must always be the same".to_owned());
        }
        // OK because writing to a string cannot fail.
        let _ = write!(hashes, " 'sha256-{}'", STANDARD.encode(Sha256::digest(style)));
        from = end;
    }
    if hashes.is_empty() {
        return Ok(NOTHING.to_owned());
    }
    Ok(NOTHING.replacen(';', &format!("; style-src{hashes};"), 1))
}

fn push_details(html: &mut String, details: &[(&str, String)]) {
    if details.is_empty() {
        return;
    }
    html.push_str("<dl>");
    for (term, text) in details {
        // The language can differ from the page's: untranslated terms are in English, and
        // providers answer in their own language.
        html.push_str("<dt dir=\"auto\">");
        push_escaped(html, term);
        html.push_str("</dt><dd dir=\"auto\">");
        push_escaped(html, text);
        html.push_str("</dd>");
    }
    html.push_str("</dl>");
}

fn push_warning(html: &mut String, texts: &Texts) {
    let (title, text) = texts.warning.or(
        "Never paste this page’s address anywhere.",
        "Anyone who asks you for it wants to log in as you.",
    );
    html.push_str("<strong>");
    push_escaped(html, title);
    html.push_str("</strong> ");
    push_escaped(html, text);
}

/// Appends `text` escaped, so that it cannot end HTML text or a quoted attribute.
fn push_escaped(html: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' | '<' | '>' | '"' | '\'' => {
                // OK because writing to a string cannot fail.
                let _ = write!(html, "&#{};", u32::from(c));
            }
            c => html.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = "{{title}}{{text}}{{warning}}";

    #[test]
    fn a_templates_styles_are_allowed_by_their_hashes_and_nothing_else_is() {
        let html = format!(
            "<STYLE media=all>a{{}}\r\nb{{}}</STYLE><style>c</style><script>d</script>{WHOLE}"
        );
        let template = Template::parse(&html).expect("a template");
        // As sha256 of the styles with plain line feeds.
        let hash = |style: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(style)));
        assert_eq!(
            template.policy(),
            format!(
                "default-src 'none'; style-src {} {}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
                hash("a{}\nb{}"),
                hash("c")
            )
        );
    }

    #[test]
    fn a_template_without_a_style_may_have_none() {
        assert_eq!(Template::parse(WHOLE).expect("a template").policy(), NOTHING);
    }

    #[test]
    fn an_error_in_a_template_is_named() {
        for (html, reason) in [
            ("{{text}}{{warning}}", "{{title}}"),
            ("{{title}}{{warning}}", "{{text}}"),
            ("{{title}}{{text}}", "{{warning}}"),
            ("{{title}}{{text}}{{warning}}{{titel}}", "{{titel}}"),
            ("{{title}}{{text}}{{warning", "no matching }}"),
            ("<style>a{{title}}</style>{{title}}{{text}}{{warning}}", "<style>"),
            ("<style>a{{title}}{{text}}{{warning}}", "<style> has no end"),
        ] {
            let error = Template::parse(html).expect_err(html);
            assert!(error.contains(reason), "{error}");
        }
    }
}
