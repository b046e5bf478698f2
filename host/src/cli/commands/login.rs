//! `latch login`: log in through a browser.

use latchstring::{Description, Error};
use serde_json::json;

use crate::cli::args::{Global, LoginArgs};
use crate::cli::output;
use crate::cli::settings::Settings;

pub(crate) async fn run(global: &Global, args: Box<LoginArgs>) -> Result<(), Error> {
    let open_browser = !args.redirect.no_browser;
    let mut settings = Settings::read(global, args.into_profile())?;
    settings.tell_origin();
    let latch = settings.latch(global, open_browser)?;
    let token = latch.login().await?;
    let remembered = settings.to_remember();
    if let Some(profile) = &remembered {
        settings.config.set(&global.profile, profile)?;
        settings.config.write()?;
    }
    let description = latch.status().await?;
    let who = description.as_ref().and_then(who).unwrap_or_default();
    if global.json {
        return output::document(&json!({
            "profile": global.profile,
            "issuer": settings.effective.issuer,
            "client_id": settings.effective.client_id,
            "subject": description.as_ref().and_then(|d| d.subject.clone()),
            "name": description.as_ref().and_then(|d| d.display_name.clone()),
            "scopes": token.scopes(),
            "expires_at": token.expires_at().and_then(output::rfc3339),
            "renewable": token.renew_at().is_some(),
            "store": latch.place(),
        }));
    }
    output::say(&format!("Logged in{}{who}", if who.is_empty() { "" } else { " as " }));
    if remembered.is_some() {
        let path = settings.config.path().display();
        output::say(&format!("The profile {} in {path} remembers this provider", global.profile));
    }
    Ok(())
}

/// What to call the person: a name, else the subject.
pub(crate) fn who(description: &Description) -> Option<String> {
    description.display_name.clone().or_else(|| description.subject.clone())
}
