//! Output: results for scripts on standard output, messages for users on standard error.

use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use latchstring::capability::clock::{Clock as _, SystemClock};
use latchstring::{Code, Error, TokenSource, code_name, is_printable};
use serde::Serialize;
use serde_json::{Value, json};
#[cfg(not(target_os = "wasi"))]
use zeroize::Zeroizing;

use super::exit;
use super::streams::put_text;
pub(crate) use super::streams::{put, say};
use super::style::{BAD, QUIET, paint};

/// Prints one line on standard output.
pub(crate) fn line(text: &str) -> Result<(), Error> {
    write(format!("{text}\n").as_bytes())
}

/// Prints one JSON document on standard output.
pub(crate) fn document(value: &Value) -> Result<(), Error> {
    line(&escaped(&format!("{value:#}")))
}

/// Returns JSON that is given as text, to be part of a document. Null for none.
pub(crate) fn embedded(json: Option<&str>) -> Value {
    json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or(Value::Null)
}

/// Prints one JSON document in one line on standard output, in one write.
#[cfg(not(target_os = "wasi"))]
pub(crate) fn compact(value: &impl Serialize) -> Result<(), Error> {
    let text = serde_json::to_string(value);
    // OK because the formats have no map with other keys than text.
    let text = Zeroizing::new(text.expect("a document") + "\n");
    write(text.as_bytes())
}

/// Escapes characters that control a terminal or reorder a line as `\uXXXX`, which every
/// JSON parser reads the same way. Serializers escape only what is below U+0020.
fn escaped(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c.is_ascii() && c != '\u{7f}' || is_printable(c) {
            true => out.push(c),
            false => {
                let units = c.encode_utf16(&mut [0; 2]).to_vec();
                out.extend(units.iter().map(|unit| format!("\\u{unit:04x}")));
            }
        }
    }
    out
}

/// Writes bytes to standard output. Fails if the reader is gone: a script must not take
/// half a token for a whole one.
pub(crate) fn write(bytes: &[u8]) -> Result<(), Error> {
    put(bytes).map_err(|error| unwritten(&error))
}

/// Prints text that may have colours on standard output.
pub(crate) fn text(text: &str) -> Result<(), Error> {
    put_text(text).map_err(|error| unwritten(&error))
}

pub(crate) fn unwritten(error: &io::Error) -> Error {
    Error::new(
        Code::HostFault,
        format!("cannot write to standard output: {error}"),
        "check where the output goes",
    )
}

/// Reports an error: what happened, and what to do next.
pub(crate) fn report(error: &Error, json: bool) {
    report_exit(error, exit::code(error.code()), json);
}

/// Returns the first failure of the two. If both failed, reports the second.
pub(crate) fn both(
    first: Result<(), Error>,
    second: Result<(), Error>,
    json: bool,
) -> Result<(), Error> {
    if let (Err(_), Err(error)) = (&first, &second) {
        report(error, json);
    }
    first.and(second)
}

/// Reports an error with another exit code than its own.
pub(crate) fn report_exit(error: &Error, exit: u8, json: bool) {
    if json {
        say(&escaped(&json!({ "error": ErrorReport { exit, ..error.into() } }).to_string()));
    } else {
        say(&format!(
            "{} {} {}\n  {}",
            paint(BAD, "latch:"),
            error.message(),
            paint(QUIET, format_args!("[{}]", code_name(error.code()))),
            error.remedy()
        ));
    }
}

/// Reports an API's error status in one line. The response itself is on standard output.
pub(crate) fn report_status(status: &str, retryable: bool, exit: u8, json: bool) {
    let message = format!("the API answered {status}");
    if !json {
        return say(&format!("{} {message}", paint(BAD, "latch:")));
    }
    let report = ErrorReport {
        code: "http-status".to_owned(),
        message,
        remedy: "read the response on standard output".to_owned(),
        provider: None,
        retryable,
        exit,
    };
    say(&escaped(&json!({ "error": report }).to_string()));
}

/// An error in JSON.
#[derive(Serialize)]
pub(crate) struct ErrorReport {
    code: String,
    message: String,
    remedy: String,
    provider: Option<ProviderReport>,
    retryable: bool,
    exit: u8,
}

#[derive(Serialize)]
struct ProviderReport {
    error: String,
    description: Option<String>,
}

impl From<&Error> for ErrorReport {
    fn from(error: &Error) -> Self {
        Self {
            code: code_name(error.code()).to_owned(),
            message: error.message().to_owned(),
            remedy: error.remedy().to_owned(),
            provider: error.provider().map(|provider| ProviderReport {
                error: provider.error.clone(),
                description: provider.description.clone(),
            }),
            retryable: error.is_retryable(),
            exit: exit::code(error.code()),
        }
    }
}

/// Returns the name of the token's source in JSON.
pub(crate) fn source_name(source: TokenSource) -> &'static str {
    match source {
        TokenSource::Login => "login",
        TokenSource::Cached => "cached",
        TokenSource::Renewed => "renewed",
        TokenSource::Adopted => "adopted",
    }
}

/// Returns the whole seconds from now to `end`; 0 if `end` has passed.
pub(crate) fn seconds_left(end: SystemTime) -> u64 {
    let now = UNIX_EPOCH + Duration::from_millis(SystemClock.now_ms());
    end.duration_since(now).map_or(0, |left| left.as_secs())
}

/// Formats a time as RFC 3339, in UTC, to the second.
pub(crate) fn rfc3339(time: SystemTime) -> Option<String> {
    let seconds = time.duration_since(UNIX_EPOCH).ok()?.as_secs();
    Timestamp::from_second(i64::try_from(seconds).ok()?).ok().map(|stamp| stamp.to_string())
}

/// Formats milliseconds since the epoch as RFC 3339, in UTC, to the second.
pub(crate) fn rfc3339_ms(time_ms: u64) -> Option<String> {
    rfc3339(UNIX_EPOCH.checked_add(Duration::from_millis(time_ms))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_escapes_terminal_control_characters_and_keeps_its_meaning() {
        let text =
            "a\u{0}\u{1b}[31m\u{7f}\u{9b}31m\u{202e}\u{2066}\u{200b}\u{feff}\u{e0041}é😀\"\\";
        let value = json!({ text: [text] });
        let json = escaped(&format!("{value:#}"));
        assert!(json.chars().all(|c| c == '\n' || is_printable(c)), "{json}");
        assert!(json.contains("é😀"), "{json}");
        assert_eq!(serde_json::from_str::<Value>(&json).expect("JSON"), value);
    }

    #[test]
    fn rfc_3339_is_written_in_utc() {
        assert_eq!(rfc3339(UNIX_EPOCH).as_deref(), Some("1970-01-01T00:00:00Z"));
    }
}
