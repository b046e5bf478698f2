//! `latch status`: every session and profile, who is logged in, and for how long.

use std::collections::BTreeSet;
use std::io::stdout;

use anstyle::Style;
use latchstring::capability::clock::{Clock as _, SystemClock};
use latchstring::capability::store::Key;
use latchstring::{Code, Description, Error, TokenState, code_name, describe, printable};
use serde_json::{Value, json};

use super::login::who;
use crate::cli::args::Global;
use crate::cli::config::Config;
use crate::cli::output;
use crate::cli::profile::{Profile, provider_in_words};
use crate::cli::settings::LOG_IN_ANYWHERE;
use crate::cli::stores::{self, Stores};
use crate::cli::style::{BAD, GOOD, HEADING, PLAIN, QUIET, WARNING, paint};
use crate::cli::table::Table;
use crate::cli::times::Now;

/// One session, or a profile without one.
enum Row {
    Session {
        key: Key,
        store: &'static str,
        place: String,
        /// The preset of the profile.
        provider: Option<String>,
        description: Box<Description>,
    },
    /// A session that cannot be read. It is shown, and does not hide the others.
    Unreadable {
        key: Key,
        error: Error,
    },
    LoggedOut {
        profile: String,
        provider: Option<String>,
        issuer: Option<String>,
    },
}

pub(crate) async fn run(global: &Global) -> Result<(), Error> {
    let now_ms = SystemClock.now_ms();
    let rows = rows(global, now_ms).await?;
    if global.json {
        output::document(&Value::Array(rows.iter().map(in_json).collect()))?;
    } else {
        let (table, now) = (Table::for_stdout(), Now::on(&stdout()));
        let blocks: Vec<String> = rows.iter().map(|row| in_words(row, &table, &now)).collect();
        output::text(&blocks.join("\n"))?;
    }
    let is_logged_in = rows.iter().any(|row| matches!(row, Row::Session { .. }));
    match rows.into_iter().find_map(Row::into_error) {
        Some(error) => Err(error),
        None if is_logged_in => Ok(()),
        None => Err(Error::new(Code::LoginRequired, "not logged in", LOG_IN_ANYWHERE)),
    }
}

impl Row {
    fn into_error(self) -> Option<Error> {
        match self {
            Self::Unreadable { error, .. } => Some(error),
            Self::Session { .. } | Self::LoggedOut { .. } => None,
        }
    }
}

async fn rows(global: &Global, now_ms: u64) -> Result<Vec<Row>, Error> {
    let config = Config::read(global.config_dir.as_deref())?;
    let mut rows = Vec::new();
    let mut seen = BTreeSet::new();
    let everywhere = stores::everywhere(global, &config).await?;
    for (profile, error) in everywhere.unreadable {
        seen.insert(profile.clone());
        rows.push(Row::Unreadable { key: Key { profile, account: String::new() }, error });
    }
    for key in everywhere.sessions {
        seen.insert(key.profile.clone());
        let saved = config.profile(&key.profile)?.unwrap_or_default();
        match session(global, &saved, &key, now_ms).await {
            Ok(Some(row)) => rows.push(row),
            // Logged out since the list was read.
            Ok(None) => {}
            Err(error) => rows.push(Row::Unreadable { key, error }),
        }
    }
    for profile in config.names().into_iter().filter(|name| !seen.contains(name)) {
        let Profile { issuer, provider, .. } = config.profile(&profile)?.unwrap_or_default();
        rows.push(Row::LoggedOut { profile, provider, issuer });
    }
    Ok(rows)
}

/// Reads the session under `key` with the settings of its profile.
async fn session(
    global: &Global,
    saved: &Profile,
    key: &Key,
    now_ms: u64,
) -> Result<Option<Row>, Error> {
    let stores = Stores::open(global, saved)?;
    let Some(choice) = stores.holding(key).await?.first().cloned() else { return Ok(None) };
    let store = stores.get(&choice);
    let description = describe(store.as_ref(), key, now_ms).await?;
    Ok(description.map(|description| Row::Session {
        key: key.clone(),
        store: choice.name(),
        place: store.place(key),
        provider: saved.provider.clone(),
        description: Box::new(description),
    }))
}

/// Describes one row as a block of lines. Escapes them: a provider or a file may have
/// written them.
fn in_words(row: &Row, table: &Table, now: &Now) -> String {
    let block = |profile: &str, lines: &[(&str, &str, Style)]| {
        let lines = lines.iter().map(|(term, text, style)| {
            let term = paint(QUIET, format_args!("  {term:<9} "));
            table.whole(&term, &paint(*style, printable(text))) + "\n"
        });
        format!("{}\n{}", paint(HEADING, printable(profile)), lines.collect::<String>())
    };
    match row {
        Row::Session { key, store, place, provider, description } => {
            let who = who(description);
            let at = |time_ms| now.describe(time_ms);
            let (token, state) = match (description.token_state, description.expires_at_ms) {
                (TokenState::Fresh, Some(time_ms)) => {
                    (format!("good, expires {}", at(time_ms)), GOOD)
                }
                (TokenState::Fresh, None) => ("good, no expiry known".to_owned(), GOOD),
                (TokenState::Renewable, _) => ("will be refreshed when next used".to_owned(), GOOD),
                (TokenState::Expired, _) => ("expired, log in again".to_owned(), BAD),
            };
            let by_whom = provider_in_words(provider.as_deref(), description.issuer.as_deref());
            let scopes = description.scopes.join(" ");
            let (since, place) = (at(description.logged_in_at_ms), format!("{store}: {place}"));
            let client = Some(&*description.client_id).filter(|id| !id.is_empty());
            let client = client.unwrap_or("none: it presents what says enough");
            let resource = description.resource.as_deref().map(|url| ("resource", url, PLAIN));
            let details = description.authorization_details.as_deref();
            let lines: Vec<_> = resource
                .into_iter()
                .chain(details.map(|details| ("details", details, PLAIN)))
                .chain([
                    ("who", who.as_deref().unwrap_or("unknown: the provider gives no name"), PLAIN),
                    ("provider", &*by_whom, PLAIN),
                    ("client", client, PLAIN),
                    ("scopes", &*scopes, PLAIN),
                    ("since", &*since, PLAIN),
                    ("token", &*token, state),
                    ("store", &*place, PLAIN),
                ])
                .collect();
            block(&key.profile, &lines)
        }
        Row::Unreadable { key, error } => {
            let what = format!("{} [{}]", error.message(), code_name(error.code()));
            block(&key.profile, &[("error", &what, BAD), ("remedy", error.remedy(), PLAIN)])
        }
        Row::LoggedOut { profile, provider, issuer } => {
            let by_whom = provider_in_words(provider.as_deref(), issuer.as_deref());
            block(profile, &[("who", "not logged in", WARNING), ("provider", &by_whom, PLAIN)])
        }
    }
}

fn in_json(row: &Row) -> Value {
    match row {
        Row::Session { key, store, place, provider, description } => json!({
            "profile": key.profile,
            "logged_in": true,
            "provider": provider,
            "issuer": description.issuer,
            "resource": description.resource,
            "client_id": description.client_id,
            "subject": description.subject,
            "name": description.display_name,
            "scopes": description.scopes,
            "authorization_details": output::embedded(description.authorization_details.as_deref()),
            "logged_in_at": output::rfc3339_ms(description.logged_in_at_ms),
            "expires_at": description.expires_at_ms.and_then(output::rfc3339_ms),
            "token": match description.token_state {
                TokenState::Fresh => "fresh",
                TokenState::Renewable => "renewable",
                TokenState::Expired => "expired",
            },
            "store": store,
            "place": place,
        }),
        Row::Unreadable { key, error } => json!({
            "profile": key.profile,
            "logged_in": false,
            "error": {
                "code": code_name(error.code()),
                "message": error.message(),
                "remedy": error.remedy(),
            },
        }),
        Row::LoggedOut { profile, provider, issuer } => json!({
            "profile": profile,
            "logged_in": false,
            "provider": provider,
            "issuer": issuer,
        }),
    }
}
