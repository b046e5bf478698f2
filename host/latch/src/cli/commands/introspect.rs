//! `latch introspect`: everything about the token, and what the provider says about it.

use latchstring::contract::Examination;
use latchstring::{Demand, Description, Error, Token, printable};
use serde_json::{Map, Value, json};

use crate::cli::args::{Global, IntrospectArgs};
use crate::cli::output;
use crate::cli::settings::Settings;

/// Number of characters of a secret that are shown, enough to compare two.
const SHOWN: usize = 8;

pub(crate) async fn run(global: &Global, args: Box<IntrospectArgs>) -> Result<(), Error> {
    let IntrospectArgs { tokeninfo, show_secrets, provider } = *args;
    let settings = Settings::read_for_token(global, provider.into_profile())?;
    let latch = settings.latch(global, false)?;
    let examination = match tokeninfo {
        true => Examination::Tokeninfo,
        false => Examination::Introspection,
    };
    let demand = Demand { examination: Some(examination), ..Demand::default() };
    let token = latch.token_for(demand).await.map_err(|error| settings.advise(global, error))?;
    let description = latch.status().await?;
    let about = about(&token, description, show_secrets);
    let report: Map<String, Value> = parsed(token.report());
    let heading = if tokeninfo { "tokeninfo" } else { "introspection" };
    if global.json {
        let mut document = about;
        document.insert(heading.to_owned(), Value::Object(report));
        return output::document(&Value::Object(document));
    }
    print(&about)?;
    output::line(heading)?;
    print(&report)
}

/// Collects what is known on this machine.
fn about(
    token: &Token,
    description: Option<Description>,
    show_secrets: bool,
) -> Map<String, Value> {
    let (name, subject) = description.map_or((None, None), |who| (who.display_name, who.subject));
    let secret = |secret: &str| match show_secrets {
        true => secret.to_owned(),
        false => masked(secret),
    };
    let mut about = Map::new();
    let mut add = |name: &str, value: Value| {
        if !value.is_null() {
            about.insert(name.to_owned(), value);
        }
    };
    add("user", json!(name));
    add("subject", json!(subject));
    add("access_token", json!(secret(token.access_token())));
    // Never in full: only the provider may see the refresh token.
    add("refresh_token", json!(token.grant().refresh_token_hint));
    add("token_type", json!(token.token_type()));
    add("expires_in", json!(token.expires_at().map(output::seconds_left)));
    add("expires_at", json!(token.expires_at().and_then(output::rfc3339)));
    add("scope", json!(token.scopes().join(" ")));
    add("id_token", json!(token.id_token().map(secret)));
    about
}

fn masked(secret: &str) -> String {
    match secret.char_indices().nth(SHOWN) {
        Some((end, _)) if secret.len() > 2 * SHOWN => format!("{}...", &secret[..end]),
        _ => "****".to_owned(),
    }
}

fn parsed(object: Option<&str>) -> Map<String, Value> {
    object.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
}

fn print(members: &Map<String, Value>) -> Result<(), Error> {
    members.iter().try_for_each(|(name, value)| {
        let value = match value {
            Value::String(text) => text.clone(),
            value => value.to_string(),
        };
        output::line(&format!("{:<20}{}", printable(name), printable(&value)))
    })
}
