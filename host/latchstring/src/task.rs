//! An operation that may send a refresh token, and its result. It may run in another process.

use latchstring_core::contract::{Demand, Tokens};

use crate::error::Error;
use crate::token::Token;

/// An operation that may send a refresh token.
#[derive(Clone)]
#[cfg_attr(not(target_os = "wasi"), derive(serde::Serialize, serde::Deserialize))]
pub(crate) enum Task {
    /// Get a token that meets the demand.
    Token(Demand),
    /// Get another token than the one with this fingerprint.
    TokenInsteadOf(String),
    /// Make these tokens the session if they work.
    Import { tokens: Tokens, even_unchecked: bool },
}

/// The result of a [`Task`].
pub(crate) enum Done {
    Token(Box<Token>),
    Imported(Imported),
}

/// The result of [`Latch::import`](crate::Latch::import). The session is stored.
pub enum Imported {
    /// The provider has accepted the session.
    Checked(Box<Token>),
    /// The session could not be checked, for this reason.
    Unchecked(Error),
}
