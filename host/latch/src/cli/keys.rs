//! The keys that a client signs with: to authenticate, and to prove that tokens are its own.

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
    if profile.is_bound() {
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
    let named =
        [&profile.provider, &profile.issuer, &profile.resource_url, &profile.token_endpoint];
    let provider = serde_json::json!([named, profile.set]).to_string();
    let hash = Sha256::digest(provider);
    let hash: String = hash[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(folder.join(format!("{}.{hash}.dpop-key", global.profile)))
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
