//! `latch token`: print an access token, refreshing it if needed.

use latchstring::contract::{AccessRules, Examination};
use latchstring::{Demand, Error, Token};
use serde_json::json;
use zeroize::Zeroizing;

use crate::cli::args::{CheckArgs, Global, TokenArgs};
use crate::cli::choices::TokenOutput;
use crate::cli::output;
use crate::cli::settings::Settings;

pub(crate) async fn run(global: &Global, args: Box<TokenArgs>) -> Result<(), Error> {
    #[cfg(not(target_os = "wasi"))]
    if args.id_token {
        return print_id_token(global, *args).await;
    }
    let TokenArgs {
        min_ttl,
        force_refresh,
        output,
        challenge,
        for_method,
        for_url,
        dpop_nonce,
        checks,
        provider,
        ..
    } = *args;
    let settings = Settings::read_for_token(global, provider.into_profile())?;
    let demand = Demand { challenge, ..demand(min_ttl, force_refresh, checks) };
    let challenge = demand.challenge.clone();
    let latch = settings.latch(global, false)?;
    let token = latch.token_for(demand).await;
    let token =
        token.map_err(|error| settings.advise_after(global, challenge.as_deref(), error))?;
    if let Some(url) = &for_url
        && let Some(proof) = latch.proof(&token, &for_method, url, dpop_nonce.as_deref()).await?
    {
        print(global, output, &token)?;
        return match output {
            Some(TokenOutput::Header) => print_line(&format!("DPoP: {proof}")),
            _ => Ok(()),
        };
    }
    if token.is_bound() {
        output::say(
            "This token is bound to a key: each request needs a proof. Send requests with latch \
             request, or get both headers of one with --output header --for-url URL",
        );
    }
    print(global, output, &token)
}

/// Prints the ID token, which has an expiry of its own.
#[cfg(not(target_os = "wasi"))]
async fn print_id_token(global: &Global, args: TokenArgs) -> Result<(), Error> {
    use std::time::Duration;

    use crate::cli::id_token::IdToken;

    let settings = Settings::read_for_token(global, args.provider.into_profile())?.for_id_token();
    let latch = settings.latch(global, false)?;
    let usable_for = Duration::from_secs(args.min_ttl);
    let id_token = async {
        let refused = match args.force_refresh {
            true => Some(latch.token().await?.fingerprint()),
            false => None,
        };
        IdToken::get(&latch, usable_for, refused.as_deref()).await
    };
    let id_token = id_token.await.map_err(|error| settings.advise(global, error))?;
    match global.json {
        true => output::document(&json!({
            "id_token": &*id_token.text,
            "expires_at": output::rfc3339(id_token.expires_at),
        })),
        false => print_line(&id_token.text),
    }
}

pub(crate) fn demand(min_ttl_seconds: u64, force_refresh: bool, checks: CheckArgs) -> Demand {
    Demand {
        min_ttl_ms: min_ttl_seconds.saturating_mul(1000),
        force_refresh,
        examination: checks.into_examination(),
        challenge: None,
    }
}

pub(crate) fn print(
    global: &Global,
    output: Option<TokenOutput>,
    token: &Token,
) -> Result<(), Error> {
    let default = if global.json { TokenOutput::Json } else { TokenOutput::Token };
    match output.unwrap_or(default) {
        TokenOutput::Token => print_line(token.access_token()),
        TokenOutput::Header => token
            .headers()
            .try_for_each(|(name, value)| print_line(&format!("{}: {value}", in_title_case(name)))),
        TokenOutput::Json => print_json(token),
    }
}

impl CheckArgs {
    /// Returns the examination that these arguments ask for, or `None` if they ask for none.
    fn into_examination(self) -> Option<Examination> {
        if self.verify {
            return Some(Examination::Verification);
        }
        let rules = AccessRules {
            scopes: self.required_scopes,
            acr: self.required_acr,
            permissions: self.required_permissions,
        };
        let has_rules =
            !rules.scopes.is_empty() || rules.acr.is_some() || !rules.permissions.is_empty();
        (self.check || has_rules).then_some(Examination::Local(rules))
    }
}

/// Capitalizes a header name: `authorization` becomes `Authorization`.
fn in_title_case(name: &str) -> String {
    let words = name.split('-').map(|word| {
        let mut rest = word.chars();
        let first = rest.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(rest).collect::<String>()
    });
    words.collect::<Vec<_>>().join("-")
}

fn print_line(secret: &str) -> Result<(), Error> {
    let line = Zeroizing::new(format!("{secret}\n"));
    output::write(line.as_bytes())
}

fn print_json(token: &Token) -> Result<(), Error> {
    output::document(&json!({
        "access_token": token.access_token(),
        "token_type": token.token_type(),
        "scopes": token.scopes(),
        "authorization_details": output::embedded(token.authorization_details()),
        "expires_at": token.expires_at().and_then(output::rfc3339),
        "expires_in": token.expires_at().map(output::seconds_left),
        "access_token_claims": output::embedded(token.report()),
        "renew_at": token.renew_at().and_then(output::rfc3339),
        "id_token": token.id_token(),
        "source": output::source_name(token.source()),
    }))
}
