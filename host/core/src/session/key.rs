//! What a session is stored under.

use crate::error::{Code, Error};

/// What a session is stored under.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The profile: letters, digits, `-` and `_`, at most 64.
    pub profile: String,
    /// The component's `account-key`: lower-case letters and digits, at most 128.
    pub account: String,
}

impl Key {
    /// Whether both parts are made of what they may be made of. A store whose
    /// names are paths relies on it.
    pub fn is_well_formed(&self) -> bool {
        let account = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        is_profile(&self.profile)
            && (1..=128).contains(&self.account.len())
            && self.account.bytes().all(account)
    }

    /// What the names of this key's files begin with.
    pub fn file_stem(&self) -> String {
        format!("{}.{}", profile_in_names(&self.profile), self.account)
    }

    /// The key whose files' names begin with `stem`. Returns None for strangers.
    pub fn of_file_stem(stem: &str) -> Option<Self> {
        let (name, account) = stem.split_once('.')?;
        // The mark says that the letter behind it is a capital.
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

/// Refuses a profile's name that cannot be part of a file's.
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

/// Names that Windows keeps for devices, whatever follows the first dot.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// The profile in the name of a file: the same for no two profiles, also where a file
/// system does not tell capitals from small letters, and no name of a device.
///
/// A capital is its small letter behind a `+`: `Work` is `+work`. A device's name has
/// a `+` at its end: `con+`.
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
