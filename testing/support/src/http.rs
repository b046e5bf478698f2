//! Requests as bytes, for what no browser would send, and ports that count.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use url::{Position, Url};

use crate::PATIENCE;

/// An answer as it came, perhaps cut short.
#[derive(Debug)]
pub struct Answer {
    /// 0 where nothing came.
    pub status: u16,
    /// Status line and headers.
    pub head: String,
    /// What follows the headers.
    pub body: String,
}

impl Answer {
    /// The value of a header, in whatever case its name was sent.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

/// A GET as a browser sends it, and on to the last page of a login.
pub fn get(url: &Url) -> Answer {
    let answer = send(url, "GET", &[]);
    match answer.header("location") {
        Some("/latchstring/end?done") => {
            send(&url.join("/latchstring/end?done").expect("an address"), "GET", &[])
        }
        _ => answer,
    }
}

/// One request with further header lines.
pub fn send(url: &Url, method: &str, headers: &[&str]) -> Answer {
    let target = &url[Position::BeforePath..Position::AfterQuery];
    let host = authority(url);
    let mut request =
        format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n");
    for header in headers {
        request.push_str(header);
        request.push_str("\r\n");
    }
    request.push_str("\r\n");
    send_bytes(&authority(url), &request)
}

/// Exactly these bytes, and whatever comes back.
pub fn send_bytes(authority: &str, request: &str) -> Answer {
    read_answer(ask(authority, request))
}

/// Sends these bytes and does not wait.
pub fn ask(authority: &str, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(authority).expect("the listener accepts");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time limit");
    // A listener that has heard enough may close before the last byte.
    let _ = stream.write_all(request.as_bytes());
    stream
}

/// Reads to the end of the connection.
pub fn read_answer(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    // What came before a reset counts.
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    Answer { status, head: head.to_owned(), body: body.to_owned() }
}

/// Host and port, as they stand in the URL.
pub fn authority(url: &Url) -> String {
    url[Position::BeforeHost..Position::AfterPort].to_owned()
}

/// The same URL with another value for one parameter, or without it.
pub fn with(url: &Url, name: &str, value: Option<&str>) -> Url {
    let pairs: Vec<_> = url.query_pairs().into_owned().filter(|(known, _)| known != name).collect();
    let mut changed = url.clone();
    let mut query = changed.query_pairs_mut();
    query.clear().extend_pairs(pairs);
    if let Some(value) = value {
        query.append_pair(name, value);
    }
    drop(query);
    changed
}

/// A port that nobody should ask.
pub struct Trap(TcpListener);

impl Trap {
    /// Listens at a port that was free.
    pub fn set() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        listener.set_nonblocking(true).expect("no waiting");
        Self(listener)
    }

    /// Returns `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> String {
        format!("http://{}", self.0.local_addr().expect("an address"))
    }

    /// Whether nobody has connected.
    pub fn is_untouched(&self) -> bool {
        self.0.accept().is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }
}

/// Another origin for the server at `authority`: passes bytes on, both ways, for
/// the rest of the test. Returns its own origin.
pub fn forward_to(authority: &str) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    let authority = authority.to_owned();
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let Ok(server) = TcpStream::connect(&authority) else { return };
            for (mut from, mut to) in [(clone(&client), clone(&server)), (server, client)] {
                thread::spawn(move || {
                    // One side that leaves ends the other.
                    let _ = std::io::copy(&mut from, &mut to);
                    let _ = to.shutdown(Shutdown::Write);
                });
            }
        }
    });
    origin
}

fn clone(stream: &TcpStream) -> TcpStream {
    stream.try_clone().expect("a second handle")
}
