//! The user, derived from a name.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

/// The subject of a user. The same name has the same subject at every start of the
/// provider (OpenID Connect Core §2: locally unique and never reassigned).
pub fn subject(name: &str) -> String {
    URL_SAFE_NO_PAD.encode(&Sha256::digest(name)[..16])
}

/// The claims that `scopes` request (OpenID Connect Core §5.4), and `sub`.
pub(crate) fn claims(name: &str, scopes: &[String]) -> Map<String, Value> {
    let user_name = user_name(name);
    let mut claims = Map::new();
    claims.insert("sub".into(), json!(subject(name)));
    if scopes.iter().any(|scope| scope == "profile") {
        claims.insert("name".into(), json!(name));
        claims.insert("preferred_username".into(), json!(user_name));
    }
    if scopes.iter().any(|scope| scope == "email") {
        let email = format!("{user_name}@example.com");
        claims.insert("email".into(), json!(email));
        claims.insert("email_verified".into(), json!(false));
    }
    claims
}

/// The user name: `ada.lovelace` for `Ada Lovelace`. For a name without Latin letters or
/// digits, the subject.
pub fn user_name(name: &str) -> String {
    let words =
        name.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let joined = words.collect::<Vec<_>>().join(".").to_ascii_lowercase();
    if joined.is_empty() { subject(name) } else { joined }
}
