//! [`Preset`]: the known settings of a provider, as a file.
//!
//! ```toml
//! about = "Example, an identity provider"
//!
//! [settings.tenant]
//! about = "your tenant's name"
//!
//! [client]
//! issuer = "https://{tenant}.id.example"
//! added-scopes = ["openid"]
//! ```
//!
//! `{tenant}` is replaced by what the user sets. A text with an optional setting that is
//! not set is left out.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Code, Error};

mod apply;
mod document;
#[cfg(test)]
mod tests;

pub use apply::Unattended;
#[cfg(feature = "keyring")]
pub(crate) use document::{ImportPlan, KeyringPlan};

/// Settings by name.
pub type Settings = BTreeMap<String, String>;

macro_rules! built_in {
    ($($name:literal),*) => {
        /// The presets that come with this crate.
        const BUILT_IN: &[(&str, &str)] =
            &[$(($name, include_str!(concat!("../presets/", $name, ".toml")))),*];
    };
}

built_in!(
    "auth0",
    "authgate",
    "entra",
    "entra-workload",
    "fief",
    "github",
    "gitlab",
    "google",
    "google-workload",
    "hexclave",
    "mock",
    "okta",
    "stytch"
);

/// The settings of one provider.
///
/// ```
/// use latchstring::Preset;
///
/// # fn main() -> Result<(), latchstring::Error> {
/// let github = Preset::named("github", None)?;
/// let needed = github.settings().iter().filter(|(_, setting)| setting.is_needed());
/// assert!(needed.map(|(name, _)| name).eq(["client-id"]));
/// # Ok(())
/// # }
/// ```
pub struct Preset {
    name: String,
    text: String,
    document: Value,
    about: About,
}

/// The part of the file that describes the preset to the user.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct About {
    about: String,
    #[serde(default)]
    notes: Vec<String>,
    #[serde(default)]
    settings: BTreeMap<String, Setting>,
}

/// A setting that differs between users of a provider.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Setting {
    /// The description of the setting.
    pub about: String,
    /// Environment variables for this setting. If two that are set disagree, that is an
    /// error.
    #[serde(default)]
    pub environment: Vec<String>,
    /// The default value; `None` if there is none.
    pub default: Option<String>,
    /// Whether it may be left unset.
    #[serde(default)]
    pub optional: bool,
    /// The only values allowed; empty if any value is.
    #[serde(default)]
    pub one_of: Vec<String>,
}

impl Setting {
    /// Returns whether it must be set.
    pub fn is_needed(&self) -> bool {
        !self.optional && self.default.is_none()
    }
}

impl Preset {
    /// Returns the names of all presets: those of this crate and those of the files in
    /// `folder`.
    pub fn names(folder: Option<&Path>) -> Vec<String> {
        let files = folder.and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten();
        let own = files.flatten().filter_map(|file| {
            let name = file.file_name().into_string().ok()?;
            name.strip_suffix(".toml").map(str::to_owned)
        });
        let mut names: Vec<String> =
            BUILT_IN.iter().map(|(name, _)| (*name).to_owned()).chain(own).collect();
        names.sort();
        names.dedup();
        names
    }

    /// Returns the preset with this name: the file `NAME.toml` in `folder`, or the one of
    /// this crate.
    ///
    /// # Errors
    ///
    /// Returns `invalid-configuration` if there is none or the file has an unknown entry.
    pub fn named(name: &str, folder: Option<&Path>) -> Result<Self, Error> {
        crate::check_profile(name).map_err(|_| unknown(name, folder))?;
        if let Some(folder) = folder {
            let path = folder.join(format!("{name}.toml"));
            match fs::read_to_string(&path) {
                Ok(text) => return Self::parse(name, &text, &path.display().to_string()),
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(faulty(&path.display().to_string(), &error.to_string())),
            }
        }
        let known = BUILT_IN.iter().find(|(known, _)| *known == name);
        let (_, text) = known.ok_or_else(|| unknown(name, folder))?;
        Self::read(name, text, &format!("the preset {name}"))
    }

    /// Parses a preset. `place` names it in errors.
    ///
    /// # Errors
    ///
    /// Returns `invalid-configuration` if the text is not a preset.
    pub fn parse(name: &str, text: &str, place: &str) -> Result<Self, Error> {
        let preset = Self::read(name, text, place)?;
        // Fill it with sample values to find misspelt placeholders now rather than during a
        // login.
        let sample = preset.about.settings.iter().map(|(name, setting)| {
            let value = setting.default.clone().or(setting.one_of.first().cloned());
            (name.clone(), value.unwrap_or_else(|| "http://127.0.0.1/sample".to_owned()))
        });
        preset.fill_with(&sample.collect()).map_err(|reason| faulty(place, &reason))?;
        Ok(preset)
    }

    /// Parses a preset without filling it: the presets of this crate are checked by its
    /// tests.
    fn read(name: &str, text: &str, place: &str) -> Result<Self, Error> {
        let trouble = |error: toml_edit::de::Error| faulty(place, error.message());
        let document: Value = toml_edit::de::from_str(text).map_err(trouble)?;
        let about = About::deserialize(&document).map_err(|e| faulty(place, &e.to_string()))?;
        Ok(Self { name: name.to_owned(), text: text.to_owned(), document, about })
    }

    /// Returns the preset's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns a line that says which provider it is for.
    pub fn about(&self) -> &str {
        &self.about.about
    }

    /// Returns notes for the user.
    pub fn notes(&self) -> &[String] {
        &self.about.notes
    }

    /// Whether the client gets tokens without a user.
    pub fn is_unattended(&self) -> bool {
        self.document.get("unattended").is_some()
    }

    /// Returns the settings that the preset has.
    pub fn settings(&self) -> &BTreeMap<String, Setting> {
        &self.about.settings
    }

    /// Returns the text of the file.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns the settings that environment variables give. `variable` returns a
    /// variable's value, or `None` if it is not set.
    ///
    /// # Errors
    ///
    /// Returns `invalid-configuration` if two variables for one setting disagree.
    pub fn from_environment(
        &self,
        variable: impl Fn(&str) -> Option<String>,
    ) -> Result<Settings, Error> {
        let mut found = Settings::new();
        for (name, setting) in &self.about.settings {
            let remedy = format!("unset one of them, or pass --set {name}=VALUE");
            let value = agreed(&setting.environment, &variable, &remedy)?;
            found.extend(value.map(|value| (name.clone(), value)));
        }
        Ok(found)
    }

    /// Returns all settings, checked and with defaults added.
    fn complete(&self, given: &Settings) -> Result<Settings, Error> {
        let known = &self.about.settings;
        if let Some(name) = given.keys().find(|name| !known.contains_key(*name)) {
            let names: Vec<&str> = known.keys().map(String::as_str).collect();
            return Err(Error::new(
                Code::InvalidConfiguration,
                format!("the provider {} has no setting {name}", self.name),
                match names.is_empty() {
                    true => "it has none".to_owned(),
                    false => format!("it has: {}", names.join(", ")),
                },
            ));
        }
        let mut complete = Settings::new();
        for (name, setting) in known {
            let value = given.get(name).or(setting.default.as_ref());
            let Some(value) = value.filter(|value| !value.is_empty()) else {
                if setting.optional {
                    continue;
                }
                return Err(self.missing(name, setting));
            };
            if !setting.one_of.is_empty() && !setting.one_of.contains(value) {
                return Err(Error::new(
                    Code::InvalidConfiguration,
                    format!("the setting {name} of the provider {} is {value:?}", self.name),
                    format!("it is one of: {}", setting.one_of.join(", ")),
                ));
            }
            // Final slashes are removed, because they would double inside another URL.
            let value = match value.contains("://") {
                true => value.trim_end_matches('/'),
                false => value,
            };
            complete.insert(name.clone(), value.to_owned());
        }
        Ok(complete)
    }

    fn missing(&self, name: &str, setting: &Setting) -> Error {
        let variables = setting.environment.first().map(|name| format!(", or set {name}"));
        Error::new(
            Code::InvalidConfiguration,
            format!("the provider {} needs the setting {name}: {}", self.name, setting.about),
            format!("pass --set {name}=VALUE{}", variables.unwrap_or_default()),
        )
    }
}

/// Returns the value of these environment variables, or `None` if none is set. Fails if two
/// of them disagree.
fn agreed(
    names: &[String],
    variable: impl Fn(&str) -> Option<String>,
    remedy: &str,
) -> Result<Option<String>, Error> {
    let mut values = names.iter().filter_map(|name| {
        let value = variable(name).filter(|value| !value.is_empty())?;
        Some((name, value))
    });
    let Some((first, value)) = values.next() else { return Ok(None) };
    match values.find(|(_, other)| *other != value) {
        Some((other, _)) => Err(Error::new(
            Code::InvalidConfiguration,
            format!("{first} and {other} are both set, but differ"),
            remedy,
        )),
        None => Ok(Some(value)),
    }
}

fn unknown(name: &str, folder: Option<&Path>) -> Error {
    Error::new(
        Code::InvalidConfiguration,
        format!("there is no preset {name:?}"),
        format!("use one of {}, or your own file", Preset::names(folder).join(", ")),
    )
}

fn faulty(place: &str, reason: &str) -> Error {
    Error::new(
        Code::InvalidConfiguration,
        format!("{place}: {}", reason.trim_end()),
        "correct the file; `latch provider show NAME` prints an example",
    )
}
