//! An API on loopback that answers as a test wants.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Asked {
    /// `GET /a?b HTTP/1.1`
    pub line: String,
    /// Names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// The body, of `content-length` bytes.
    pub body: Vec<u8>,
}

impl Asked {
    /// Returns the value of a header, or `None` if it was not sent. `name` is in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Reads the next request of a connection. Returns `None` at its end.
    pub fn read(stream: &TcpStream) -> Option<Self> {
        let mut reader = BufReader::new(stream);
        let mut line = || {
            let mut line = String::new();
            reader.read_line(&mut line).ok()?;
            Some(line.trim_end().to_owned())
        };
        let first = line().filter(|line| !line.is_empty())?;
        let mut headers = Vec::new();
        while let Some((name, value)) = line()?.split_once(": ") {
            headers.push((name.to_lowercase(), value.to_owned()));
        }
        let mut asked = Self { line: first, headers, body: Vec::new() };
        let length = asked.header("content-length").and_then(|length| length.parse().ok());
        asked.body.resize(length.unwrap_or_default(), 0);
        reader.read_exact(&mut asked.body).ok()?;
        Some(asked)
    }
}

/// Each connection carries one request and has a thread of its own, for the rest
/// of the test.
pub struct Api {
    origin: String,
    log: Arc<Mutex<Vec<Asked>>>,
}

impl Api {
    /// The answer is written by hand, and ends with the connection.
    pub fn start(answer: impl Fn(&Asked, &mut TcpStream) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let origin = format!("http://{}", listener.local_addr().expect("an address"));
        let log = Arc::new(Mutex::new(Vec::new()));
        let (answer, heard) = (Arc::new(answer), Arc::clone(&log));
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let (answer, heard) = (Arc::clone(&answer), Arc::clone(&heard));
                thread::spawn(move || {
                    let Some(asked) = Asked::read(&stream) else { return };
                    heard.lock().expect("no panic").push(asked.clone());
                    answer(&asked, &mut stream);
                });
            }
        });
        Self { origin, log }
    }

    /// The same status and body for everybody.
    pub fn answering(status: &'static str, body: &'static str) -> Self {
        Self::start(move |_, stream| answer(stream, status, body.as_bytes()))
    }

    /// 401 for this token, and for any other one the request's own body.
    pub fn refusing(token: &str) -> Self {
        let refused = format!("Bearer {token}");
        Self::start(move |asked, stream| match asked.header("authorization") {
            Some(given) if given != refused => answer(stream, "200 OK", &asked.body),
            _ => answer(stream, "401 Unauthorized", b"refused"),
        })
    }

    /// Returns `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns the address of a path, with a query if there is one.
    pub fn url(&self, rest: &str) -> String {
        format!("{}{rest}", self.origin)
    }

    /// Every request so far.
    pub fn log(&self) -> Vec<Asked> {
        self.log.lock().expect("no panic").clone()
    }
}

/// A whole answer. Whoever does not stay for it is gone.
pub fn answer(stream: &mut TcpStream, status: &str, body: &[u8]) {
    let head =
        format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
}

/// The head of an answer that ends with its connection.
pub fn begin(stream: &mut TcpStream) {
    let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n");
}
