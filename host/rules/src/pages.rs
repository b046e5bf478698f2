//! What the browser shows.

use latchstring_core::contract::{Failure, ProviderError};
use latchstring_core::error::{Code, Error, code_named};
use latchstring_core::pages::{Page, Pages};

use crate::contract::{self as wit, News};

pub(crate) fn show(news: News) -> wit::Page {
    let pages = Pages::default();
    of(match news {
        News::Success => pages.success(),
        News::Failed(ended) => pages.ended(&error(ended)),
        News::Stray(reason) => pages.stray(&reason),
        News::UsedAddress => pages.used_address(),
        News::AnotherBrowser => pages.another_browser(),
        News::AnotherUser => pages.another_user(),
        News::Finished => pages.finished(),
        News::Abandoned => pages.abandoned(),
    })
}

pub(crate) fn forward(url: &str, cookie: Option<String>) -> wit::Page {
    of(Page::forward(url, cookie))
}

pub(crate) fn of(page: Page) -> wit::Page {
    let Page { status, html, policy, location, cookie } = page;
    wit::Page { status, html, policy: policy.into_owned(), location, cookie }
}

fn error(wit::Ended { failure, provider }: wit::Ended) -> Error {
    Error::from(Failure {
        // A code that the contract does not have is this host's own affair.
        code: code_named(&failure.code).unwrap_or(Code::HostFault).into(),
        message: failure.message,
        remedy: failure.remedy,
        provider: provider
            .map(|said| ProviderError { error: said.error, description: said.description }),
        retryable: false,
    })
}
