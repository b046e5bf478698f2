//! Decryption of tokens that the npm package jose has made: `tokens.json`.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{Decrypter as _, DecryptionKeyFile};
use crate::error::{Code, Error};

const PLAIN: &str = r#"{"sub":"ada"}"#;

#[derive(Deserialize)]
struct Made {
    key: Value,
    pem: String,
    /// By algorithm and encryption.
    tokens: BTreeMap<String, String>,
}

fn made() -> Made {
    serde_json::from_str(include_str!("tokens.json")).expect("tokens")
}

/// A file with this text that only its owner can read.
fn file(folder: &TempDir, text: &str) -> PathBuf {
    let path = folder.path().join("key");
    fs::write(&path, text).expect("a file");
    #[cfg(unix)]
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("mine");
    path
}

fn read(text: &str) -> Result<DecryptionKeyFile, Error> {
    DecryptionKeyFile::read(file(&TempDir::new().expect("a folder"), text))
}

fn decrypted(key: &DecryptionKeyFile, token: &str) -> Result<String, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(key.decrypt(token)).map(|text| text.to_string())
}

/// The token with another header member.
fn with(token: &str, name: &str, value: Value) -> String {
    let (header, rest) = token.split_once('.').expect("a token");
    let mut header: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).expect("base64url")).expect("JSON");
    header[name] = value;
    format!("{}.{rest}", URL_SAFE_NO_PAD.encode(header.to_string()))
}

#[test]
fn every_supported_algorithm_and_encryption_is_decrypted() {
    let made = made();
    for text in [made.key.to_string(), made.pem.clone()] {
        let key = read(&text).expect("a key");
        for (name, token) in &made.tokens {
            assert_eq!(decrypted(&key, token).ok().as_deref(), Some(PLAIN), "{name}");
        }
    }
    assert_eq!(made.tokens.len(), 13);
}

#[test]
fn a_token_that_was_changed_anywhere_is_refused() {
    let made = made();
    let key = read(&made.pem).expect("a key");
    for (name, token) in &made.tokens {
        let parts: Vec<&str> = token.split('.').collect();
        for part in 0..parts.len() {
            let mut parts: Vec<String> = parts.iter().map(|part| (*part).to_owned()).collect();
            let Some(bytes) =
                URL_SAFE_NO_PAD.decode(&parts[part]).ok().filter(|all| !all.is_empty())
            else {
                continue;
            };
            for position in [0, bytes.len() / 2, bytes.len() - 1] {
                let mut changed = bytes.clone();
                changed[position] ^= 1;
                parts[part] = URL_SAFE_NO_PAD.encode(changed);
                assert!(decrypted(&key, &parts.join(".")).is_err(), "{name}: part {part}");
            }
            parts[part].clear();
            assert!(decrypted(&key, &parts.join(".")).is_err(), "{name}: without part {part}");
        }
    }
}

#[test]
fn what_is_not_supported_is_named() {
    let made = made();
    let key = read(&made.pem).expect("a key");
    let token = &made.tokens["ECDH-ES A128GCM"];
    for (token, said) in [
        (with(token, "alg", json!("RSA1_5")), "encrypted with RSA1_5"),
        (with(token, "alg", json!("PBES2-HS256+A128KW\u{1b}[2J")), "encrypted with PBES2"),
        (with(token, "enc", json!("A192GCM")), "encrypted with A192GCM"),
        (with(token, "zip", json!("DEF")), "not supported"),
        (with(token, "crit", json!(["b64"])), "not supported"),
        (with(token, "epk", json!({ "crv": "P-384", "x": "AA", "y": "AA" })), "with this key"),
        // Not on the curve: it would give the key away (RFC 8725 §2.5).
        (
            with(token, "epk", json!({ "crv": "P-256", "x": "A".repeat(43), "y": "A".repeat(43) })),
            "with this key",
        ),
        ("a.b.c".to_owned(), "is no encrypted token"),
        ("a.b.c.d.e".to_owned(), "header that cannot be read"),
    ] {
        let error = decrypted(&key, &token).expect_err("an error");
        assert_eq!(error.code(), Code::InvalidIdToken);
        assert!(error.message().contains(said), "{}", error.message());
        assert!(!error.message().contains('\u{1b}'));
    }
}

#[test]
fn a_file_without_a_usable_key_is_refused_and_named() {
    let made = made();
    let mut rsa = made.key.clone();
    rsa["kty"] = json!("RSA");
    let mut other_curve = made.key.clone();
    other_curve["crv"] = json!("P-384");
    let mut public = made.key.clone();
    public.as_object_mut().expect("an object").remove("d");
    for text in ["", "{}", &rsa.to_string(), &other_curve.to_string(), &public.to_string()] {
        let error = read(text).err().expect("an error");
        assert_eq!(error.code(), Code::InvalidConfiguration);
        assert!(error.message().contains("key has no key"), "{}", error.message());
    }
    #[cfg(unix)]
    {
        let folder = TempDir::new().expect("a folder");
        let path = file(&folder, &made.pem);
        fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644))
            .expect("mine");
        let error = DecryptionKeyFile::read(path).err().expect("an error");
        assert!(error.message().contains("other users can read"), "{}", error.message());
    }
}
