//! The Linux kernel's own keyring ([keyrings(7)]): memory of the kernel, which is never
//! swapped out.
//!
//! keyring-core's store for it was passed over: it finds a key only through the session
//! keyring, which need not lead to the user's, and it links what it uses into that for good.
//!
//! [keyrings(7)]: https://man7.org/linux/man-pages/man7/keyrings.7.html

use std::fs;
use std::io;

use linux_keyutils::{Key, KeyError, KeyRing, KeyRingIdentifier};
use zeroize::Zeroizing;

use super::vault::{Trouble, Vault};

/// Most bytes of a key of the type `user`.
const LARGEST: usize = 32_767;
const LIMITS: &str = "/proc/sys/kernel/keys";

/// Keys of the type `user` in the user's persistent keyring, or in the user keyring if the
/// kernel has no persistent ones. Both are the same for every process of this user.
///
/// A new key can be read only by a process that possesses it: one from whose own keyrings
/// there is a way to it. A process's session keyring need not lead there: a service's does
/// not, nor one of `keyctl session`. So each call links the keyring to its own thread's
/// first. The kernel lets no other user do that.
pub(super) struct KernelVault;

impl Vault for KernelVault {
    fn connect(&self) -> Result<(), Trouble> {
        ring().map(drop)
    }

    fn get(&self, entry: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Trouble> {
        let Some(key) = find(ring()?, entry)? else { return Ok(None) };
        let mut value = Zeroizing::new(vec![0; LARGEST]);
        match key.read(&mut *value) {
            Ok(length) if length <= LARGEST => {
                value.truncate(length);
                Ok(Some(value))
            }
            Ok(_) => Err(Trouble::Damaged),
            Err(error) if is_gone(error) => Ok(None),
            Err(error) => Err(in_words(error)),
        }
    }

    fn set(&self, entry: &str, value: &[u8]) -> Result<(), Trouble> {
        // Replaces the value of a key that exists, without a moment in between.
        ring()?.add_key(&name_of(entry), value).map(drop).map_err(in_words)
    }

    fn delete(&self, entry: &str) -> Result<bool, Trouble> {
        let ring = ring()?;
        let Some(key) = find(ring, entry)? else { return Ok(false) };
        ring.unlink_key(key).map(|()| true).map_err(in_words)
    }

    fn largest(&self) -> Option<usize> {
        Some(LARGEST)
    }

    fn disconnect(&self) {}

    fn name(&self) -> &'static str {
        "Linux kernel"
    }

    fn lifetime(&self) -> Option<String> {
        let end = match limit("persistent_keyring_expiry") {
            Some(seconds) => format!("after {} without use", in_words_of_time(seconds)),
            None => "when no process of yours is left".to_owned(),
        };
        Some(format!(
            "The kernel's keyring keeps the session in memory: it is gone after a restart, and {end}"
        ))
    }
}

/// Returns the keyring, linked to this thread's. This restarts the time after which the
/// kernel forgets a persistent keyring.
fn ring() -> Result<KeyRing, Trouble> {
    match KeyRing::get_persistent(KeyRingIdentifier::Thread) {
        Err(KeyError::OperationNotSupported) => user_ring().map_err(in_words),
        result => result.map_err(in_words),
    }
}

fn user_ring() -> Result<KeyRing, KeyError> {
    let ring = KeyRing::from_special_id(KeyRingIdentifier::User, true)?;
    KeyRing::from_special_id(KeyRingIdentifier::Thread, true)?.link_keyring(ring)?;
    Ok(ring)
}

fn find(ring: KeyRing, entry: &str) -> Result<Option<Key>, Trouble> {
    match ring.search(&name_of(entry)) {
        Ok(key) => Ok(Some(key)),
        Err(error) if is_gone(error) => Ok(None),
        Err(error) => Err(in_words(error)),
    }
}

/// The key's description. Only this user's processes see it in `/proc/keys`.
fn name_of(entry: &str) -> String {
    format!("latchstring {entry}")
}

fn is_gone(error: KeyError) -> bool {
    matches!(error, KeyError::KeyDoesNotExist | KeyError::KeyExpired | KeyError::KeyRevoked)
}

fn in_words(error: KeyError) -> Trouble {
    match error {
        KeyError::PermissionDenied => {
            Trouble::Forbidden("keyctl is not permitted (EPERM), as in most containers".to_owned())
        }
        KeyError::Unknown(libc::ENOSYS) => {
            Trouble::Forbidden("there is no keyctl (ENOSYS), as in some containers".to_owned())
        }
        KeyError::QuotaExceeded => Trouble::Full(quota()),
        KeyError::AccessDenied => Trouble::Failed("the kernel denies access to it".to_owned()),
        KeyError::Unknown(number) => {
            Trouble::Failed(io::Error::from_raw_os_error(number).to_string())
        }
        error => Trouble::Failed(error.to_string()),
    }
}

/// Returns what one user may keep.
fn quota() -> String {
    let (keys, bytes) = match rustix::process::getuid().is_root() {
        true => ("root_maxkeys", "root_maxbytes"),
        false => ("maxkeys", "maxbytes"),
    };
    let known = |name| limit(name).map_or_else(|| "limited".to_owned(), |limit| limit.to_string());
    format!(
        "a user may keep {} bytes ({bytes}) in {} keys ({keys}), those of other programs included",
        known(bytes),
        known(keys)
    )
}

fn limit(name: &str) -> Option<u64> {
    fs::read_to_string(format!("{LIMITS}/{name}")).ok()?.trim().parse().ok()
}

fn in_words_of_time(seconds: u64) -> String {
    let (count, unit) = match seconds {
        172_800.. => (seconds / 86_400, "days"),
        7_200.. => (seconds / 3_600, "hours"),
        120.. => (seconds / 60, "minutes"),
        _ => (seconds, "seconds"),
    };
    format!("{count} {unit}")
}
