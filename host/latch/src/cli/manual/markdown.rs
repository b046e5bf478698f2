//! Markdown as text for a terminal.

use anstyle::{AnsiColor, Style};
use comfy_table::{ContentArrangement, LineStyle, Table, TableStyle};
use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use textwrap::{Options as Wrapping, WordSplitter};

use super::page_at;
use crate::cli::style::HEADING;

const STRONG: Style = Style::new().bold();
const CODE: Style = AnsiColor::Cyan.on_default();
const HEADER_LINE: TableStyle =
    TableStyle::new().header_separator(LineStyle::none().fill('-').junction('-'));

/// Renders a document in lines of at most `width` columns, where its words allow that.
/// `is_styled` allows bold and coloured text.
pub(crate) fn render(markdown: &str, width: usize, is_styled: bool) -> String {
    let mut page = Rendered { width, is_styled, ..Rendered::default() };
    for event in Parser::new_ext(markdown, Options::ENABLE_TABLES) {
        page.add(event);
    }
    page.text
}

#[derive(Default)]
struct Rendered {
    width: usize,
    is_styled: bool,
    text: String,
    /// The paragraph, item or cell that is being read.
    inline: String,
    /// Where the links lead that are being read.
    links: Vec<String>,
    /// The number of the next item in each list that is open; `None` without numbers.
    lists: Vec<Option<u64>>,
    /// What stands before the first line of the item.
    marker: Option<String>,
    is_code: bool,
    rows: Vec<Vec<String>>,
    is_table: bool,
}

impl Rendered {
    fn add(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.is_code => self.code(&text),
            Event::Text(text) => self.inline.push_str(&text),
            Event::Code(text) => self.styled(CODE, &text),
            Event::SoftBreak => self.inline.push(' '),
            Event::HardBreak => self.inline.push('\n'),
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::List(first) => {
                self.flush();
                self.lists.push(first);
            }
            Tag::Item => {
                let number = self.lists.last_mut().and_then(Option::as_mut);
                self.marker = Some(match number {
                    Some(number) => {
                        *number += 1;
                        format!("{}. ", *number - 1)
                    }
                    None => "- ".to_owned(),
                });
            }
            Tag::CodeBlock(CodeBlockKind::Fenced(_) | CodeBlockKind::Indented) => {
                self.flush();
                self.is_code = true;
            }
            Tag::Table(_) => self.is_table = true,
            Tag::TableHead | Tag::TableRow => self.rows.push(Vec::new()),
            Tag::Strong => self.style(STRONG.render()),
            Tag::Link { dest_url, .. } => self.links.push(dest_url.into_string()),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) => {
                let heading = std::mem::take(&mut self.inline);
                self.styled(HEADING, &heading);
                self.flush();
                self.blank();
            }
            TagEnd::Paragraph => {
                self.flush();
                self.blank();
            }
            TagEnd::Item => self.flush(),
            TagEnd::List(_) => {
                self.lists.pop();
                if self.lists.is_empty() {
                    self.blank();
                }
            }
            TagEnd::CodeBlock => {
                self.is_code = false;
                self.blank();
            }
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.inline);
                if let Some(row) = self.rows.last_mut() {
                    row.push(cell);
                }
            }
            TagEnd::Table => self.table(),
            TagEnd::Strong => self.style(STRONG.render_reset()),
            TagEnd::Link => self.link(),
            _ => {}
        }
    }

    /// A table takes no styles: their escapes would count as columns.
    fn style(&mut self, escape: impl std::fmt::Display) {
        if self.is_styled && !self.is_table {
            self.inline.push_str(&escape.to_string());
        }
    }

    fn styled(&mut self, style: Style, text: &str) {
        self.style(style.render());
        self.inline.push_str(text);
        self.style(style.render_reset());
    }

    /// Says where a link leads, if that is a page or an address that its text does not name.
    fn link(&mut self) {
        let Some(link) = self.links.pop() else { return };
        if let Some(page) = page_at(&link) {
            self.inline.push_str(&format!(" (latch help {})", page.name));
        } else if link.starts_with("https://") && !self.inline.ends_with(&link) {
            self.inline.push_str(&format!(" ({link})"));
        }
    }

    fn code(&mut self, text: &str) {
        for line in text.lines() {
            self.text.push_str(format!("    {line}").trim_end());
            self.text.push('\n');
        }
    }

    /// Writes the paragraph or item that was read.
    fn flush(&mut self) {
        let paragraph = std::mem::take(&mut self.inline);
        if paragraph.is_empty() {
            return;
        }
        let indent = "  ".repeat(self.lists.len().saturating_sub(1));
        let marker = self.marker.take().unwrap_or_default();
        let is_item = !self.lists.is_empty();
        let first = if is_item { format!("{indent}{marker}") } else { String::new() };
        let later = if is_item { format!("{indent}  ") } else { String::new() };
        let wrapping = Wrapping::new(self.width).initial_indent(&first).subsequent_indent(&later);
        // Flags and addresses stay whole, so that they can be copied.
        let wrapping = wrapping.break_words(false).word_splitter(WordSplitter::NoHyphenation);
        for line in textwrap::wrap(&paragraph, wrapping) {
            self.text.push_str(&line);
            self.text.push('\n');
        }
    }

    fn blank(&mut self) {
        if !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    fn table(&mut self) {
        self.is_table = false;
        let rows = std::mem::take(&mut self.rows);
        let mut table = Table::new();
        table
            .load_style(HEADER_LINE)
            .set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(u16::try_from(self.width).unwrap_or(u16::MAX));
        let mut rows = rows.into_iter();
        table.set_header(rows.next().unwrap_or_default()).add_rows(rows);
        let is_wrapped = table.lines().count() > table.row_count() + 2;
        if is_wrapped {
            table.load_style(HEADER_LINE.row_separator(LineStyle::none().fill(' ')));
        }
        for line in table.lines() {
            self.text.push_str(line.trim_end());
            self.text.push('\n');
        }
        self.blank();
    }
}
