//! A stored session: what it is called, and what its bytes look like.

mod envelope;
mod key;
mod size;

pub use envelope::{AGE, Envelope, is_encrypted};
pub use key::{Key, check_profile};
pub use size::{SESSION_LIMIT, aside_name, check_size, nothing_to_set_aside};
