//! The address of a shared store.

use std::fmt;
use std::str::FromStr;

use crate::error::{Code, Error};

/// The URL of a shared store.
///
/// Its `Display` and `Debug` contain neither user name nor password nor parameters. Two
/// addresses are equal if they differ in nothing but the password.
#[derive(Clone)]
pub struct StoreAddress {
    url: String,
    engine: EngineKind,
}

/// The kind of server.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum EngineKind {
    Postgres,
    Redis,
}

/// The schemes of URLs, and what they lead to.
const SCHEMES: [(&str, EngineKind); 4] = [
    ("postgres://", EngineKind::Postgres),
    ("postgresql://", EngineKind::Postgres),
    ("redis://", EngineKind::Redis),
    ("rediss://", EngineKind::Redis),
];

/// The parts of a URL as they are written, still percent-encoded.
pub(super) struct Parts<'a> {
    pub(super) scheme: &'a str,
    /// User and password, or `None` if the URL has neither.
    pub(super) login: Option<(&'a str, Option<&'a str>)>,
    /// Hosts and ports.
    pub(super) hosts: &'a str,
    /// Path, with its slash.
    pub(super) path: &'a str,
    /// Parameters, without the question mark.
    pub(super) parameters: &'a str,
}

impl StoreAddress {
    /// Returns the whole URL, with the password if it has one.
    pub fn expose(&self) -> &str {
        &self.url
    }

    /// Returns whether the URL contains a password.
    pub fn has_password(&self) -> bool {
        let parts = self.parts();
        parts.login.is_some_and(|(_, password)| password.is_some())
            || parameters(parts.parameters).any(|(name, _)| name == "password")
    }

    /// Returns the address without the password.
    #[must_use]
    pub fn without_password(&self) -> Self {
        let Parts { scheme, login, hosts, path, parameters: text } = self.parts();
        let user = match login {
            Some((user, _)) if !user.is_empty() => format!("{user}@"),
            _ => String::new(),
        };
        let kept: Vec<String> = parameters(text)
            .filter(|(name, _)| *name != "password")
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mark = if kept.is_empty() { "" } else { "?" };
        let url = format!("{scheme}{user}{hosts}{path}{mark}{}", kept.join("&"));
        Self { url, engine: self.engine }
    }

    /// Returns the name of the server's kind: `postgres` or `redis`.
    pub fn engine_name(&self) -> &'static str {
        match self.engine {
            EngineKind::Postgres => "postgres",
            EngineKind::Redis => "redis",
        }
    }

    pub(super) fn engine(&self) -> EngineKind {
        self.engine
    }

    pub(super) fn parts(&self) -> Parts<'_> {
        // OK because every address was parsed when it was made.
        parts(&self.url).expect("a URL that was parsed before")
    }
}

impl PartialEq for StoreAddress {
    fn eq(&self, other: &Self) -> bool {
        self.without_password().url == other.without_password().url
    }
}

impl Eq for StoreAddress {}

impl FromStr for StoreAddress {
    type Err = Error;

    fn from_str(url: &str) -> Result<Self, Error> {
        let parsed = parts(url).filter(|parts| is_plain(parts));
        let engine = parsed.and_then(|parts| {
            SCHEMES.iter().find(|(scheme, _)| *scheme == parts.scheme).map(|(_, engine)| *engine)
        });
        match engine {
            Some(engine) => Ok(Self { url: url.to_owned(), engine }),
            // The text is not shown, because it may contain a password.
            None => Err(Error::new(
                Code::InvalidConfiguration,
                "the address of the shared store is not a URL that latchstring can use",
                "use postgres://, redis:// or rediss://, and percent-encode special characters of user, password and parameters",
            )),
        }
    }
}

impl fmt::Display for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts { scheme, hosts, path, .. } = self.parts();
        write!(f, "{scheme}{hosts}{path}")
    }
}

impl fmt::Debug for StoreAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreAddress({self})")
    }
}

/// Returns names and values of URL parameters, still percent-encoded.
pub(super) fn parameters(text: &str) -> impl Iterator<Item = (&str, &str)> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// Splits a URL. The `url` crate refuses the several hosts that these URLs may have.
fn parts(url: &str) -> Option<Parts<'_>> {
    let (scheme, rest) = url.split_at(url.find("://")? + "://".len());
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let (path, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let (login, hosts) = match authority.rsplit_once('@') {
        Some((login, hosts)) => {
            let (user, password) = match login.split_once(':') {
                Some((user, password)) => (user, Some(password).filter(|text| !text.is_empty())),
                None => (login, None),
            };
            (Some((user, password)), hosts)
        }
        None => (None, authority),
    };
    Some(Parts { scheme, login, hosts, path, parameters })
}

/// Whether no part of a password can have been taken for another part, because a special
/// character in it was not encoded.
fn is_plain(parts: &Parts) -> bool {
    let is_host = |c: char| c.is_ascii_alphanumeric() || ".,:-_[]%".contains(c);
    let has_number = |host: &str| match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => {
            port.bytes().all(|byte| byte.is_ascii_digit())
                && (name.starts_with('[') || !name.contains(':'))
        }
        _ => true,
    };
    parts.hosts.chars().all(is_host)
        && parts.hosts.split(',').all(has_number)
        && ![parts.path, parts.parameters].iter().any(|part| part.contains(['@', '#']))
        && !parts.path.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_shown_without_its_login_and_parameters() {
        for (url, shown) in [
            (
                "postgres://ada:s3cret@db.example/latch?sslmode=require",
                "postgres://db.example/latch",
            ),
            ("postgresql://ada:s3%40ret@a:5432,b:5433/latch", "postgresql://a:5432,b:5433/latch"),
            ("postgres:///latch?host=/run/postgresql&password=s3cret", "postgres:///latch"),
            ("rediss://:s3cret@[::1]:6379/2", "rediss://[::1]:6379/2"),
            ("redis://127.0.0.1", "redis://127.0.0.1"),
        ] {
            let address: StoreAddress = url.parse().expect("an address");
            assert_eq!(address.to_string(), shown);
            assert_eq!(format!("{address:?}"), format!("StoreAddress({shown})"));
            assert_eq!(address.has_password(), url.contains("s3"), "{url}");
            assert_eq!(address.expose(), url);
            let without = address.without_password();
            assert!(!without.expose().contains("s3") && !without.has_password(), "{without:?}");
            assert_eq!(without.to_string(), shown);
        }
    }

    #[test]
    fn what_could_show_a_part_of_a_password_is_refused_without_being_shown() {
        for url in [
            "postgres://ada:s3/cret@db.example/latch",
            "postgres://ada:s3?cret@db.example/latch",
            "postgres://ada:33?cret@db.example/latch",
            "redis://:s3#cret@db.example",
            "mysql://ada:s3cret@db.example/latch",
            "db.example",
        ] {
            let error = url.parse::<StoreAddress>().expect_err(url);
            assert!(
                !format!("{} {}", error.message(), error.remedy()).contains("cret"),
                "{error:?}"
            );
        }
    }
}
