//! The environment variables that hold secrets of the program `latch`. No program
//! that it starts inherits them: neither a browser nor the command of `latch exec`,
//! which gets an access token of its own.

/// The client secret (RFC 6749 §2.3.1).
pub const CLIENT_SECRET: &str = "LATCH_CLIENT_SECRET";

/// The refresh token of an anonymous session (Hexclave).
pub const ANONYMOUS_REFRESH_TOKEN: &str = "LATCH_ANONYMOUS_REFRESH_TOKEN";

/// What stored sessions are encrypted with.
pub const PASSPHRASE: &str = "LATCH_PASSPHRASE";

/// The access token that `latch exec` hands to its command.
pub const ACCESS_TOKEN: &str = "LATCH_ACCESS_TOKEN";

/// All of them.
pub const ALL: [&str; 4] = [CLIENT_SECRET, ANONYMOUS_REFRESH_TOKEN, PASSPHRASE, ACCESS_TOKEN];
