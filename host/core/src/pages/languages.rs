//! The built-in translations of the pages.

use super::Pages;

/// Primary language subtags, each with a pages document that has every text.
const TRANSLATIONS: [(&str, &str); 7] = [
    ("de", include_str!("languages/de.toml")),
    ("es", include_str!("languages/es.toml")),
    ("fr", include_str!("languages/fr.toml")),
    ("it", include_str!("languages/it.toml")),
    ("ja", include_str!("languages/ja.toml")),
    ("nl", include_str!("languages/nl.toml")),
    ("pt", include_str!("languages/pt.toml")),
];

impl Pages {
    /// Primary language subtags of the languages that the pages are translated to. English
    /// is not one of them.
    pub fn languages() -> impl Iterator<Item = &'static str> {
        TRANSLATIONS.iter().map(|(language, _)| *language)
    }

    /// Returns the pages in the first of these languages that there are pages in, or in
    /// English. `tags` are language tags
    /// ([RFC 5646](https://www.rfc-editor.org/rfc/rfc5646)) such as `de-AT`, the preferred one
    /// first. Only their primary subtags count.
    pub fn for_languages<Tag: AsRef<str>>(tags: impl IntoIterator<Item = Tag>) -> Self {
        for tag in tags {
            let language = tag.as_ref().split('-').next().unwrap_or_default().to_ascii_lowercase();
            if language == "en" {
                break;
            }
            if let Some((_, text)) = TRANSLATIONS.iter().find(|(known, _)| *known == language) {
                let pages = Self::from_toml(text, |_| Err("it is built in".to_owned()));
                // OK because the translations are part of this program, and a test reads each.
                return pages.expect("a whole translation");
            }
        }
        Self::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn language(pages: &Pages) -> String {
        let html = pages.success().html;
        let (_, rest) = html.split_once("<html lang=\"").expect("a language");
        rest.split_once('"').expect("its end").0.to_owned()
    }

    #[test]
    fn the_first_language_that_there_are_pages_in_is_shown() {
        for (tags, shown) in [
            (&[][..], "en"),
            (&["de"][..], "de"),
            (&["de-AT"], "de"),
            (&["DE-ch"], "de"),
            (&["pt-PT"], "pt-BR"),
            (&["gsw", "fr-CH", "de"], "fr"),
            (&["en-GB", "de"], "en"),
            (&["tlh", ""], "en"),
            (&["deu"], "en"),
        ] {
            assert_eq!(language(&Pages::for_languages(tags)), shown, "{tags:?}");
        }
    }

    #[test]
    fn every_translation_is_in_its_own_language() {
        for tag in Pages::languages() {
            let shown = language(&Pages::for_languages([tag]));
            assert_eq!(shown.split('-').next(), Some(tag));
        }
    }
}
