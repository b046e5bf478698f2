//! Tests of the listener with browsers and other clients.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::pages::{Page, Pages};

struct Fixture {
    listener: Box<dyn Listener>,
    authority: String,
}

impl Fixture {
    async fn on(host: RedirectHost) -> Self {
        let redirect = Redirect { host, ports: Vec::new(), path: "/callback".to_owned() };
        let listener = SystemLoopback.bind(&redirect, &Pages::default()).await.expect("bound");
        let uri = listener.redirect_uri();
        let authority = uri.strip_prefix("http://").and_then(|uri| uri.strip_suffix("/callback"));
        let authority = authority.expect("redirect URI").to_owned();
        Self { listener, authority }
    }

    async fn new() -> Self {
        Self::on(RedirectHost::Ipv4).await
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(&self.authority).await.expect("connection")
    }

    /// Returns a GET request as a browser sends it.
    fn request(&self, target: &str) -> String {
        format!("GET {target} HTTP/1.1\r\nHost: {}\r\nAccept: */*\r\n\r\n", self.authority)
    }

    /// Sends bytes and returns everything that comes back.
    async fn exchange(&self, bytes: impl AsRef<[u8]>) -> String {
        let mut stream = self.connect().await;
        stream.write_all(bytes.as_ref()).await.expect("sent");
        read(&mut stream).await
    }

    /// Sends the redirect with a code and answers it with `page`.
    async fn redirect(&mut self, page: Page) -> String {
        let mut stream = self.connect().await;
        let request = self.request("/callback?code=real&state=s");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let visit = self.listener.visit().await;
        assert_eq!(visit.target, "/callback?code=real&state=s");
        visit.answer.send(page).await;
        read(&mut stream).await
    }
}

async fn read(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    // A reset after the response ends it as a close does.
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8(answer).expect("text")
}

fn status(answer: &str) -> &str {
    answer.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)).unwrap_or(answer)
}

#[tokio::test]
async fn the_redirect_gets_its_page_and_a_closed_connection() {
    let mut fixture = Fixture::new().await;
    let answer = fixture.redirect(Pages::default().success()).await;
    assert_eq!(status(&answer), "200");
    assert!(answer.ends_with(&Pages::default().success().html));
}

#[tokio::test]
async fn a_page_that_was_sent_reaches_the_browser_even_if_the_listener_is_dropped() {
    let mut fixture = Fixture::new().await;
    let mut stream = fixture.connect().await;
    stream.write_all(fixture.request("/callback?code=1").as_bytes()).await.expect("sent");
    let visit = fixture.listener.visit().await;
    visit.answer.send(Pages::default().success()).await;
    drop(fixture.listener);
    let mut received = [0; 64 * 1024];
    let count = stream.try_read(&mut received).expect("already there");
    assert!(String::from_utf8_lossy(&received[..count]).ends_with("</html>\n"));
}

#[tokio::test]
async fn every_answer_carries_the_same_protection() {
    let mut fixture = Fixture::new().await;
    let stray = fixture.exchange(fixture.request("/favicon.ico")).await;
    for answer in [stray, fixture.redirect(Pages::default().stray("other state")).await] {
        let (head, _) = answer
            .to_ascii_lowercase()
            .split_once("\r\n\r\n")
            .map(|(a, b)| (a.to_owned(), b.to_owned()))
            .expect("head");
        for line in [
            "content-security-policy: default-src 'none'; ",
            "frame-ancestors 'none'",
            "referrer-policy: no-referrer",
            "x-content-type-options: nosniff",
            "cache-control: no-store",
            "cross-origin-opener-policy: same-origin",
        ] {
            assert!(head.contains(line), "{line} in {head}");
        }
        assert_eq!(head.matches("connection: close").count(), 1, "{head}");
    }
}

#[tokio::test]
async fn everything_but_the_redirect_is_answered_and_forgotten() {
    let mut fixture = Fixture::new().await;
    let host = fixture.authority.clone();
    let rows = [
        (fixture.request("/favicon.ico"), "404"),
        (fixture.request("/"), "404"),
        (fixture.request("/callback"), "400"),
        (fixture.request("/callback/?code=1"), "404"),
        (format!("HEAD /callback?code=1 HTTP/1.1\r\nHost: {host}\r\n\r\n"), "405"),
        (format!("OPTIONS /callback?code=1 HTTP/1.1\r\nHost: {host}\r\n\r\n"), "405"),
        (
            format!(
                "POST /callback?code=1 HTTP/1.1\r\nHost: {host}\r\nContent-Length: 3\r\n\r\na=b"
            ),
            "405",
        ),
        (
            format!(
                "GET /callback?code=1 HTTP/1.1\r\nHost: {host}\r\nSec-Purpose: prefetch\r\n\r\n"
            ),
            "503",
        ),
        (
            format!(
                "GET /callback?code=1 HTTP/1.1\r\nHost: {host}\r\nContent-Length: 3\r\n\r\na=b"
            ),
            "400",
        ),
        ("GET /callback?code=1 HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_owned(), "421"),
        ("GET /callback?code=1 HTTP/1.1\r\n\r\n".to_owned(), "421"),
        (format!("GET http://{host}/callback?code=1 HTTP/1.1\r\nHost: {host}\r\n\r\n"), "404"),
    ];
    for (request, expected) in rows {
        let answer = fixture.exchange(&request).await;
        assert_eq!(status(&answer), expected, "{request}");
    }
    let options =
        fixture.exchange(format!("OPTIONS /callback HTTP/1.1\r\nHost: {host}\r\n\r\n")).await;
    assert!(options.to_ascii_lowercase().contains("allow: get\r\n"), "{options}");
    assert!(!options.to_ascii_lowercase().contains("access-control"), "{options}");
    assert_eq!(status(&fixture.redirect(Pages::default().success()).await), "200");
}

#[tokio::test]
async fn random_bytes_do_not_stop_the_listener() {
    let mut fixture = Fixture::new().await;
    let long = format!("GET /callback?{} HTTP/1.1\r\n\r\n", "a".repeat(20 * 1024));
    let many = format!("GET /callback?a HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(2000));
    let garbage: [&[u8]; 12] = [
        b"\0\0\0\0\r\n\r\n",
        b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03 a TLS hello\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /callback?\xff\xfe HTTP/1.1\r\n\r\n",
        b"GET /callback?a HTTP/9.9\r\n\r\n",
        b"GET  HTTP/1.1\r\n\r\n",
        b"\r\n\r\n\r\n\r\nx\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n",
        b"GET /callback?a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /callback?a HTTP/1.1\r\nContent-Length: 18446744073709551616\r\n\r\n",
        long.as_bytes(),
        many.as_bytes(),
    ];
    for bytes in garbage {
        let answer = fixture.exchange(bytes).await;
        assert!(!answer.starts_with("HTTP/1.1 2"), "{answer}");
    }
    // A fixed sequence of irregular bytes, cut at every length.
    let mut noise = 0x2545_f491_4f6c_dd1d_u64;
    for length in (0..400).step_by(7) {
        let mut bytes = Vec::new();
        while bytes.len() < length {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            bytes.extend(noise.to_le_bytes());
        }
        let mut stream = fixture.connect().await;
        let _ = stream.write_all(&bytes).await;
        let _ = stream.shutdown().await;
        read(&mut stream).await;
    }
    assert_eq!(status(&fixture.redirect(Pages::default().success()).await), "200");
}

#[tokio::test]
async fn a_slow_request_holds_up_no_other() {
    let mut fixture = Fixture::new().await;
    let mut slow = fixture.connect().await;
    slow.write_all(b"GET /callback?code=slow HTT").await.expect("sent");
    assert_eq!(status(&fixture.redirect(Pages::default().success()).await), "200");
    let rest = format!("P/1.1\r\nHost: {}\r\n\r\n", fixture.authority);
    slow.write_all(rest.as_bytes()).await.expect("sent");
    assert_eq!(fixture.listener.visit().await.target, "/callback?code=slow");
}

#[tokio::test]
async fn silent_connections_do_not_keep_the_redirect_out() {
    let mut fixture = Fixture::new().await;
    let mut silent = Vec::new();
    for _ in 0..200 {
        silent.push(fixture.connect().await);
    }
    assert_eq!(status(&fixture.redirect(Pages::default().success()).await), "200");
    // The oldest connection was closed; the newest may still send a request.
    assert_eq!(read(&mut silent[0]).await, "");
    let newest = silent.last_mut().expect("connections");
    newest.write_all(fixture.request("/callback?late").as_bytes()).await.expect("sent");
    assert_eq!(fixture.listener.visit().await.target, "/callback?late");
}

#[tokio::test]
async fn a_burst_of_connections_does_not_push_out_the_redirect_before_it() {
    let mut fixture = Fixture::new().await;
    let connect = || std::net::TcpStream::connect(&fixture.authority).expect("connection");
    // All of this happens before the listener's task runs.
    let mut real = connect();
    let request = fixture.request("/callback?code=real");
    std::io::Write::write_all(&mut real, request.as_bytes()).expect("sent");
    let _burst: Vec<_> = (0..100).map(|_| connect()).collect();
    assert_eq!(fixture.listener.visit().await.target, "/callback?code=real");
}

#[tokio::test]
async fn no_visit_is_lost_among_many() {
    let mut fixture = Fixture::new().await;
    let (mut visitors, real) = (Vec::new(), 150);
    for number in 0..300 {
        let mut stream = fixture.connect().await;
        let name = if number == real { "real" } else { "forged" };
        let request = fixture.request(&format!("/callback?code={name}"));
        stream.write_all(request.as_bytes()).await.expect("sent");
        visitors.push(stream);
    }
    loop {
        let visit = fixture.listener.visit().await;
        let page = if visit.target.ends_with("real") {
            Pages::default().success()
        } else {
            Pages::default().stray("forged")
        };
        let done = page.status == 200;
        visit.answer.send(page).await;
        if done {
            break;
        }
    }
    assert_eq!(status(&read(&mut visitors[real]).await), "200");
}

#[tokio::test]
async fn a_dropped_answer_or_listener_tells_the_visitor_that_the_login_was_abandoned() {
    let mut fixture = Fixture::new().await;
    let mut visitors = Vec::new();
    for _ in 0..3 {
        let mut stream = fixture.connect().await;
        stream.write_all(fixture.request("/callback?code=1").as_bytes()).await.expect("sent");
        visitors.push(stream);
    }
    let first = fixture.listener.visit().await;
    drop(first);
    let second = fixture.listener.visit().await;
    let mut silent = fixture.connect().await;
    let third = fixture.listener.visit().await;
    drop(fixture.listener);
    drop((second, third));
    for mut stream in visitors {
        assert!(read(&mut stream).await.ends_with(&Pages::default().abandoned().html));
    }
    assert_eq!(read(&mut silent).await, "");
}

#[tokio::test]
async fn a_dropped_listener_frees_its_port() {
    let fixture = Fixture::new().await;
    let port = fixture.authority.rsplit_once(':').expect("port").1.parse().expect("number");
    drop(fixture);
    tokio::task::yield_now().await;
    let redirect = Redirect { host: RedirectHost::Ipv4, ports: vec![port], path: "/".to_owned() };
    SystemLoopback.bind(&redirect, &Pages::default()).await.expect("free again");
}

#[tokio::test]
async fn localhost_is_answered_on_every_family_under_each_of_its_names() {
    let mut fixture = Fixture::on(RedirectHost::Localhost).await;
    let port = fixture.authority.rsplit_once(':').expect("port").1.to_owned();
    let mut reached = 0;
    for address in ["127.0.0.1", "[::1]"] {
        let Ok(mut stream) = TcpStream::connect(format!("{address}:{port}")).await else {
            continue;
        };
        let request = format!("GET /callback?via HTTP/1.1\r\nHost: {address}:{port}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        fixture.listener.visit().await.answer.send(Pages::default().success()).await;
        assert_eq!(status(&read(&mut stream).await), "200");
        reached += 1;
    }
    assert!(reached > 0);
}

#[tokio::test]
async fn a_cancelled_wait_loses_no_visit() {
    let mut fixture = Fixture::new().await;
    let nobody = tokio::time::timeout(Duration::ZERO, fixture.listener.visit()).await;
    assert!(nobody.is_err());
    assert_eq!(status(&fixture.redirect(Pages::default().success()).await), "200");
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_a_request_is_closed_after_five_seconds() {
    let fixture = Fixture::new().await;
    let mut silent = fixture.connect().await;
    silent.write_all(b"GET /call").await.expect("sent");
    let started = tokio::time::Instant::now();
    let answer = read(&mut silent).await;
    assert!(answer.is_empty() || status(&answer) == "408", "{answer}");
    // A second more, because the system may report the close late and the client needs time
    // to leave.
    assert!((5..=6).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
}

#[tokio::test]
async fn a_browser_without_an_answer_gets_the_abandoned_page_after_two_minutes() {
    let mut fixture = Fixture::new().await;
    let mut stream = fixture.connect().await;
    stream.write_all(fixture.request("/callback?code=1").as_bytes()).await.expect("sent");
    let visit = fixture.listener.visit().await;
    // Only now: time that passes while the request is on its way would end it.
    tokio::time::pause();
    let started = tokio::time::Instant::now();
    assert!(read(&mut stream).await.ends_with(&Pages::default().abandoned().html));
    assert!((119..=120).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
    visit.answer.send(Pages::default().success()).await;
}

/// Returns a browser whose request was redirected to the last page: its connection, whether
/// it could send another request there, and the end of the wait for it.
async fn sent_to_the_end(
    fixture: &mut Fixture,
    request: &str,
) -> (TcpStream, bool, impl Future<Output = ()> + use<>) {
    let mut stream = fixture.connect().await;
    stream.write_all(request.as_bytes()).await.expect("sent");
    let visit = fixture.listener.visit().await;
    let keeps_connection = visit.keeps_connection;
    (stream, keeps_connection, visit.answer.send(Page::forward(END_ADDRESS, None)))
}

#[tokio::test]
async fn the_redirect_to_the_last_page_leaves_the_connection_open() {
    let mut fixture = Fixture::new().await;
    let request = fixture.request("/callback?code=1");
    let (mut stream, keeps_connection, _sent) = sent_to_the_end(&mut fixture, &request).await;
    assert!(keeps_connection);
    stream.write_all(fixture.request(END_ADDRESS).as_bytes()).await.expect("sent");
    let last = fixture.listener.visit().await;
    assert_eq!(last.target, END_ADDRESS);
    last.answer.send(Pages::default().success()).await;
    let answers = read(&mut stream).await.to_ascii_lowercase();
    let (first, last) = answers.split_once("http/1.1 200").expect("two answers");
    assert_eq!(status(&first.to_ascii_uppercase()), "303");
    assert!(!first.contains("connection:") && last.contains("connection: close\r\n"), "{answers}");
}

#[tokio::test(start_paused = true)]
async fn the_login_notices_that_the_browser_closes_that_connection() {
    let mut fixture = Fixture::new().await;
    let request = fixture.request("/callback?code=1");
    let (mut stream, _, sent) = sent_to_the_end(&mut fixture, &request).await;
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.expect("an answer");
    drop(stream);
    let started = tokio::time::Instant::now();
    sent.await;
    assert_eq!(started.elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn a_connection_that_the_browser_does_not_keep_is_closed() {
    let mut fixture = Fixture::new().await;
    let host = fixture.authority.clone();
    for (version, header) in [
        ("1.0", "Accept: */*"),
        ("1.0", "Connection: keep-alive"),
        ("1.1", "Connection: Upgrade, Close"),
    ] {
        let request =
            format!("GET /callback?code=1 HTTP/{version}\r\nHost: {host}\r\n{header}\r\n\r\n");
        let (mut stream, keeps_connection, sent) = sent_to_the_end(&mut fixture, &request).await;
        assert!(!keeps_connection, "{request}");
        sent.await;
        let answer = read(&mut stream).await.to_ascii_lowercase();
        assert!(answer.contains("connection: close\r\n"), "{request} {answer}");
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_visit_has_the_user_of_its_browser() {
    let mut fixture = Fixture::on(RedirectHost::Localhost).await;
    assert!(fixture.listener.tells_peers());
    let mut stream = fixture.connect().await;
    stream.write_all(fixture.request("/callback?code=1").as_bytes()).await.expect("sent");
    assert_eq!(fixture.listener.visit().await.peer, Peer::SameUser);
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn a_request_whose_other_end_is_closed_is_no_visit() {
    let mut fixture = Fixture::new().await;
    let request = fixture.request("/callback?code=gone");
    let mut gone = std::net::TcpStream::connect(&fixture.authority).expect("connection");
    std::io::Write::write_all(&mut gone, request.as_bytes()).expect("sent");
    // All of this happens before the listener's task runs.
    drop(gone);
    assert_eq!(status(&fixture.redirect(Pages::default().success()).await), "200");
}
