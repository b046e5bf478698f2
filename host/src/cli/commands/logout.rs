//! `latch logout`: revoke the tokens and forget the session.

mod every;
mod report;

use latchstring::capability::clock::{Clock as _, SystemClock};
use latchstring::capability::store::Key;
use latchstring::{Error, LogoutReport, describe};

use crate::cli::args::{Global, LogoutArgs};
use crate::cli::output;
use crate::cli::profile::Profile;
use crate::cli::settings::Settings;
use report::show;

pub(crate) async fn run(global: &Global, args: Box<LogoutArgs>) -> Result<(), Error> {
    let LogoutArgs { all, end_session, browser, provider } = *args;
    let given = Profile { browser, ..provider.into_profile() };
    if !all {
        let settings = Settings::read(global, given)?;
        let builder = settings.builder(global, end_session)?;
        let latch = match end_session {
            true => builder.pages(settings.pages()?).build()?,
            false => builder.build()?,
        };
        let report = latch.logout().await?;
        let url = report.end_session_url.clone();
        show(global, &[(global.profile.clone(), report)])?;
        return match url {
            _ if !end_session => Ok(()),
            Some(url) => latch.end_session(&url).await,
            None => {
                output::say("The provider has no page that ends the session there");
                Ok(())
            }
        };
    }
    every::run(global).await
}

/// Ends the session under `key`, whose settings may have changed since.
async fn end(global: &Global, key: &Key) -> Result<Option<LogoutReport>, Error> {
    let global = Global { profile: key.profile.clone(), ..global.clone() };
    let settings = Settings::read_without_folder(&global, Profile::default())?;
    if let Ok(latch) = settings.latch(&global, false)
        && latch.key() == key
    {
        return latch.logout().await.map(Some);
    }
    let store = settings.store(&global)?;
    let Some(description) = describe(store.as_ref(), key, SystemClock.now_ms()).await? else {
        return Ok(None);
    };
    settings.latch_of(&global, &description, key)?.logout().await.map(Some)
}
