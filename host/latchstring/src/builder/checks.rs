//! What cannot work, told before anything begins.

use crate::capability::loopback::{OWN_PATHS, Redirect};
use crate::contract::Protocol;
use crate::error::{Code, Error};

/// Refuses a profile's name that cannot be part of a file's.
pub fn check_profile(name: &str) -> Result<(), Error> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if (1..=64).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(());
    }
    Err(Error::new(
        Code::InvalidConfiguration,
        format!("the profile name {name:?} cannot be used"),
        "use 1 to 64 letters, digits, - and _",
    ))
}

/// Refuses a redirect path that no login could come back to.
pub(super) fn check_redirect(redirect: &Redirect) -> Result<(), Error> {
    if redirect.path.starts_with(OWN_PATHS) {
        return Err(Error::new(
            Code::InvalidConfiguration,
            format!(
                "the redirect path {:?} cannot be used: {OWN_PATHS} is where this program's own \
                 pages are",
                redirect.path
            ),
            "give another --redirect-path, such as /callback",
        ));
    }
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte);
    if redirect.path.starts_with('/')
        && !redirect.path.starts_with("//")
        && redirect.path.bytes().all(plain)
    {
        return Ok(());
    }
    Err(Error::new(
        Code::InvalidConfiguration,
        format!("the redirect path {:?} cannot be used", redirect.path),
        "give a --redirect-path such as /callback, of letters, digits, / - . _ and ~",
    ))
}

/// Refuses the token of an anonymous session where it would go nowhere: a person
/// who gave it would take the login for an upgrade.
pub(super) fn check_anonymous(protocol: &Protocol, has_token: bool) -> Result<(), Error> {
    if !has_token || matches!(protocol, Protocol::Hexclave(_)) {
        return Ok(());
    }
    Err(Error::new(
        Code::InvalidConfiguration,
        "the refresh token of an anonymous session is given, and this provider has no such sessions",
        "leave it out: only a login at Hexclave takes one over",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capability::loopback::RedirectHost;

    #[test]
    fn only_paths_that_a_login_can_come_back_to_are_allowed() {
        let rows = [
            ("/callback", true),
            ("/", true),
            ("/latchstrings", true),
            ("/latchstring", true),
            ("/a/latchstring/start", true),
            ("/latchstring/", false),
            ("/latchstring/start", false),
            ("/latchstring/startle", false),
            ("/latchstring/end", false),
            ("//callback", false),
            ("callback", false),
            ("/call back", false),
            ("/callback?a", false),
        ];
        for (path, is_allowed) in rows {
            let redirect =
                Redirect { host: RedirectHost::Ipv4, ports: Vec::new(), path: path.to_owned() };
            assert_eq!(check_redirect(&redirect).is_ok(), is_allowed, "{path}");
        }
    }
}
