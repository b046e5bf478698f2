//! `latch login`: a person logs in, and the profile remembers where.

use latchstring::capability::clock::{Clock as _, SystemClock};
use latchstring::{Code, Description, Error, printable};
use latchstring_core::interaction::sentence;
use serde_json::json;

use crate::cli::args::{Global, LoginCommand};
use crate::cli::choices::StoreChoice;
use crate::cli::config::{self, Config};
use crate::cli::output;
use crate::cli::settings::Settings;

pub(crate) async fn run(global: &Global, args: Box<LoginCommand>) -> Result<(), Error> {
    let LoginCommand { anonymous_token_file, login } = *args;
    if login.redirect.browser.is_some() {
        output::say("A sandbox can start no browser: the address is printed instead");
    }
    let settings = Settings::read(global, login.into_profile())?;
    let latch = settings.latch(global, true).map_err(unnamed)?;
    latch.client.protocol.check_anonymous(anonymous_token_file.is_some())?;
    let token = latch.login(&settings.manner(&latch)?).await?;
    for notice in token.notices() {
        output::say(&sentence(notice));
    }
    let refused = token.refused_parameters();
    let remembered = settings.to_remember(global, StoreChoice::File, refused);
    if let Some(profile) = &remembered {
        let folder = global.config_dir.as_deref();
        Config::change(folder, |config| config.set(&global.profile, profile)).await?;
    }
    let description = latch.status().await?;
    if global.json {
        return output::document(&json!({
            "profile": global.profile,
            "issuer": latch.client.issuer,
            "client_id": latch.client.client_id,
            "subject": description.as_ref().and_then(|d| d.subject.clone()),
            "name": description.as_ref().and_then(|d| d.display_name.clone()),
            "scopes": token.scopes(),
            "expires_at": token.expires_at().and_then(output::rfc3339),
            "renewable": token.renew_at().is_some(),
            "store": "file",
            "place": latch.store.place(&latch.key),
        }));
    }
    output::say(&match description.as_ref().and_then(who) {
        Some(who) => format!("Logged in as {}", printable(&who)),
        None => "Logged in".to_owned(),
    });
    if let Some(description) = &description
        && let Some(end_ms) = description.expires_at_ms
        && token.renew_at().is_none()
    {
        let end = output::in_words(end_ms, SystemClock.now_ms());
        output::say(&format!(
            "The token expires {end}, and nothing came to renew it with; --scope offline_access may ask for that"
        ));
    }
    if remembered.is_some() {
        let path = config::path_in(global.config_dir.as_deref());
        output::say(&format!("The profile {} in {path} remembers this provider", global.profile));
    }
    Ok(())
}

/// Whoever is logging in needs no advice to log in.
fn unnamed(error: Error) -> Error {
    if error.code() != Code::LoginRequired {
        return error;
    }
    Error::new(Code::InvalidConfiguration, error.message(), "give --issuer URL and --client-id ID")
}

/// What to call the person: a name, else the subject.
pub(crate) fn who(description: &Description) -> Option<String> {
    description.display_name.clone().or_else(|| description.subject.clone())
}
