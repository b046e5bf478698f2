//! Which profile a command is for that names a URL and no profile.

use latchstring::{Code, Error};

use super::args::Args;
use super::config::Config;

/// Names the profile that was made for the command's URL, if there is one.
///
/// # Errors
///
/// Fails if there are several, and if the configuration file cannot be read.
pub(crate) fn find_profile(args: &mut Args) -> Result<(), Error> {
    let url = args.command.resource_url().filter(|_| !args.global.names_profile);
    let Some(url) = url else { return Ok(()) };
    let names = Config::profiles_for(args.global.config_dir.as_deref(), url)?;
    match names.as_slice() {
        [] => {}
        [name] => args.global.profile.clone_from(name),
        several => {
            return Err(Error::new(
                Code::InvalidConfiguration,
                format!("several profiles are for this URL: {}", several.join(", ")),
                "choose one with --profile",
            ));
        }
    }
    Ok(())
}
