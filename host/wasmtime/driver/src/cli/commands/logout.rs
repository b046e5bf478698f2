//! `latch logout`: revoke the tokens and forget the session.

#[path = "../../../../../../host/latch/src/cli/commands/logout/every.rs"]
mod every;
#[path = "../../../../../../host/latch/src/cli/commands/logout/report.rs"]
mod report;

use latchstring::capability::clock::{Clock as _, SystemClock};
use latchstring::capability::store::Key;
use latchstring::{Code, Error, Latch, describe};

use crate::cli::args::{Global, LogoutArgs};
use crate::cli::profile::Profile;
use crate::cli::settings::Settings;
use crate::cli::stores::Stores;
use report::{Ended, show};

pub(crate) async fn run(global: &Global, args: Box<LogoutArgs>) -> Result<(), Error> {
    let LogoutArgs { all, end_session, browser: _, provider } = *args;
    if end_session {
        return Err(Error::new(
            Code::InvalidConfiguration,
            "this host ends no session in a browser",
            "use the native latch for --end-session",
        ));
    }
    let given = provider.into_profile();
    if !all {
        let settings = Settings::read(global, given)?;
        let ended = log_out(&settings.latch(global, false)?).await?;
        return show(global, &[ended]);
    }
    every::run(global, &given.trust()).await
}

async fn log_out(latch: &Latch) -> Result<Ended, Error> {
    // A session that cannot be read is the component's to tell.
    let expires_at_ms = latch.status().await.ok().flatten().and_then(|one| one.expires_at_ms);
    let profile = latch.key.profile.clone();
    Ok(Ended { profile, report: latch.logout().await?, expires_at_ms })
}

/// Ends the session under `key`, whose settings may have changed since.
async fn end(global: &Global, trust: &Profile, key: &Key) -> Result<Option<Ended>, Error> {
    let global = Global { profile: key.profile.clone(), ..global.clone() };
    if let Ok(settings) = Settings::read(&global, trust.clone())
        && let Ok(latch) = settings.latch(&global, false)
        && latch.key == *key
    {
        return log_out(&latch).await.map(Some);
    }
    let store = Stores::open(&global, &Profile::default())?.chosen();
    let Some(description) = describe(store.as_ref(), key, SystemClock.now_ms()).await? else {
        return Ok(None);
    };
    let given = Profile {
        issuer: description.issuer,
        client_id: Some(description.client_id),
        ..Profile::default()
    };
    let mut latch = Settings::read(&global, given)?.latch(&global, false)?;
    latch.key = key.clone();
    log_out(&latch).await.map(Some)
}
