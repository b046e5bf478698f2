//! Colours, for terminals that show them. The streams leave them out elsewhere, and if
//! `NO_COLOR` is set; `CLICOLOR_FORCE` keeps them.

use std::fmt::Display;

use anstream::ColorChoice;
#[cfg(not(target_os = "wasi"))]
use anstream::{AutoStream, stream::RawStream};
use anstyle::{AnsiColor, Style};

pub(crate) const PLAIN: Style = Style::new();
/// What stands above other lines.
pub(crate) const HEADING: Style = Style::new().bold();
/// What a reader may skip: terms, codes.
pub(crate) const QUIET: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
/// What does not work, and may not have to.
pub(crate) const WARNING: Style = AnsiColor::Yellow.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();

/// Returns `text` in this style, for a stream that leaves out colours if needed.
pub(crate) fn paint(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// Returns whether the stream shows colours.
#[cfg(not(target_os = "wasi"))]
pub(crate) fn shows_on(stream: &impl RawStream) -> bool {
    AutoStream::choice(stream) != ColorChoice::Never
}

/// Leaves colours out of everything that this process writes.
pub(crate) fn never() {
    ColorChoice::Never.write_global();
}
