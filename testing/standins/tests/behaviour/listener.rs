//! A listener in place of a client that waits for its redirect.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::thread::{self, JoinHandle};

pub(crate) struct Listener {
    port: u16,
    heard: JoinHandle<String>,
}

impl Listener {
    /// Sends one page without a form to the first connection, and closes.
    pub(crate) fn thanking() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                head.extend(byte);
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nthanks").unwrap();
            String::from_utf8(head).unwrap()
        });
        Self { port, heard }
    }

    pub(crate) fn redirect_uri(&self) -> String {
        format!("http://127.0.0.1:{}/callback", self.port)
    }

    /// Returns the first line of the request, after the page was sent.
    pub(crate) fn heard(self) -> String {
        let head = self.heard.join().unwrap();
        head.lines().next().unwrap().to_owned()
    }
}
