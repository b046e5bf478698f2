//! Tests with a component that breaks every rule. It runs in the same loop and with the
//! same limits as the login component, and is stopped.
//!
//! `./dev test hosts` prints the tables.
#![allow(clippy::unwrap_used, reason = "a test that meets the unexpected is to stop")]

mod admission;
mod denied;
mod shown;
mod surroundings;

use std::sync::LazyLock;

use latchstring_hostile::{ACTOR, Occasion};

use crate::error::{Code, Error, code_name};
use crate::sandbox::Sandbox;
use crate::{Latch, LoginFlow};
use latchstring_core::contract::{Endpoints, Facts};
use surroundings::Surroundings;

/// One misbehaviour, and the error that ends it.
struct Denied {
    part: String,
    occasion: Occasion,
    code: Code,
    words: String,
}

impl Denied {
    fn run(&self, surroundings: &Surroundings) -> Error {
        block_on(async {
            let latch = match (latch(&self.part, surroundings), self.occasion) {
                (Err(error), Occasion::Setup) => return error,
                (latch, _) => latch.unwrap(),
            };
            let error = match self.occasion {
                Occasion::Setup => None,
                Occasion::Login => latch.login().await.err(),
                Occasion::Token => latch.token().await.err(),
                Occasion::Logout => latch.logout().await.err(),
                Occasion::Status => {
                    surroundings.store_something(latch.key()).await;
                    latch.status().await.err()
                }
            };
            error.unwrap_or_else(|| panic!("{} came through", self.part))
        })
    }

    #[track_caller]
    fn check(&self, error: &Error) {
        assert_eq!(error.code(), self.code, "{}: {error}", self.part);
        assert!(error.message().contains(&self.words), "{}: {error}", self.part);
        assert_one_line(error.message());
        assert_one_line(error.remedy());
    }
}

/// Returns a client of the provider `https://id.example` whose component plays `part`.
fn latch(part: &str, surroundings: &Surroundings) -> Result<Latch, Error> {
    surroundings
        .equip(Latch::builder("https://id.example", part))
        .endpoints(Endpoints {
            token: Some("https://id.example/token".to_owned()),
            ..Endpoints::default()
        })
        .flow(LoginFlow::Browser)
        .build_on(actor())
}

fn actor() -> &'static Sandbox {
    static LOADED: LazyLock<Sandbox> = LazyLock::new(|| {
        // SAFETY: a build script compiled it with the same settings.
        unsafe { Sandbox::from_machine_code(ACTOR) }.unwrap()
    });
    &LOADED
}

/// Checks that the text is escaped: otherwise it could end a line or reorder the next one.
#[track_caller]
fn assert_one_line(text: &str) {
    assert_eq!(crate::error::printable(text), text);
}

#[allow(clippy::print_stdout, reason = "whoever asks for the table reads it there")]
fn print_table<'a>(title: &str, rows: impl IntoIterator<Item = (&'a str, &'a Error)>) {
    println!("\n| {title} | what the host said | code |\n| --- | --- | --- |");
    for (what, error) in rows {
        println!("| {what} | {} | {} |", error.message(), code_name(error.code()));
    }
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// Returns the facts of a user at a terminal with a screen.
fn desktop_facts() -> Facts {
    Facts { terminal: true, display: true, ..Facts::default() }
}
