//! Logs in to AuthGate, in the browser or with a code as the machine is, and shows
//! the token as AuthGate sees it.
//!
//! AUTHGATE_URL and CLIENT_ID name the server and the client.
#![allow(clippy::print_stdout, reason = "it is what the program is for")]

use latchstring::contract::Examination;
use latchstring::{Code, Demand, Error, Latch};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let latch = Latch::known("authgate", &[])?.build()?;
    // A session that was revoked leads to a new login; a network that is down does not.
    let verified = Demand { examination: Some(Examination::Verification), ..Demand::default() };
    let token = match latch.token_for(verified).await {
        Err(error) if error.code() == Code::LoginRequired => latch.login().await?,
        result => result?,
    };
    println!("user: {}", token.claim("name").unwrap_or_default());
    println!("subject: {}", token.claim("sub").unwrap_or_default());
    println!("scope: {}", token.scopes().join(" "));
    let tokeninfo = Demand { examination: Some(Examination::Tokeninfo), ..Demand::default() };
    println!("tokeninfo: {}", latch.token_for(tokeninfo).await?.report().unwrap_or_default());
    Ok(())
}
