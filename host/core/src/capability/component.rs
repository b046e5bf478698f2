//! The login component.

use crate::contract::{Action, Reply};
use crate::error::Error;

/// The login component, as the loop steps it.
pub trait Component: Send {
    /// A session in it.
    type Session: Send + Sync;

    /// Calls the contract's `session.next`.
    ///
    /// # Errors
    ///
    /// Returns the component's failure, or `sandbox-fault` if it was stopped.
    fn next(
        &mut self,
        session: &Self::Session,
        reply: &Reply,
        now_ms: u64,
    ) -> Result<Action, Error>;
}
