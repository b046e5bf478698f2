//! Nothing in a sandbox signs with a key of the user.

use latchstring::capability::store::Key;
use latchstring::{Code, Error, LatchBuilder};

use crate::cli::args::Global;
use crate::cli::profile::Profile;

pub(crate) fn may_ask() {}

pub(crate) fn check(_: &Profile) -> Result<(), Error> {
    Ok(())
}

pub(crate) async fn forget(_: &Global, _: &Profile, _: &Key) -> Result<(), Error> {
    Ok(())
}

pub(crate) fn sign(
    builder: LatchBuilder,
    _: &Global,
    profile: &Profile,
) -> Result<LatchBuilder, Error> {
    let has_key = profile.client_key_file.is_some() || profile.decryption_key_file.is_some();
    match has_key || profile.is_bound() {
        false => Ok(builder),
        true => Err(Error::new(
            Code::InvalidConfiguration,
            "nothing in a sandbox uses a key of yours",
            "use the native latch for this provider",
        )),
    }
}
