//! The last pages at a listener whose login has ended.

#![allow(clippy::disallowed_methods, reason = "a limit of the listener, like those in it")]

use std::pin::pin;
use std::time::Duration;

use tokio::task::JoinSet;

use crate::capability::loopback::{END_ADDRESS, Listener, Visit};
use crate::pages::{Page, Pages};

/// How long to wait for a browser that keeps its connection open without a request, or that
/// requests the last page on a new connection.
const ARRIVAL: Duration = Duration::from_secs(2);

/// The end of a login.
pub(crate) struct Farewell<'a> {
    pub(crate) pages: &'a Pages,
    /// The page that shows how the login ended.
    pub(crate) page: Page,
    /// The `Set-Cookie` header value that deletes the login's cookie.
    pub(crate) goodbye: Option<String>,
}

impl Farewell<'_> {
    /// Redirects the waiting browser to the last page, whose address has no code, so that
    /// the code stays out of the browser's history. The same redirect sent twice is
    /// answered twice; any other request gets the page of a finished login.
    ///
    /// Returns when the last page was written, or when the browser has closed the
    /// connection that it could have requested it on.
    pub(crate) async fn say(self, visit: Option<Visit>, listener: &mut dyn Listener) {
        // Answered concurrently: a browser that does not read must not keep the others
        // waiting.
        let mut answers = JoinSet::new();
        let target = visit.as_ref().map(|visit| visit.target.clone());
        if let Some(visit) = visit {
            let can_ask_again = visit.keeps_connection;
            let mut sent = pin!(visit.answer.send(self.on()));
            let mut is_gone = false;
            let arrival = async {
                loop {
                    let visit = tokio::select! {
                        biased;
                        visit = listener.visit() => visit,
                        () = &mut sent, if !is_gone => {
                            is_gone = true;
                            if can_ask_again {
                                return;
                            }
                            continue;
                        }
                    };
                    let page = self.page_for(&visit, target.as_deref());
                    if visit.target == END_ADDRESS && !visit.peer.is_refused() {
                        return visit.answer.send(page).await;
                    }
                    answers.spawn(visit.answer.send(page));
                }
            };
            // The user does not have to wait for a browser that does not come.
            let _ = tokio::time::timeout(ARRIVAL, arrival).await;
        }
        while let Some(visit) = waiting(listener).await {
            let page = self.page_for(&visit, None);
            answers.spawn(visit.answer.send(page));
        }
        answers.join_all().await;
    }

    fn page_for(&self, visit: &Visit, redirect: Option<&str>) -> Page {
        match visit.target.as_str() {
            _ if visit.peer.is_refused() => self.pages.another_user(),
            END_ADDRESS => self.page.clone(),
            target if redirect == Some(target) => self.on(),
            _ => self.pages.finished(),
        }
    }

    fn on(&self) -> Page {
        Page::forward(END_ADDRESS, self.goodbye.clone())
    }
}

/// Returns a request that is already there, or `None`.
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
    use crate::capability::loopback::{Answer, Peer, PendingPage};

    /// Requests in order, then none forever.
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
        (Visit::new(target, "", answer), page)
    }

    async fn status(mut page: PendingPage) -> (u16, Option<String>) {
        let page = page.page(ARRIVAL).await;
        (page.status, page.location)
    }

    /// Returns what browsers get when a login has ended well, the first of which brought
    /// the redirect.
    async fn received(first: Option<&str>, others: &[&str]) -> Vec<(u16, Option<String>)> {
        let pages = Pages::default();
        let farewell = Farewell { pages: &pages, page: pages.success(), goodbye: None };
        let first = first.map(visit);
        let (first, page) = first.map_or((None, None), |(visit, page)| (Some(visit), Some(page)));
        let (others, waiting): (VecDeque<_>, Vec<_>) = others.iter().map(|at| visit(at)).unzip();
        let mut received = JoinSet::new();
        for (number, page) in page.into_iter().chain(waiting).enumerate() {
            received.spawn(async move { (number, status(page).await) });
        }
        farewell.say(first, &mut Queue(others)).await;
        let mut received = received.join_all().await;
        received.sort();
        received.into_iter().map(|(_, received)| received).collect()
    }

    fn sent_to_the_end() -> (u16, Option<String>) {
        (303, Some(END_ADDRESS.to_owned()))
    }

    #[tokio::test(start_paused = true)]
    async fn the_answer_gets_the_last_page_and_any_other_is_too_late() {
        let others =
            ["/callback?code=b", "/callback?code=a", END_ADDRESS, END_ADDRESS, "/callback?c"];
        assert_eq!(
            received(Some("/callback?code=a"), &others).await,
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
    async fn a_browser_that_comes_back_after_another_flow_finished_is_too_late() {
        assert_eq!(received(None, &["/callback?code=a"]).await, [(410, None)]);
    }

    /// Returns how long a login waits for a browser that was sent to the last page.
    /// `keeps_connection` says whether its connection could carry that request too. It
    /// closes the connection after `open`, or keeps it.
    async fn waited(keeps_connection: bool, open: Option<Duration>) -> Duration {
        let pages = Pages::default();
        let farewell = Farewell { pages: &pages, page: pages.success(), goodbye: None };
        let (visit, mut page) = visit("/callback?code=a");
        let visit = visit.keeping_connection(keeps_connection);
        let browser = tokio::spawn(async move {
            let forward = page.page(ARRIVAL).await;
            assert_eq!(forward.location.as_deref(), Some(END_ADDRESS));
            match open {
                Some(open) => tokio::time::sleep(open).await,
                None => std::future::pending().await,
            }
            drop(page);
        });
        let begun = tokio::time::Instant::now();
        farewell.say(Some(visit), &mut Queue(VecDeque::new())).await;
        browser.abort();
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_browser_that_closes_its_connection_instead_of_asking_is_not_waited_for() {
        assert_eq!(waited(true, Some(Duration::ZERO)).await, Duration::ZERO);
        let open = Duration::from_millis(700);
        assert_eq!(waited(true, Some(open)).await, open);
    }

    #[tokio::test(start_paused = true)]
    async fn a_browser_that_may_still_ask_is_not_waited_for_long() {
        assert_eq!(waited(true, None).await, ARRIVAL);
        // The browser announced that it would open another connection.
        assert_eq!(waited(false, Some(Duration::ZERO)).await, ARRIVAL);
    }

    #[tokio::test(start_paused = true)]
    async fn another_user_gets_no_last_page_and_ends_no_wait_for_it() {
        let pages = Pages::default();
        let farewell = Farewell { pages: &pages, page: pages.success(), goodbye: None };
        let (stranger, page) = visit(END_ADDRESS);
        let received = tokio::spawn(status(page));
        let (first, _page) = visit("/callback?code=a");
        let visits = VecDeque::from([stranger.from_peer(Peer::OtherUser)]);
        let begun = tokio::time::Instant::now();
        farewell.say(Some(first), &mut Queue(visits)).await;
        assert_eq!(received.await.expect("an answer"), (403, None));
        assert_eq!(begun.elapsed(), ARRIVAL);
    }
}
