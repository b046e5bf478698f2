//! The URI that names a key in a token
//! ([RFC 7512](https://www.rfc-editor.org/rfc/rfc7512)). Own code: the crate pk11-uri-parser
//! brings regular expressions along, and does not decode.

use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;

use super::unusable;
use crate::error::{Error, printable};

const SCHEME: &str = "pkcs11:";

/// Which key is meant, and how to get at it.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Uri {
    /// Label of the token.
    pub(super) token: Option<String>,
    pub(super) manufacturer: Option<String>,
    pub(super) serial: Option<String>,
    pub(super) model: Option<String>,
    pub(super) slot_id: Option<u64>,
    /// Label of the key (`CKA_LABEL`).
    pub(super) object: Option<String>,
    /// Identifier of the key (`CKA_ID`).
    pub(super) id: Option<Vec<u8>>,
    /// The module; `None` for that of p11-kit.
    pub(super) module_path: Option<PathBuf>,
    /// File with the PIN.
    pub(super) pin_source: Option<PathBuf>,
}

impl Uri {
    /// Parses a URI. An error does not quote values: one of them could be a PIN.
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let rest = text.strip_prefix(SCHEME).ok_or_else(|| {
            wrong("does not begin with pkcs11:", "write pkcs11:token=NAME;object=NAME")
        })?;
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));
        let mut uri = Self::default();
        let mut seen = Vec::new();
        let parts = path.split(';').map(|part| (part, true));
        for (part, is_path) in parts.chain(query.split('&').map(|part| (part, false))) {
            if part.is_empty() {
                continue;
            }
            let (name, value) = part.split_once('=').ok_or_else(|| {
                wrong("has a part without a value", "write each part as name=value")
            })?;
            if seen.contains(&name) {
                return Err(wrong(&format!("says {} twice", printable(name)), "say it once"));
            }
            seen.push(name);
            match is_path {
                true => uri.set_attribute(name, value)?,
                false => uri.set_query(name, value)?,
            }
        }
        Ok(uri)
    }

    fn set_attribute(&mut self, name: &str, value: &str) -> Result<(), Error> {
        match name {
            "token" => self.token = Some(text(name, value)?),
            "manufacturer" => self.manufacturer = Some(text(name, value)?),
            "serial" => self.serial = Some(text(name, value)?),
            "model" => self.model = Some(text(name, value)?),
            "object" => self.object = Some(text(name, value)?),
            "id" => self.id = Some(bytes(name, value)?),
            "slot-id" => {
                let number = value.parse().map_err(|_| {
                    wrong("has a slot-id that is no number", "write it in decimal digits")
                })?;
                self.slot_id = Some(number);
            }
            // Programs list a key pair under both.
            "type" if ["private", "public"].contains(&value) => {}
            "type" => return Err(wrong("is not for a key pair", "write type=private")),
            _ => {
                return Err(wrong(
                    &format!("has {}, which is not known", printable(name)),
                    "before the ?, it may have token, manufacturer, serial, model, slot-id, \
                     object, id and type",
                ));
            }
        }
        Ok(())
    }

    fn set_query(&mut self, name: &str, value: &str) -> Result<(), Error> {
        match name {
            "module-path" => self.module_path = Some(absolute(name, &text(name, value)?)?),
            "pin-source" => {
                let place = text(name, value)?;
                // On Windows, three slashes stand before a drive.
                let on_drive = place.strip_prefix("file:///").filter(|_| cfg!(windows));
                let path = on_drive.or(place.strip_prefix("file:")).unwrap_or(&place);
                let path = path.strip_prefix("//").unwrap_or(path);
                self.pin_source = Some(absolute(name, path)?);
            }
            "pin-value" => {
                return Err(wrong(
                    "has the PIN in it, where other programs and backups see it",
                    "leave out pin-value; name a file with pin-source=file:/PATH, or set \
                     LATCH_PKCS11_PIN; and change the PIN if others may have seen it",
                ));
            }
            _ => {
                return Err(wrong(
                    &format!("has {}, which is not known", printable(name)),
                    "after the ?, it may have module-path and pin-source",
                ));
            }
        }
        Ok(())
    }
}

fn absolute(name: &str, path: &str) -> Result<PathBuf, Error> {
    let path = Path::new(path);
    match path.is_absolute() {
        true => Ok(path.to_owned()),
        false => Err(wrong(
            &format!("has a {name} that is no absolute path"),
            "write the whole path, as in module-path=/usr/lib/module.so or \
             pin-source=file:/run/secrets/pin",
        )),
    }
}

fn text(name: &str, value: &str) -> Result<String, Error> {
    String::from_utf8(bytes(name, value)?)
        .map_err(|_| wrong(&format!("has a {name} that is not UTF-8"), "correct it"))
}

fn bytes(name: &str, value: &str) -> Result<Vec<u8>, Error> {
    let decoded: Vec<u8> = percent_decode_str(value).collect();
    let is_plain = value.bytes().all(|byte| byte.is_ascii_graphic());
    let escapes = value.split('%').skip(1);
    let is_escaped = |part: &str| {
        part.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if value.is_empty() || !is_plain || !escapes.into_iter().all(is_escaped) {
        return Err(wrong(
            &format!("has a {name} that is empty or not percent-encoded"),
            "write a space as %20, a semicolon as %3B, a percent sign as %25",
        ));
    }
    Ok(decoded)
}

fn wrong(what: &str, remedy: &str) -> Error {
    unusable(format!("the PKCS#11 URI of the key {what}"), remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Code;

    #[test]
    fn every_part_is_read_and_decoded() {
        let root = if cfg!(windows) { "C:" } else { "" };
        let text = format!(
            "pkcs11:token=My%20card;manufacturer=piv_II;serial=12ab;model=v%3B2;slot-id=7;\
             object=PIV%20AUTH%20key;id=%01%ff;type=private\
             ?module-path={root}/usr/lib/a%20b.so&pin-source=file:{root}/run/pin"
        );
        assert_eq!(
            Uri::parse(&text).expect("a URI"),
            Uri {
                token: Some("My card".to_owned()),
                manufacturer: Some("piv_II".to_owned()),
                serial: Some("12ab".to_owned()),
                model: Some("v;2".to_owned()),
                slot_id: Some(7),
                object: Some("PIV AUTH key".to_owned()),
                id: Some(vec![1, 255]),
                module_path: Some(format!("{root}/usr/lib/a b.so").into()),
                pin_source: Some(format!("{root}/run/pin").into()),
            }
        );
        let file = format!("{root}/run/pin");
        for source in [format!("file:///{}", file.trim_start_matches('/')), file.clone()] {
            let uri = Uri::parse(&format!("pkcs11:?pin-source={source}")).expect("a URI");
            assert_eq!(uri.pin_source, Some(file.as_str().into()), "{source}");
        }
        assert_eq!(Uri::parse("pkcs11:").expect("a URI"), Uri::default());
    }

    #[test]
    fn a_uri_that_is_not_understood_is_refused_without_its_values() {
        for (text, words) in [
            ("file:/hunter2", "does not begin with pkcs11:"),
            ("pkcs11:token=a;token=hunter2", "says token twice"),
            ("pkcs11:hunter2", "without a value"),
            ("pkcs11:tokn=hunter2", "has tokn"),
            ("pkcs11:token=hunter2;id=%0", "percent-encoded"),
            ("pkcs11:token=hunter 2", "percent-encoded"),
            ("pkcs11:token=%ffhunter2", "not UTF-8"),
            ("pkcs11:slot-id=hunter2", "no number"),
            ("pkcs11:type=cert", "key pair"),
            ("pkcs11:object=a?module-path=hunter2.so", "no absolute path"),
            ("pkcs11:object=a?pin-source=file:hunter2", "no absolute path"),
            ("pkcs11:object=a?pin-source=|/bin/hunter2", "no absolute path"),
            ("pkcs11:object=a?module-name=hunter2", "has module-name"),
            ("pkcs11:object=a?pin-value=hunter2", "has the PIN in it"),
            ("pkcs11:pin-value=hunter2", "has pin-value"),
        ] {
            let error = Uri::parse(text).expect_err(text);
            assert_eq!(error.code(), Code::InvalidConfiguration);
            assert!(error.message().contains(words), "{error}");
            assert!(!error.to_string().contains("hunter2"), "{error}");
        }
    }
}
