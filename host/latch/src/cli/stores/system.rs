//! The stores of this system: the keyring, and files, which may be encrypted.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use latchstring::capability::store::{
    AutoStore, EncryptedStore, Encryption, FileStore, Key, KeyringStore, MemoryStore, Store,
};
use latchstring::capability::terminal::{StderrTerminal, Terminal as _};
use latchstring::secret_variables::PASSPHRASE;
use latchstring::{Code, Error, default_state_folder};
use zeroize::Zeroizing;

use crate::cli::args::Global;
use crate::cli::choices::StoreChoice;
use crate::cli::interruption;
use crate::cli::output::say;
use crate::cli::profile::Profile;

/// The stores over one state folder, set up for one profile.
pub(crate) struct Stores {
    pub(crate) choice: StoreChoice,
    pub(crate) folder: PathBuf,
    file: Arc<dyn Store>,
    keyring: Arc<dyn Store>,
}

impl Stores {
    /// Opens the stores. The command line overrides what the profile remembers.
    pub(crate) fn open(global: &Global, profile: &Profile) -> Result<Self, Error> {
        let folder = match &global.state_dir {
            Some(folder) => folder.clone(),
            None => default_state_folder()?,
        };
        let lock_patience = Duration::from_secs(global.lock_timeout);
        let file = FileStore::new(folder.clone()).lock_patience(lock_patience);
        let file: Arc<dyn Store> = match encryption(global, profile)? {
            Some(encryption) => Arc::new(EncryptedStore::new(Arc::new(file), encryption)),
            None => Arc::new(file),
        };
        let keyring = KeyringStore::new(folder.clone())
            .lock_patience(lock_patience)
            .time_limit(Duration::from_secs(global.keyring_timeout));
        let choice = global.store.or(profile.store).unwrap_or(StoreChoice::Auto);
        Ok(Self { choice, folder, file, keyring: Arc::new(keyring) })
    }

    /// Returns the chosen store.
    pub(crate) fn chosen(&self) -> Arc<dyn Store> {
        self.get(self.choice)
    }

    pub(crate) fn get(&self, choice: StoreChoice) -> Arc<dyn Store> {
        match choice {
            StoreChoice::Auto => {
                Arc::new(AutoStore::new(Arc::clone(&self.keyring), Arc::clone(&self.file)))
            }
            StoreChoice::Keyring => Arc::clone(&self.keyring),
            StoreChoice::File => Arc::clone(&self.file),
            StoreChoice::Memory => Arc::new(MemoryStore::default()),
        }
    }

    /// Returns the stores that hold something under `key`, without asking the keyring.
    pub(crate) async fn holding(&self, key: &Key) -> Result<Vec<StoreChoice>, Error> {
        let mut holding = Vec::new();
        for choice in [StoreChoice::File, StoreChoice::Keyring] {
            if self.get(choice).list().await?.contains(key) {
                holding.push(choice);
            }
        }
        Ok(holding)
    }
}

/// Returns what to encrypt files with, or `None` if the user did not ask for encryption.
fn encryption(global: &Global, profile: &Profile) -> Result<Option<Encryption>, Error> {
    if let Some(path) = &global.key_file {
        return Encryption::key_file(path).map(Some);
    }
    if global.encrypt {
        return passphrase().map(Encryption::passphrase).map(Some);
    }
    match (&profile.key_file, profile.encrypt) {
        (Some(path), _) => Encryption::key_file(path).map(Some),
        (None, Some(true)) => passphrase().map(Encryption::passphrase).map(Some),
        _ => Ok(None),
    }
}

/// Creates the key file that the command line names if it is missing. Only for commands
/// that store a session: to read one, a new key is no use.
pub(crate) fn make_key_file(global: &Global) -> Result<(), Error> {
    let Some(path) = &global.key_file else { return Ok(()) };
    if path.symlink_metadata().is_err() {
        Encryption::create_key_file(path)?;
        say(&format!(
            "Created the key file {}: without it, the session cannot be read",
            path.display()
        ));
    }
    Ok(())
}

/// Describes what files are encrypted with. Returns `None` if they are not encrypted.
pub(crate) fn encryption_name(global: &Global, profile: &Profile) -> Option<String> {
    let key_file = |path: &PathBuf| format!("the key in {}", path.display());
    match (&global.key_file, global.encrypt, &profile.key_file, profile.encrypt) {
        (Some(path), ..) | (None, false, Some(path), _) => Some(key_file(path)),
        (None, true, ..) | (None, false, None, Some(true)) => Some("a passphrase".to_owned()),
        _ => None,
    }
}

/// Returns the passphrase that the user typed. `latch` asks for it once, and passes it to
/// the process that refreshes tokens.
pub(crate) fn typed_passphrase() -> Option<&'static str> {
    TYPED.get().map(|passphrase| passphrase.as_str())
}

/// Stores the passphrase that the user typed into the process that started this one.
pub(crate) fn remember_passphrase(passphrase: Zeroizing<String>) {
    TYPED.get_or_init(|| passphrase);
}

static TYPED: OnceLock<Zeroizing<String>> = OnceLock::new();

static ASKS_NOTHING: AtomicBool = AtomicBool::new(false);

/// From now on, a passphrase is not asked for: another program waits for an answer.
pub(crate) fn ask_nothing() {
    ASKS_NOTHING.store(true, Ordering::Relaxed);
}

/// Returns the passphrase from the environment, or else asks the user.
fn passphrase() -> Result<Zeroizing<String>, Error> {
    if let Ok(passphrase) = std::env::var(PASSPHRASE)
        && !passphrase.is_empty()
    {
        return Ok(Zeroizing::new(passphrase));
    }
    if let Some(typed) = typed_passphrase() {
        return Ok(Zeroizing::new(typed.to_owned()));
    }
    let missing = |reason: &str| {
        Error::new(
            Code::StoreUnusable,
            format!("the passphrase of the stored session is missing: {reason}"),
            format!("set {PASSPHRASE}, or run this on a terminal"),
        )
    };
    if ASKS_NOTHING.load(Ordering::Relaxed) || !StderrTerminal::default().is_attended() {
        return Err(missing("there is no terminal to ask for it"));
    }
    match ask_passphrase()?.filter(|passphrase| !passphrase.is_empty()) {
        Some(passphrase) => Ok(TYPED.get_or_init(|| passphrase).clone()),
        None => Err(missing("none was entered")),
    }
}

/// Returns what the user types, or `None` if the input has ended.
///
/// This runs inside the command's runtime, which must not block on itself, so another
/// thread waits for the user and for signals.
fn ask_passphrase() -> Result<Option<Zeroizing<String>>, Error> {
    let wait = || {
        crate::cli::runtime()?.block_on(async {
            let terminal = StderrTerminal::default();
            tokio::select! {
                biased;
                interrupted = interruption::wait() => Err(interrupted),
                passphrase = terminal.ask_secret("Passphrase of the stored session:") => {
                    Ok(passphrase)
                }
            }
        })
    };
    thread::scope(|scope| scope.spawn(wait).join())
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}
