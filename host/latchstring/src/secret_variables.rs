//! Environment variables with secrets for the program `latch`. Programs that it starts do
//! not inherit them: neither a browser nor the command of `latch exec`, which gets an
//! access token instead.

/// The client secret
/// ([RFC 6749 §2.3.1](https://www.rfc-editor.org/rfc/rfc6749#section-2.3.1)).
pub const CLIENT_SECRET: &str = "LATCH_CLIENT_SECRET";

/// The refresh token of an anonymous session (Hexclave).
pub const ANONYMOUS_REFRESH_TOKEN: &str = "LATCH_ANONYMOUS_REFRESH_TOKEN";

/// The initial access token for registering a client
/// ([RFC 7591 §3](https://www.rfc-editor.org/rfc/rfc7591#section-3)).
pub const INITIAL_ACCESS_TOKEN: &str = "LATCH_INITIAL_ACCESS_TOKEN";

/// The passphrase for encrypted sessions.
pub const PASSPHRASE: &str = "LATCH_PASSPHRASE";

/// The PIN of the token that keeps the client's key.
pub const PKCS11_PIN: &str = "LATCH_PKCS11_PIN";

/// The key that sessions in a shared store are encrypted with: an age identity.
pub const STORE_KEY: &str = "LATCH_STORE_KEY";

/// The password of a shared store.
pub const STORE_PASSWORD: &str = "LATCH_STORE_PASSWORD";

/// The access token that `latch exec` passes to its command.
pub const ACCESS_TOKEN: &str = "LATCH_ACCESS_TOKEN";

/// The store of sessions: secret only if it is a URL with a password.
#[cfg(not(target_os = "wasi"))]
const STORE: &str = "LATCH_STORE";

/// Keeps all of these variables out of a program's environment, and the address of a shared
/// store with its password.
#[cfg(not(target_os = "wasi"))]
pub fn withhold_from(command: &mut std::process::Command) {
    for name in ALL {
        command.env_remove(name);
    }
    if std::env::var(STORE).is_ok_and(|store| store.contains('@') || store.contains("password=")) {
        command.env_remove(STORE);
    }
}

/// All of these variables.
pub const ALL: [&str; 8] = [
    CLIENT_SECRET,
    ANONYMOUS_REFRESH_TOKEN,
    INITIAL_ACCESS_TOKEN,
    PASSPHRASE,
    PKCS11_PIN,
    STORE_KEY,
    STORE_PASSWORD,
    ACCESS_TOKEN,
];
