//! Reads the request of one connection, and writes the response.

use std::time::Duration;

use http::header::{COOKIE, HeaderMap, HeaderName, HeaderValue};
use wasip2::io::streams::{InputStream, OutputStream};
use wasip2::sockets::tcp::{ShutdownType, TcpSocket};

use super::request::{Expected, Refusal, judge};
use crate::pages::{NOTHING, Page};
use crate::wasi::{streams, within};

/// Time limit for a request, from the start of the connection.
const REQUEST_PATIENCE: Duration = Duration::from_secs(5);
/// Longest request line and headers, in bytes.
const LONGEST_REQUEST: usize = 16 * 1024;
const MOST_HEADERS: usize = 64;
/// Time limit for writing a page.
const WRITING: Duration = Duration::from_secs(2);
/// How long to read what a browser still sends after its page.
const LINGER: Duration = Duration::from_secs(1);

/// A browser's connection. The streams come first, because WASI requires that they are
/// dropped before the socket.
pub(super) struct Connection {
    input: InputStream,
    output: OutputStream,
    socket: TcpSocket,
}

/// The head of a request.
struct Head {
    method: String,
    target: String,
    headers: HeaderMap,
}

impl Connection {
    pub(super) fn new(socket: TcpSocket, input: InputStream, output: OutputStream) -> Self {
        Self { input, output, socket }
    }

    /// Returns the target and cookies of a request that counts. Answers any other request and
    /// returns `None`.
    pub(super) async fn asked(self, expected: &Expected) -> Option<(String, String, Self)> {
        let head = within(REQUEST_PATIENCE, self.head()).await??;
        let headers: Vec<_> =
            head.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        match judge(expected, &head.method, &head.target, &headers) {
            Ok(()) => Some((head.target, cookies(&head.headers), self)),
            Err(refusal) => {
                self.send(&refuse(refusal)).await;
                None
            }
        }
    }

    pub(super) async fn show(self, page: &Page) {
        self.send(&response(page)).await;
    }

    /// Shows a page without waiting, for a destructor. A page fits into the buffer of a
    /// connection.
    pub(super) fn show_now(self, page: &Page) {
        let _ = streams::write_now(&self.output, &response(page));
    }

    async fn head(&self) -> Option<Head> {
        let mut bytes = Vec::new();
        loop {
            bytes.extend(streams::read(&self.input, 4096).await.ok()??);
            let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
            let mut request = httparse::Request::new(&mut headers);
            match request.parse(&bytes) {
                Ok(status) if status.is_complete() => return head(&request),
                Ok(_) if bytes.len() < LONGEST_REQUEST => {}
                _ => {
                    let page = "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
                    self.send(page.as_bytes()).await;
                    return None;
                }
            }
        }
    }

    /// Writes `bytes`, and reads until the browser closes the connection too: closing a
    /// socket with unread bytes resets the connection, and the browser may lose the page.
    async fn send(&self, bytes: &[u8]) {
        let _ = within(WRITING, streams::write(&self.output, bytes)).await;
        let _ = self.socket.shutdown(ShutdownType::Send);
        let read_on = async { while let Ok(Some(_)) = streams::read(&self.input, 4096).await {} };
        let _ = within(LINGER, read_on).await;
    }
}

fn head(request: &httparse::Request<'_, '_>) -> Option<Head> {
    let mut headers = HeaderMap::new();
    for header in request.headers.iter() {
        let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
        headers.append(name, HeaderValue::from_bytes(header.value).ok()?);
    }
    let (method, target) = (request.method?.to_owned(), request.path?.to_owned());
    Some(Head { method, target, headers })
}

fn cookies(headers: &HeaderMap) -> String {
    let all = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.collect::<Vec<_>>().join("; ")
}

fn response(page: &Page) -> Vec<u8> {
    let given = [("location", &page.location), ("set-cookie", &page.cookie)];
    let mut more = vec![("content-type", "text/html; charset=utf-8")];
    more.extend(given.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))));
    write(page.status, &page.policy, &more, &page.html)
}

fn refuse(refusal: Refusal) -> Vec<u8> {
    let (status, text) = refusal.answer();
    let mut more = vec![("content-type", "text/plain; charset=utf-8")];
    more.extend((refusal == Refusal::Method).then_some(("allow", "GET")));
    write(status, NOTHING, &more, text)
}

/// Returns a response that runs no script, loads nothing, cannot be framed, stored or
/// sniffed, and does not reveal its address to other sites (RFC 9700 §4.2.4).
fn write(status: u16, policy: &str, more: &[(&str, &str)], body: &str) -> Vec<u8> {
    let length = body.len().to_string();
    let reason = http::StatusCode::from_u16(status).ok().and_then(|code| code.canonical_reason());
    let mut text = format!("HTTP/1.1 {status} {}\r\n", reason.unwrap_or_default());
    let headers = [
        ("content-security-policy", policy),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        ("cross-origin-opener-policy", "same-origin"),
        ("connection", "close"),
        ("content-length", &length),
    ];
    for (name, value) in headers.iter().chain(more) {
        // A value with a line break would add a header.
        if HeaderValue::from_str(value).is_ok() {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
    }
    text.push_str("\r\n");
    text.push_str(body);
    text.into_bytes()
}
