//! The host's loop as a WASI 0.2 component: it imports the login component and
//! what WASI offers, and is composed with the former when it is built.
//!
//! Loop, door, egress policy and command line are the native host's own files.
//! What reaches into the system is here: `capability` over `wasi`.

// What it shares with the native host is tested there, with that host's types.
#![cfg(not(test))]

// The command line's files name the library by its name.
extern crate self as latchstring;

pub mod capability;
mod cli;
pub mod contract;
mod farewell;
pub mod latch;
mod sandbox;
pub mod transcript;
mod wasi;

#[path = "../../../../host/latchstring/src/binding.rs"]
mod binding;
#[path = "../../../../host/latchstring/src/budget.rs"]
mod budget;
#[path = "../../../../host/latchstring/src/builder/checks.rs"]
mod checks;
#[path = "../../../../host/latchstring/src/door.rs"]
mod door;
#[path = "../../../../host/latchstring/src/drive.rs"]
mod drive;
#[path = "../../../../host/latchstring/src/egress.rs"]
mod egress;
#[path = "../../../../host/latchstring/src/envelope.rs"]
mod envelope;
#[path = "../../../../host/latchstring/src/error.rs"]
pub mod error;
#[allow(dead_code, reason = "requests to an API are the native program's")]
#[path = "../../../../host/latchstring/src/origins.rs"]
mod origins;
#[path = "../../../../host/latchstring/src/pages/mod.rs"]
pub mod pages;
#[path = "../../../../host/latchstring/src/token.rs"]
pub mod token;

pub use checks::check_profile;
pub use contract::{
    ClientAuthentication, Demand, Description, LoginFlow, LogoutReport, TokenSource, TokenState,
};
pub use error::{Code, Error, ProviderError, code_name, is_printable, printable};
pub use latch::{Latch, describe};
pub use origins::api_origin;
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
