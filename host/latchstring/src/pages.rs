//! The pages that the browser shows when it comes back.

pub(crate) use latchstring_core::pages::NOTHING;
pub use latchstring_core::pages::{Page, Pages};

#[cfg(feature = "presets")]
pub use file::{from_toml, read};

#[cfg(feature = "presets")]
mod file;
