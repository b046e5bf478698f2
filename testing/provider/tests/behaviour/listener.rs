//! A listener in place of a client that waits for its redirect.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::thread::{self, JoinHandle};

pub(crate) struct Listener {
    port: u16,
    heard: JoinHandle<Vec<String>>,
}

impl Listener {
    /// Sends these responses, one for each connection, and closes.
    pub(crate) fn answering(responses: &[&str]) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let responses: Vec<_> = responses.iter().map(|text| text.to_string()).collect();
        let heard = thread::spawn(move || {
            let answer = |response: String| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).unwrap();
                    head.extend(byte);
                }
                stream.write_all(response.as_bytes()).unwrap();
                String::from_utf8(head).unwrap()
            };
            responses.into_iter().map(answer).collect()
        });
        Self { port, heard }
    }

    /// Sends one page without a form, as a client does at the end.
    pub(crate) fn thanking() -> Self {
        Self::answering(&["HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nthanks"])
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Returns the heads of all requests, after every response was sent.
    pub(crate) fn heard(self) -> Vec<String> {
        self.heard.join().unwrap()
    }
}
