//! The keys that a client signs with: to authenticate, and to prove that tokens are its own.

use latchstring::capability::store::Key;
use latchstring::{Error, LatchBuilder};

use super::args::Global;
use super::profile::Profile;

/// Adds the keys that the profile names.
#[cfg(not(target_os = "wasi"))]
pub(super) fn sign(
    builder: LatchBuilder,
    global: &Global,
    profile: &Profile,
) -> Result<LatchBuilder, Error> {
    use latchstring::capability::signer::KeyFile;

    let mut builder = builder;
    if is_bound(global, profile)? {
        builder = builder.dpop(KeyFile::read_or_make(dpop_file(global, profile)?)?);
    }
    let Some(path) = &profile.client_key_file else { return Ok(builder) };
    let mut key = KeyFile::read(path)?;
    if let Some(algorithm) = profile.client_key_algorithm {
        key = key.algorithm(algorithm.into())?;
    }
    if let Some(id) = &profile.client_key_id {
        key = key.id(id);
    }
    if let Some(audience) = &profile.assertion_audience {
        key = key.audience(audience);
    }
    Ok(builder.signer(key))
}

/// Deletes the key that latch made for the session under `ended`, unless a session is left that
/// may be bound to it. A key that the user named is the user's.
#[cfg(not(target_os = "wasi"))]
pub(super) async fn forget(global: &Global, profile: &Profile, ended: &Key) -> Result<(), Error> {
    use latchstring::Code;

    use super::stores::Stores;

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
    let file = dpop_file(global, profile)?;
    match std::fs::remove_file(&file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::new(
            Code::StoreUnusable,
            format!("the key {} cannot be deleted: {error}", file.display()),
            "delete it yourself; no session is bound to it any more",
        )),
        _ => Ok(()),
    }
}

/// Whether tokens are bound to a key. A login by URL may have found that out: then there is a
/// key for that URL, which is all that later commands are told.
#[cfg(not(target_os = "wasi"))]
fn is_bound(global: &Global, profile: &Profile) -> Result<bool, Error> {
    let is_by_url = || profile.resource_url.is_some();
    Ok(profile.is_bound() || (is_by_url() && dpop_file(global, profile)?.exists()))
}

/// The file of the key that tokens are bound to. One that the user does not name is for one
/// profile and one provider: others must not recognise it.
#[cfg(not(target_os = "wasi"))]
fn dpop_file(global: &Global, profile: &Profile) -> Result<std::path::PathBuf, Error> {
    use sha2::{Digest as _, Sha256};

    if let Some(path) = &profile.dpop_key_file {
        return Ok(path.clone());
    }
    let state = global.state_dir.clone();
    let folder = state.map_or_else(latchstring::capability::store::default_state_folder, Ok)?;
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
    Ok(folder.join(format!("{}.{hash}.dpop-key", global.profile)))
}

/// There is no key in a sandbox.
#[cfg(target_os = "wasi")]
pub(super) async fn forget(_: &Global, _: &Profile, _: &Key) -> Result<(), Error> {
    Ok(())
}

/// Nothing in a sandbox signs with a key file.
#[cfg(target_os = "wasi")]
pub(super) fn sign(
    builder: LatchBuilder,
    _: &Global,
    profile: &Profile,
) -> Result<LatchBuilder, Error> {
    use latchstring::Code;

    match profile.client_key_file.is_some() || profile.is_bound() {
        false => Ok(builder),
        true => Err(Error::new(
            Code::InvalidConfiguration,
            "nothing in a sandbox signs with a key file",
            "use the native latch for this provider",
        )),
    }
}
