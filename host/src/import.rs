//! Taking over the session that another program keeps.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use directories::BaseDirs;
use jiff::Timestamp;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::capability::store::ForeignEntry;
use crate::contract::Tokens;
use crate::error::{Code, Error};
use crate::preset::{ImportPlan, KeyringPlan, Preset, Settings};

/// Far more than any such file.
const LONGEST: u64 = 1 << 20;

/// Tokens of another program, and where they were.
pub struct Found {
    tokens: Tokens,
    origins: Vec<Origin>,
}

enum Origin {
    /// The entry of a document, or the whole file.
    File(PathBuf, Vec<String>),
    Keyring(ForeignEntry),
}

impl Preset {
    /// What the provider's own program keeps of a session: in `file`, or else
    /// where that program does, its keyring entries first.
    ///
    /// Fails with `login-required` where there is nothing, and with
    /// `stored-damaged` where it cannot be read.
    pub async fn find_session(
        &self,
        settings: &Settings,
        file: Option<&Path>,
    ) -> Result<Found, Error> {
        let plan = self.import_plan(settings)?;
        let mut looked = Vec::new();
        if let Some(file) = file {
            return match read_file(&plan, file)? {
                Some(found) => Ok(found),
                None => Err(nothing(&[file.display().to_string()])),
            };
        }
        if let Some(found) = read_keyring(&plan, &mut looked).await? {
            return Ok(found);
        }
        let named = plan.file_variables.iter().filter_map(std::env::var_os).map(PathBuf::from);
        for path in named.chain(plan.files.iter().map(|path| at_home(path))) {
            if let Some(found) = read_file(&plan, &path)? {
                return Ok(found);
            }
            looked.push(path.display().to_string());
        }
        Err(nothing(&looked))
    }
}

impl Found {
    /// What [`Latch::adopt`](crate::Latch::adopt) takes. Its `Debug` prints them.
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// Where they are, for people.
    pub fn places(&self) -> Vec<String> {
        let place = |origin: &Origin| match origin {
            Origin::File(path, _) => path.display().to_string(),
            Origin::Keyring(entry) => entry.place(),
        };
        self.origins.iter().map(place).collect()
    }

    /// Deletes them there. Sessions of others in the same file stay.
    pub async fn remove(self) -> Result<(), Error> {
        for origin in self.origins {
            match origin {
                Origin::File(path, entry) => remove_from(&path, &entry).map_err(|error| {
                    Error::new(
                        Code::StoreUnusable,
                        format!("{} cannot be removed: {error}", path.display()),
                        "remove it by hand; its session was taken over",
                    )
                })?,
                Origin::Keyring(entry) => drop(entry.delete().await?),
            }
        }
        Ok(())
    }
}

/// An entry holds a document, or one token.
async fn read_keyring(plan: &ImportPlan, looked: &mut Vec<String>) -> Result<Option<Found>, Error> {
    let mut tokens = none();
    let mut origins = Vec::new();
    for KeyringPlan { service, account, holds } in &plan.keyring {
        let entry = ForeignEntry { service: service.clone(), account: account.clone() };
        looked.push(entry.place());
        let value = match entry.read().await {
            Ok(value) => value,
            // A machine without a keyring has files.
            Err(error) if !plan.files.is_empty() && error.code() == Code::StoreUnusable => continue,
            Err(error) => return Err(error),
        };
        let Some(value) = value else { continue };
        match holds.as_deref() {
            Some("access-token") => tokens.access_token = Some(value.to_string()),
            Some("refresh-token") => tokens.refresh_token = Some(value.to_string()),
            _ => {
                let document: Value =
                    serde_json::from_str(&value).map_err(|_| damaged(&entry.place()))?;
                tokens = read_tokens(plan, &document).ok_or_else(|| damaged(&entry.place()))?;
            }
        }
        origins.push(Origin::Keyring(entry));
    }
    Ok((!origins.is_empty()).then_some(Found { tokens, origins }))
}

fn read_file(plan: &ImportPlan, path: &Path) -> Result<Option<Found>, Error> {
    let place = path.display().to_string();
    let text = match fs::metadata(path).map(|metadata| metadata.len()) {
        Ok(length) if length > LONGEST => return Err(damaged(&place)),
        Ok(_) => fs::read_to_string(path),
        Err(error) => Err(error),
    };
    let text = match text {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(Error::new(
                Code::StoreUnusable,
                format!("{place} cannot be read: {error}"),
                "check the file's permissions",
            ));
        }
    };
    let file = |entry: &[String]| Origin::File(path.to_owned(), entry.to_vec());
    let Ok(document) = serde_json::from_str::<Value>(&text) else {
        let token = text.trim();
        let is_token =
            plan.plain_refresh_token && token.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_token || token.is_empty() || token.starts_with('{') {
            return Err(damaged(&place));
        }
        let tokens = Tokens { refresh_token: Some(token.to_owned()), ..none() };
        return Ok(Some(Found { tokens, origins: vec![file(&[])] }));
    };
    let mut entry = &document;
    for name in &plan.entry {
        match entry.get(name) {
            Some(next) => entry = next,
            None => return Ok(None),
        }
    }
    let tokens = match entry {
        // A document within the document.
        Value::String(text) => serde_json::from_str(text).ok().and_then(|d| read_tokens(plan, &d)),
        entry => read_tokens(plan, entry),
    };
    let tokens = tokens.ok_or_else(|| damaged(&place))?;
    Ok(Some(Found { tokens, origins: vec![file(&plan.entry)] }))
}

/// None where the document holds no token.
fn read_tokens(plan: &ImportPlan, document: &Value) -> Option<Tokens> {
    let text = |names: &[String]| {
        let values = names.iter().filter_map(|name| document.get(name)?.as_str());
        values.map(str::to_owned).find(|text| !text.is_empty())
    };
    let tokens = Tokens {
        access_token: text(&plan.access_token),
        refresh_token: text(&plan.refresh_token),
        expires_at_ms: plan.expires_at.iter().find_map(|name| epoch_ms(document.get(name)?)),
        scopes: text(&plan.scope)
            .map(|scope| scope.split_ascii_whitespace().map(str::to_owned).collect()),
    };
    (tokens.access_token.is_some() || tokens.refresh_token.is_some()).then_some(tokens)
}

/// Seconds since 1970 as a number or as text, or a date of RFC 3339.
fn epoch_ms(value: &Value) -> Option<u64> {
    let in_ms = |seconds: f64| (seconds > 0.0).then_some((seconds * 1000.0) as u64);
    match value {
        Value::Number(number) => in_ms(number.as_f64()?),
        Value::String(text) => match text.trim().parse::<f64>() {
            Ok(seconds) => in_ms(seconds),
            Err(_) => u64::try_from(text.trim().parse::<Timestamp>().ok()?.as_millisecond()).ok(),
        },
        _ => None,
    }
}

/// A path that begins with `~` is in the person's home folder.
fn at_home(path: &str) -> PathBuf {
    match (path.strip_prefix("~/"), BaseDirs::new()) {
        (Some(rest), Some(folders)) => folders.home_dir().join(rest),
        _ => PathBuf::from(path),
    }
}

fn remove_from(path: &Path, entry: &[String]) -> std::io::Result<()> {
    let Some((last, outer)) = entry.split_last() else { return fs::remove_file(path) };
    let mut document: Value = serde_json::from_str(&fs::read_to_string(path)?)?;
    let mut container = &mut document;
    for name in outer {
        container = &mut container[name.as_str()];
    }
    let others = container.as_object_mut().map_or(0, |entries| {
        entries.remove(last);
        entries.len()
    });
    if others == 0 {
        return fs::remove_file(path);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut file = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
    file.write_all(&serde_json::to_vec_pretty(&document)?)?;
    file.persist(path)?;
    Ok(())
}

fn none() -> Tokens {
    Tokens { access_token: None, refresh_token: None, expires_at_ms: None, scopes: None }
}

fn damaged(place: &str) -> Error {
    Error::new(
        Code::StoredDamaged,
        format!("{place} holds no session that can be read"),
        "log in instead; nothing was changed",
    )
}

fn nothing(looked: &[String]) -> Error {
    let places = match looked {
        [] => "this provider's own program keeps none that could be taken over".to_owned(),
        places => format!("none in {}", places.join(", ")),
    };
    Error::new(
        Code::LoginRequired,
        format!("there is no session to import: {places}"),
        "name the file, or log in with: latch login",
    )
}
