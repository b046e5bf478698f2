//! What a host supplies, each as a trait.

pub mod assertions;
pub mod browser;
pub mod clock;
pub mod component;
pub mod decrypter;
pub mod entropy;
pub mod http;
pub mod listener;
pub mod signer;
pub mod store;
pub mod terminal;
