//! `latch request`: send a request to an API with the access token.

use std::fs;
use std::io::{ErrorKind, Read as _, stdin};

use bytes::Bytes;
use http::StatusCode;
use latchstring::{ApiRequest, ApiResponse, Code, Error, LatchBuilder, printable};
use serde::de::IgnoredAny;

use crate::cli::args::{Global, RequestArgs};
use crate::cli::output;
use crate::cli::settings::{Settings, words};

pub(crate) async fn run(global: &Global, args: Box<RequestArgs>) -> Result<u8, Error> {
    let RequestArgs { method, url, data, headers, include, allow_origins, provider } = *args;
    let settings = Settings::read_for_token(global, provider.into_profile())?;
    let builder = settings.builder(global, false)?;
    let builder = words(allow_origins).into_iter().fold(builder, LatchBuilder::api_origin);
    let latch = builder.build()?;
    let mut request = ApiRequest::new(method, url);
    for header in words(headers) {
        let (name, value) = parse_header(&header)?;
        request = request.header(name, value);
    }
    if let Some(data) = data {
        let body = on_blocking_thread(move || read(&data)).await??;
        if !request.headers.iter().any(|header| header.name.eq_ignore_ascii_case("content-type")) {
            request = request.header("content-type", media_type(&body));
        }
        request = request.body(body);
    }
    let response = latch.request(&request).await;
    let response = response.map_err(|error| settings.advise(global, error))?;
    let status = StatusCode::from_u16(response.status()).unwrap_or_default();
    print_response(response, status, include).await?;
    Ok(report_status(status, global.json))
}

/// The error does not quote the header: it may be a secret.
fn parse_header(line: &str) -> Result<(&str, &str), Error> {
    let (name, value) = line.split_once(':').ok_or_else(|| {
        Error::new(
            Code::InvalidConfiguration,
            "a header has no colon after its name",
            "write it as 'Name: value'",
        )
    })?;
    // Trim nothing else: a line break must reach the check that refuses it.
    Ok((name, value.trim_matches([' ', '\t'])))
}

/// Returns the bytes of the body, unchanged.
fn read(data: &str) -> Result<Vec<u8>, Error> {
    let result = match data.strip_prefix('@') {
        None => return Ok(data.as_bytes().to_vec()),
        Some("-") => {
            let mut body = Vec::new();
            stdin().lock().read_to_end(&mut body).map(|_| body)
        }
        Some(path) => fs::read(path),
    };
    result.map_err(|error| {
        let place = if data == "@-" { "standard input" } else { &data[1..] };
        let message = format!("the body cannot be read from {place}: {error}");
        Error::new(Code::InvalidConfiguration, message, "check --data")
    })
}

fn media_type(body: &[u8]) -> &'static str {
    if serde_json::from_slice::<IgnoredAny>(body).is_ok() {
        "application/json"
    } else if std::str::from_utf8(body).is_ok() {
        "application/x-www-form-urlencoded"
    } else {
        "application/octet-stream"
    }
}

/// Streams the response to standard output as it arrives.
async fn print_response(
    mut response: ApiResponse,
    status: StatusCode,
    include: bool,
) -> Result<(), Error> {
    if include {
        let lines =
            response.headers().map(|(name, value)| format!("{name}: {}\n", printable(value)));
        let head = format!("HTTP {}\n{}\n", in_words(status), lines.collect::<String>());
        if !write_chunk(head.into()).await? {
            return Ok(());
        }
    }
    while let Some(chunk) = response.chunk().await? {
        if !write_chunk(chunk).await? {
            return Ok(());
        }
    }
    Ok(())
}

/// Writes to standard output. Returns false if the reader has closed the pipe.
async fn write_chunk(bytes: Bytes) -> Result<bool, Error> {
    match on_blocking_thread(move || output::put(&bytes)).await? {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(output::unwritten(&error)),
    }
}

/// Runs `work` on another thread, so that Ctrl-C works even while a pipe blocks.
#[cfg(not(target_os = "wasi"))]
async fn on_blocking_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(|stopped| {
        Error::new(Code::HostFault, format!("the request was stopped: {stopped}"), "try again")
    })
}

/// Runs `work` on the only thread of a sandbox.
#[cfg(target_os = "wasi")]
async fn on_blocking_thread<T>(work: impl FnOnce() -> T) -> Result<T, Error> {
    Ok(work())
}

/// Reports an error status, and returns the exit code.
fn report_status(status: StatusCode, json: bool) -> u8 {
    let exit = match status.as_u16() {
        0..=399 => return 0,
        401 | 403 => 4,
        _ => 1,
    };
    output::report_status(&in_words(status), is_temporary(status), exit, json);
    exit
}

/// Whether the same request may work later.
fn is_temporary(status: StatusCode) -> bool {
    matches!(status.as_u16(), 429 | 502..=504)
}

fn in_words(status: StatusCode) -> String {
    let reason = status.canonical_reason().unwrap_or_default();
    format!("{} {reason}", status.as_str()).trim_end().to_owned()
}
