//! The stores of this system: the keyring, the kernel's, and files, which may be encrypted.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use latchstring::capability::store::{
    AutoStore, EncryptedStore, Encryption, FileStore, Key, KeyringStore, MemoryStore, SharedStore,
    Store, StoreAddress,
};
use latchstring::capability::terminal::{StderrTerminal, Terminal as _};
use latchstring::secret_variables::{PASSPHRASE, STORE_KEY};
use latchstring::{Code, Error, default_state_folder};
use zeroize::Zeroizing;

use crate::cli::args::Global;
use crate::cli::interruption;
use crate::cli::output::say;
use crate::cli::profile::Profile;
use crate::cli::stores::StoreChoice;

/// The stores over one state folder, set up for one profile.
pub(crate) struct Stores {
    pub(crate) choice: StoreChoice,
    pub(crate) folder: PathBuf,
    file: Arc<dyn Store>,
    keyring: Arc<dyn Store>,
    /// `None` unless it is chosen.
    shared: Option<Arc<dyn Store>>,
    /// Whether session files are encrypted.
    is_encrypted: bool,
    #[cfg(target_os = "linux")]
    lock_patience: Duration,
    #[cfg(target_os = "linux")]
    keyring_time_limit: Duration,
}

impl Stores {
    /// Opens the stores. The command line overrides what the profile remembers.
    pub(crate) fn open(global: &Global, profile: &Profile) -> Result<Self, Error> {
        let folder = folder(global)?;
        let lock_patience = Duration::from_secs(global.lock_timeout);
        let file = FileStore::new(folder.clone()).lock_patience(lock_patience);
        let encryption = encryption(global, profile)?;
        let is_encrypted = encryption.is_some();
        let file: Arc<dyn Store> = match encryption {
            Some(encryption) => Arc::new(EncryptedStore::new(Arc::new(file), encryption)),
            None => Arc::new(file),
        };
        let choice = super::chosen(global, profile).cloned().unwrap_or(StoreChoice::Auto);
        let shared: Option<Arc<dyn Store>> = match &choice {
            StoreChoice::Shared(address) => {
                let encryption = shared_encryption(global, profile, address)?;
                let shared = SharedStore::new(address, folder.clone(), encryption)?;
                Some(Arc::new(shared.lock_patience(lock_patience)))
            }
            _ => None,
        };
        let keyring_time_limit = Duration::from_secs(global.keyring_timeout);
        let keyring = KeyringStore::new(folder.clone())
            .lock_patience(lock_patience)
            .time_limit(keyring_time_limit);
        Ok(Self {
            choice,
            folder,
            file,
            keyring: Arc::new(keyring),
            shared,
            is_encrypted,
            #[cfg(target_os = "linux")]
            lock_patience,
            #[cfg(target_os = "linux")]
            keyring_time_limit,
        })
    }

    /// Returns the chosen store.
    pub(crate) fn chosen(&self) -> Arc<dyn Store> {
        self.get(&self.choice)
    }

    pub(crate) fn get(&self, choice: &StoreChoice) -> Arc<dyn Store> {
        match choice {
            StoreChoice::Auto => Arc::new(self.auto()),
            StoreChoice::Keyring => Arc::clone(&self.keyring),
            #[cfg(target_os = "linux")]
            StoreChoice::Kernel => self.kernel(),
            StoreChoice::File => Arc::clone(&self.file),
            StoreChoice::Memory => Arc::new(MemoryStore::default()),
            // OK because the only shared store is the chosen one.
            StoreChoice::Shared(_) => Arc::clone(self.shared.as_ref().expect("a shared store")),
        }
    }

    fn auto(&self) -> AutoStore {
        let store = AutoStore::new(Arc::clone(&self.keyring), Arc::clone(&self.file));
        #[cfg(target_os = "linux")]
        let store = store.also(self.kernel());
        match self.is_encrypted {
            true => store,
            false => store.advice(|| Some(better_than_a_plain_file())),
        }
    }

    /// Whether the session under `key` was in the kernel's keyring, which has forgotten it.
    #[cfg(target_os = "linux")]
    pub(crate) async fn is_forgotten(&self, choice: &StoreChoice, key: &Key) -> bool {
        *choice == StoreChoice::Kernel && matches!(self.kernel().read(key).await, Ok(None))
    }

    #[cfg(not(target_os = "linux"))]
    pub(crate) async fn is_forgotten(&self, _: &StoreChoice, _: &Key) -> bool {
        false
    }

    /// Removes the marker of a session that the kernel has forgotten.
    pub(crate) async fn tidy(&self, key: &Key) -> Result<(), Error> {
        for choice in self.holding(key).await? {
            if self.is_forgotten(&choice, key).await {
                let store = self.get(&choice);
                let held = store.lock(key).await?;
                // Not if somebody has logged in meanwhile.
                if self.is_forgotten(&choice, key).await {
                    store.delete(&held).await?;
                }
            }
        }
        Ok(())
    }

    /// Made only when asked for: unlike the keyring's, it has no connection to keep.
    #[cfg(target_os = "linux")]
    fn kernel(&self) -> Arc<dyn Store> {
        let kernel = KeyringStore::kernel(self.folder.clone())
            .lock_patience(self.lock_patience)
            .time_limit(self.keyring_time_limit);
        Arc::new(kernel)
    }

    /// Returns every key with something stored: on this machine, and in the shared store if
    /// it is chosen.
    pub(crate) async fn keys(&self) -> Result<Vec<Key>, Error> {
        let mut keys = self.get(&StoreChoice::Auto).list().await?;
        if let Some(shared) = &self.shared {
            keys.extend(shared.list().await?);
            keys.sort();
            keys.dedup();
        }
        Ok(keys)
    }

    /// Returns the stores that hold something under `key`, without asking the keyring.
    pub(crate) async fn holding(&self, key: &Key) -> Result<Vec<StoreChoice>, Error> {
        let mut holding = Vec::new();
        for choice in STORES.iter().cloned() {
            if self.get(&choice).list().await?.contains(key) {
                holding.push(choice);
            }
        }
        if let Some(shared) = &self.shared
            && shared.read(key).await?.is_some()
        {
            holding.push(self.choice.clone());
        }
        Ok(holding)
    }
}

/// Returns the folder of session files and locks: the given one, or the platform's.
pub(crate) fn folder(global: &Global) -> Result<PathBuf, Error> {
    global.state_dir.clone().map_or_else(default_state_folder, Ok)
}

/// Where a session can be after this program has ended.
const STORES: &[StoreChoice] = &[
    StoreChoice::File,
    StoreChoice::Keyring,
    #[cfg(target_os = "linux")]
    StoreChoice::Kernel,
];

/// Names what is better on this machine than a file that is not encrypted.
pub(crate) fn better_than_a_plain_file() -> String {
    let mut better = Vec::new();
    #[cfg(target_os = "linux")]
    {
        // systemd sets this for everything that it starts, a desktop's terminals included.
        let is_service =
            std::env::var_os("INVOCATION_ID").is_some() && !StderrTerminal::default().is_attended();
        if is_service {
            better.push("a systemd credential latchstring-key");
        }
        if KeyringStore::kernel_answers() {
            better.push("--store kernel, in memory until a restart");
        }
    }
    better.push("--key-file FILE or --encrypt");
    format!("Safer here: {}", better.join("; or "))
}

/// Returns a better error than that nobody is logged in, if the kernel has forgotten the
/// session of the profile.
pub(crate) async fn explain(global: &Global, error: Error) -> Error {
    if error.code() != Code::LoginRequired || !has_forgotten(global).await.unwrap_or(false) {
        return error;
    }
    Error::new(
        Code::LoginRequired,
        "the session is gone from the kernel's keyring, as after a restart or a long time \
         without use",
        error.remedy(),
    )
}

async fn has_forgotten(global: &Global) -> Result<bool, Error> {
    let stores = Stores::open(global, &Profile::default())?;
    for key in stores.get(&StoreChoice::Auto).list().await? {
        if key.profile == global.profile {
            for choice in stores.holding(&key).await? {
                if stores.is_forgotten(&choice, &key).await {
                    return Ok(true);
                }
            }
        }
    }
    Ok(false)
}

/// What files are encrypted with.
enum Secret<'a> {
    KeyFile(&'a PathBuf),
    Passphrase,
    Credential,
}

/// Returns what to encrypt files with, or `None` if nothing asks for encryption: the command
/// line, then the profile, then the service that this process belongs to.
fn secret<'a>(global: &'a Global, profile: &'a Profile) -> Option<Secret<'a>> {
    let has_credential = || Encryption::credential_path().is_some();
    match (&global.key_file, global.encrypt, &profile.key_file, profile.encrypt) {
        (Some(path), ..) => Some(Secret::KeyFile(path)),
        (None, true, ..) => Some(Secret::Passphrase),
        // The user may have made the credential of this file and deleted it.
        (None, false, Some(path), _) if path.exists() || !has_credential() => {
            Some(Secret::KeyFile(path))
        }
        (None, false, None, Some(true)) => Some(Secret::Passphrase),
        _ => has_credential().then_some(Secret::Credential),
    }
}

fn encryption(global: &Global, profile: &Profile) -> Result<Option<Encryption>, Error> {
    match secret(global, profile) {
        Some(Secret::KeyFile(path)) => Encryption::key_file(path).map(Some),
        Some(Secret::Passphrase) => passphrase().map(Encryption::passphrase).map(Some),
        Some(Secret::Credential) => Encryption::credential(),
        None => Ok(None),
    }
}

/// Returns what sessions in a shared store are encrypted with: none of them leaves this
/// machine unencrypted.
fn shared_encryption(
    global: &Global,
    profile: &Profile,
    address: &StoreAddress,
) -> Result<Encryption, Error> {
    let is_named = global.key_file.is_some() || global.encrypt;
    if !is_named
        && let Ok(key) = std::env::var(STORE_KEY)
        && !key.is_empty()
    {
        return Encryption::identity(&Zeroizing::new(key), STORE_KEY);
    }
    encryption(global, profile)?.ok_or_else(|| {
        Error::new(
            Code::StoreUnusable,
            format!("sessions in {address} are encrypted, and there is no key for them"),
            "pass --key-file FILE, the same on every machine, or set LATCH_STORE_KEY",
        )
    })
}

/// Whether session files are encrypted.
pub(crate) fn is_encrypted(global: &Global, profile: &Profile) -> bool {
    secret(global, profile).is_some()
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
    secret(global, profile).map(|secret| match secret {
        Secret::KeyFile(path) => format!("the key in {}", path.display()),
        Secret::Passphrase => "a passphrase".to_owned(),
        Secret::Credential => "this service's credential latchstring-key".to_owned(),
    })
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
