//! What every process of a client needs, the one that refreshes tokens too: the store, and the
//! HTTP client.

use latchstring::capability::http::SystemHttp;
use latchstring::{Code, Error, LatchBuilder};

use super::args::Global;
use super::profile::Profile;
use super::stores::Stores;
use super::{keys, unattended};

/// Returns the HTTP client that the profile describes, or `None` if the profile sets
/// nothing about HTTP.
pub(crate) fn http(profile: &Profile) -> Result<Option<SystemHttp>, Error> {
    if profile.client_key.is_some() && profile.client_cert.is_none() {
        return Err(Error::new(
            Code::InvalidConfiguration,
            "a client key is set, but no client certificate",
            "set --client-cert FILE too, or leave out --client-key",
        ));
    }
    if profile.ca_file.is_none() && profile.client_cert.is_none() {
        return Ok(None);
    }
    trusting(profile).map(Some)
}

/// Returns the HTTP client with the profile's certificates.
#[cfg(not(target_os = "wasi"))]
fn trusting(profile: &Profile) -> Result<SystemHttp, Error> {
    let mut http = SystemHttp::new();
    if let Some(path) = &profile.ca_file {
        http = http.ca_file(path)?;
    }
    if let Some(certificate) = &profile.client_cert {
        let key = profile.client_key.as_ref().unwrap_or(certificate);
        http = http.client_certificate(certificate, key)?;
    }
    if super::security::binds_to_certificate(profile) {
        http = http.identify_to_apis();
    }
    Ok(http)
}

#[cfg(target_os = "wasi")]
fn trusting(_: &Profile) -> Result<SystemHttp, Error> {
    Err(Error::new(
        Code::InvalidConfiguration,
        "--ca-file and --client-cert have no effect in a sandbox: wasmtime does the TLS",
        "use the native latch for this provider",
    ))
}

/// Adds what every process with these settings needs, including the one that refreshes
/// tokens: the store and the HTTP client.
pub(crate) fn equip(
    builder: LatchBuilder,
    global: &Global,
    profile: &Profile,
) -> Result<LatchBuilder, Error> {
    let builder = builder.shared_store(Stores::open(global, profile)?.chosen());
    let builder = keys::sign(builder, global, profile)?;
    let builder = unattended::present(builder, global, profile)?;
    Ok(match http(profile)? {
        Some(http) => builder.http(http),
        None => builder,
    })
}
