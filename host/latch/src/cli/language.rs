//! The languages that the user reads, as the system says.

use std::env;

/// Returns language tags, the preferred one first. There are none if the system does not say,
/// or if the user asks for the plain locale.
pub(crate) fn preferred() -> Vec<String> {
    match is_plain() {
        true => Vec::new(),
        false => sys_locale::get_locales().collect(),
    }
}

/// Whether the locale is `C` or `POSIX`, which has no translations, whatever `LANGUAGE` and
/// the variables behind it say.
fn is_plain() -> bool {
    let set = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    // The first one that is set decides (POSIX.1-2017 §8.2).
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(set);
    locale.is_some_and(|locale| matches!(locale.split('.').next(), Some("C" | "POSIX")))
}
