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
//! The protocol runs in a sandboxed WebAssembly component without imports. This crate
//! embeds the component and does the I/O that it asks for: HTTP requests, a browser, a
//! store. Each of these is a trait in [`capability`] that an embedder can replace.
//!
//! # Features
//!
//! | feature | default | what it adds |
//! | --- | --- | --- |
//! | `blocking` | yes | the module `blocking`: a `Latch` for programs without an async runtime |
//! | `encryption` | yes | `EncryptedStore`: sessions encrypted with a passphrase or a key file |
//! | `http2` | yes | HTTP/2, if a server offers it |
//! | `keyring` | yes | `KeyringStore`: sessions in the system's keyring, the default store if it answers, or in the Linux kernel's |
//! | `postgres` | no | `SharedStore`: sessions that several machines share, in PostgreSQL |
//! | `presets` | yes | `Preset`: settings of known providers; pages from TOML; with `keyring`, import from other programs |
//! | `qr` | yes | the address of a login on another device as a QR code |
//! | `transcript` | yes | `Recorder`, `Transcript`, `Replay` |
//! | `redis` | no | `SharedStore`: sessions that several machines share, in Redis or Valkey |
//! | `spinner` | no | a spinner on a terminal while something takes time |
//! | `cross` | no | builds for another architecture than the build machine's |

mod api;
#[cfg(feature = "blocking")]
pub mod blocking;
mod builder;
pub mod capability;
pub mod component;
pub mod contract;
#[cfg(not(target_os = "wasi"))]
mod dpop_proxy;
mod end_session;
#[cfg(not(target_os = "wasi"))]
pub mod files;
#[cfg(not(target_os = "wasi"))]
mod fresh_token;
#[cfg(test)]
mod hostile;
#[cfg(all(feature = "keyring", feature = "presets"))]
mod import;
mod latch;
pub mod pages;
#[cfg(feature = "presets")]
mod preset;
mod renewal;
#[cfg(target_os = "wasi")]
mod sandbox;
pub mod secret_variables;
mod task;
#[cfg(feature = "transcript")]
mod transcript;
#[cfg(target_os = "wasi")]
mod wasi;
#[cfg(windows)]
mod windows;
pub mod words;

use latchstring_core::{budget, drive, egress, error, token, user};
#[cfg(not(target_os = "wasi"))]
use latchstring_sandbox as sandbox;

pub use api::{ApiResponse, TokenProvider};
pub use builder::LatchBuilder;
pub use capability::http::ApiRequest;
pub use capability::store::default_state_folder;
pub use contract::{
    Audience, ClientAuthentication, Demand, Description, Facts, FlowChoice, GrantType, LoginFlow,
    LogoutReport, TokenSource, TokenState,
};
#[cfg(not(target_os = "wasi"))]
pub use dpop_proxy::DpopProxy;
pub use error::{Code, Error, ProviderError, code_name, is_printable, printable};
#[cfg(not(target_os = "wasi"))]
pub use fresh_token::FreshToken;
#[cfg(all(feature = "keyring", feature = "presets"))]
pub use import::Found;
pub use latch::{Latch, describe};
pub use latchstring_core::egress::{api_origin, is_allowed};
pub use latchstring_core::session::check_profile;
pub use latchstring_core::token::Token;
#[cfg(all(feature = "transcript", not(target_os = "wasi")))]
pub use latchstring_sandbox::Recorder;
#[cfg(feature = "presets")]
pub use preset::{Preset, Setting, Settings, Unattended};
pub use renewal::Renewal;
#[cfg(not(target_os = "wasi"))]
pub use renewal::{RenewalProcess, serve_renewal};
pub use task::Imported;
#[cfg(feature = "transcript")]
pub use transcript::{Replay, ReplayedStep, Transcript};

/// The README, whose examples are compiled as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// The guide to the library, whose examples are compiled as tests.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/embedding.md")]
struct Embedding;
