//! The systems that a provider can be like, one file for each. A file says what differs
//! from the [`DEMO`] provider, and has the routes that only its system has.

mod authgate;
mod demo;
mod fief;
mod hexclave;
mod mock;
mod stytch;

pub use authgate::{AUTHGATE, AUTHGATE_WITH_KEYS};
pub use demo::DEMO;
pub use fief::FIEF;
pub use hexclave::HEXCLAVE;
pub use mock::MOCK;
pub use stytch::STYTCH;

use crate::dialect::Dialect;

/// The systems with a preset.
pub static SYSTEMS: [&Dialect; 5] = [&HEXCLAVE, &AUTHGATE, &STYTCH, &FIEF, &MOCK];

/// Returns the system of a name. The error names them all.
pub fn system(name: &str) -> Result<&'static Dialect, String> {
    let known = SYSTEMS.into_iter().find(|dialect| dialect.name() == name);
    known.ok_or_else(|| {
        let names = SYSTEMS.map(Dialect::name).join(", ");
        format!("expected one of {names}, found {name}")
    })
}
