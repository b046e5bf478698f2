//! What browsers get at a listener whose login has ended.

use std::time::Duration;

use tokio::task::JoinSet;

use crate::capability::loopback::{END_ADDRESS, Listener, Visit};
use crate::pages::{Page, Pages};

/// How long a browser may take to come for the last page.
const ARRIVAL: Duration = Duration::from_secs(2);

/// The end of a login.
pub(crate) struct Farewell<'a> {
    pub(crate) pages: &'a Pages,
    /// Shows how it ended.
    pub(crate) page: Page,
    /// Takes the login's cookie back, as a `Set-Cookie` header.
    pub(crate) goodbye: Option<String>,
}

impl Farewell<'_> {
    /// Sends the browser that waits to the last page, at an address without the
    /// code: it is in nobody's history. One that asked twice is sent there twice,
    /// and any other is told that it came too late.
    pub(crate) async fn say(self, visit: Option<Visit>, listener: &mut dyn Listener) {
        // Beside each other: one that does not read must not keep the rest waiting.
        let mut answers = JoinSet::new();
        let target = visit.as_ref().map(|visit| visit.target.clone());
        if let Some(visit) = visit {
            visit.answer.send(self.on()).await;
            let arrival = async {
                loop {
                    let visit = listener.visit().await;
                    if visit.target == END_ADDRESS {
                        return visit.answer.send(self.page.clone()).await;
                    }
                    let page = self.page_for(&visit.target, target.as_deref());
                    answers.spawn(visit.answer.send(page));
                }
            };
            // A browser that does not come is no reason to keep the person waiting.
            let _ = tokio::time::timeout(ARRIVAL, arrival).await;
        }
        while let Some(visit) = waiting(listener).await {
            let page = self.page_for(&visit.target, None);
            answers.spawn(visit.answer.send(page));
        }
        answers.join_all().await;
    }

    fn page_for(&self, target: &str, redirect: Option<&str>) -> Page {
        match target {
            END_ADDRESS => self.page.clone(),
            _ if redirect == Some(target) => self.on(),
            _ => self.pages.finished(),
        }
    }

    fn on(&self) -> Page {
        Page::forward(END_ADDRESS, self.goodbye.clone())
    }
}

/// A visit that is there already.
async fn waiting(listener: &mut dyn Listener) -> Option<Visit> {
    tokio::select! {
        biased;
        visit = listener.visit() => Some(visit),
        () = std::future::ready(()) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use async_trait::async_trait;

    use super::*;
    use crate::capability::loopback::{Answer, PendingPage};

    /// Visits in order, then none for ever.
    struct Queue(VecDeque<Visit>);

    #[async_trait]
    impl Listener for Queue {
        fn redirect_uri(&self) -> &str {
            "http://127.0.0.1:8000/callback"
        }

        async fn visit(&mut self) -> Visit {
            match self.0.pop_front() {
                Some(visit) => visit,
                None => std::future::pending().await,
            }
        }
    }

    fn visit(target: &str) -> (Visit, PendingPage) {
        let (answer, page) = Answer::pair(Pages::default());
        (Visit { target: target.to_owned(), cookies: String::new(), answer }, page)
    }

    async fn status(mut page: PendingPage) -> (u16, Option<String>) {
        let page = page.page(ARRIVAL).await;
        (page.status, page.location)
    }

    /// What visitors get when a login has ended well, the first of whom brought
    /// its answer.
    async fn told(first: Option<&str>, others: &[&str]) -> Vec<(u16, Option<String>)> {
        let pages = Pages::default();
        let farewell = Farewell { pages: &pages, page: pages.success(), goodbye: None };
        let first = first.map(visit);
        let (first, page) = first.map_or((None, None), |(visit, page)| (Some(visit), Some(page)));
        let (others, waiting): (VecDeque<_>, Vec<_>) = others.iter().map(|at| visit(at)).unzip();
        let mut told = JoinSet::new();
        for (number, page) in page.into_iter().chain(waiting).enumerate() {
            told.spawn(async move { (number, status(page).await) });
        }
        farewell.say(first, &mut Queue(others)).await;
        let mut told = told.join_all().await;
        told.sort();
        told.into_iter().map(|(_, told)| told).collect()
    }

    fn sent_to_the_end() -> (u16, Option<String>) {
        (303, Some(END_ADDRESS.to_owned()))
    }

    #[tokio::test(start_paused = true)]
    async fn the_answer_gets_the_last_page_and_any_other_is_too_late() {
        let others =
            ["/callback?code=b", "/callback?code=a", END_ADDRESS, END_ADDRESS, "/callback?c"];
        assert_eq!(
            told(Some("/callback?code=a"), &others).await,
            [
                sent_to_the_end(),
                (410, None),
                sent_to_the_end(),
                (200, None),
                (200, None),
                (410, None)
            ]
        );
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_still_waits_when_another_way_led_to_the_end_is_told() {
        assert_eq!(told(None, &["/callback?code=a"]).await, [(410, None)]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_browser_that_does_not_come_for_the_last_page_is_not_waited_for_long() {
        let begun = tokio::time::Instant::now();
        assert_eq!(told(Some("/callback?code=a"), &[]).await, [sent_to_the_end()]);
        assert_eq!(begun.elapsed(), ARRIVAL);
    }
}
