//! The texts of a pages file, which replace the English ones.

use std::path::PathBuf;

use serde::Deserialize;

use super::destination::Destination;

/// The content of a pages file. Every entry is optional.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Texts {
    pub(super) lang: Option<Language>,
    /// The program or organisation that the pages belong to.
    pub(super) name: Option<Text>,
    /// The HTML template, relative to the folder of this file.
    pub(super) template: Option<PathBuf>,
    pub(super) warning: Words,
    pub(super) terms: Terms,
    pub(super) success: Words,
    pub(super) refused: Words,
    pub(super) failed: Words,
    pub(super) finished: Words,
    pub(super) stray: Words,
    pub(super) used_address: Words,
    pub(super) another_browser: Words,
    pub(super) another_user: Words,
    pub(super) abandoned: Words,
    pub(super) redirect: Redirects,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Words {
    title: Option<Text>,
    text: Option<Text>,
}

/// The terms of the explanation on a page.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Terms {
    pub(super) what_happened: Option<Text>,
    pub(super) provider_said: Option<Text>,
    pub(super) what_to_do: Option<Text>,
    pub(super) code: Option<Text>,
    pub(super) why: Option<Text>,
}

/// Pages of another site that replace those that end a login.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Redirects {
    pub(super) success: Option<Destination>,
    pub(super) refused: Option<Destination>,
    pub(super) failed: Option<Destination>,
}

impl Words {
    /// Returns title and text, with the given ones in place of those missing.
    pub(super) fn or<'a>(&'a self, title: &'a str, text: &'a str) -> (&'a str, &'a str) {
        (Text::or(&self.title, title), Text::or(&self.text, text))
    }
}

/// A text that is not blank.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Text(String);

impl Text {
    pub(super) fn or<'a>(own: &'a Option<Self>, english: &'a str) -> &'a str {
        own.as_ref().map_or(english, |own| &own.0)
    }
}

impl TryFrom<String> for Text {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.trim().is_empty() {
            return Err("a text cannot be empty; leave it out for the English one");
        }
        Ok(Self(text))
    }
}

/// A language tag (RFC 5646). Only the form of its subtags is checked.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Language(String);

impl Language {
    pub(super) fn tag(&self) -> &str {
        &self.0
    }

    /// Returns the text direction for the `dir` attribute. The script decides if the tag
    /// names one, otherwise the script that the language is usually written in.
    pub(super) fn direction(&self) -> &'static str {
        let tag = self.0.to_ascii_lowercase();
        let mut subtags = tag.split('-');
        let language = subtags.next().unwrap_or_default();
        let script = subtags.find(|subtag| {
            subtag.len() == 4 && subtag.bytes().all(|byte| byte.is_ascii_alphabetic())
        });
        let is_reversed = match script {
            Some(script) => matches!(
                script,
                "adlm"
                    | "arab"
                    | "aran"
                    | "hebr"
                    | "mand"
                    | "nkoo"
                    | "rohg"
                    | "samr"
                    | "syrc"
                    | "thaa"
            ),
            None => matches!(
                language,
                "ar" | "arc"
                    | "ckb"
                    | "dv"
                    | "fa"
                    | "he"
                    | "iw"
                    | "ks"
                    | "nqo"
                    | "ps"
                    | "sd"
                    | "syr"
                    | "ug"
                    | "ur"
                    | "yi"
            ),
        };
        if is_reversed { "rtl" } else { "ltr" }
    }
}

impl TryFrom<String> for Language {
    type Error = String;

    fn try_from(tag: String) -> Result<Self, Self::Error> {
        let is_subtag = |subtag: &str| {
            (1..=8).contains(&subtag.len())
                && subtag.bytes().all(|byte| byte.is_ascii_alphanumeric())
        };
        if tag.split('-').all(is_subtag) {
            return Ok(Self(tag));
        }
        Err(format!("{tag:?} is not a language tag; expected one such as de or pt-BR"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_decides_where_lines_begin_then_the_language() {
        for (tag, direction) in [
            ("de", "ltr"),
            ("ja", "ltr"),
            ("ar", "rtl"),
            ("AR-eg", "rtl"),
            ("he", "rtl"),
            ("fa-IR", "rtl"),
            ("az-Arab", "rtl"),
            ("ur-Latn-PK", "ltr"),
        ] {
            let language = Language::try_from(tag.to_owned()).expect("a tag");
            assert_eq!(language.direction(), direction, "{tag}");
        }
    }

    #[test]
    fn an_invalid_language_tag_is_refused() {
        for tag in ["", "de_DE", "de-", "\"><script>", "deutschland", "dé"] {
            assert!(Language::try_from(tag.to_owned()).is_err(), "{tag}");
        }
    }
}
