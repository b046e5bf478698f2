//! Redacts JSON, forms and addresses.

use std::collections::BTreeSet;

use serde_json::{Map, Value};
use url::{Url, form_urlencoded};

use super::keys::{Signed, key_type};
use super::names::{
    Treatment, error_code, is_number, is_path_word, is_registered, is_vocabulary, treatment,
};
use super::placeholders::Placeholders;

/// Who can read the place of a value.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Readers {
    /// A provider's metadata, or the caller's own settings of a provider.
    Public,
    #[default]
    Restricted,
}

#[derive(Default)]
pub(super) struct Redactor {
    pub(super) placeholders: Placeholders,
    pub(super) signed: Signed,
    /// The readers of the next body.
    pub(super) readers: Readers,
    pub(super) client_id: String,
    /// Scopes, permissions and similar names that the caller asked for.
    pub(super) words: BTreeSet<String>,
    /// Path segments of public addresses.
    segments: BTreeSet<String>,
    /// The last access token and the last code, each with its placeholder. An ID token
    /// contains their hashes.
    pub(super) access_token: Option<(String, String)>,
    pub(super) code: Option<(String, String)>,
}

impl Redactor {
    /// Redacts a JSON value with this name.
    pub(super) fn json(&mut self, name: &str, value: &Value, readers: Readers) -> Value {
        match value {
            Value::Object(_) if treatment(name) == Some(Treatment::Key) => self.key(value),
            Value::Object(members) => Value::Object(self.members(members, readers)),
            Value::Array(items) => {
                items.iter().map(|item| self.json(name, item, readers)).collect()
            }
            Value::String(text) => self.text(name, text, readers).into(),
            Value::Number(_) => match treatment(name) {
                Some(Treatment::Number) => value.clone(),
                _ => 0.into(),
            },
            Value::Bool(_) | Value::Null => value.clone(),
        }
    }

    pub(super) fn members(
        &mut self,
        members: &Map<String, Value>,
        readers: Readers,
    ) -> Map<String, Value> {
        // The hash of the access token may be in an ID token next to it.
        if let Some(Value::String(token)) = members.get("access_token") {
            let placeholder = self.text("access_token", token, readers);
            self.access_token = Some((token.clone(), placeholder));
        }
        let redacted = members.iter().map(|(name, value)| {
            let value = self.json(name, value, readers);
            (self.name(name), value)
        });
        redacted.collect()
    }

    /// Redacts the name of a member or parameter.
    fn name(&mut self, name: &str) -> String {
        match treatment(name) {
            Some(_) => name.to_owned(),
            None => self.placeholders.stand_in("member", name),
        }
    }

    /// Redacts a text with this name.
    pub(super) fn text(&mut self, name: &str, text: &str, readers: Readers) -> String {
        let kind = name.replace('_', "-");
        let stays = match treatment(name) {
            None => return self.placeholders.stand_in("value", text),
            Some(Treatment::Vocabulary) => is_vocabulary(text),
            Some(Treatment::Number) => is_number(text),
            Some(Treatment::ErrorCode) => {
                return error_code(text).unwrap_or_else(|| self.placeholders.stand_in(&kind, text));
            }
            Some(Treatment::Code) => {
                if text == text.to_uppercase()
                    && let Some(code) = error_code(text)
                {
                    return code;
                }
                let placeholder = self.placeholders.secret("code", text);
                self.code = Some((text.to_owned(), placeholder.clone()));
                return placeholder;
            }
            Some(Treatment::Words) => {
                // A login by URL asks for what a public document offers.
                if name == "scopes_supported" && readers == Readers::Public && is_registered(text) {
                    self.words.insert(text.to_owned());
                }
                return self.named(text);
            }
            Some(Treatment::Address) => return self.address(text, readers),
            Some(Treatment::Client) if text == self.client_id => true,
            Some(Treatment::Client) if self.segments.contains(text) => true,
            Some(Treatment::Algorithms) if key_type(text).is_some() => return "EdDSA".to_owned(),
            Some(Treatment::Supported | Treatment::Algorithms) => {
                readers == Readers::Public && is_registered(text)
            }
            Some(Treatment::Token) => return self.token(&kind, text),
            Some(Treatment::Secret) => return self.placeholders.secret(&kind, text),
            Some(Treatment::Client | Treatment::Key | Treatment::Removed) => false,
        };
        if stays { text.to_owned() } else { self.placeholders.stand_in(&kind, text) }
    }

    /// Redacts names separated by spaces. Those that the caller asked for are kept.
    pub(super) fn named(&mut self, text: &str) -> String {
        let words = text.split(' ').map(|word| match self.words.contains(word) {
            true => word.to_owned(),
            false => self.placeholders.stand_in("word", word),
        });
        words.collect::<Vec<_>>().join(" ")
    }

    /// Redacts an address. Its origin is kept, and those path segments that are common or
    /// public.
    pub(super) fn address(&mut self, text: &str, readers: Readers) -> String {
        if self.segments.contains(text) {
            return text.to_owned();
        }
        let url = Url::parse(text).ok();
        // Without a host, an address can be personal data, as mailto:ada@example.com is.
        let is_name = |url: &Url| readers == Readers::Public && url.scheme() == "urn";
        let url = url.filter(|url| url.has_host() || is_name(url));
        let Some(mut url) = url else { return self.placeholders.stand_in("address", text) };
        if readers == Readers::Public {
            self.segments.extend(url.path().split('/').map(str::to_owned));
        }
        let is_bare = url.query().is_none()
            && url.fragment().is_none()
            && url.username().is_empty()
            && url.password().is_none();
        if is_bare && (readers == Readers::Public || self.is_plain(url.path())) {
            if readers == Readers::Public {
                self.segments.insert(text.to_owned());
            }
            return text.to_owned();
        }
        if !url.username().is_empty() {
            let user = self.placeholders.secret("user", url.username());
            // Fails only for an address without a host, which has no user name.
            let _ = url.set_username(&user);
        }
        if let Some(password) = url.password().map(str::to_owned) {
            let password = self.placeholders.secret("password", &password);
            let _ = url.set_password(Some(&password));
        }
        let path = self.path(url.path());
        url.set_path(&path);
        let query = url.query().map(|query| self.form(query.as_bytes()));
        url.set_query(query.as_deref());
        if url.fragment().is_some() {
            url.set_fragment(Some("fragment"));
        }
        url.into()
    }

    fn is_plain(&self, path: &str) -> bool {
        path.split('/').all(|segment| is_path_word(segment) || self.segments.contains(segment))
    }

    fn path(&mut self, path: &str) -> String {
        let segments = path.split('/').map(|segment| {
            match is_path_word(segment) || self.segments.contains(segment) {
                true => segment.to_owned(),
                false => self.placeholders.stand_in("segment", segment),
            }
        });
        segments.collect::<Vec<_>>().join("/")
    }

    /// Redacts the path and query of a request.
    pub(super) fn target(&mut self, target: &str) -> String {
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let path = self.path(path);
        match query {
            Some(query) => format!("{path}?{}", self.form(query.as_bytes())),
            None => path,
        }
    }

    /// Redacts the parameters of a form or query.
    pub(super) fn form(&mut self, form: &[u8]) -> String {
        let mut written = form_urlencoded::Serializer::new(String::new());
        for (name, value) in form_urlencoded::parse(form) {
            let value = self.text(&name, &value, Readers::Restricted);
            written.append_pair(&self.name(&name), &value);
        }
        written.finish()
    }

    /// Allows the segments of this path in other addresses too.
    pub(super) fn publish(&mut self, path: &str) {
        self.segments.extend(path.split('/').map(str::to_owned));
    }
}
