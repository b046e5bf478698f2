//! The module, and the token in it that holds the key.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Function, Pkcs11};
use cryptoki::error::{Error as ModuleError, RvError};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use cryptoki::types::AuthPin;

use super::pin::{Entry, with_known};
use super::uri::Uri;
use super::{failed, unusable};
use crate::error::{Error, printable};

/// The modules of this process. A module is loaded once, and stays: it may have threads.
static MODULES: Mutex<Option<HashMap<PathBuf, Pkcs11>>> = Mutex::new(None);

/// Usual places of p11-kit's module, which has the tokens of all others.
const P11_KIT: [&str; 6] = [
    "/usr/lib/x86_64-linux-gnu/p11-kit-proxy.so",
    "/usr/lib/aarch64-linux-gnu/p11-kit-proxy.so",
    "/usr/lib64/p11-kit-proxy.so",
    "/usr/lib/p11-kit-proxy.so",
    "/opt/homebrew/lib/p11-kit-proxy.dylib",
    "/usr/local/lib/p11-kit-proxy.dylib",
];

/// A token that is there.
pub(super) struct Token {
    module: Pkcs11,
    slot: Slot,
    info: TokenInfo,
    /// Label and serial number, for messages.
    pub(super) name: String,
}

impl Token {
    /// Loads the module, and finds the one token that the URI means.
    pub(super) fn find(uri: &Uri) -> Result<Self, Error> {
        let path = module_path(uri.module_path.as_deref())?;
        let module = load(&path)?;
        let slots = module
            .get_slots_with_initialized_token()
            .map_err(|error| failed("the tokens cannot be listed", &error))?;
        let tokens = slots.into_iter().filter_map(|slot| {
            // One that was just taken out is not there.
            let info = module.get_token_info(slot).ok()?;
            let name = format!("{} ({})", printable(info.label()), printable(info.serial_number()));
            Some(Self { module: module.clone(), slot, info, name })
        });
        let (mut meant, others): (Vec<_>, Vec<_>) = tokens.partition(|token| token.is_meant(uri));
        let token = meant.pop().ok_or_else(|| {
            unusable(
                format!(
                    "the token of the key is not there; {} has {}",
                    path.display(),
                    listed(&others, "no token")
                ),
                "plug it in, or correct the URI of the key",
            )
        })?;
        if meant.is_empty() {
            return Ok(token);
        }
        meant.push(token);
        Err(unusable(
            format!("the URI of the key fits several tokens: {}", listed(&meant, "")),
            "add token=LABEL or serial=NUMBER to it",
        ))
    }

    fn is_meant(&self, uri: &Uri) -> bool {
        let fits = |wanted: &Option<String>, text: &str| {
            wanted.as_ref().is_none_or(|wanted| wanted == text)
        };
        fits(&uri.token, self.info.label())
            && fits(&uri.manufacturer, self.info.manufacturer_id())
            && fits(&uri.serial, self.info.serial_number())
            && fits(&uri.model, self.info.model())
            && uri.slot_id.is_none_or(|wanted| wanted == self.slot.id())
    }

    /// Returns how to enter the token, or `None` if its PIN is needed. Fails if a wrong PIN
    /// would do harm.
    pub(super) fn entry_without_pin(&self) -> Result<Option<Entry>, Error> {
        let name = &self.name;
        if !self.info.login_required() {
            return Ok(Some(Entry::Open));
        }
        if self.info.user_pin_locked() {
            return Err(unusable(
                format!("the PIN of the token {name} is locked"),
                "unlock it with the token's own program",
            ));
        }
        if self.info.user_pin_final_try() {
            return Err(unusable(
                format!("one more wrong PIN locks the token {name}, so none is tried"),
                "enter the PIN once with another program, for example: pkcs11-tool --login \
                 --list-objects",
            ));
        }
        Ok(self.info.protected_authentication_path().then_some(Entry::PinPad))
    }

    pub(super) fn open(&self) -> Result<Session, Error> {
        let session = self.module.open_ro_session(self.slot);
        session.map_err(|error| failed(format!("the token {} cannot be used", self.name), &error))
    }

    /// Logs in to the token, unless this process is logged in to it already.
    pub(super) fn enter(&self, session: &Session, entry: Entry) -> Result<(), Error> {
        with_known(&self.name, |known| {
            let login = |pin| match session.login(UserType::User, pin) {
                Err(ModuleError::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
                result => result,
            };
            let entered = match &entry {
                Entry::Open => return Ok(()),
                Entry::PinPad => login(None),
                Entry::Pin(pin) if known.refused.as_ref() == Some(pin) => {
                    return Err(self.wrong_pin("was refused before, and is not tried again"));
                }
                Entry::Pin(pin) => login(Some(&AuthPin::new(pin.as_str().into()))),
            };
            let Err(error) = entered else { return Ok(()) };
            use RvError::{PinIncorrect, PinInvalid, PinLenRange, PinLocked};
            match error {
                ModuleError::Pkcs11(PinIncorrect | PinInvalid | PinLenRange, Function::Login) => {
                    known.typed = None;
                    if let Entry::Pin(pin) = entry {
                        known.refused = Some(pin);
                    }
                    Err(self.wrong_pin("is wrong; it was tried once"))
                }
                ModuleError::Pkcs11(PinLocked, _) => Err(unusable(
                    format!("the PIN of the token {} is locked", self.name),
                    "unlock it with the token's own program",
                )),
                error => Err(failed(format!("the token {} lets nobody in", self.name), &error)),
            }
        })
    }

    fn wrong_pin(&self, what: &str) -> Error {
        unusable(
            format!("the PIN of the token {} {what}", self.name),
            "correct the PIN before the next try: tokens lock after a few wrong ones",
        )
    }

    /// Returns whether the token can sign so.
    pub(super) fn has(&self, mechanism: cryptoki::mechanism::MechanismType) -> bool {
        self.module.get_mechanism_list(self.slot).is_ok_and(|all| all.contains(&mechanism))
    }
}

fn listed(tokens: &[Token], nothing: &str) -> String {
    match tokens {
        [] => nothing.to_owned(),
        tokens => tokens.iter().map(|token| token.name.as_str()).collect::<Vec<_>>().join(", "),
    }
}

fn module_path(named: Option<&Path>) -> Result<PathBuf, Error> {
    if let Some(path) = named {
        return Ok(path.to_owned());
    }
    let usual = P11_KIT.iter().map(PathBuf::from).find(|path| path.exists());
    usual.ok_or_else(|| {
        unusable(
            "the URI of the key names no PKCS#11 module, and p11-kit is not here",
            "add ?module-path=/PATH/MODULE.so to it, or install p11-kit",
        )
    })
}

fn load(path: &Path) -> Result<Pkcs11, Error> {
    let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
    let modules = modules.get_or_insert_default();
    if let Some(module) = modules.get(path) {
        return Ok(module.clone());
    }
    let broken = |error: ModuleError| {
        let reason = match error {
            ModuleError::LibraryLoading(error) => error.to_string(),
            error => error.to_string(),
        };
        unusable(
            format!(
                "the PKCS#11 module {} cannot be loaded: {}",
                path.display(),
                printable(&reason)
            ),
            "correct module-path in the URI of the key",
        )
    };
    let module = Pkcs11::new(path).map_err(broken)?;
    match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        // A program that embeds the library may use the module itself.
        Ok(()) | Err(ModuleError::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
        Err(error) => return Err(broken(error)),
    }
    modules.insert(path.to_owned(), module.clone());
    Ok(module)
}
