//! A visitor with a name and a browser, who does on each page what is asked.
//!
//! It knows no provider: it fills in the first form it sees and presses the
//! button, until there is no form left.

mod browser;
mod form;

use std::fmt;

pub use browser::{Browser, Page};

/// More pages than any login should take.
const PATIENCE: usize = 20;

/// Somebody to log in, and in what mood.
#[derive(Debug, Clone)]
pub struct Visitor {
    /// What to type where a form asks for a user, a login, a name or an email address.
    pub name: String,
    /// Whether to press what refuses, cancels, denies or aborts, as soon as a
    /// page has it.
    pub refuses: bool,
}

impl Default for Visitor {
    /// Ada Lovelace, who agrees.
    fn default() -> Self {
        Self { name: "Ada Lovelace".into(), refuses: false }
    }
}

impl Visitor {
    /// Opens an http URL in a fresh browser and goes on to the first page that
    /// asks for nothing more, whatever its status: the client's own page, where
    /// all goes well.
    pub async fn visit(&self, url: &str) -> Result<Page, Lost> {
        let mut browser = Browser::default();
        let mut page = browser.open(browser::get(url)?).await?;
        let mut will_refuse = self.refuses;
        for _ in 0..PATIENCE {
            // Some pages on the way to the question cannot be refused: their
            // forms are filled in like any other.
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
        Err(Lost::new(format!("still a form after {PATIENCE} pages")))
    }
}

/// Why the visitor did not arrive. Names no URL beyond its host: the rest may
/// hold an authorization code.
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
