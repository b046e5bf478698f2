//! Accessors of a script: the current action, and what was saved.

use serde_json::Value;

use super::script::Script;
use super::seen::{Sent, Shown};
use crate::contract::{Action, DevicePrompt, Exchange, Offer, Visit};

impl Script {
    /// The request that is waiting for its response.
    #[track_caller]
    pub(super) fn sent(&self) -> Sent {
        Sent::read(&self.exchange())
    }

    /// The URL shown to the user.
    #[track_caller]
    pub(super) fn shown(&self) -> Shown {
        match &self.last {
            Ok(Action::Authorize(authorization)) => Shown::read(authorization),
            _ => self.expected("a URL for the user"),
        }
    }

    /// Delay before the current request, in milliseconds.
    #[track_caller]
    pub(super) fn pause_ms(&self) -> u64 {
        self.exchange().wait_ms
    }

    /// The code to show to the user.
    #[track_caller]
    pub(super) fn prompt(&self) -> DevicePrompt {
        match &self.last {
            Ok(Action::Present(prompt)) => prompt.clone(),
            _ => self.expected("a code to show"),
        }
    }

    /// The offer of flows to the user.
    #[track_caller]
    pub(super) fn offer(&self) -> Offer {
        match &self.last {
            Ok(Action::Offer(offer)) => offer.clone(),
            _ => self.expected("an offer"),
        }
    }

    /// The page to show to the user.
    #[track_caller]
    pub(super) fn page(&self) -> Visit {
        match &self.last {
            Ok(Action::Visit(visit)) => visit.clone(),
            _ => self.expected("a page to show"),
        }
    }

    /// The session that was saved last. `None` if it was deleted.
    pub(super) fn stored(&self) -> Option<Vec<u8>> {
        self.saved.clone()
    }

    /// One field of the session that was saved last.
    pub(super) fn stored_field(&self, field: &str) -> Value {
        let document: Value = serde_json::from_slice(self.saved.as_deref().unwrap()).unwrap();
        document[field].clone()
    }

    #[track_caller]
    pub(super) fn exchange(&self) -> Exchange {
        match &self.last {
            Ok(Action::Exchange(exchange)) => exchange.clone(),
            _ => self.expected("a request"),
        }
    }
}
