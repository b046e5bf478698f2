//! A login that waits while everything else on this machine attacks its listener.

use std::collections::VecDeque;
use std::fs;
use std::io::{Read as _, Write as _};
use std::iter;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use latchstring_testing::Home;
use latchstring_testing::alone::is_alone;
use latchstring_testing::http::{authority, send, with};
use url::{Position, Url};

const ATTACKERS: usize = 16;
/// Before the answer arrives. The attack goes on until the login has ended.
const ATTACKS_BEFORE: usize = 10_000;
const ATTACKS_AT_MOST: usize = 40_000;
/// For each attacker, who closes none of these by itself.
const KEPT_OPEN: usize = 50;
/// How long an attacker waits for an answer; many attacks get none.
const READING: Duration = Duration::from_millis(10);
/// What an attack may add to the memory of a login that waits.
const MOST_MEMORY_KIB: u64 = 12 * 1024;

/// Every kind of request that is not the answer, in bytes.
fn attacks(redirect: &Url) -> Vec<Vec<u8>> {
    let host = authority(redirect);
    let path = redirect.path();
    let forged = with(redirect, "state", Some("forged"));
    let target = &with(&forged, "code", Some("forged"))[Position::BeforePath..];
    let get = format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n");
    let mut attacks: Vec<String> = vec![
        format!("{get}\r\n"),
        format!("{get}Connection: keep-alive\r\n\r\n").repeat(20),
        format!("{get}\r\nGET / HTTP/1.1\r\n\r\n"),
        format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        format!("GET {path}?error=access_denied HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        format!("GET /favicon.ico HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        format!("GET /{target} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        format!("GET http://{host}{target} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
        format!("GET {target} HTTP/1.1\r\nHost: evil.example\r\n\r\n"),
        format!("GET {target} HTTP/1.1\r\n\r\n"),
        format!("{get}Host: {host}\r\n\r\n"),
        format!("{get}Host: evil.example\r\n\r\n"),
        format!("{get}Sec-Purpose: prefetch;prerender\r\n\r\n"),
        format!("{get}Purpose: prefetch\r\n\r\n"),
        format!("{get}Content-Length: 9999\r\n\r\ncode"),
        format!("{get}Transfer-Encoding: chunked\r\n\r\nzz\r\n"),
        format!("{get}X: {}\r\n\r\n", "x".repeat(256 * 1024)),
        format!("{get}{}\r\n", "a: b\r\n".repeat(5000)),
        format!("GET {target}{} HTTP/1.1\r\nHost: {host}\r\n\r\n", "x".repeat(256 * 1024)),
        get.clone(),
        "GET".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\u{4}\0\0\0\0\0".to_owned(),
        "\0".repeat(1000),
        "\r\n".repeat(1000),
        String::new(),
    ];
    for method in ["POST", "HEAD", "OPTIONS", "PUT", "CONNECT", "DELETE", "get"] {
        attacks.push(format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"));
    }
    let mut attacks: Vec<_> = attacks.into_iter().map(String::into_bytes).collect();
    let hello = b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03\x5a\xa5\xff\xfe\xfd\x20\0\x13\x01";
    attacks.push(hello.to_vec());
    attacks.push((0..=255).cycle().take(4096).collect());
    attacks
}

/// One after another, each kind read, reset and kept open in turn, until the
/// listener is gone.
fn attack(number: usize, authority: &str, attacks: &[Vec<u8>], count: &AtomicUsize) {
    let mut kept = VecDeque::new();
    let mut turn = number;
    while count.load(Ordering::Relaxed) < ATTACKS_AT_MOST {
        let Ok(mut stream) = TcpStream::connect(authority) else { return };
        stream.set_read_timeout(Some(READING)).expect("a time limit");
        // A listener that has heard enough may close before the last byte.
        let _ = stream.write_all(&attacks[turn % attacks.len()]);
        match turn % 3 {
            0 => drop(stream.read_to_end(&mut Vec::new())),
            // Closing with the answer unread resets the connection.
            1 => drop(stream.peek(&mut [0])),
            _ => kept.push_back(stream),
        }
        if kept.len() > KEPT_OPEN {
            kept.pop_front();
        }
        if let Some(slow) = kept.get_mut(turn % KEPT_OPEN) {
            let _ = slow.write_all(b"G");
        }
        count.fetch_add(1, Ordering::Relaxed);
        turn += 1;
    }
}

/// Sends one request as a browser would, and follows no redirect.
#[track_caller]
fn is_answered(url: &Url, status: u16) {
    let answer = send(url, "GET", &[]);
    assert_eq!(answer.status, status, "{answer:?}");
}

/// The most memory that the process ever had, where the system tells.
fn peak_memory_kib(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

#[test]
fn ten_thousand_attacks_and_hundreds_of_idlers_keep_no_answer_out() {
    // Its sockets are nearly as many as a process may have open by default.
    if !is_alone(module_path!(), "ten_thousand_attacks_and_hundreds_of_idlers_keep_no_answer_out") {
        return;
    }
    let home = Home::new();
    let pending = home.start_login(&[]);
    let process = pending.id();
    let answer = pending.answer();
    let redirect = pending.redirect_uri();
    let stray = with(&answer, "state", Some("another"));
    let (authority, attacks) = (authority(&redirect), attacks(&redirect));
    let count = AtomicUsize::new(0);
    let before = peak_memory_kib(process).unwrap_or_default();
    thread::scope(|scope| {
        for number in 0..ATTACKERS {
            let (authority, attacks, count) = (&authority, &attacks, &count);
            scope.spawn(move || attack(number, authority, attacks, count));
        }
        // Somebody's browser with the answer of another login goes the whole way, too.
        while count.load(Ordering::Relaxed) < ATTACKS_BEFORE {
            is_answered(&stray, 400);
            thread::sleep(Duration::from_millis(10));
        }
        // The last that can be read before the process is gone.
        let peak = scope.spawn(move || {
            let peaks = iter::from_fn(|| {
                thread::sleep(Duration::from_millis(2));
                peak_memory_kib(process)
            });
            peaks.last()
        });
        // On to the last page, for which a login does not wait long.
        is_answered(&answer, 303);
        pending.finish().succeeded();
        let peak = peak.join().expect("a figure");
        let added = peak.map(|kib| kib.saturating_sub(before));
        assert!(added.is_none_or(|kib| kib <= MOST_MEMORY_KIB), "{added:?} KiB more than {before}");
    });
}
