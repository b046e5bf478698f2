//! The pages that the browser shows after a login: without scripts, without content from
//! elsewhere and, unless the user configures a redirect, without links
//! ([RFC 9700 §4.2.4](https://www.rfc-editor.org/rfc/rfc9700#section-4.2.4)).

mod destination;
#[cfg(feature = "toml")]
mod languages;
mod template;
#[cfg(all(test, feature = "toml"))]
mod tests;
mod texts;

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Deserializer};

pub use template::NOTHING;
use template::{BUILT_IN, Template};
use texts::{Text, Texts, Words};

use crate::error::{Code, Error, code_name};

const TICK: &str = "M12.5 20.6l5.2 5.2 10-11";
const CROSS: &str = "M14 14l12 12M26 14L14 26";
const BAR: &str = "M13 20h14";
const MARK: &str = "M20 12v10M20 27.5v.1";

/// A complete page for a browser at the loopback listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The HTTP status.
    pub status: u16,
    /// The HTML document.
    pub html: String,
    /// The `Content-Security-Policy` header.
    pub policy: Cow<'static, str>,
    /// The `Location` header: where the browser goes at once. `None` for a page that is
    /// shown.
    pub location: Option<String>,
    /// The `Set-Cookie` header; `None` if no cookie is set.
    pub cookie: Option<String>,
}

impl Page {
    /// Redirects the browser to `url` at once, and sets a cookie if one is given.
    pub fn forward(url: &str, cookie: Option<String>) -> Self {
        Self {
            status: 303,
            html: String::new(),
            policy: Cow::Borrowed(NOTHING),
            location: Some(url.to_owned()),
            cookie,
        }
    }
}

/// The pages of a login, in English and in a template of this crate unless they are
/// deserialized from a document, such as a file in TOML. Clones share everything.
///
/// Each key of the document may be left out:
///
/// | key | what |
/// | --- | --- |
/// | `lang` | the language tag of the texts; decides where lines begin |
/// | `name` | whose pages these are |
/// | `template` | a file with HTML and slots: `{{title}}`, `{{text}}` and `{{warning}}`, perhaps `{{details}}`, `{{lang}}`, `{{dir}}`, `{{name}}`, `{{tone}}`, `{{icon}}` |
/// | `[warning]` | `title` and `text` of what each page says about its address |
/// | `[success]`, `[refused]`, `[failed]`, `[finished]`, `[stray]`, `[used-address]`, `[another-browser]`, `[another-user]`, `[abandoned]` | `title` and `text` of the page that the method of the same name makes |
/// | `[terms]` | `what-happened`, `provider-said`, `what-to-do`, `code`, `why` |
/// | `[redirect]` | `success`, `refused`, `failed`: an address in place of that page |
#[derive(Debug, Clone, Default)]
pub struct Pages(Arc<Set>);

impl<'de> Deserialize<'de> for Pages {
    /// Reads the keys above. An unknown key is an error.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let texts = Texts::deserialize(deserializer)?;
        Ok(Self(Arc::new(Set { template: None, texts })))
    }
}

#[derive(Debug, Clone, Default)]
struct Set {
    texts: Texts,
    /// The template; `None` for the built-in one.
    template: Option<Template>,
}

/// The text and the looks of one page.
struct PageContent<'a> {
    status: u16,
    /// The CSS class that chooses the colours: good, warn, bad or calm.
    tone: &'static str,
    /// The SVG path of the icon above the title.
    icon: &'static str,
    title: &'a str,
    text: &'a str,
    /// Pairs of a term and its description.
    details: Vec<(&'a str, String)>,
}

impl Pages {
    /// Reads pages from TOML. `template` reads the template file that they may name.
    ///
    /// # Errors
    ///
    /// Returns one line that says what is wrong.
    #[cfg(feature = "toml")]
    pub fn from_toml(
        text: &str,
        template: impl FnOnce(&Path) -> Result<String, String>,
    ) -> Result<Self, String> {
        let pages: Self = toml_edit::de::from_str(text).map_err(|error| {
            let line = |at: usize| text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
            let line = error.span().map(|span| format!("line {}: ", line(span.start)));
            format!("{}{}", line.unwrap_or_default(), error.message())
        })?;
        let Some(file) = pages.template_file().map(Path::to_owned) else { return Ok(pages) };
        template(&file)
            .and_then(|html| pages.with_template(&html))
            .map_err(|reason| format!("the template {}: {reason}", file.display()))
    }

    /// Returns the template file that these pages name, relative to their own file, or
    /// `None` if they name none. The file takes effect when its text is passed to
    /// [`with_template`](Self::with_template).
    pub fn template_file(&self) -> Option<&Path> {
        self.0.texts.template.as_deref()
    }

    /// Returns the same pages with another HTML template.
    ///
    /// # Errors
    ///
    /// Returns one line that says what is wrong with the template.
    pub fn with_template(self, html: &str) -> Result<Self, String> {
        let template = Some(Template::parse(html)?);
        let texts = Arc::unwrap_or_clone(self.0).texts;
        Ok(Self(Arc::new(Set { template, texts })))
    }

    /// The page after a successful login whose session is stored.
    pub fn success(&self) -> Page {
        let texts = &self.0.texts;
        if let Some(url) = &texts.redirect.success {
            return Page::forward(url.as_str(), None);
        }
        let (title, text) = texts
            .success
            .or("You are logged in", "You can close this window and go back to your terminal.");
        let (status, tone, icon) = (200, "good", TICK);
        self.page(PageContent { status, tone, icon, title, text, details: Vec::new() })
    }

    /// The page after the user or the provider refused access.
    pub fn refused(&self, error: &Error) -> Page {
        let texts = &self.0.texts;
        if let Some(url) = &texts.redirect.refused {
            return Page::forward(url.as_str(), None);
        }
        let (title, text) = texts.refused.or(
            "Login refused",
            "No access was granted. You can close this window and go back to your terminal.",
        );
        let (status, tone, icon) = (403, "warn", BAR);
        self.page(PageContent { status, tone, icon, title, text, details: self.details(error) })
    }

    /// The page after a login that failed.
    pub fn failed(&self, error: &Error) -> Page {
        let texts = &self.0.texts;
        if let Some(url) = &texts.redirect.failed {
            return Page::forward(url.as_str(), None);
        }
        let (title, text) = texts
            .failed
            .or("Login failed", "You can close this window and go back to your terminal.");
        let (status, tone, icon) = (500, "bad", CROSS);
        self.page(PageContent { status, tone, icon, title, text, details: self.details(error) })
    }

    /// The page of a login that ended with this error: refused, if the user or the provider
    /// refused access, or failed.
    pub fn ended(&self, error: &Error) -> Page {
        match error.code() {
            Code::AccessDenied => self.refused(error),
            _ => self.failed(error),
        }
    }

    /// The page for a request that is not the expected redirect; `reason` is one line.
    pub fn stray(&self, reason: &str) -> Page {
        let texts = &self.0.texts;
        let (title, text) = texts.stray.or(
            "Unexpected login response",
            "Nothing has changed, and the login is still waiting. Finish it in the window that it \
             opened, or start it again in your terminal.",
        );
        let details = vec![(Text::or(&texts.terms.why, "Why"), sentence(reason))];
        let (status, tone, icon) = (400, "calm", MARK);
        self.page(PageContent { status, tone, icon, title, text, details })
    }

    /// The page for a local address that is unknown or was used already.
    pub fn used_address(&self) -> Page {
        let words = &self.0.texts.used_address;
        self.plain(
            410,
            "warn",
            MARK,
            words,
            (
                "This address has already been used",
                "It works only once, so that nobody else on this machine can log in with it. If \
                 you did not use it, somebody else may have: go back to your terminal and get a \
                 new one.",
            ),
        )
    }

    /// The page for a redirect from a browser that did not begin this login.
    pub fn another_browser(&self) -> Page {
        let words = &self.0.texts.another_browser;
        self.plain(
            403,
            "warn",
            BAR,
            words,
            (
                "This is not the browser that started the login",
                "Nothing has changed, and the login is still waiting. Open the address from your \
                 terminal in this browser, and allow cookies for this machine. If that does not \
                 help, copy the whole address of this page and paste it in your terminal.",
            ),
        )
    }

    /// The page for the browser of another user of this machine.
    pub fn another_user(&self) -> Page {
        let words = &self.0.texts.another_user;
        self.plain(
            403,
            "warn",
            BAR,
            words,
            (
                "This browser belongs to another user",
                "It does not run as the user who started the login. Nothing has changed, and the \
                 login is still waiting. Use a browser that runs as that user.",
            ),
        )
    }

    /// The page for a request after the login has ended, successfully or not.
    pub fn finished(&self) -> Page {
        let words = &self.0.texts.finished;
        self.plain(
            410,
            "calm",
            MARK,
            words,
            (
                "This login has already finished",
                "Your terminal shows how it ended. You can close this window.",
            ),
        )
    }

    /// The page for a redirect that comes after its program has stopped.
    pub fn abandoned(&self) -> Page {
        let words = &self.0.texts.abandoned;
        self.plain(503, "calm", MARK, words, (
            "Login stopped",
            "The program that was waiting for this login has stopped. You can close this window \
             and start the login again in your terminal.",
        ))
    }

    fn plain(
        &self,
        status: u16,
        tone: &'static str,
        icon: &'static str,
        words: &Words,
        english: (&str, &str),
    ) -> Page {
        let (title, text) = words.or(english.0, english.1);
        self.page(PageContent { status, tone, icon, title, text, details: Vec::new() })
    }

    fn details(&self, error: &Error) -> Vec<(&str, String)> {
        let terms = &self.0.texts.terms;
        let mut details =
            vec![(Text::or(&terms.what_happened, "What happened"), sentence(error.message()))];
        if let Some(provider) = error.provider() {
            let description = provider.description.iter().map(|text| format!(": {text}"));
            details.push((
                Text::or(&terms.provider_said, "What the provider said"),
                provider.error.clone() + &description.collect::<String>(),
            ));
        }
        if !error.remedy().is_empty() {
            details.push((Text::or(&terms.what_to_do, "What to do"), sentence(error.remedy())));
        }
        details.push((Text::or(&terms.code, "Code"), code_name(error.code()).to_owned()));
        details
    }

    fn page(&self, content: PageContent<'_>) -> Page {
        let template = self.0.template.as_ref().unwrap_or_else(|| &BUILT_IN);
        Page {
            status: content.status,
            html: template.fill(&self.0.texts, &content),
            policy: Cow::Owned(template.policy().to_owned()),
            location: None,
            cookie: None,
        }
    }
}

/// Returns `text` with a capital first letter: error messages begin in lower case to follow
/// a program's name, and stand alone on a page.
pub fn sentence(text: &str) -> String {
    let mut rest = text.chars();
    let first = rest.next().map(|first| first.to_ascii_uppercase());
    first.into_iter().chain(rest).collect()
}
