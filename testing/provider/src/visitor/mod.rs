//! A simulated user with a browser, who fills in the forms of a login.
//!
//! It works with any provider: it fills in the first form on each page and presses the
//! button, until there is no form left.

mod browser;
mod form;

use std::fmt;

pub use browser::{Browser, Page};

/// Most pages of one visit, more than any login should take.
const MOST_PAGES: usize = 20;

/// A simulated user, and what it decides.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// Text for fields that ask for a user, a login, a name or an email address.
    pub name: String,
    /// Whether to press the first button or link that refuses, cancels, denies or aborts.
    pub refuses: bool,
}

impl Default for Visitor {
    /// Ada Lovelace, who allows the access.
    fn default() -> Self {
        Self { name: "Ada Lovelace".into(), refuses: false }
    }
}

impl Visitor {
    /// Opens an http URL in a new browser, and continues to the first page without a
    /// form, whatever its status. If all goes well, it is the client's own page.
    pub async fn visit(&self, url: &str) -> Result<Page, Lost> {
        let mut browser = Browser::default();
        let mut page = browser.open(browser::get(url)?).await?;
        let mut will_refuse = self.refuses;
        for _ in 0..MOST_PAGES {
            // Some pages before the consent page cannot be refused. Their forms are
            // filled in like any other.
            let refusal = if will_refuse { form::refuse(&page)? } else { None };
            will_refuse &= refusal.is_none();
            let next = match refusal {
                Some(refusal) => Some(refusal),
                None => form::agree(&page, &self.name)?,
            };
            match next {
                Some(request) => page = browser.open(request).await?,
                None if will_refuse => return Err(Lost::new("no page offered to refuse")),
                None => return Ok(page),
            }
        }
        Err(Lost::new(format!("still a form after {MOST_PAGES} pages")))
    }
}

/// The reason why a visit failed. It names only the host of a URL: the rest may contain
/// an authorization code.
#[derive(Debug)]
pub struct Lost(String);

impl Lost {
    fn new(reason: impl Into<String>) -> Self {
        Self(reason.into())
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Lost {}
