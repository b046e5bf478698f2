//! Stored sessions: their keys and their file format.

mod envelope;
mod key;
mod size;

pub use envelope::{AGE, Envelope, header_line, is_encrypted, parse_header};
pub use key::{Key, check_profile};
pub use size::{SESSION_LIMIT, aside_name, check_size, nothing_to_set_aside};
