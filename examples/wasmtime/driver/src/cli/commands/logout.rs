//! `latch logout`: revoke the tokens and forget the session.

#[path = "../../../../../../host/src/cli/commands/logout/report.rs"]
mod report;

use latchstring::{Code, Error};

use crate::cli::args::{Global, LogoutArgs};
use crate::cli::settings::Settings;
use report::show;

pub(crate) async fn run(global: &Global, args: Box<LogoutArgs>) -> Result<(), Error> {
    let LogoutArgs { all, end_session, browser: _, provider } = *args;
    if all || end_session {
        return Err(Error::new(
            Code::InvalidConfiguration,
            "this host ends one session at a time, and none in a browser",
            "use the native latch for --all and --end-session, or log out of each profile",
        ));
    }
    let settings = Settings::read(global, provider.into_profile())?;
    let report = settings.latch(global, false)?.logout().await?;
    show(global, &[(global.profile.clone(), report)])
}
