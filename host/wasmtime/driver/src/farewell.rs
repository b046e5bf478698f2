//! What browsers get at a listener whose login has ended.

use std::time::Duration;

use crate::capability::loopback::{END_ADDRESS, Listener, Visit};
use crate::pages::{Page, Pages};
use crate::wasi::executor::within;

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
    /// code: it is in nobody's history. Any other is told that it came too late.
    pub(crate) async fn say(self, visit: Option<Visit>, listener: &mut dyn Listener) {
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
                    visit.answer.send(page).await;
                }
            };
            // A browser that does not come is no reason to keep the person waiting.
            let _ = within(ARRIVAL, arrival).await;
        }
        while let Some(visit) = within(Duration::ZERO, listener.visit()).await {
            let page = self.page_for(&visit.target, None);
            visit.answer.send(page).await;
        }
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
