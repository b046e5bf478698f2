//! Takes over the session that another program keeps.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::Value;
use zeroize::Zeroizing;

use crate::capability::store::ForeignEntry;
use crate::error::{Code, Error};
use crate::files;
use crate::preset::{ImportPlan, KeyringPlan, Preset, Settings};
use latchstring_core::contract::Tokens;

/// Largest file that is read, in bytes. Session files are far smaller.
const LONGEST: u64 = 1 << 20;

/// Tokens of another program, and where they were found.
pub struct Found {
    tokens: Tokens,
    origins: Vec<Origin>,
}

enum Origin {
    File(PathBuf, Part),
    Keyring(ForeignEntry),
}

/// The part of a file that is the session.
enum Part {
    Whole,
    /// These members of the object at this path.
    Members {
        path: Vec<String>,
        names: Vec<String>,
    },
}

impl Preset {
    /// Finds the session that the provider's own program keeps: in `file` if it is given,
    /// otherwise where that program stores it, keyring entries first.
    ///
    /// A file in the current folder is read only if it is given as `file`: a checked-out
    /// repository could contain the session of its author.
    ///
    /// # Errors
    ///
    /// Returns `login-required` if there is no session, `stored-damaged` if it cannot be
    /// parsed, and `store-unusable` if a file or the keyring cannot be read.
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
        let named = plan.file_variables.iter().filter_map(std::env::var_os);
        let named = named.filter(|path| !path.is_empty()).map(PathBuf::from);
        for path in named.chain(plan.files.iter().filter_map(|path| at_home(path))) {
            if let Some(found) = read_file(&plan, &path)? {
                return Ok(found);
            }
            looked.push(path.display().to_string());
        }
        match plan.files.iter().map(Path::new).find(|path| is_of_this_folder(path)) {
            Some(path) => Err(not_taken_unasked(path, &looked)),
            None => Err(nothing(&looked)),
        }
    }
}

impl Found {
    /// Returns the tokens for [`Latch::import`](crate::Latch::import). Their `Debug` prints
    /// them.
    pub fn tokens(&self) -> &Tokens {
        &self.tokens
    }

    /// Returns descriptions, for the user, of where the tokens are.
    pub fn places(&self) -> Vec<String> {
        let place = |origin: &Origin| match origin {
            Origin::File(path, _) => path.display().to_string(),
            Origin::Keyring(entry) => entry.place(),
        };
        self.origins.iter().map(place).collect()
    }

    /// Deletes the tokens where they were found. The rest of a file stays.
    ///
    /// # Errors
    ///
    /// Returns `store-unusable` if they cannot be deleted.
    pub async fn remove(self) -> Result<(), Error> {
        for origin in self.origins {
            match origin {
                Origin::File(path, part) => remove_from(&path, &part).map_err(|error| {
                    Error::new(
                        Code::StoreUnusable,
                        format!("{} cannot be removed: {error}", path.display()),
                        "remove it by hand; its session was imported",
                    )
                })?,
                Origin::Keyring(entry) => drop(entry.delete().await?),
            }
        }
        Ok(())
    }
}

/// Reads the keyring entries, each of which is a document or one token. Returns `None` if
/// there are none.
async fn read_keyring(plan: &ImportPlan, looked: &mut Vec<String>) -> Result<Option<Found>, Error> {
    let mut tokens = none();
    let mut origins = Vec::new();
    for KeyringPlan { service, account, holds } in &plan.keyring {
        let entry = ForeignEntry { service: service.clone(), account: account.clone() };
        looked.push(entry.place());
        let value = match entry.read().await {
            Ok(value) => value,
            // Without a keyring, read the files.
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
    let file = |part| vec![Origin::File(path.to_owned(), part)];
    let Ok(document) = serde_json::from_str::<Value>(&text) else {
        let token = text.trim();
        let is_token =
            plan.plain_refresh_token && token.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_token || token.is_empty() || token.starts_with('{') {
            return Err(damaged(&place));
        }
        let tokens = Tokens { refresh_token: Some(token.to_owned()), ..none() };
        return Ok(Some(Found { tokens, origins: file(Part::Whole) }));
    };
    let mut entry = &document;
    for name in &plan.entry {
        match entry.get(name) {
            Some(next) => entry = next,
            None => return Ok(None),
        }
    }
    let tokens = match entry {
        // A JSON document in a string of the document.
        Value::String(text) => serde_json::from_str(text).ok().and_then(|d| read_tokens(plan, &d)),
        entry => read_tokens(plan, entry),
    };
    let tokens = tokens.ok_or_else(|| damaged(&place))?;
    Ok(Some(Found { tokens, origins: file(part_of(plan)) }))
}

/// Returns the tokens in the document, or `None` if it has none.
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

/// Parses seconds since 1970, as a number or a string, or an RFC 3339 date. Returns
/// milliseconds since the epoch, or `None` for anything else.
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

/// Returns the path of a preset's file if it begins with `~/` or is absolute, or `None` if
/// it is in the current folder.
fn at_home(path: &str) -> Option<PathBuf> {
    match path.strip_prefix("~/") {
        Some(rest) => Some(std::env::home_dir()?.join(rest)),
        None => Some(PathBuf::from(path)).filter(|path| path.is_absolute()),
    }
}

fn is_of_this_folder(path: &Path) -> bool {
    path.is_relative() && !path.starts_with("~") && path.exists()
}

fn not_taken_unasked(path: &Path, looked: &[String]) -> Error {
    let error = nothing(looked);
    Error::new(
        error.code(),
        format!(
            "{}; {} in this folder was not read, because anyone could have put it there",
            error.message(),
            path.display()
        ),
        format!("if it is yours: latch import {}", path.display()),
    )
}

fn part_of(plan: &ImportPlan) -> Part {
    match plan.entry.split_last() {
        Some((last, path)) => {
            let names = [last].into_iter().chain(&plan.beside).cloned().collect();
            Part::Members { path: path.to_vec(), names }
        }
        None => {
            let names = [
                &plan.access_token,
                &plan.refresh_token,
                &plan.expires_at,
                &plan.scope,
                &plan.beside,
            ];
            Part::Members {
                path: Vec::new(),
                names: names.into_iter().flatten().cloned().collect(),
            }
        }
    }
}

/// Removes the session from a file, and the file if nothing else is left in it.
fn remove_from(file: &Path, part: &Part) -> std::io::Result<()> {
    let Part::Members { path, names } = part else { return fs::remove_file(file) };
    let mut document: Value = serde_json::from_str(&fs::read_to_string(file)?)?;
    remove_members(&mut document, path, names);
    if is_empty(&document) {
        return fs::remove_file(file);
    }
    let text = serde_json::to_vec_pretty(&document)?;
    files::replace(file, |replacement| replacement.write_all(&text))
}

/// Removes the members, and the objects on the path that become empty.
fn remove_members(value: &mut Value, path: &[String], names: &[String]) {
    let Some(members) = value.as_object_mut() else { return };
    let Some((first, rest)) = path.split_first() else {
        return members.retain(|name, _| !names.contains(name));
    };
    if let Some(inner) = members.get_mut(first) {
        remove_members(inner, rest, names);
        if is_empty(inner) {
            members.remove(first);
        }
    }
}

fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(serde_json::Map::is_empty)
}

fn none() -> Tokens {
    Tokens { access_token: None, refresh_token: None, expires_at_ms: None, scopes: None }
}

fn damaged(place: &str) -> Error {
    Error::new(
        Code::StoredDamaged,
        format!("{place} contains no session that can be read"),
        "log in instead; nothing was changed",
    )
}

fn nothing(looked: &[String]) -> Error {
    let places = match looked {
        [] => "this provider's own program keeps none that can be imported".to_owned(),
        places => format!("none in {}", places.join(", ")),
    };
    Error::new(
        Code::LoginRequired,
        format!("there is no session to import: {places}"),
        "pass the file, or log in with: latch login",
    )
}
