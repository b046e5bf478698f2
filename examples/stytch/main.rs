//! `auth` logs in to a Stytch Connected App; `get_resources` calls an API with the
//! token.
//!
//! STYTCH_PROJECT_ID, STYTCH_CLIENT_ID and STYTCH_AUTHORIZE_URL name the project,
//! RESOURCES_URL what is called.
#![allow(clippy::print_stdout, reason = "it is what the program is for")]

use std::io::Write as _;

use latchstring::{ApiRequest, Code, Error, Latch};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let url = std::env::var("RESOURCES_URL");
    let url = url.unwrap_or_else(|_| "http://localhost:3001/api/resources".to_owned());
    let origin = url.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
    let latch = Latch::known("stytch", &[])?.api_origin(origin).build()?;
    if std::env::args().nth(1).as_deref() == Some("auth") {
        return latch.login().await.map(drop);
    }
    latch.token_or_login().await?;
    let mut answer = latch.request(&ApiRequest::new("GET", url)).await?;
    while let Some(piece) = answer.chunk().await? {
        std::io::stdout().write_all(&piece).map_err(|error| {
            Error::new(Code::HostFault, format!("nobody reads this: {error}"), "run it again")
        })?;
    }
    Ok(())
}
