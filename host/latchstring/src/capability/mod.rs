//! What the host can do for a session. Each capability is a trait, so that an embedder can
//! replace one without touching the rest.
//!
//! ```
//! use std::sync::{Arc, Mutex};
//!
//! use latchstring::Latch;
//! use latchstring::capability::store::MemoryStore;
//! use latchstring::capability::terminal::Terminal;
//!
//! /// A window instead of standard error.
//! #[derive(Clone, Default)]
//! struct Window(Arc<Mutex<Vec<String>>>);
//!
//! impl Terminal for Window {
//!     fn say(&self, text: &str) {
//!         self.0.lock().unwrap().push(text.to_owned());
//!     }
//!     fn wait(&self, _what: &str) {}
//!     fn settle(&self) {}
//!     fn detail(&self, _text: &str) {}
//! }
//!
//! # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/support/ada.rs"));
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), latchstring::Error> {
//! # let provider = provider();
//! # let issuer = provider.issuer();
//! let window = Window::default();
//! let latch = Latch::builder(issuer, "demo")
//!     .terminal(window.clone())
//!     .store(MemoryStore::default())
//!     # .scopes(["openid"])
//!     # .browser(Ada)
//!     .build()?;
//! latch.login().await?;
//! assert!(window.0.lock().unwrap().iter().any(|line| line.contains("/latchstring/start")));
//! # Ok(())
//! # }
//! ```

#![allow(clippy::disallowed_methods, reason = "time and look-ups come from here")]

pub mod assertions;
pub mod browser;
pub mod clock;
#[cfg(all(feature = "jwe", not(target_os = "wasi")))]
pub mod decrypter;
pub mod entropy;
pub mod http;
pub mod loopback;
#[cfg(not(target_os = "wasi"))]
mod ownership;
#[cfg(not(target_os = "wasi"))]
pub mod signer;
pub mod store;
pub mod surroundings;
pub mod terminal;
