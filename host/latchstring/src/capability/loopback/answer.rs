//! Passes the page to the waiting browser and reports that it was written.

use std::time::Duration;

use tokio::sync::oneshot;

use super::Answer;
use crate::pages::{Page, Pages};

/// Time to write a page.
const WRITING: Duration = Duration::from_secs(2);

/// The listener's half of an [`Answer`].
///
/// Dropping it says that the page was written, or that it never will be.
pub struct PendingPage {
    page: oneshot::Receiver<Page>,
    pages: Pages,
    _written: oneshot::Sender<()>,
}

impl PendingPage {
    /// Returns an answer, and the half that delivers its page for a listener. If no page
    /// comes, the abandoned page of `pages` is delivered.
    ///
    /// The answer waits for two seconds at most.
    pub fn pair(pages: Pages) -> (Answer, Self) {
        let (page_sender, page) = oneshot::channel();
        let (_written, written) = oneshot::channel();
        let answer = Answer::new(move |page| {
            let is_awaited = page_sender.send(page).is_ok();
            Box::pin(async move {
                if is_awaited {
                    let _ = tokio::time::timeout(WRITING, written).await;
                }
            })
        });
        (answer, Self { page, pages, _written })
    }

    /// Returns the page, or the abandoned page if none comes within `patience` or the
    /// answer is dropped.
    ///
    /// Keep this half until the page was written.
    pub async fn page(&mut self, patience: Duration) -> Page {
        let answered = tokio::time::timeout(patience, &mut self.page).await;
        answered.ok().and_then(Result::ok).unwrap_or_else(|| self.pages.abandoned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_browser_without_an_answer_gets_the_abandoned_page_of_the_login() {
        let pages =
            crate::pages::from_toml("[abandoned]\ntitle = \"Annulé\"", "").expect("good pages");
        let (answer, mut page) = PendingPage::pair(pages);
        drop(answer);
        let page = page.page(WRITING).await;
        assert!(page.html.contains(">Annulé</h1>"), "{}", page.html);
    }
}
