//! The environment variables that hold secrets.

pub(crate) const CLIENT_SECRET: &str = "LATCH_CLIENT_SECRET";
pub(crate) const ANONYMOUS_REFRESH_TOKEN: &str = "LATCH_ANONYMOUS_REFRESH_TOKEN";
pub(crate) const PASSPHRASE: &str = "LATCH_PASSPHRASE";

/// What no other program is to inherit.
pub(crate) const VARIABLES: [&str; 3] = [CLIENT_SECRET, ANONYMOUS_REFRESH_TOKEN, PASSPHRASE];
