//! What a session is stored under.

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
        let profile = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let account = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        (1..=64).contains(&self.profile.len())
            && (1..=128).contains(&self.account.len())
            && self.profile.bytes().all(profile)
            && self.account.bytes().all(account)
    }
}
