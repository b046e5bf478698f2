//! `latch exec --for npm`: npm has no credential helper, but it takes settings from variables.

use latchstring::{Code, Error, Token};
use url::{Position, Url};

use crate::cli::args::Global;
use crate::cli::profile::Profile;

/// Returns npm's settings for the registries that the profile names: each is a variable, and
/// npm sends the token to that host alone.
pub(super) fn variables(
    global: &Global,
    profile: &Profile,
    token: &Token,
) -> Result<Vec<(String, String)>, Error> {
    let origins = profile.api_origins.iter().flatten();
    let urls = origins.filter_map(|origin| Url::parse(origin).ok());
    let hosts = urls.map(|url| url[Position::BeforeHost..Position::AfterPort].to_owned());
    let variable = |host| {
        let name = format!("npm_config_//{host}/:_authToken");
        (name, token.access_token().to_owned())
    };
    let variables: Vec<_> = hosts.filter(|host| !host.contains('*')).map(variable).collect();
    match variables.is_empty() {
        false => Ok(variables),
        true => Err(Error::new(
            Code::InvalidConfiguration,
            format!("the profile {} names no registry for npm", global.profile),
            format!("name it: latch profile add {} --api-origin https://HOST", global.profile),
        )),
    }
}
