//! Logs in to Fief and lets in whoever has the permission.
//!
//! FIEF_BASE_URL and FIEF_CLIENT_ID name the server and the client.
#![allow(clippy::print_stdout, reason = "it is what the program is for")]

use latchstring::contract::{AccessRules, Examination};
use latchstring::{Demand, Error, Latch};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let latch = Latch::known("fief", &[("lang", "en")])?.build()?;
    let token = latch.token_or_login().await?;
    println!("Logged in as {}", token.claim("email").unwrap_or_default());
    // Checked here, with the server's published keys: signature, time, scope.
    let rules = AccessRules { scopes: vec!["openid".into()], acr: None, permissions: Vec::new() };
    let checked = Demand { examination: Some(Examination::Local(rules)), ..Demand::default() };
    println!("{}", latch.token_for(checked).await?.report().unwrap_or_default());
    Ok(())
}
