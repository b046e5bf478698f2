//! What the browser shows when it comes back: one template, no script, nothing
//! from elsewhere and nowhere to go (RFC 9700 §4.2.4).

use std::fmt::Write;
use std::sync::LazyLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::header::HeaderValue;
use sha2::{Digest, Sha256};

use crate::error::{Error, code_name};

const TEMPLATE: &str = include_str!("pages/page.html");

const TICK: &str = "M12.5 20.6l5.2 5.2 10-11";
const CROSS: &str = "M14 14l12 12M26 14L14 26";
const BAR: &str = "M13 20h14";
const MARK: &str = "M20 12v10M20 27.5v.1";

/// A complete page for the browser that waits at the loopback listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The HTTP status to send it with.
    pub status: u16,
    /// The document.
    pub html: String,
    /// Where the browser goes at once, as a `Location` header.
    pub location: Option<String>,
    /// What the browser keeps, as a `Set-Cookie` header.
    pub cookie: Option<String>,
}

/// One page's words and looks.
struct Face<'a> {
    status: u16,
    /// The class that chooses the colours: good, warn, bad or calm.
    tone: &'a str,
    /// The path of the sign above the title.
    icon: &'a str,
    title: &'a str,
    text: &'a str,
    /// Terms and what is to be said about them.
    details: Vec<(&'a str, String)>,
}

impl Page {
    /// The login worked and its session is kept.
    pub fn success() -> Self {
        Face {
            status: 200,
            tone: "good",
            icon: TICK,
            title: "You are logged in",
            text: "You can close this window and go back to your terminal.",
            details: Vec::new(),
        }
        .page()
    }

    /// The person, or the provider on its own account, said no.
    pub fn refused(error: &Error) -> Self {
        Face {
            status: 403,
            tone: "warn",
            icon: BAR,
            title: "Login refused",
            text: "No access was granted. You can close this window and go back to your terminal.",
            details: details(error),
        }
        .page()
    }

    /// The login could not be finished.
    pub fn failed(error: &Error) -> Self {
        Face {
            status: 500,
            tone: "bad",
            icon: CROSS,
            title: "Login failed",
            text: "You can close this window and go back to your terminal.",
            details: details(error),
        }
        .page()
    }

    /// This is not the answer that the login waits for; `reason` is one line.
    pub fn stray(reason: &str) -> Self {
        Face {
            status: 400,
            tone: "calm",
            icon: MARK,
            title: "Not the answer this login waits for",
            text: "Nothing has changed, and the login still waits. Finish it in the window that it \
                   opened, or start it again in your terminal.",
            details: vec![("Why", sentence(reason))],
        }
        .page()
    }

    /// Sends the browser on to `url` at once, with a cookie to keep.
    pub fn forward(url: &str, cookie: Option<String>) -> Self {
        Self { status: 303, html: String::new(), location: Some(url.to_owned()), cookie }
    }

    /// A local address that does not work, or does not work any more.
    pub fn used_address() -> Self {
        Face {
            status: 410,
            tone: "warn",
            icon: MARK,
            title: "This address was used already",
            text: "It works once, so that nobody else on this machine can log in with it. If it \
                   was not you who used it, somebody else may have: go back to your terminal and \
                   ask for a fresh one.",
            details: Vec::new(),
        }
        .page()
    }

    /// The answer of a login that began in another browser, or nowhere here.
    pub fn another_browser() -> Self {
        Face {
            status: 403,
            tone: "warn",
            icon: BAR,
            title: "Not the browser that began this login",
            text: "Nothing has changed, and the login still waits. Open the address from your \
                   terminal in this browser, and let it keep cookies for this machine.",
            details: Vec::new(),
        }
        .page()
    }

    /// Nobody waits for this answer any more.
    pub fn abandoned() -> Self {
        Face {
            status: 503,
            tone: "calm",
            icon: MARK,
            title: "Login abandoned",
            text: "The program that waited for this answer has stopped. You can close this window \
                   and start the login again in your terminal.",
            details: Vec::new(),
        }
        .page()
    }
}

fn details(error: &Error) -> Vec<(&'static str, String)> {
    let mut details = vec![("What happened", sentence(error.message()))];
    if let Some(provider) = error.provider() {
        let description = provider.description.iter().map(|text| format!(": {text}"));
        details.push((
            "What the provider said",
            provider.error.clone() + &description.collect::<String>(),
        ));
    }
    if !error.remedy().is_empty() {
        details.push(("What to do", sentence(error.remedy())));
    }
    details.push(("Code", code_name(error.code()).to_owned()));
    details
}

/// Messages begin in lower case, to follow a program's name; here they stand alone.
fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(rest).collect()
}

impl Face<'_> {
    fn page(&self) -> Page {
        let mut html = String::with_capacity(TEMPLATE.len() + 1024);
        let mut pieces = TEMPLATE.split("{{");
        html.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            let (slot, rest) = piece.split_once("}}").unwrap_or((piece, ""));
            match slot {
                "tone" => html.push_str(self.tone),
                "icon" => html.push_str(self.icon),
                "title" => push_escaped(&mut html, self.title),
                "text" => push_escaped(&mut html, self.text),
                _ => self.push_details(&mut html),
            }
            html.push_str(rest);
        }
        Page { status: self.status, html, location: None, cookie: None }
    }

    fn push_details(&self, html: &mut String) {
        if self.details.is_empty() {
            return;
        }
        html.push_str("<dl>");
        for (term, text) in &self.details {
            html.push_str("<dt>");
            push_escaped(html, term);
            html.push_str("</dt><dd>");
            push_escaped(html, text);
            html.push_str("</dd>");
        }
        html.push_str("</dl>");
    }
}

/// `text` where neither HTML text nor a quoted attribute can end early.
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

/// The `Content-Security-Policy` of every answer: the template's own style and
/// nothing else.
pub(crate) fn content_security_policy() -> HeaderValue {
    static POLICY: LazyLock<HeaderValue> = LazyLock::new(|| {
        let style =
            TEMPLATE.split_once("<style>").and_then(|(_, rest)| rest.split_once("</style>"));
        let digest = STANDARD.encode(Sha256::digest(style.map_or("", |(style, _)| style)));
        let policy = format!(
            "default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'"
        );
        // OK because base64 is made of header characters.
        HeaderValue::try_from(policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
    });
    POLICY.clone()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Code, Failure, ProviderError};

    fn hostile() -> Error {
        let hostile = "<script>alert('x')</script>\" onload=\"& {{title}}";
        Error::from(Failure {
            code: Code::ProviderRefused,
            message: hostile.to_owned(),
            remedy: hostile.to_owned(),
            provider: Some(ProviderError {
                error: hostile.to_owned(),
                description: Some(hostile.to_owned()),
            }),
            retryable: false,
        })
    }

    fn all() -> Vec<Page> {
        let error = hostile();
        let stray = Page::stray(error.message());
        vec![
            Page::success(),
            Page::refused(&error),
            Page::failed(&error),
            stray,
            Page::used_address(),
            Page::another_browser(),
            Page::abandoned(),
        ]
    }

    #[test]
    fn what_others_wrote_is_text_and_never_markup_or_a_slot() {
        for page in all() {
            assert!(!page.html.contains("<script"), "{}", page.html);
            assert!(!page.html.contains("\" onload"), "{}", page.html);
        }
        let page = Page::stray(hostile().message());
        assert!(page.html.contains("<dd>&#60;script&#62;alert(&#39;x&#39;)&#60;/script&#62;&#34; onload=&#34;&#38; {{title}}</dd>"));
    }

    #[test]
    fn every_page_tells_its_state_in_its_title_and_warns_about_its_address() {
        for page in all() {
            let (_, title) = page.html.split_once("<title>").expect("title");
            let (title, _) = title.split_once(" · latchstring</title>").expect("title");
            assert!(page.html.contains(&format!("<h1>{title}</h1>")));
            assert!(page.html.contains("Never paste this page’s address"));
            assert!(page.html.contains("<html lang=\"en\">"));
        }
    }

    #[test]
    fn no_page_loads_or_leads_anywhere() {
        for page in all() {
            for forbidden in
                ["http:", "https:", "href", "src=", "url(", "@import", "style=\"", "<form"]
            {
                assert!(!page.html.contains(forbidden), "{forbidden}");
            }
        }
    }

    #[test]
    fn the_policy_allows_the_templates_style_by_its_hash() {
        let policy = content_security_policy();
        let policy = policy.to_str().expect("ascii");
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"), "{policy}");
        let end = "='; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
        assert!(policy.ends_with(end), "{policy}");
    }

    #[test]
    fn a_failure_is_told_whole() {
        let page = Page::failed(&Error::new(Code::NotSaved, "the disk is full", "free some space"));
        for text in ["The disk is full", "Free some space", "not-saved"] {
            assert!(page.html.contains(text));
        }
    }
}
