//! What a login demands of the provider, besides what every login does.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use latchstring::{Code, Error, LatchBuilder};

use super::choices::{ClientAuth, ResponseMode, SecurityProfile};
use super::profile::Profile;

/// Most bytes of a file with authorization details: they are part of an address.
const DETAILS_BYTES: u64 = 16 * 1024;

/// Adds what the profile demands.
pub(super) fn demand(mut builder: LatchBuilder, profile: &Profile) -> Result<LatchBuilder, Error> {
    if profile.client_auth == Some(ClientAuth::Certificate) && profile.client_cert.is_none() {
        return Err(Error::new(
            Code::InvalidConfiguration,
            "the client must authenticate with a certificate, but none is set",
            "set --client-cert FILE, or another --client-auth",
        ));
    }
    if let Some(SecurityProfile::Fapi2) = profile.security {
        builder = builder.fapi2();
    }
    if profile.request_object == Some(true) {
        builder = builder.sign_requests();
    }
    if let Some(ResponseMode::Jwt) = profile.response_mode {
        builder = builder.demand_signed_responses();
    }
    match &profile.authorization_details {
        Some(path) => Ok(builder.authorization_details(read_details(path)?)),
        None => Ok(builder),
    }
}

/// Whether tokens are meant to be bound to the client's certificate, so that an API has to
/// see it.
#[cfg(not(target_os = "wasi"))]
pub(super) fn binds_to_certificate(profile: &Profile) -> bool {
    profile.client_cert.is_some()
        && !profile.is_bound()
        && (profile.security == Some(SecurityProfile::Fapi2)
            || profile.client_auth == Some(ClientAuth::Certificate))
}

fn read_details(path: &Path) -> Result<String, Error> {
    let unusable = |reason: &str| {
        Error::new(
            Code::InvalidConfiguration,
            format!("the authorization details in {} {reason}", path.display()),
            "correct --authorization-details FILE",
        )
    };
    let mut text = String::new();
    File::open(path)
        .and_then(|file| file.take(DETAILS_BYTES + 1).read_to_string(&mut text))
        .map_err(|error| unusable(&format!("cannot be read: {error}")))?;
    match text.len() as u64 > DETAILS_BYTES {
        true => Err(unusable(&format!("are longer than {DETAILS_BYTES} bytes"))),
        false => Ok(text.trim().to_owned()),
    }
}
