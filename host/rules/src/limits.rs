//! How much a session may ask for.

use std::cell::RefCell;
use std::time::Duration;

use latchstring_core::budget::{Answered, Asked, Budget};
use latchstring_core::error::Error;

use crate::contract as wit;

pub(crate) struct Limits(RefCell<Budget>);

impl wit::GuestBudget for Limits {
    fn new(has_user: bool, patience_ms: Option<u64>) -> Self {
        Self(RefCell::new(match has_user {
            true => Budget::of_login(patience_ms.map(Duration::from_millis)),
            false => Budget::without_user(),
        }))
    }

    fn admit(
        &self,
        action: String,
        url: Option<String>,
        wait_ms: u64,
    ) -> Result<u64, wit::Failure> {
        let asked = Asked::named(&action, url.as_deref().unwrap_or_default(), wait_ms).ok_or_else(
            || Error::misbehaviour("asked for something that this host does not know"),
        )?;
        Ok(self.0.borrow_mut().count(&asked)?)
    }

    fn note(&self, reply: String) -> Result<(), wit::Failure> {
        Ok(self.0.borrow_mut().note_answer(Answered::named(&reply))?)
    }
}
