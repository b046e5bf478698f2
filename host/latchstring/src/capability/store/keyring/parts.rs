//! Splits values for a keyring whose entries are small. A reader takes no lock and sees the
//! old value or the new one, never a mixture.
//!
//! A value that fits is stored in the entry itself. A larger one is stored in the parts of
//! one of two slots, and the entry is a head that names them:
//!
//! ```text
//! latchstring-parts a 3 SHA-256-of-the-value
//! ```
//!
//! A writer fills the slot that the head does not name, replaces the head, which makes the
//! new value visible, and removes the other slot. The parts of a slot are written in
//! ascending and removed in descending order, so that what a crashed writer leaves has no
//! gaps and is found by the next writer.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::vault::{Trouble, Vault};

/// The beginning of a head. A value that begins with this is split even if it is small.
const MAGIC: &str = "latchstring-parts ";
/// How many heads a reader follows before it takes a mismatch for damage. Every other
/// mismatch means that a writer finished in between.
const ATTEMPTS: usize = 5;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slot {
    A,
    B,
}

struct Head {
    slot: Slot,
    count: usize,
    digest: String,
}

/// Returns the value stored under `entry`, or `None` if there is none.
pub(super) fn read(vault: &dyn Vault, entry: &str) -> Result<Option<Zeroizing<Vec<u8>>>, Trouble> {
    for _ in 0..ATTEMPTS {
        let Some(value) = vault.get(entry)? else { return Ok(None) };
        if vault.largest().is_none() || !value.starts_with(MAGIC.as_bytes()) {
            return Ok(Some(value));
        }
        let head = Head::parse(&value).ok_or(Trouble::Damaged)?;
        let value = join(vault, entry, head.slot, head.count)?;
        if digest(&value) == head.digest {
            return Ok(Some(value));
        }
    }
    Err(Trouble::Damaged)
}

/// Replaces the value stored under `entry`.
pub(super) fn write(vault: &dyn Vault, entry: &str, value: &[u8]) -> Result<(), Trouble> {
    let Some(largest) = vault.largest() else {
        return vault.set(entry, value);
    };
    if value.len() <= largest && !value.starts_with(MAGIC.as_bytes()) {
        vault.set(entry, value)?;
        tidy(vault, entry, Slot::A);
        tidy(vault, entry, Slot::B);
        return Ok(());
    }
    let old = vault.get(entry)?.and_then(|value| Head::parse(&value));
    let slot = old.map_or(Slot::A, |head| head.slot.other());
    sweep(vault, entry, slot)?;
    let mut count = 0;
    for part in value.chunks(largest) {
        vault.set(&slot.part(entry, count), part)?;
        count += 1;
    }
    let head = Head { slot, count, digest: digest(value) };
    vault.set(entry, head.to_string().as_bytes())?;
    tidy(vault, entry, slot.other());
    Ok(())
}

/// Removes the value stored under `entry`.
pub(super) fn delete(vault: &dyn Vault, entry: &str) -> Result<(), Trouble> {
    vault.delete(entry)?;
    if vault.largest().is_some() {
        sweep(vault, entry, Slot::A)?;
        sweep(vault, entry, Slot::B)?;
    }
    Ok(())
}

/// Returns the rest of a value that cannot be read, for inspection: the head and the parts
/// that exist.
pub(super) fn salvage(vault: &dyn Vault, entry: &str) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    let mut left = vault.get(entry)?.unwrap_or_default();
    for slot in [Slot::A, Slot::B] {
        let count = count(vault, entry, slot)?;
        left.extend_from_slice(&join(vault, entry, slot, count)?);
    }
    Ok(left)
}

fn join(
    vault: &dyn Vault,
    entry: &str,
    slot: Slot,
    count: usize,
) -> Result<Zeroizing<Vec<u8>>, Trouble> {
    let mut value = Zeroizing::new(Vec::new());
    for index in 0..count {
        let Some(part) = vault.get(&slot.part(entry, index))? else { break };
        value.extend_from_slice(&part);
    }
    Ok(value)
}

/// Removes a slot that no head names. Errors are ignored: the new value is stored already,
/// and the next writer tries again.
fn tidy(vault: &dyn Vault, entry: &str, slot: Slot) {
    let _ = sweep(vault, entry, slot);
}

fn sweep(vault: &dyn Vault, entry: &str, slot: Slot) -> Result<(), Trouble> {
    for index in (0..count(vault, entry, slot)?).rev() {
        vault.delete(&slot.part(entry, index))?;
    }
    Ok(())
}

fn count(vault: &dyn Vault, entry: &str, slot: Slot) -> Result<usize, Trouble> {
    let mut count = 0;
    while vault.get(&slot.part(entry, count))?.is_some() {
        count += 1;
    }
    Ok(count)
}

fn digest(value: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(value))
}

impl Slot {
    fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    fn letter(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }

    fn part(self, entry: &str, index: usize) -> String {
        format!("{entry}, part {}{index}", self.letter())
    }
}

impl Head {
    fn parse(value: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?.strip_prefix(MAGIC)?;
        let mut words = text.split(' ');
        let slot = match words.next()? {
            "a" => Slot::A,
            "b" => Slot::B,
            _ => return None,
        };
        let count = words.next()?.parse().ok()?;
        let digest = words.next()?.to_owned();
        words.next().is_none().then_some(Self { slot, count, digest })
    }
}

impl std::fmt::Display for Head {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{MAGIC}{} {} {}", self.slot.letter(), self.count, self.digest)
    }
}
