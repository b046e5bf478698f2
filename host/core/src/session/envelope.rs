//! The stored form of a session: one header line of the host, then the component's bytes
//! unchanged.
//!
//! ```text
//! {"latchstring":1,"origins":["https://id.example"],"bytes":812}
//! ...812 bytes...
//! ```
//!
//! The origins are those that the host pinned when it saw the provider's metadata. A later
//! run restricts the component to them without asking it.

use serde::Serialize;
use serde_json::Value;
use url::Url;
use zeroize::Zeroizing;

use crate::egress::origin;
use crate::error::{Code, Error};

/// Version of the header. Incremented when an older reader would misunderstand a newer
/// envelope.
const FORMAT: u64 = 1;

/// The content of a store's entry for one session.
pub struct Envelope {
    /// Pinned origins such as `https://id.example`, without default ports.
    pub origins: Vec<String>,
    /// The component's bytes, opaque to the host.
    pub session: Zeroizing<Vec<u8>>,
}

#[derive(Serialize)]
struct Header {
    latchstring: u64,
    origins: Vec<String>,
    bytes: u64,
}

/// First bytes of every file in age's format, in any version.
pub const AGE: &[u8] = b"age-encryption.org/";

/// Returns whether stored bytes are an encrypted session.
pub fn is_encrypted(stored: &[u8]) -> bool {
    stored.starts_with(AGE)
}

impl Envelope {
    /// Parses stored bytes. `place` is where they came from, for the error.
    ///
    /// # Errors
    ///
    /// Returns `store-unusable` if the bytes are encrypted, `stored-newer` if a newer
    /// version wrote them, and `stored-damaged` if they are anything else.
    pub fn open(bytes: &[u8], place: &str) -> Result<Self, Error> {
        let end = bytes.iter().position(|byte| *byte == b'\n');
        let (line, session) = match end {
            Some(end) => (&bytes[..end], Some(&bytes[end + 1..])),
            None => (bytes, None),
        };
        let origins = parse_header(line, session.map(|session| session.len() as u64), place)?;
        let session = session.unwrap_or_default();
        Ok(Self { origins, session: Zeroizing::new(session.to_vec()) })
    }

    /// Returns the bytes to store.
    pub fn seal(&self) -> Zeroizing<Vec<u8>> {
        let line = header_line(&self.origins, self.session.len() as u64);
        let mut sealed = Zeroizing::new(Vec::with_capacity(line.len() + self.session.len()));
        sealed.extend_from_slice(line.as_bytes());
        sealed.extend_from_slice(&self.session);
        sealed
    }
}

/// Parses the first line of stored bytes, without its line end, and returns the origins.
/// `rest` is the number of bytes after that; `None` if there is no line end. `place` is
/// where they came from, for the error.
///
/// # Errors
///
/// See [`Envelope::open`].
pub fn parse_header(line: &[u8], rest: Option<u64>, place: &str) -> Result<Vec<String>, Error> {
    if is_encrypted(line) {
        return Err(Error::new(
            Code::StoreUnusable,
            format!("the stored session in {place} is encrypted"),
            "pass --key-file FILE, or --encrypt for a passphrase",
        ));
    }
    let Ok(Value::Object(header)) = serde_json::from_slice(line) else {
        return Err(damaged(place));
    };
    let number = |name| header.get(name).and_then(Value::as_u64);
    let version = number("latchstring").ok_or_else(|| damaged(place))?;
    if version > FORMAT {
        return Err(Error::new(
            Code::StoredNewer,
            format!(
                "the stored session in {place} has format {version}; this version reads up to {FORMAT}"
            ),
            "use the newer version that wrote it; nothing was changed",
        ));
    }
    let origins = header.get("origins").and_then(Value::as_array);
    let origins: Option<Vec<String>> = origins.and_then(|origins| {
        let texts = origins.iter().map(|one| one.as_str().map(str::to_owned));
        texts.collect()
    });
    let is_whole = rest.is_some() && rest == number("bytes");
    origins
        .filter(|origins| is_whole && origins.iter().all(|one| is_origin(one)))
        .ok_or_else(|| damaged(place))
}

/// Returns the first line of a stored session of so many bytes, with its line end.
pub fn header_line(origins: &[String], bytes: u64) -> String {
    let header = Header { latchstring: FORMAT, origins: origins.to_vec(), bytes };
    // A header has text keys and no number that JSON lacks. `expect` would bring the code that
    // prints every error, which is more than this file.
    let Ok(json) = serde_json::to_string(&header) else { unreachable!("a header is JSON") };
    json + "\n"
}

fn damaged(place: &str) -> Error {
    Error::new(
        Code::StoredDamaged,
        format!("the stored session in {place} is damaged or cut short"),
        "log in again; the old session is set aside, not deleted",
    )
}

/// Returns whether `text` is an origin in the form in which this host pins it.
fn is_origin(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| origin(&url).as_deref() == Some(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed() -> Vec<u8> {
        let envelope = Envelope {
            origins: vec!["https://id.example".into()],
            session: Zeroizing::new(b"{\"a\":\"\\n\"}\n{}".to_vec()),
        };
        envelope.seal().to_vec()
    }

    #[test]
    fn a_sealed_session_can_be_opened() {
        let envelope = Envelope::open(&sealed(), "here").expect("an envelope");
        assert_eq!(envelope.origins, ["https://id.example"]);
        assert_eq!(envelope.session.as_slice(), b"{\"a\":\"\\n\"}\n{}");
    }

    #[test]
    fn a_session_cut_short_anywhere_is_noticed_and_named() {
        let sealed = sealed();
        for end in 0..sealed.len() {
            let error = Envelope::open(&sealed[..end], "the file x").err().expect("a failure");
            assert_eq!(error.code(), Code::StoredDamaged);
            assert!(error.message().contains("the file x"));
        }
    }

    #[test]
    fn a_newer_format_is_not_reported_as_damage() {
        let error = Envelope::open(b"{\"latchstring\":2,\"new\":true}\nx", "here")
            .err()
            .expect("a failure");
        assert_eq!(error.code(), Code::StoredNewer);
    }

    #[test]
    fn origins_that_no_host_pins_are_damage() {
        let open = |origins: &str| {
            let bytes = format!("{{\"latchstring\":1,\"origins\":{origins},\"bytes\":1}}\nx");
            Envelope::open(bytes.as_bytes(), "here").map_err(|error| error.code())
        };
        for origins in
            ["[]", r#"["https://id.example","http://127.0.0.1:8080","https://[::1]:8443"]"#]
        {
            assert!(open(origins).is_ok(), "{origins}");
        }
        for strange in [
            "http://id.example",
            "https://id.example/",
            "https://id.example:443",
            "https://ID.example",
            "https://me@id.example",
            "https://id.example/path",
            "file:///etc/passwd",
            "*",
            "",
        ] {
            let origins = format!("[\"https://id.example\",\"{strange}\"]");
            assert_eq!(open(&origins).err(), Some(Code::StoredDamaged), "{strange}");
        }
        for origins in ["null", "{}", "[7]", "\"https://id.example\""] {
            assert_eq!(open(origins).err(), Some(Code::StoredDamaged), "{origins}");
        }
    }
}
