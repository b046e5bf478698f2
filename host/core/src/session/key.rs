//! The key that a session is stored under.

use crate::error::{Code, Error};

/// What registrations have in place of a profile: no profile can be named like it.
const REGISTRATION: &str = "registration+";

/// What stands in place of a profile for what another service gave for an ID token.
const EXCHANGED: &str = "exchanged+";

/// The key that a session, or the registration of a client, is stored under.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The profile: 1 to 64 letters, digits, `-` and `_`. Registrations belong to none.
    pub profile: String,
    /// The component's `account-key`: 1 to 128 lower-case letters and digits.
    pub account: String,
}

impl Key {
    /// Returns the key of a client's registration, which all profiles share. `name` is the
    /// component's, with the same characters as an account.
    pub fn of_registration(name: &str) -> Self {
        Self { profile: REGISTRATION.to_owned(), account: name.to_owned() }
    }

    /// Returns the key of what another service gave for an ID token. `name` has the same
    /// characters as an account.
    pub fn of_exchanged(name: &str) -> Self {
        Self { profile: EXCHANGED.to_owned(), account: name.to_owned() }
    }

    /// Returns whether this is the key of a session.
    pub fn is_session(&self) -> bool {
        ![REGISTRATION, EXCHANGED].contains(&self.profile.as_str())
    }

    /// Returns whether both parts have only the allowed characters and lengths.
    fn is_well_formed(&self) -> bool {
        let account = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        (is_profile(&self.profile) || !self.is_session())
            && (1..=128).contains(&self.account.len())
            && self.account.bytes().all(account)
    }

    /// Checks that both parts can be part of a file name. Stores that use them in paths rely
    /// on this.
    ///
    /// # Errors
    ///
    /// Returns `invalid-configuration` if the profile cannot, and `sandbox-fault` if the
    /// component's part cannot.
    pub fn check(&self) -> Result<(), Error> {
        if self.is_session() {
            check_profile(&self.profile)?;
        }
        if self.is_well_formed() {
            return Ok(());
        }
        Err(Error::misbehaviour("gave the session a name that no file may have"))
    }

    /// Returns the beginning of the names of this key's files.
    pub fn file_stem(&self) -> String {
        match self.is_session() {
            true => format!("{}.{}", profile_in_names(&self.profile), self.account),
            false => format!("{}.{}", self.profile, self.account),
        }
    }

    /// Returns the key whose file names begin with `stem`, or `None` if no key's do.
    pub fn of_file_stem(stem: &str) -> Option<Self> {
        let (name, account) = stem.split_once('.')?;
        if [REGISTRATION, EXCHANGED].contains(&name) {
            let key = Self { profile: name.to_owned(), account: account.to_owned() };
            return Some(key).filter(Self::is_well_formed);
        }
        // `+` marks the next letter as a capital.
        let mut marked = false;
        let profile: String = name
            .chars()
            .filter_map(|c| match (c, std::mem::replace(&mut marked, c == '+')) {
                ('+', _) => None,
                (c, true) => Some(c.to_ascii_uppercase()),
                (c, false) => Some(c),
            })
            .collect();
        let key = Self { profile, account: account.to_owned() };
        (key.file_stem() == stem && key.is_well_formed()).then_some(key)
    }
}

/// Checks that a profile name can be part of a file name.
///
/// # Errors
///
/// Returns `invalid-configuration` if it cannot.
pub fn check_profile(name: &str) -> Result<(), Error> {
    if is_profile(name) {
        return Ok(());
    }
    Err(Error::new(
        Code::InvalidConfiguration,
        format!("the profile name {name:?} cannot be used"),
        "use 1 to 64 letters, digits, - and _",
    ))
}

fn is_profile(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    (1..=64).contains(&name.len()) && name.bytes().all(plain)
}

/// Device names on Windows, which are reserved with any extension too.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// Returns the profile as it is written in file names. No two profiles have the same name,
/// even on a file system that ignores case, and none is a device name.
///
/// A capital is written as `+` and the small letter: `Work` becomes `+work`. A device name
/// gets a `+` at the end: `con+`.
fn profile_in_names(profile: &str) -> String {
    let mut name = String::with_capacity(profile.len());
    for c in profile.chars() {
        if c.is_ascii_uppercase() {
            name.push('+');
        }
        name.push(c.to_ascii_lowercase());
    }
    let numbered = name.strip_prefix("com").or_else(|| name.strip_prefix("lpt"));
    let is_port =
        numbered.is_some_and(|rest| rest.len() == 1 && rest.as_bytes()[0].is_ascii_digit());
    if is_port || DEVICES.contains(&name.as_str()) {
        name.push('+');
    }
    name
}
