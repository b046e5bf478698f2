//! `latch logout`: revoke the tokens and delete the session.

mod every;
mod report;

use latchstring::capability::clock::{Clock as _, SystemClock};
use latchstring::capability::store::Key;
use latchstring::{Code, Error, Latch, describe};

use crate::cli::args::{Global, LogoutArgs};
use crate::cli::keys;
use crate::cli::output;
use crate::cli::profile::Profile;
use crate::cli::settings::Settings;
use report::{Ended, show};

pub(crate) async fn run(global: &Global, args: Box<LogoutArgs>) -> Result<(), Error> {
    let LogoutArgs { all, end_session, unregister, browser, provider } = *args;
    let given = Profile { browser, ..provider.into_profile() };
    if !all {
        let settings = Settings::read(global, given)?;
        let builder = settings.builder(global, end_session)?;
        let latch = match end_session {
            true => builder.pages(settings.pages()?).build()?,
            false => builder.build()?,
        };
        let ended = log_out(&latch, unregister).await?;
        settings.stores(global)?.tidy(latch.key()).await?;
        let forgotten = keys::forget(global, &settings.effective, latch.key()).await;
        let url = ended.report.end_session_url.clone();
        let shown = show(global, &[ended]);
        let ended_there = match url {
            Some(url) if end_session => latch.end_session(&url).await,
            None if end_session => {
                output::say("The provider has no page that ends the session there");
                Ok(())
            }
            _ => Ok(()),
        };
        return output::both(output::both(shown, forgotten, global.json), ended_there, global.json);
    }
    every::run(global, &given.trust()).await
}

async fn log_out(latch: &Latch, unregister: bool) -> Result<Ended, Error> {
    // If the session cannot be read, the component reports it.
    let expires_at_ms = latch.status().await.ok().flatten().and_then(|one| one.expires_at_ms);
    let profile = latch.key().profile.clone();
    let report = match unregister {
        true => latch.logout_and_unregister().await?,
        false => latch.logout().await?,
    };
    if unregister && !report.was_logged_in {
        return Err(Error::new(
            Code::LoginRequired,
            format!(
                "the profile {profile} is not logged in, so nothing says which client to remove"
            ),
            "log in again, then log out with --unregister",
        ));
    }
    Ok(Ended { profile, report, expires_at_ms })
}

/// Ends the session under `key`, even if the profile's settings have changed since. `trust`
/// has the certificates to use.
///
/// Returns `None` if the session is gone already.
async fn end(global: &Global, trust: &Profile, key: &Key) -> Result<Option<Ended>, Error> {
    let global = Global { profile: key.profile.clone(), ..global.clone() };
    let settings = Settings::read_without_folder(&global, trust.clone())?;
    if let Ok(latch) = settings.latch(&global, false)
        && latch.key() == key
    {
        let ended = log_out(&latch, false).await?;
        settings.stores(&global)?.tidy(key).await?;
        keys::forget(&global, &settings.effective, key).await?;
        return Ok(Some(ended));
    }
    let store = settings.store(&global)?;
    let Some(description) = describe(store.as_ref(), key, SystemClock.now_ms()).await? else {
        settings.stores(&global)?.tidy(key).await?;
        return Ok(None);
    };
    log_out(&settings.latch_of(&global, &description, key)?, false).await.map(Some)
}
