//! Logs a command line in to any OAuth 2.0 / OpenID Connect provider, keeps the
//! session, and hands out fresh access tokens.
//!
//! ```no_run
//! use latchstring::Latch;
//!
//! # async fn run() -> Result<(), latchstring::Error> {
//! let latch = Latch::builder("https://id.example.com", "my-cli")
//!     .scopes(["openid", "offline_access"])
//!     .build()?;
//! let token = latch.token_or_login().await?;
//! println!("{} characters", token.access_token().len());
//! # Ok(())
//! # }
//! ```
//!
//! The protocol runs in a sandboxed WebAssembly component that imports nothing;
//! this crate embeds it and supplies what it asks for. Each supply is a trait in
//! [`capability`] that an embedder may replace.

mod api;
mod binding;
pub mod blocking;
mod budget;
mod builder;
pub mod capability;
pub mod contract;
mod door;
mod drive;
mod egress;
mod end_session;
mod envelope;
mod error;
mod farewell;
mod fresh_token;
#[cfg(test)]
mod hostile;
mod import;
mod latch;
mod origins;
pub mod pages;
mod preset;
mod recording;
mod renewal;
pub mod sandbox;
pub mod secret_variables;
mod token;
mod transcript;

pub use api::{ApiResponse, TokenProvider};
pub use builder::{LatchBuilder, check_profile};
pub use capability::http::ApiRequest;
pub use capability::store::default_state_folder;
pub use contract::{
    ClientAuthentication, Demand, Description, Facts, FlowChoice, LoginFlow, LogoutReport,
    TokenSource, TokenState,
};
pub use error::{Code, Error, ProviderError, code_name, is_printable, printable};
pub use fresh_token::FreshToken;
pub use import::{Found, Imported};
pub use latch::{Latch, describe};
pub use origins::api_origin;
pub use preset::{Preset, Setting, Settings};
pub use recording::Recorder;
pub use renewal::{Renewal, RenewalProcess, serve_renewal};
pub use token::Token;
pub use transcript::{Replay, ReplayedStep, Transcript};

/// The README's example compiles.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
