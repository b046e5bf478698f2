//! Failures whose texts are safe to show.

use crate::contract::{Code, Failure, ProviderError, Response};

/// Longest text copied from a provider, in characters.
const PROVIDER_TEXT_LIMIT: usize = 300;

impl Failure {
    /// Creates a failure. `message` says what happened and what was expected, `remedy`
    /// what to do next: lower case, no full stop, no secret.
    pub(crate) fn new(code: Code, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            remedy: remedy.into(),
            provider: None,
            retryable: false,
        }
    }

    /// Marks the failure as temporary: the same attempt may work later.
    pub(crate) fn retryable(mut self) -> Self {
        self.retryable = true;
        self
    }

    /// Adds the provider's own error.
    pub(crate) fn with_provider_error(mut self, provider: ProviderError) -> Self {
        self.provider = Some(provider);
        self
    }

    /// Creates a failure for settings that cannot work.
    pub(crate) fn configuration(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::new(Code::InvalidConfiguration, message, remedy)
    }
}

/// Makes a provider's error safe to show.
pub(crate) fn provider_error(error: &str, description: Option<&str>) -> ProviderError {
    ProviderError {
        error: printable(error),
        description: description.map(printable).filter(|text| !text.is_empty()),
    }
}

/// The provider's error as one phrase.
pub(crate) fn in_words(provider: &ProviderError) -> String {
    match &provider.description {
        Some(description) => format!("{}: {description}", provider.error),
        None => provider.error.clone(),
    }
}

/// Whether the provider cannot answer now (RFC 9110 §15.6, RFC 6585 §4).
pub(crate) fn is_unavailable(response: &Response) -> bool {
    response.status >= 500 || response.status == 429
}

/// Returns `provider-unavailable` if the provider cannot answer now, otherwise `None`.
pub(crate) fn unavailable(what: &str, response: &Response) -> Option<Failure> {
    is_unavailable(response).then(|| {
        Failure::new(
            Code::ProviderUnavailable,
            format!("{what} answered with status {}", response.status),
            "nothing is lost; try again in a moment",
        )
        .retryable()
    })
}

/// Returns `text` as one line that is safe on terminals and in logs: control and
/// invisible format characters are escaped, and long text is cut.
pub(crate) fn printable(text: &str) -> String {
    let mut out = String::new();
    for (position, c) in text.chars().enumerate() {
        if position == PROVIDER_TEXT_LIMIT {
            out.push('…');
            break;
        }
        if c.is_control() || is_format_control(c) {
            out.extend(c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// Bidirectional controls, separators, zero-width characters and the tag block.
fn is_format_control(c: char) -> bool {
    matches!(c,
        '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_escapes_and_direction_marks_are_escaped() {
        assert_eq!(printable("a\u{1b}[2Jb\u{202e}c\r\n"), "a\\u{1b}[2Jb\\u{202e}c\\u{d}\\u{a}");
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(printable(&"x".repeat(1000)).chars().count(), PROVIDER_TEXT_LIMIT + 1);
    }
}
