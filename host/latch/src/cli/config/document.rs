//! Reads and changes the profiles in the text of `config.toml`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use latchstring::{Code, Error};
use serde::Deserialize;
use toml_edit::{DocumentMut, Item, Table};

use super::Config;
use super::excerpt::excerpt;
use crate::cli::profile::Profile;
use crate::cli::stores::StoreChoice;

impl Config {
    /// Parses `text`, which was read from `path`.
    pub(super) fn parse(path: PathBuf, text: &str) -> Result<Self, Error> {
        let document: DocumentMut = text.parse().map_err(|error: toml_edit::TomlError| {
            let line = error.span().map(|span| format!("line {}: ", line_of(text, span.start)));
            let reason = format!("{}{}", line.unwrap_or_default(), error.message());
            trouble(&path, &reason, "correct the file")
        })?;
        check_shape(&document).map_err(|reason| trouble(&path, &reason, "correct the file"))?;
        Ok(Self { path, document })
    }

    /// Returns the settings of the profile `name` in `text`, or `None` if there is no such
    /// profile. Parses the whole text only to find the profile, or to say what is wrong.
    pub(super) fn parse_profile(
        path: PathBuf,
        text: &str,
        name: &str,
    ) -> Result<Option<Profile>, Error> {
        match parse_excerpt(text, name) {
            Some(profile) => Ok(profile),
            None => Self::parse(path, text)?.profile(name),
        }
    }

    /// Returns the settings of the profile `name`, or `None` if there is no such profile.
    pub(crate) fn profile(&self, name: &str) -> Result<Option<Profile>, Error> {
        let Some(item) = self.item(name) else { return Ok(None) };
        // OK because `check_shape` made sure that every profile is a table.
        let table = item.clone().into_table().unwrap_or_default();
        toml_edit::de::from_document(DocumentMut::from(table)).map(Some).map_err(
            |error: toml_edit::de::Error| {
                let reason = format!("[profile.{name}]: {}", error.message());
                trouble(&self.path, &reason, "correct the file")
            },
        )
    }

    fn item(&self, name: &str) -> Option<&Item> {
        self.document.get("profile")?.get(name)
    }

    /// Returns the name of every profile.
    pub(crate) fn names(&self) -> Vec<String> {
        self.document
            .get("profile")
            .and_then(Item::as_table_like)
            .map(|profiles| profiles.iter().map(|(name, _)| name.to_owned()).collect())
            .unwrap_or_default()
    }

    /// Whether there is a profile `name`.
    #[cfg(not(target_os = "wasi"))]
    pub(crate) fn has(&self, name: &str) -> bool {
        self.item(name).is_some()
    }

    /// Returns the text of the profile `name` as it is in the file, with comments.
    pub(crate) fn text_of(&self, name: &str) -> String {
        let table = self.item(name).and_then(|item| item.clone().into_table().ok());
        let Some(mut table) = table else { return String::new() };
        if let Some(store) = table.get_mut("store")
            && let Some(Ok(choice)) = store.as_str().map(str::parse::<StoreChoice>)
            && choice.is_shared()
        {
            *store = toml_edit::value(String::from(choice.without_password()));
        }
        table.to_string()
    }

    /// Saves `profile` under `name`. Comments and everything else in the file stay.
    pub(crate) fn set(&mut self, name: &str, profile: &Profile) -> Result<(), Error> {
        let fields = toml_edit::ser::to_document(profile).map_err(|error| {
            trouble(&self.path, &error.to_string(), "report this, with the command that you ran")
        })?;
        let profiles = self.document.entry("profile").or_insert_with(|| {
            let mut table = Table::new();
            table.set_implicit(true);
            Item::Table(table)
        });
        let table = profiles
            .as_table_like_mut()
            .and_then(|profiles| {
                profiles.entry(name).or_insert_with(toml_edit::table).as_table_like_mut()
            })
            .ok_or_else(|| trouble(&self.path, "`profile` is not a table", "correct the file"))?;
        let outdated: Vec<String> = table
            .iter()
            .map(|(key, _)| key.to_owned())
            .filter(|key| !fields.contains_key(key))
            .collect();
        for key in outdated {
            table.remove(&key);
        }
        for (key, value) in fields.as_table() {
            match (table.get_mut(key), value.as_value()) {
                (Some(Item::Value(old)), Some(new)) => {
                    let decor = old.decor().clone();
                    *old = new.clone();
                    *old.decor_mut() = decor;
                }
                _ => {
                    table.insert(key, value.clone());
                }
            }
        }
        Ok(())
    }

    /// Copies the profile `from`, with its comments, to `to`. Returns false if there is no
    /// such profile.
    #[cfg(not(target_os = "wasi"))]
    pub(crate) fn copy(&mut self, from: &str, to: &str) -> bool {
        let Some(mut item) = self.item(from).cloned() else { return false };
        without_position(&mut item);
        let profiles = self.document.get_mut("profile").and_then(Item::as_table_like_mut);
        profiles.is_some_and(|profiles| {
            profiles.insert(to, item);
            true
        })
    }

    /// Writes `to` in each profile that gets its tokens for a session of the profile `from`.
    #[cfg(not(target_os = "wasi"))]
    pub(crate) fn rename_subject(&mut self, from: &str, to: &str) {
        let profiles = self.document.get_mut("profile").and_then(Item::as_table_like_mut);
        let items = profiles.into_iter().flat_map(|profiles| profiles.iter_mut());
        for (_, item) in items {
            let subject = item.as_table_like_mut().and_then(|it| it.get_mut("subject-profile"));
            if let Some(subject) = subject.filter(|subject| subject.as_str() == Some(from)) {
                *subject = toml_edit::value(to);
            }
        }
    }

    /// Removes the profile `name`. Returns false if there is no such profile.
    pub(crate) fn remove(&mut self, name: &str) -> bool {
        self.document
            .get_mut("profile")
            .and_then(Item::as_table_like_mut)
            .is_some_and(|profiles| profiles.remove(name).is_some())
    }
}

/// Lets a table be written after those that are there.
#[cfg(not(target_os = "wasi"))]
fn without_position(item: &mut Item) {
    if let Item::Table(table) = item {
        table.set_position(None);
        table.iter_mut().for_each(|(_, item)| without_position(item));
    }
}

/// Returns the settings of the profile `name` in `text`; `Some(None)` if there is no such
/// profile. Returns `None` if the whole text has to be parsed, to find the profile or to
/// say what is wrong with it.
fn parse_excerpt(text: &str, name: &str) -> Option<Option<Profile>> {
    #[derive(Deserialize)]
    struct Excerpt {
        #[serde(default)]
        profile: BTreeMap<String, Profile>,
    }
    let excerpt = excerpt(text, name)?;
    let Excerpt { mut profile } = toml_edit::de::from_str(&excerpt).ok()?;
    Some(profile.remove(name))
}

/// Refuses unknown tables: a misspelt one would otherwise be ignored silently.
fn check_shape(document: &DocumentMut) -> Result<(), String> {
    if let Some((name, _)) = document.iter().find(|(name, _)| *name != "profile") {
        return Err(format!(
            "unknown key `{name}`; settings belong in tables like [profile.default]"
        ));
    }
    let Some(profiles) = document.get("profile") else { return Ok(()) };
    let profiles = profiles.as_table_like().ok_or("`profile` is not a table of profiles")?;
    match profiles.iter().find(|(_, item)| !item.is_table_like()) {
        Some((name, _)) => Err(format!("`profile.{name}` is not a table")),
        None => Ok(()),
    }
}

fn line_of(text: &str, position: usize) -> usize {
    text.bytes().take(position).filter(|byte| *byte == b'\n').count() + 1
}

pub(super) fn trouble(path: &Path, reason: &str, remedy: &str) -> Error {
    Error::new(Code::InvalidConfiguration, format!("{}: {reason}", path.display()), remedy)
}
