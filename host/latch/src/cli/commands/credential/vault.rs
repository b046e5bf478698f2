//! Vault and OpenBao: `token_helper` in `~/.vault`
//! ([token helpers](https://developer.hashicorp.com/vault/docs/commands/token-helper)).
//!
//! `get` prints a token of the server at `VAULT_ADDR`, which gives it for an ID token
//! ([JWT login](https://developer.hashicorp.com/vault/api-docs/auth/jwt#jwt-login)). `store`
//! and `erase` do nothing: the session decides.

use std::env;
use std::time::{Duration, SystemTime};

use latchstring::{Code, Error};
use serde::Deserialize;
use serde_json::json;
use url::Url;

use super::exchanged::{Given, Refusal, kept, post, refused};
use super::helper::{self, Helper, Issued, Session};
use super::{End, malformed};
use crate::cli::args::VaultArgs;
use crate::cli::output;

const ADDRESS: &str = "VAULT_ADDR";

/// Time for which a token must still be valid.
const USABLE_FOR: Duration = Duration::from_secs(60);

#[derive(Deserialize)]
struct LoggedIn {
    auth: Auth,
}

#[derive(Deserialize)]
struct Auth {
    client_token: String,
    lease_duration: u64,
}

#[derive(Deserialize)]
struct Refused {
    #[serde(default)]
    errors: Vec<String>,
}

pub(super) async fn run(helper: &Helper, args: &VaultArgs) -> End {
    let result = match args.operation.as_str() {
        "get" => get(helper, args).await,
        "store" | "erase" => helper::input().map(drop),
        _ => Err(malformed("expected one of: get, store, erase")),
    };
    result.into()
}

async fn get(helper: &Helper, args: &VaultArgs) -> Result<(), Error> {
    let address = env::var(ADDRESS).unwrap_or_default();
    let path = format!("/v1/auth/{}/login", args.mount.trim_matches('/'));
    let url = Url::parse(&address).and_then(|url| url.join(&path));
    let url = url.map_err(|error| malformed(format!("{ADDRESS} is not a URL: {error}")))?;
    let session = helper.session_of_profile()?;
    let name = format!("vault {url} {}", args.role);
    let token = kept(&session, &name, USABLE_FOR, async |issued| {
        log_in(&session, &url, args, issued).await
    });
    output::write(token.await?.as_bytes())
}

async fn log_in(
    session: &Session,
    url: &Url,
    args: &VaultArgs,
    issued: &Issued,
) -> Result<Given<String>, Refusal> {
    let body = json!({ "role": args.role, "jwt": &*issued.text }).to_string();
    let response = post(session, url, "application/json", body.into_bytes()).await?;
    if response.status != 200 {
        let said: Option<Refused> = serde_json::from_slice(&response.body).ok();
        let message = said.map(|said| said.errors.join("; ")).unwrap_or_default();
        let remedy = "check the role and its bound audiences";
        let error = refused("Vault", &response.status.to_string(), &message, remedy);
        return Err(match message.contains("expired") {
            true => Refusal::Expired(error),
            false => Refusal::Final(error),
        });
    }
    let LoggedIn { auth } = serde_json::from_slice(&response.body).map_err(|_| {
        Refusal::Final(Error::new(
            Code::InvalidTokenResponse,
            "the answer of Vault cannot be read",
            "check VAULT_ADDR",
        ))
    })?;
    let expires_at = SystemTime::now() + Duration::from_secs(auth.lease_duration);
    Ok(Given { value: auth.client_token, expires_at })
}
