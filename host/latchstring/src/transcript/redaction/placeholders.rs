//! The placeholders in a transcript. Equal values have the same placeholder.

use std::collections::{BTreeMap, BTreeSet};

use zeroize::Zeroize as _;

/// Longer values get a placeholder of the same length, so that a limit that they exceeded
/// is exceeded again.
const SHORT: usize = 64;

/// Shorter secrets are not searched for, because they could occur by chance.
const SHORTEST_SECRET: usize = 8;

#[derive(Default)]
pub(super) struct Placeholders {
    known: BTreeMap<String, String>,
    counts: BTreeMap<String, u32>,
    secrets: BTreeSet<String>,
}

impl Placeholders {
    /// Returns the placeholder of `original`: `access-token-1` for the first access token,
    /// and so on. Blank text is kept. Kinds of characters that a rule may look for are kept
    /// too.
    pub(super) fn stand_in(&mut self, kind: &str, original: &str) -> String {
        if original.trim().is_empty() {
            return original.to_owned();
        }
        if let Some(known) = self.known(original) {
            return known.to_owned();
        }
        let count = self.counts.entry(kind.to_owned()).or_default();
        *count += 1;
        let mut text = format!("{kind}-{count}");
        if original.chars().any(char::is_control) {
            text.push('\u{1b}');
        }
        if !original.is_ascii() {
            text.push('é');
        }
        let length = original.chars().count();
        let is_measured = !kind.ends_with("-token") && kind != "value";
        if is_measured && length > SHORT {
            text.extend(std::iter::repeat_n('x', length.saturating_sub(text.chars().count())));
        }
        self.known.insert(original.to_owned(), text.clone());
        text
    }

    /// Returns the placeholder of a secret, which must not occur anywhere else either.
    pub(super) fn secret(&mut self, kind: &str, original: &str) -> String {
        let placeholder = self.stand_in(kind, original);
        self.learn(original, &placeholder);
        placeholder
    }

    pub(super) fn known(&self, original: &str) -> Option<&str> {
        self.known.get(original).map(String::as_str)
    }

    /// Sets the placeholder of `original`. If the two differ, `original` is secret.
    pub(super) fn learn(&mut self, original: &str, placeholder: &str) {
        if original != placeholder {
            self.guard(original);
        }
        self.known.insert(original.to_owned(), placeholder.to_owned());
    }

    fn guard(&mut self, secret: &str) {
        if secret.len() >= SHORTEST_SECRET {
            self.secrets.insert(secret.to_owned());
        }
    }

    /// Returns whether `text` contains a secret.
    pub(super) fn is_in(&self, text: &str) -> bool {
        self.secrets.iter().any(|secret| text.contains(secret.as_str()))
    }
}

impl Drop for Placeholders {
    fn drop(&mut self) {
        let known = std::mem::take(&mut self.known).into_keys();
        known.chain(std::mem::take(&mut self.secrets)).for_each(|mut original| original.zeroize());
    }
}
