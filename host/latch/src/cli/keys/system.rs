//! The keys of this system: in files, in tokens (PKCS #11) and in SSH agents.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use latchstring::capability::decrypter::DecryptionKeyFile;
use latchstring::capability::signer::{AgentKey, KeyFile, Pkcs11Key, Signer};
use latchstring::capability::store::Key;
use latchstring::capability::terminal::StderrTerminal;
use latchstring::secret_variables::PKCS11_PIN;
use latchstring::{Code, Error, LatchBuilder, files};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::KeyPlace;
use crate::cli::args::Global;
use crate::cli::profile::Profile;
use crate::cli::stores::{self, Stores};

/// Of the files of keys that latch makes.
const EXTENSION: &str = "dpop-key";

static MAY_ASK: AtomicBool = AtomicBool::new(false);

/// From now on, the user is asked for the PIN of a token if nothing else has it.
pub(crate) fn may_ask() {
    MAY_ASK.store(true, Ordering::Relaxed);
}

/// Finds the signer for a key that the user named. A file is read, and nothing else is loaded
/// or asked yet.
pub(crate) fn signer(global: &Global, place: &KeyPlace) -> Result<Box<dyn Signer>, Error> {
    Ok(match place {
        KeyPlace::File(path) => Box::new(KeyFile::read(path)?),
        KeyPlace::Agent(name) => Box::new(AgentKey::named(name)?),
        KeyPlace::Pkcs11(uri) => {
            let mut key = Pkcs11Key::named(uri)?;
            if let Some(pin) = std::env::var(PKCS11_PIN).ok().filter(|pin| !pin.is_empty()) {
                key = key.pin(Zeroizing::new(pin));
            }
            if MAY_ASK.load(Ordering::Relaxed) {
                let terminal = StderrTerminal::new(global.verbose).plain(global.plain);
                key = key.ask_pin_on(terminal);
            }
            Box::new(key)
        }
    })
}

/// Checks the names of keys before they are saved. A PIN in one must not get into a file.
pub(crate) fn check(given: &Profile) -> Result<(), Error> {
    for place in [&given.client_key_file, &given.dpop_key_file].into_iter().flatten() {
        match place {
            KeyPlace::File(_) => {}
            KeyPlace::Agent(name) => drop(AgentKey::named(name)?),
            KeyPlace::Pkcs11(uri) => drop(Pkcs11Key::named(uri)?),
        }
    }
    Ok(())
}

/// Adds the keys that the profile names.
pub(crate) fn sign(
    builder: LatchBuilder,
    global: &Global,
    profile: &Profile,
) -> Result<LatchBuilder, Error> {
    let mut builder = builder;
    if let Some(path) = &profile.decryption_key_file {
        builder = builder.decrypter(DecryptionKeyFile::read(path)?);
    }
    match &profile.dpop_key_file {
        Some(KeyPlace::File(path)) => builder = builder.dpop(KeyFile::read_or_make(path)?),
        Some(place) => builder = builder.dpop(signer(global, place)?),
        None if is_bound(global, profile)? => {
            builder = builder.dpop(KeyFile::read_or_make(own_dpop_file(global, profile)?)?);
        }
        None => {}
    }
    let Some(place) = &profile.client_key_file else { return Ok(builder) };
    builder = builder.signer(signer(global, place)?);
    if let Some(algorithm) = profile.client_key_algorithm {
        builder = builder.key_algorithm(algorithm.into());
    }
    if let Some(id) = &profile.client_key_id {
        builder = builder.key_id(id);
    }
    if let Some(audience) = &profile.assertion_audience {
        builder = builder.assertion_audience(audience);
    }
    Ok(builder)
}

/// Deletes the key that latch made for the session under `ended`, unless a session is left that
/// may be bound to it. A key that the user named is the user's.
pub(crate) async fn forget(global: &Global, profile: &Profile, ended: &Key) -> Result<(), Error> {
    if profile.dpop_key_file.is_some() || !is_bound(global, profile)? {
        return Ok(());
    }
    let sessions = Stores::open(global, &Profile::default())?.chosen().list().await?;
    let may_be_bound = |key: &Key| match profile.resource_url {
        Some(_) => key == ended,
        None => key.is_session() && key.profile == ended.profile,
    };
    if sessions.iter().any(may_be_bound) {
        return Ok(());
    }
    delete(&own_dpop_file(global, profile)?)
}

/// Deletes the file of a key, if it is there.
pub(crate) fn delete(file: &Path) -> Result<(), Error> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::new(
            Code::StoreUnusable,
            format!("the key {} cannot be deleted: {error}", file.display()),
            "delete it yourself; no session is bound to it any more",
        )),
        _ => Ok(()),
    }
}

/// Copies the keys that latch made for the sessions of the profile `from`, for `to`. Returns
/// the files of `from`.
pub(crate) fn copy_own(global: &Global, from: &str, to: &str) -> Result<Vec<PathBuf>, Error> {
    let copy = |(file, rest): (PathBuf, String)| {
        let copy = file.with_file_name(format!("{to}.{rest}"));
        let bytes = std::fs::read(&file).map(Zeroizing::new);
        let copied = bytes.and_then(|bytes| files::replace(&copy, |file| file.write_all(&bytes)));
        copied.map(|()| file.clone()).map_err(|error| {
            Error::new(
                Code::StoreUnusable,
                format!("the key {} cannot be copied: {error}", file.display()),
                "check disk space and permissions; nothing was renamed",
            )
        })
    };
    own_files(global, from)?.into_iter().map(copy).collect()
}

/// Returns the files of these keys, and their names after that of the profile.
fn own_files(global: &Global, profile: &str) -> Result<Vec<(PathBuf, String)>, Error> {
    let Ok(entries) = std::fs::read_dir(stores::folder(global)?) else { return Ok(Vec::new()) };
    let own = |entry: std::fs::DirEntry| {
        let name = entry.file_name().into_string().ok()?;
        let rest = name.strip_prefix(profile)?.strip_prefix('.')?;
        let hash = rest.strip_suffix(&format!(".{EXTENSION}"))?;
        let is_hash = hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_hash.then(|| (entry.path(), rest.to_owned()))
    };
    Ok(entries.filter_map(Result::ok).filter_map(own).collect())
}

/// Whether tokens are bound to a key. A login by URL may have found that out: then there is a
/// key for that URL, which is all that later commands are told.
fn is_bound(global: &Global, profile: &Profile) -> Result<bool, Error> {
    let is_by_url = || profile.resource_url.is_some();
    Ok(profile.is_bound() || (is_by_url() && own_dpop_file(global, profile)?.exists()))
}

/// The file of the key that tokens are bound to if the user names none: for one profile and
/// one provider, because others must not recognise it.
fn own_dpop_file(global: &Global, profile: &Profile) -> Result<PathBuf, Error> {
    let folder = stores::folder(global)?;
    let provider = match &profile.resource_url {
        Some(url) => serde_json::json!(url),
        None => serde_json::json!([
            profile.provider,
            profile.issuer,
            profile.token_endpoint,
            profile.set
        ]),
    };
    let provider = provider.to_string();
    let hash = Sha256::digest(provider);
    let hash: String = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(folder.join(format!("{}.{hash}.{EXTENSION}", global.profile)))
}
