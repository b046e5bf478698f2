//! The PIN of a token. A wrong one is never tried twice: tokens lock after a few.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use zeroize::Zeroizing;

use super::unusable;
use crate::capability::ownership::check_permissions;
use crate::capability::terminal::{StderrTerminal, Terminal as _};
use crate::error::Error;
use crate::secret_variables::PKCS11_PIN;

/// How a token lets its user in.
pub(super) enum Entry {
    /// It asks for nothing.
    Open,
    /// The user types the PIN on the reader.
    PinPad,
    Pin(Zeroizing<String>),
}

/// What this process knows of a token's PIN. Several keys may be in one token.
#[derive(Default)]
pub(super) struct Known {
    pub(super) typed: Option<Zeroizing<String>>,
    /// The last PIN that the token refused.
    pub(super) refused: Option<Zeroizing<String>>,
}

static KNOWN: Mutex<Option<HashMap<String, Known>>> = Mutex::new(None);

/// Does something with what is known of a token. Nobody else tries a PIN meanwhile.
pub(super) fn with_known<T>(token: &str, work: impl FnOnce(&mut Known) -> T) -> T {
    let mut known: MutexGuard<'_, _> = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    work(known.get_or_insert_default().entry(token.to_owned()).or_default())
}

/// Returns the PIN that the user typed for another key in the token.
pub(super) fn typed(token: &str) -> Option<Zeroizing<String>> {
    with_known(token, |known| known.typed.clone())
}

/// Reads the PIN from a file, which is read again for each use: it may change.
pub(super) fn read(path: &Path) -> Result<Zeroizing<String>, Error> {
    let name = path.display();
    let unread = |reason: String| {
        unusable(
            format!("the file {name} with the PIN {reason}"),
            "correct pin-source in the URI of the key",
        )
    };
    check_permissions(path, "the file with the PIN")
        .map_err(|error| unread(format!("cannot be read: {error}")))??;
    let text = fs::read_to_string(path).map(Zeroizing::new);
    let text = text.map_err(|error| unread(format!("cannot be read: {error}")))?;
    let pin = text.trim_end_matches(['\r', '\n']);
    match pin.is_empty() {
        true => Err(unread("is empty".to_owned())),
        false => Ok(Zeroizing::new(pin.to_owned())),
    }
}

/// Asks the user for the PIN, and remembers it for this process.
pub(super) async fn ask(
    terminal: Option<&StderrTerminal>,
    token: &str,
) -> Result<Zeroizing<String>, Error> {
    let missing = |reason: &str| {
        unusable(
            format!("the token {token} needs its PIN, and {reason}"),
            format!("set {PKCS11_PIN}, or add pin-source=file:/PATH to the URI of the key"),
        )
    };
    let Some(terminal) = terminal.filter(|terminal| terminal.is_attended()) else {
        return Err(missing("nothing says where it is"));
    };
    let pin = terminal.ask_secret(&format!("PIN of the token {token}:")).await;
    let pin = pin.filter(|pin| !pin.is_empty()).ok_or_else(|| missing("none was entered"))?;
    with_known(token, |known| known.typed = Some(pin.clone()));
    Ok(pin)
}
