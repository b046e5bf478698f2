//! The least that a program can do to print a token: read a file, print it.
//! The bench measures `latch token` beside it.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    let path = std::env::args_os().nth(1).unwrap_or_default();
    std::io::stdout().write_all(&std::fs::read(path)?)
}
