//! The host's loop as a WASI 0.2 component: it imports the login component and
//! what WASI offers, and is composed with the former when it is built.
//!
//! The rules are the native host's; loop, user and command line are its own files.
//! What reaches into the system is here: `capability` over `wasi`.

// Elsewhere there is nothing to import.
#![cfg(target_family = "wasm")]

// The command line's files name the library by its name.
extern crate self as latchstring;

pub mod capability;
mod cli;
pub mod latch;
mod sandbox;
pub mod transcript;
mod wasi;

pub use latchstring_core::egress::api_origin;
pub use latchstring_core::session::check_profile;
use latchstring_core::{budget, drive, egress, token, user};
pub use latchstring_core::{contract, error, pages};

pub use contract::{
    ClientAuthentication, Demand, Description, LoginFlow, LogoutReport, TokenSource, TokenState,
};
pub use error::{Code, Error, ProviderError, code_name, is_printable, printable};
pub use latch::{Latch, describe};
pub use token::Token;
pub use transcript::{Replay, Transcript};

/// A preset's settings by name; this host keeps them and cannot use them.
pub type Settings = std::collections::BTreeMap<String, String>;

struct Driver;

impl wasip2::exports::cli::run::Guest for Driver {
    fn run() -> Result<(), ()> {
        wasip2::cli::exit::exit_with_code(wasi::executor::block_on(cli::run()));
        Ok(())
    }
}

wasip2::cli::command::export!(Driver);
