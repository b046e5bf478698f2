//! What stands in a transcript for what must not: the same word wherever the same
//! value stood.

use std::collections::{BTreeMap, BTreeSet};

use zeroize::Zeroize as _;

/// Values longer than this stay so long: a limit that they broke is to break again.
const SHORT: usize = 64;

/// Shorter ones could stand anywhere by chance.
const SHORTEST_SECRET: usize = 8;

#[derive(Default)]
pub(super) struct Placeholders {
    known: BTreeMap<String, String>,
    counts: BTreeMap<String, u32>,
    secrets: BTreeSet<String>,
}

impl Placeholders {
    /// `access-token-1` for the first access token, and so on. Empty text stays,
    /// and characters that a rule may look for are there again.
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

    /// The same for what must be nowhere else either.
    pub(super) fn secret(&mut self, kind: &str, original: &str) -> String {
        let placeholder = self.stand_in(kind, original);
        self.learn(original, &placeholder);
        placeholder
    }

    pub(super) fn known(&self, original: &str) -> Option<&str> {
        self.known.get(original).map(String::as_str)
    }

    /// From now on `placeholder` stands for `original`, which is secret unless it is
    /// the same: then everybody could know it already.
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

    /// Whether a secret stands in `text` all the same.
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
