//! Logs in to a Hexclave project and says who it is.
//!
//! HEXCLAVE_PROJECT_ID and HEXCLAVE_APP_URL name the project.
#![allow(clippy::print_stdout, reason = "it is what the program is for")]

use latchstring::contract::Examination;
use latchstring::{Demand, Error, Latch};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let latch = Latch::known("hexclave", &[])?.build()?;
    latch.token_or_login().await?;
    let who = Demand { examination: Some(Examination::Userinfo), ..Demand::default() };
    let token = latch.token_for(who).await?;
    let name = token.claim("display_name").or(token.claim("primary_email"));
    println!("The user is logged in as {}", name.as_deref().unwrap_or("nobody with a name"));
    Ok(())
}
