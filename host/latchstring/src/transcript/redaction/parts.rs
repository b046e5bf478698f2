//! Redacts the parts of a session that come from outside: the parameters that opened it,
//! and the host's replies.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::names::{is_media_type, is_number, is_plain_word};
use super::redactor::{Readers, Redactor};
use crate::transcript::summary::case;

/// Replaces the random bytes. It is published, so it must not be used for anything else.
const ENTROPY: &str = "not random: everybody knows this";

/// Replaces signatures.
const SIGNATURE: &str = "a signature, left out";

/// Replaces the host's own messages.
const LEFT_OUT: &str = "the host's words, left out";

/// Most bytes of a body that the component reads. A longer body stays longer.
const LONGEST_BODY: usize = 200 << 10;

/// Reasons of this host why a connection failed, which are kept.
const TROUBLES: [&str; 9] = [
    "connection refused",
    "the connection was reset",
    "the connection was closed early",
    "the connection closed before the response was complete",
    "the connection timed out",
    "the host cannot be reached",
    "the network cannot be reached",
    "name not found",
    "its certificate is not trusted",
];

/// Parameters of an authorization request whose values are not secret.
const PUBLIC_PARAMETERS: [&str; 9] = [
    "access_type",
    "acr_values",
    "audience",
    "claims_locales",
    "display",
    "max_age",
    "prompt",
    "response_type",
    "ui_locales",
];

impl Redactor {
    /// Redacts the parameters of the function that opened the session.
    pub(super) fn opening(&mut self, parameters: &mut Value) {
        self.client(&mut parameters["client"]);
        let path = parameters["request"]["redirect-uri"].as_str().map(str::to_owned);
        if let Some(url) = path.and_then(|uri| url::Url::parse(&uri).ok()) {
            self.publish(url.path());
        }
        let (_, rules) = case(&parameters["demand"]["examination"]);
        for list in [&rules["scopes"], &rules["permissions"], &parameters["tokens"]["scopes"]] {
            self.words.extend(texts(list));
        }
        self.words.extend(rules["acr"].as_str().map(str::to_owned));
        if let Some(tokens) = parameters.get_mut("tokens") {
            replace(&mut tokens["access-token"], |text| self.token("access-token", text));
            replace(&mut tokens["refresh-token"], |text| {
                self.placeholders.secret("refresh-token", text)
            });
        }
        if let Some(request) = parameters.get_mut("request") {
            replace(&mut request["anonymous-refresh-token"], |text| {
                self.placeholders.secret("refresh-token", text)
            });
            replace(&mut request["initial-access-token"], |text| {
                self.placeholders.secret("initial-access-token", text)
            });
            replace(&mut request["challenge"], |text| self.challenge(text));
        }
        if let Some(demand) = parameters.get_mut("demand") {
            replace(&mut demand["challenge"], |text| self.challenge(text));
        }
        if let Some(stored) = parameters.get_mut("stored") {
            *stored = self.stored(stored);
        }
        parameters["context"]["entropy"] = json!({ "text": ENTROPY });
    }

    fn client(&mut self, client: &mut Value) {
        self.client_id = client["client-id"].as_str().unwrap_or_default().to_owned();
        self.words.extend(texts(&client["scopes"]));
        let address = |redactor: &mut Self, value: &mut Value| {
            replace(value, |text| redactor.address(text, Readers::Public));
        };
        for url in ["issuer", "resource-url", "client-metadata-url"] {
            address(self, &mut client[url]);
        }
        for endpoints in ["endpoints", "assumed-endpoints"] {
            for endpoint in
                client[endpoints].as_object_mut().into_iter().flat_map(|all| all.values_mut())
            {
                address(self, endpoint);
            }
        }
        for resource in client["resources"].as_array_mut().into_iter().flatten() {
            address(self, resource);
        }
        replace(&mut client["client-secret"], |text| {
            self.placeholders.secret("client-secret", text)
        });
        // Only what is there: an index would make it.
        if let Some(id) = client.pointer_mut("/key/id") {
            replace(id, |text| self.placeholders.stand_in("kid", text));
        }
        for named in ["/key/audience", "/audience/resource"] {
            if let Some(named) = client.pointer_mut(named) {
                address(self, named);
            }
        }
        if let Some(name) = client.pointer_mut("/audience/name") {
            replace(name, |text| self.text("audience", text, Readers::Public));
        }
        for parameter in client["parameters"].as_array_mut().into_iter().flatten() {
            let name = parameter["name"].as_str().unwrap_or_default().to_owned();
            if !PUBLIC_PARAMETERS.contains(&name.as_str()) {
                replace(&mut parameter["value"], |text| {
                    self.placeholders.stand_in("parameter", text)
                });
            }
            if !is_plain_word(&name) {
                replace(&mut parameter["name"], |text| self.placeholders.stand_in("member", text));
            }
        }
        if let ("hexclave", _) = case(&client["protocol"]) {
            let hexclave = &mut client["protocol"]["hexclave"];
            address(self, &mut hexclave["app-url"]);
            replace(&mut hexclave["publishable-client-key"], |text| {
                self.placeholders.secret("publishable-client-key", text)
            });
        }
    }

    /// Redacts an assertion. What the component looks at is kept: when it expires, and whom it
    /// is for.
    fn assertion(&mut self, text: &str) -> String {
        let claims = text.split('.').nth(1).and_then(|payload| {
            serde_json::from_slice::<Value>(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
        });
        let Some(claims) = claims else { return self.placeholders.secret("assertion", text) };
        let mut kept = json!({ "exp": claims["exp"] });
        let named = claims["aud"]
            .as_str()
            .map_or_else(|| texts(&claims["aud"]), |one| vec![one.to_owned()]);
        let named = named.iter().map(|name| self.address(name, Readers::Public));
        kept["aud"] = named.collect();
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.", part(&json!({ "alg": "none" })), part(&kept))
    }

    /// Redacts a reply of the host.
    pub(super) fn reply(&mut self, reply: &Value) -> Value {
        let (name, payload) = case(reply);
        let payload = match name {
            "locked" | "registration" => self.stored(payload),
            "answered" => match case(payload) {
                ("ok", response) => json!({ "ok": self.response(response) }),
                (_, reason) => json!({ "error": no_response(reason) }),
            },
            "assertion" => self.assertion(payload.as_str().unwrap_or_default()).into(),
            "signed" => json!({ "text": SIGNATURE }),
            "not-saved" => LEFT_OUT.into(),
            "redirected" => self.target(payload.as_str().unwrap_or_default()).into(),
            "pasted" => self.pasted(payload.as_str().unwrap_or_default()).into(),
            _ => return reply.clone(),
        };
        json!({ name: payload })
    }

    fn response(&mut self, response: &Value) -> Value {
        let headers: Vec<(String, &str)> = response["headers"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|header| {
                Some((header["name"].as_str()?.to_ascii_lowercase(), header["value"].as_str()?))
            })
            .collect();
        let media_type = headers.iter().find(|(name, _)| name == "content-type");
        let media_type = media_type.map(|(_, value)| *value).unwrap_or_default();
        let body = self.body(&bytes(&response["body"]), media_type);
        let mut challenges = Vec::new();
        let stays = headers.iter().filter_map(|(name, value)| {
            let value = match name.as_str() {
                "content-type" => {
                    let essence = value.split(';').next().unwrap_or_default().trim();
                    is_media_type(essence).then_some(essence)?
                }
                "retry-after" if is_number(value) => value,
                "date" if httpdate::parse_http_date(value).is_ok() => value,
                "www-authenticate" => {
                    challenges.push(json!({ "name": name, "value": self.challenge(value) }));
                    return None;
                }
                _ => return None,
            };
            Some(json!({ "name": name, "value": value }))
        });
        let mut stays: Vec<Value> = stays.collect();
        stays.extend(challenges);
        json!({
            "status": response["status"],
            "headers": stays,
            "body": body,
        })
    }

    /// Redacts the value of a `WWW-Authenticate` header: quoted addresses as addresses, other
    /// quoted texts as names, and of the rest only plain words stay.
    fn challenge(&mut self, text: &str) -> String {
        let parts = text.split('"').enumerate().map(|(position, part)| {
            if part.starts_with("http://") || part.starts_with("https://") {
                return self.address(part, Readers::Public);
            }
            if position % 2 == 1 {
                return self.named(part);
            }
            let is_plain = |word: &str| word.is_empty() || is_plain_word(word);
            match part.split([' ', ',', '=']).all(is_plain) {
                true => part.to_owned(),
                false => self.placeholders.stand_in("member", part),
            }
        });
        parts.collect::<Vec<_>>().join("\"")
    }

    fn body(&mut self, body: &[u8], media_type: &str) -> Value {
        let mut text = if let Ok(json) = serde_json::from_slice::<Value>(body) {
            self.json("", &json, self.readers).to_string()
        } else if media_type.starts_with("application/x-www-form-urlencoded") {
            self.form(body)
        } else {
            return left_out(body);
        };
        if body.len() > LONGEST_BODY {
            text.extend(std::iter::repeat_n(' ', body.len().saturating_sub(text.len())));
        }
        json!({ "text": text })
    }

    /// Redacts the bytes of a stored session; null stays null.
    fn stored(&mut self, stored: &Value) -> Value {
        if stored.is_null() {
            return Value::Null;
        }
        let bytes = bytes(stored);
        match serde_json::from_slice::<Value>(&bytes) {
            Ok(json) => json!({ "text": self.json("", &json, Readers::Public).to_string() }),
            Err(_) => left_out(&bytes),
        }
    }

    /// Redacts what the user pasted: an address, its query, or anything else from their
    /// clipboard.
    fn pasted(&mut self, text: &str) -> String {
        let text = text.trim();
        if text.starts_with("http://") || text.starts_with("https://") {
            self.address(text, Readers::Restricted)
        } else if text.contains('=') {
            self.form(text.trim_start_matches('?').as_bytes())
        } else {
            self.placeholders.secret("pasted", text)
        }
    }
}

/// Redacts the reason why there is no response.
fn no_response(none: &Value) -> Value {
    match case(none) {
        ("unreachable", payload) => {
            let reason = payload["reason"].as_str().unwrap_or_default();
            let known = TROUBLES.into_iter().find(|trouble| reason.contains(trouble));
            json!({ "unreachable": {
                "reason": format!("cannot reach the provider: {}", known.unwrap_or(LEFT_OUT)),
                "sent": payload["sent"],
            }})
        }
        ("too-large", limit) => json!({ "too-large": limit }),
        (name, _) => json!({ name: LEFT_OUT }),
    }
}

fn texts(list: &Value) -> Vec<String> {
    let items = list.as_array().into_iter().flatten();
    items.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// Replaces a text; other values stay.
fn replace(value: &mut Value, with: impl FnOnce(&str) -> String) {
    if let Value::String(text) = value {
        *text = with(text);
    }
}

fn bytes(value: &Value) -> Vec<u8> {
    match (value["text"].as_str(), value["base64"].as_str()) {
        (Some(text), _) => text.as_bytes().to_vec(),
        (None, Some(text)) => STANDARD.decode(text).unwrap_or_default(),
        (None, None) => Vec::new(),
    }
}

/// Returns a replacement for bytes, which says how many they were.
fn left_out(bytes: &[u8]) -> Value {
    if bytes.is_empty() {
        return json!({ "text": "" });
    }
    if is_left_out(bytes) {
        return in_json(bytes);
    }
    let mut text = format!("left out: {} bytes", bytes.len());
    if bytes.len() > LONGEST_BODY {
        text.extend(std::iter::repeat_n('.', bytes.len().saturating_sub(text.len())));
    }
    match std::str::from_utf8(bytes) {
        Ok(_) => in_json(text.as_bytes()),
        Err(_) => in_json(&[b"\xff", text.as_bytes()].concat()),
    }
}

/// Returns whether these bytes are such a replacement already.
fn is_left_out(bytes: &[u8]) -> bool {
    let text = std::str::from_utf8(bytes.strip_prefix(b"\xff").unwrap_or(bytes)).ok();
    let rest = text.and_then(|text| text.strip_prefix("left out: ")?.split_once(" bytes"));
    rest.is_some_and(|(count, padding)| {
        count.bytes().all(|b| b.is_ascii_digit()) && padding.bytes().all(|b| b == b'.')
    })
}

fn in_json(bytes: &[u8]) -> Value {
    match std::str::from_utf8(bytes) {
        Ok(text) => json!({ "text": text }),
        Err(_) => json!({ "base64": STANDARD.encode(bytes) }),
    }
}
