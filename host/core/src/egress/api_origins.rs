//! Origins that an access token may be sent to.
//!
//! - https only, or http on a loopback address;
//! - the issuer's origin, those of the resources that the token is for, that of the
//!   configured userinfo endpoint, and those that the caller named.
//!
//! The caller's URL of a protected resource is one of those that the token is for.
//!
//! The provider's metadata adds none: it must not decide where tokens are sent.

use std::collections::BTreeSet;

use url::Url;

use crate::contract::{Audience, Client};
use crate::egress::origin;
use crate::error::{Code, Error};

/// The allowed origins: scheme, host and port, compared exactly.
pub struct Origins(BTreeSet<String>);

impl Origins {
    /// Returns the origins that the client's settings and the caller allow. `named` are the
    /// caller's.
    ///
    /// # Errors
    ///
    /// Returns `invalid-configuration` if an entry of `named` is not an origin; see
    /// [`api_origin`].
    pub fn of(client: &Client, named: &[String]) -> Result<Self, Error> {
        let userinfo = [&client.endpoints.userinfo, &client.assumed_endpoints.userinfo];
        let urls = [&client.issuer, &client.resource_url].into_iter().chain(userinfo).flatten();
        let resource = match &client.audience {
            Some(Audience::Resource(uri)) => Some(uri),
            _ => None,
        };
        let urls = urls.chain(&client.resources).chain(resource);
        let mut origins: BTreeSet<String> =
            urls.filter_map(|url| origin(&Url::parse(url).ok()?)).collect();
        for name in named {
            origins.insert(api_origin(name)?);
        }
        Ok(Self(origins))
    }

    /// Returns the parsed URL if a token may be sent to it. `profile` is named in the
    /// error.
    ///
    /// # Errors
    ///
    /// Returns `invalid-configuration` if `url` is not a URL or has a user name or
    /// password, and `egress-denied` if its origin is not allowed.
    pub fn permit(&self, url: &str, profile: &str) -> Result<Url, Error> {
        let parsed = Url::parse(url).map_err(|error| {
            unusable(
                format!("the request's address is not a URL: {error}"),
                "begin it with https://",
            )
        })?;
        if has_credentials(&parsed) {
            return Err(unusable(
                "the request's address contains a user name or a password",
                "leave it out: the request carries the session's token",
            ));
        }
        let Some(origin) = origin(&parsed) else {
            return Err(Error::new(
                Code::EgressDenied,
                format!(
                    "a token is sent only over https, or http to a loopback address, not to \
                     {}://{}",
                    parsed.scheme(),
                    parsed.host_str().unwrap_or_default()
                ),
                "use an address that begins with https://",
            ));
        };
        if self.0.iter().any(|allowed| covers(allowed, &origin)) {
            return Ok(parsed);
        }
        Err(Error::new(
            Code::EgressDenied,
            format!("the profile {profile} does not allow its token to be sent to {origin}"),
            format!(
                "if it is meant for that API: latch profile add {profile} --api-origin {origin}, or --allow-origin {origin} for this one request"
            ),
        ))
    }
}

/// Returns `text` in the form in which origins are compared, such as
/// `https://api.example.com`, or `https://*.example.com` for all hosts below
/// `example.com`.
///
/// # Errors
///
/// Returns `invalid-configuration` if `text` has more than a scheme, a host and a port. A
/// path would suggest a limit that is not enforced.
pub fn api_origin(text: &str) -> Result<String, Error> {
    let parsed = Url::parse(text).ok().and_then(|url| Some((origin(&url)?, url)));
    let Some((origin, url)) = parsed.filter(|(origin, _)| is_narrow(origin)) else {
        return Err(unusable(
            format!("{text:?} is not the origin of an API"),
            "write it as https://api.example.com, or https://*.example.com for the hosts below \
             it; http is for loopback addresses only",
        ));
    };
    let alone = url.path() == "/" && url.query().is_none() && url.fragment().is_none();
    if !alone || has_credentials(&url) {
        return Err(unusable(
            "the origin of an API has only a scheme, a host and a port; this one has more",
            format!("write it as {origin}"),
        ));
    }
    Ok(origin)
}

/// Returns whether a token may be sent to the origin of `url` because the caller named it
/// as `named`: see [`api_origin`].
pub fn is_allowed(named: &str, url: &Url) -> bool {
    let named = api_origin(named).ok();
    named.zip(origin(url)).is_some_and(|(named, origin)| covers(&named, &origin))
}

/// Whether an origin, or a pattern for the hosts below one, covers this origin.
fn covers(named: &str, origin: &str) -> bool {
    if named == origin {
        return true;
    }
    named.split_once(WILDCARD).is_some_and(|(scheme, parent)| {
        let host = origin.strip_prefix(scheme).and_then(|rest| rest.strip_suffix(parent));
        host.is_some_and(|below| below.len() > 1 && below.ends_with('.'))
    })
}

/// What stands for the hosts below one.
const WILDCARD: &str = "*.";

/// Whether there is no wildcard, or one that stands for hosts below a host of two names at
/// least: nobody owns all hosts of a top-level domain.
fn is_narrow(origin: &str) -> bool {
    match origin.split_once("://") {
        Some((_, host)) => match host.strip_prefix(WILDCARD) {
            Some(parent) => parent.contains('.') && !parent.contains('*'),
            None => !host.contains('*'),
        },
        None => false,
    }
}

fn has_credentials(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

fn unusable(message: impl Into<String>, remedy: impl Into<String>) -> Error {
    Error::new(Code::InvalidConfiguration, message, remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client() -> Client {
        Client::new(Some("https://id.example/tenant".to_owned()), "demo".to_owned())
    }

    fn origins(client: &Client, named: &[&str]) -> Origins {
        let named: Vec<String> = named.iter().map(|name| (*name).to_owned()).collect();
        Origins::of(client, &named).expect("origins")
    }

    #[track_caller]
    fn refused(origins: &Origins, url: &str) -> Error {
        origins.permit(url, "work").expect_err(url)
    }

    #[test]
    fn a_token_may_go_to_the_issuer_its_resources_userinfo_and_what_was_named() {
        let mut client = client();
        client.resources = vec!["https://resource.example/v1?a=b".to_owned(), "urn:api".to_owned()];
        client.endpoints.userinfo = Some("https://me.example/userinfo".to_owned());
        client.endpoints.token = Some("https://token.example/token".to_owned());
        let origins = origins(&client, &["https://api.example:8443", "http://127.0.0.1:8080/"]);
        for url in [
            "https://id.example",
            "HTTPS://ID.EXAMPLE:443/any?query#fragment",
            "https://resource.example/v2",
            "https://me.example/",
            "https://api.example:8443/a/../b",
            "http://127.0.0.1:8080/a",
            "http://127.1:8080/a",
        ] {
            assert!(origins.permit(url, "work").is_ok(), "{url}");
        }
        let error = refused(&origins, "https://token.example/");
        assert_eq!(error.code(), Code::EgressDenied);
        assert!(error.message().contains("https://token.example"), "{error}");
        for words in [
            "latch profile add work --api-origin https://token.example",
            "--allow-origin https://token.example",
        ] {
            assert!(error.remedy().contains(words), "{}", error.remedy());
        }
    }

    #[test]
    fn a_wildcard_stands_for_the_hosts_below_one() {
        let origins = origins(&client(), &["https://*.registry.example.com"]);
        for url in ["https://a.registry.example.com/v2", "https://a.b.registry.example.com/"] {
            assert!(origins.permit(url, "work").is_ok(), "{url}");
        }
        for url in [
            "https://registry.example.com/",
            "https://.registry.example.com/",
            "https://aregistry.example.com/",
            "https://a.registry.example.com.evil.example/",
            "https://a.registry.example.com:8443/",
            "https://evil.example/a.registry.example.com",
            "http://a.registry.example.com/",
        ] {
            assert!(origins.permit(url, "work").is_err(), "{url}");
        }
        for text in ["https://*", "https://*.com", "https://a.*.com", "https://*.*.example.com"] {
            assert!(api_origin(text).is_err(), "{text}");
        }
    }

    #[test]
    fn scheme_host_and_port_are_compared_exactly() {
        let origins = origins(&client(), &["http://127.0.0.1:8080"]);
        for url in [
            "https://id.example:8443/",
            "https://id.example./",
            "https://id.example.evil.example/",
            "https://evil-id.example/",
            "https://sub.id.example/",
            "https://evil.example\\@id.example/",
            "https://evil.example#@id.example/",
            "http://127.0.0.1:8081/",
            "http://localhost:8080/",
            "https://127.0.0.1:8080/",
            "http://id.example/",
            "ftp://id.example/",
            "file:///id.example",
            "data:text/plain,a",
        ] {
            assert_eq!(refused(&origins, url).code(), Code::EgressDenied, "{url}");
        }
    }

    #[test]
    fn a_url_with_a_user_name_or_password_is_refused_and_not_shown() {
        let origins = origins(&client(), &[]);
        for url in ["https://ada:hunter2@id.example/", "https://hunter2@id.example/", "hunter2"] {
            let error = refused(&origins, url);
            assert_eq!(error.code(), Code::InvalidConfiguration, "{url}");
            assert!(!error.message().contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn an_origin_has_only_scheme_host_and_port() {
        assert_eq!(api_origin("https://API.example:443/").expect("it"), "https://api.example");
        for text in [
            "",
            "api.example",
            "api.example:443",
            "http://api.example",
            "https://*.example",
            "https://api.example/v1",
            "https://api.example?a",
            "https://api.example/#a",
            "https://ada:hunter2@api.example",
        ] {
            let error = api_origin(text).expect_err(text);
            assert_eq!(error.code(), Code::InvalidConfiguration, "{text}");
            assert!(!error.message().contains("hunter2"), "{error}");
        }
    }
}
