//! Writes the hostile component to standard output, for hosts in other languages.

use std::io::{self, Write as _};

fn main() -> io::Result<()> {
    io::stdout().write_all(latchstring_hostile::ACTOR_COMPONENT)
}
