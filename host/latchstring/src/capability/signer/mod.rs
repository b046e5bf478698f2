//! Signing with the client's key.
//!
//! ```no_run
//! use latchstring::capability::signer::KeyFile;
//! use latchstring::{GrantType, Latch};
//!
//! # fn main() -> Result<(), latchstring::Error> {
//! let key = KeyFile::read("/etc/acme/client-key.pem")?;
//! let latch = Latch::builder("https://id.example.com", "backup")
//!     .grant(GrantType::ClientCredentials)
//!     .signer(key)
//!     .build()?;
//! # Ok(())
//! # }
//! ```

#[cfg(feature = "ssh-agent")]
mod agent;
mod file;
#[cfg(feature = "pkcs11")]
mod pkcs11;
mod public;

#[cfg(feature = "ssh-agent")]
pub use agent::AgentKey;
pub use file::KeyFile;
pub use latchstring_core::capability::signer::{PublicKey, Signer};
#[cfg(feature = "pkcs11")]
pub use pkcs11::Pkcs11Key;
