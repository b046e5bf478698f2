//! Authorization code with PKCE against a mock server, step by step.
//!
//! OAUTH_SERVER and CLIENT_ID name the server and the client.
#![allow(clippy::print_stdout, reason = "it is what the program is for")]

use std::sync::atomic::{AtomicU32, Ordering};

use latchstring::capability::terminal::Terminal;
use latchstring::contract::Examination;
use latchstring::{Demand, Error, Latch};

/// Numbers what the login does.
#[derive(Default)]
struct Steps(AtomicU32);

impl Terminal for Steps {
    fn say(&self, text: &str) {
        println!("   {}", text.trim());
    }

    fn wait(&self, what: &str) {
        println!("{}. {what}", self.0.fetch_add(1, Ordering::Relaxed) + 1);
    }

    fn settle(&self) {}

    fn detail(&self, _text: &str) {}
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    println!("CLI OAuth2 Demo\n{}", "=".repeat(40));
    let latch = Latch::known("mock", &[])?.terminal(Steps::default()).build()?;
    let token = latch.login().await?;
    println!("   access token: {:.20}...", token.access_token());
    let who = Demand { examination: Some(Examination::Userinfo), ..Demand::default() };
    let token = latch.token_for(who).await?;
    println!("Authentication successful!\n\nUser Info:");
    for claim in ["sub", "azp", "iss"] {
        println!("  {claim}: {}", token.claim(claim).unwrap_or_default());
    }
    Ok(())
}
