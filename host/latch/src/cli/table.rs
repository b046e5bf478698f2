//! Lines of two columns that fit the terminal. Elsewhere lines are as long as their text, so
//! that a script finds everything in its line.

use textwrap::core::{Word, display_width};
use textwrap::{Options, WordSplitter};

use super::style::{HEADING, paint};

/// Columns that the text beside a term has at least, however narrow the terminal.
const NARROWEST: usize = 20;
/// What stands for the rest of a text that is cut.
const MORE: &str = "...";

/// The room that lines have.
pub(crate) struct Table {
    /// Columns of the terminal; `None` if there is no terminal.
    columns: Option<usize>,
}

impl Table {
    /// Returns a table for standard output.
    pub(crate) fn for_stdout() -> Self {
        Self { columns: system::columns(&std::io::stdout()) }
    }

    /// Returns a table for standard error.
    pub(crate) fn for_stderr() -> Self {
        Self { columns: system::columns(&std::io::stderr()) }
    }

    /// Returns the columns of the terminal; `None` if there is no terminal.
    #[cfg(not(target_os = "wasi"))]
    pub(crate) fn columns(&self) -> Option<usize> {
        self.columns
    }

    /// Whether there is a terminal, and so a reader and no script.
    pub(crate) fn has_reader(&self) -> bool {
        self.columns.is_some()
    }

    /// Returns `term` and `text` with the text in as many lines as it needs, all below each
    /// other. `term` has its padding.
    pub(crate) fn whole(&self, term: &str, text: &str) -> String {
        let Some(width) = self.width_beside(term) else { return format!("{term}{text}") };
        let indent = " ".repeat(display_width(term));
        let options = Options::new(width)
            .initial_indent(term)
            .subsequent_indent(&indent)
            // A flag such as --key-file stays in one piece.
            .word_splitter(WordSplitter::NoHyphenation);
        textwrap::fill(text, options)
    }

    /// Returns `term` and `text` in one line, whose end is left out if the terminal is too
    /// narrow.
    pub(crate) fn cut(&self, term: &str, text: &str) -> String {
        let Some(width) = self.width_beside(term) else { return format!("{term}{text}") };
        if display_width(term) + display_width(text) <= width {
            return format!("{term}{text}");
        }
        let room = width - display_width(term) - MORE.len();
        let start = Word::from(text).break_apart(room).next().map_or("", |start| start.word);
        let whole_words = match start.rsplit_once(' ') {
            Some((words, _)) if display_width(words) > room / 2 => words,
            _ => start,
        };
        format!("{term}{}{MORE}", whole_words.trim_end())
    }

    /// Returns a line for each name with what it stands for, cut if need be.
    pub(crate) fn list<'a>(&self, rows: impl Iterator<Item = (&'a str, &'a str)>) -> String {
        let rows: Vec<(&str, &str)> = rows.collect();
        let width = rows.iter().map(|(name, _)| display_width(name)).max().unwrap_or_default();
        let line = |(name, text): &(&str, &str)| {
            let padding = " ".repeat(width - display_width(name));
            self.cut(&format!("{}{padding} ", paint(HEADING, name)), text) + "\n"
        };
        rows.iter().map(line).collect()
    }

    /// Returns the width of a line that begins with `term`; `None` if it has no end.
    fn width_beside(&self, term: &str) -> Option<usize> {
        self.columns.map(|columns| columns.max(display_width(term) + NARROWEST))
    }
}

#[cfg(not(target_os = "wasi"))]
mod system {
    #[cfg(unix)]
    use std::os::fd::AsFd as Handle;
    #[cfg(windows)]
    use std::os::windows::io::AsHandle as Handle;

    /// Returns the columns of the terminal that the stream goes to; `None` if it goes elsewhere.
    pub(super) fn columns(stream: &impl Handle) -> Option<usize> {
        terminal_size::terminal_size_of(stream).map(|(width, _)| usize::from(width.0))
    }
}

/// WASI does not say how wide a terminal is.
#[cfg(target_os = "wasi")]
mod system {
    pub(super) fn columns<T>(_: &T) -> Option<usize> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "one two three four five six seven";
    const COLOURED: &str = "\u{1b}[1mterm\u{1b}[0m  ";

    #[test]
    fn a_long_text_stays_beside_its_term() {
        for (columns, term, lines) in [
            (None, "term  ", "term  one two three four five six seven"),
            (Some(80), "term  ", "term  one two three four five six seven"),
            (Some(26), "term  ", "term  one two three four\n      five six seven"),
            // Too narrow for anything.
            (Some(3), "term  ", "term  one two three four\n      five six seven"),
            (
                Some(26),
                COLOURED,
                "\u{1b}[1mterm\u{1b}[0m  one two three four\n      five six seven",
            ),
        ] {
            assert_eq!(Table { columns }.whole(term, TEXT), lines, "{columns:?}");
        }
    }

    #[test]
    fn a_word_without_room_goes_on_in_the_next_line() {
        let path = "/home/ada/.local/state/latchstring";
        let shown = Table { columns: Some(26) }.whole("term  ", path);
        assert_eq!(shown, "term  /home/ada/.local/sta\n      te/latchstring");
    }

    #[test]
    fn a_line_that_is_cut_ends_with_a_whole_word_if_one_fits() {
        let url = Table { columns: Some(30) }.cut("term  ", "at https://example.com/a/long/path");
        assert_eq!(url, "term  at https://example.co...");
        for (columns, term, line) in [
            (None, "term  ", "term  one two three four five six seven"),
            (Some(39), "term  ", "term  one two three four five six seven"),
            (Some(38), "term  ", "term  one two three four five six..."),
            (Some(30), COLOURED, "\u{1b}[1mterm\u{1b}[0m  one two three four..."),
        ] {
            assert_eq!(Table { columns }.cut(term, TEXT), line, "{columns:?}");
        }
    }
}
