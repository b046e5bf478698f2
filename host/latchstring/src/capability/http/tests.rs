//! Tests of the system's HTTP client against servers on loopback.

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use hyper_util::client::proxy::matcher::Matcher;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket};
use tokio::task::JoinHandle;
use url::Url;

use super::*;
use latchstring_core::contract::{Header, Method, Request, Response};

const LIMITS: Limits =
    Limits { timeout: Duration::from_secs(10), body_bytes: 1000, private_addresses: true };

fn client() -> SystemHttp {
    SystemHttp::with_proxies(Matcher::builder().build())
}

fn get(url: &str) -> Request {
    Request { method: Method::Get, url: url.to_owned(), headers: Vec::new(), body: None }
}

/// A server that sends every connection the same bytes and keeps it open. Returns the heads
/// of the requests when it is stopped.
struct Server {
    port: u16,
    heads: JoinHandle<()>,
    seen: tokio::sync::mpsc::UnboundedReceiver<String>,
}

impl Server {
    async fn answering(answer: impl Into<Vec<u8>>) -> Self {
        let answer = answer.into();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
        let port = listener.local_addr().expect("address").port();
        let (sender, seen) = tokio::sync::mpsc::unbounded_channel();
        let heads = tokio::spawn(async move {
            let mut open = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = Vec::new();
                while !is_whole(&head) {
                    match stream.read_buf(&mut head).await {
                        Ok(count) if count > 0 => {}
                        _ => break,
                    }
                }
                let _ = sender.send(String::from_utf8_lossy(&head).into_owned());
                let _ = stream.write_all(&answer).await;
                open.push(stream);
            }
        });
        Self { port, heads, seen }
    }

    fn url(&self, rest: &str) -> String {
        format!("http://127.0.0.1:{}{rest}", self.port)
    }

    fn seen(&mut self) -> Option<String> {
        self.seen.try_recv().ok()
    }
}

/// Returns whether these bytes are the whole head of a request, or no request at all.
fn is_whole(head: &[u8]) -> bool {
    head.windows(4).any(|end| end == b"\r\n\r\n")
        || head.first().is_some_and(|byte| !byte.is_ascii_uppercase())
}

impl Drop for Server {
    fn drop(&mut self) {
        self.heads.abort();
    }
}

fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nset-cookie: a=b\r\n\r\n{body}", body.len())
}

fn unreachable(result: Result<Response, Trouble>) -> String {
    match result {
        Err(Trouble::Unreachable { reason, .. }) => reason,
        Err(trouble) => panic!("{trouble:?}"),
        Ok(response) => panic!("status {}", response.status),
    }
}

fn denied(result: Result<Response, Trouble>) -> String {
    match result {
        Err(Trouble::Denied(reason)) => reason,
        Err(trouble) => panic!("{trouble:?}"),
        Ok(response) => panic!("status {}", response.status),
    }
}

#[tokio::test]
async fn a_request_is_sent_as_asked_and_the_response_comes_back_whole() {
    let mut server = Server::answering(ok("hello")).await;
    let request = Request {
        method: Method::Post,
        url: server.url("/token?a=b"),
        headers: vec![Header { name: "accept".to_owned(), value: "application/json".to_owned() }],
        body: Some(b"code=1".to_vec()),
    };
    let response = client().send(request, LIMITS).await.expect("response");
    assert_eq!((response.status, response.body), (200, b"hello".to_vec()));
    assert!(
        response.headers.iter().any(|header| header.name == "set-cookie" && header.value == "a=b")
    );
    let head = server.seen().expect("request");
    assert!(head.starts_with("POST /token?a=b HTTP/1.1\r\n"), "{head}");
    let agent = concat!("\r\nuser-agent: latchstring/", env!("CARGO_PKG_VERSION"), "\r\n");
    for line in [agent, "\r\naccept: application/json\r\n", "\r\ncontent-length: 6\r\n"] {
        assert!(head.contains(line), "{head}");
    }
    for absent in ["cookie", "referer", "accept-encoding"] {
        assert!(!head.contains(absent), "{head}");
    }
}

#[tokio::test]
async fn plain_http_on_loopback_loads_no_certificates() {
    let server = Server::answering(ok("")).await;
    let client = client();
    client.send(get(&server.url("/")), LIMITS).await.expect("response");
    assert!(!client.has_loaded_certificates());
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let target = Server::answering(ok("")).await;
    let answer =
        format!("HTTP/1.1 302 Found\r\nlocation: {}\r\ncontent-length: 0\r\n\r\n", target.url("/"));
    let server = Server::answering(answer).await;
    let response = client().send(get(&server.url("/")), LIMITS).await.expect("response");
    assert_eq!(response.status, 302);
}

#[tokio::test]
async fn a_body_up_to_the_limit_passes_and_one_byte_more_does_not() {
    let limits = Limits { body_bytes: 5, ..LIMITS };
    let chunked = |body: &str| {
        format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
            body.len()
        )
    };
    for answer in [ok("12345"), chunked("12345")] {
        let server = Server::answering(answer).await;
        assert!(client().send(get(&server.url("/")), limits).await.is_ok());
    }
    for answer in [ok("123456"), chunked("123456")] {
        let server = Server::answering(answer).await;
        let result = client().send(get(&server.url("/")), limits).await;
        assert!(matches!(result, Err(Trouble::TooLarge(5))));
    }
}

#[tokio::test]
async fn a_stream_has_no_limit_and_each_piece_its_own_time() {
    let limits = Limits { body_bytes: 5, ..LIMITS };
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n";
    let mut server = Server::answering(format!("{head}hello, ")).await;
    let request = ApiRequest::new("REPORT", server.url("/")).body("a=b");
    let mut answer = client().stream(request, limits).await.expect("an answer");
    assert!(server.seen().expect("a request").starts_with("REPORT / HTTP/1.1\r\n"));
    let piece = answer.body.next().await.expect("a piece");
    assert_eq!(piece.as_deref(), Some(&b"hello, "[..]));
    // Nothing more arrives, and tokio's paused clock advances to the time limit.
    tokio::time::pause();
    let trouble = answer.body.next().await.expect_err("a time-out");
    assert!(
        matches!(trouble, Trouble::Unreachable { reason, sent: true } if reason.ends_with("timed out after 10 s"))
    );
}

#[tokio::test]
async fn methods_that_show_the_token_or_are_for_proxies_are_denied() {
    for method in ["TRACE", "CONNECT", "", "GE T", "GET\r\nA: b"] {
        let request = ApiRequest::new(method, "http://127.0.0.1:9/");
        let result = client().stream(request, LIMITS).await;
        assert!(matches!(result, Err(Trouble::Denied(_))), "{method}");
    }
}

/// A client that reads every body as a whole.
struct Plain(SystemHttp);

#[async_trait]
impl Http for Plain {
    async fn send(&self, request: Request, limits: Limits) -> Result<Response, Trouble> {
        self.0.send(request, limits).await
    }
}

#[tokio::test]
async fn a_client_that_cannot_stream_hands_the_body_over_in_one_piece() {
    let server = Server::answering(ok("hello")).await;
    let plain = Plain(client());
    let request = ApiRequest::new("GET", server.url("/"));
    let mut answer = plain.stream(request, LIMITS).await.expect("an answer");
    assert_eq!(answer.body.next().await.expect("a piece").as_deref(), Some(&b"hello"[..]));
    assert_eq!(answer.body.next().await, Ok(None));
    let result = plain.stream(ApiRequest::new("PUT", server.url("/")), LIMITS).await;
    assert!(matches!(result, Err(Trouble::Denied(reason)) if reason.contains("\"PUT\"")));
}

#[tokio::test]
async fn a_declared_length_above_the_limit_is_not_waited_for() {
    let server = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n").await;
    let result = client().send(get(&server.url("/")), LIMITS).await;
    assert!(matches!(result, Err(Trouble::TooLarge(1000))));
}

#[tokio::test]
async fn a_server_that_does_not_finish_in_time_is_unreachable() {
    let limits = Limits { timeout: Duration::from_millis(50), ..LIMITS };
    for answer in ["", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"] {
        let server = Server::answering(answer).await;
        let reason = unreachable(client().send(get(&server.url("/?secret")), limits).await);
        let port = server.port;
        assert_eq!(reason, format!("cannot reach 127.0.0.1:{port}: timed out after 50 ms"));
    }
}

#[tokio::test]
async fn a_failure_is_described_without_the_url() {
    // A port that is bound and not listened on.
    let taken = TcpSocket::new_v4().expect("socket");
    taken.bind(([127, 0, 0, 1], 0).into()).expect("port");
    let port = taken.local_addr().expect("address").port();
    let refused =
        unreachable(client().send(get(&format!("http://127.0.0.1:{port}/?secret")), LIMITS).await);
    assert_eq!(refused, format!("cannot reach 127.0.0.1:{port}: connection refused"));

    let server = Server::answering("SSH-2.0-OpenSSH\r\n\r\n").await;
    let reason = unreachable(client().send(get(&server.url("/?secret")), LIMITS).await);
    assert_eq!(reason, format!("cannot reach 127.0.0.1:{}: the response is not HTTP", server.port));

    let reason = unreachable(client().send(get("https://name.invalid/?secret"), LIMITS).await);
    assert!(reason.starts_with("cannot reach name.invalid:443: "), "{reason}");
    assert!(!reason.contains("secret"), "{reason}");
}

#[tokio::test]
async fn a_name_that_does_not_exist_is_not_found() {
    let reason = unreachable(client().send(get("http://name.invalid/?secret"), LIMITS).await);
    assert!(reason.starts_with("cannot reach name.invalid:80: name not found ("), "{reason}");
    let limits = Limits { private_addresses: false, ..LIMITS };
    let reason = unreachable(client().send(get("http://name.invalid/?secret"), limits).await);
    assert!(reason.starts_with("cannot reach name.invalid:80: name not found ("), "{reason}");
}

#[tokio::test]
async fn a_private_address_is_denied_by_name_and_by_number() {
    let mut server = Server::answering(ok("")).await;
    let limits = Limits { private_addresses: false, ..LIMITS };
    let client = client();
    let port = server.port;
    client.send(get(&format!("http://localhost:{port}/")), LIMITS).await.expect("allowed");
    assert!(server.seen().is_some());
    let reason = denied(client.send(get(&format!("http://localhost:{port}/")), limits).await);
    assert!(reason.starts_with("localhost leads to "), "{reason}");
    for host in
        ["127.0.0.1", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]", "10.0.0.1", "169.254.169.254"]
    {
        let reason = denied(client.send(get(&format!("http://{host}:{port}/")), limits).await);
        assert!(reason.ends_with("is not a public address"), "{reason}");
    }
    assert!(server.seen().is_none());
}

#[tokio::test]
async fn other_schemes_and_headers_of_the_clients_own_are_denied() {
    denied(client().send(get("file:///etc/passwd"), LIMITS).await);
    denied(client().send(get("nothing"), LIMITS).await);
    for (name, value) in
        [("Host", "other.example"), ("Cookie", "a"), ("a b", "c"), ("a", "b\r\nc: d")]
    {
        let header = Header { name: name.to_owned(), value: value.to_owned() };
        let request = Request { headers: vec![header], ..get("http://127.0.0.1:9/") };
        denied(client().send(request, LIMITS).await);
    }
}

#[tokio::test]
async fn a_proxy_on_a_private_address_takes_requests_for_other_hosts_only() {
    let mut proxy = Server::answering(ok("proxied")).await;
    let direct = Server::answering(ok("direct")).await;
    let settings = Matcher::builder().all(format!("http://me:pass@127.0.0.1:{}", proxy.port));
    let client = SystemHttp::with_proxies(settings.no("internal.example").build());
    let limits = Limits { private_addresses: false, ..LIMITS };

    let response = client.send(get("http://login.invalid/a?b"), limits).await.expect("proxied");
    assert_eq!(response.body, b"proxied");
    let head = proxy.seen().expect("request");
    assert!(head.starts_with("GET http://login.invalid/a?b HTTP/1.1\r\n"), "{head}");
    assert!(head.contains("proxy-authorization: Basic bWU6cGFzcw==\r\n"), "{head}");

    denied(client.send(get("http://10.0.0.1/"), limits).await);
    let response = client.send(get(&direct.url("/")), LIMITS).await.expect("direct");
    assert_eq!(response.body, b"direct");
    assert!(proxy.seen().is_none());
}

#[tokio::test]
async fn addresses_are_resolved_except_behind_a_proxy() {
    let resolve = async |client: &SystemHttp, url: &str| {
        client.resolve(&Url::parse(url).expect("a URL")).await
    };
    let address = |text: &str| text.parse::<IpAddr>().expect("an address");
    let direct = client();
    assert_eq!(resolve(&direct, "https://10.0.0.1/").await, [address("10.0.0.1")]);
    assert_eq!(resolve(&direct, "https://[fd00::1]/").await, [address("fd00::1")]);
    assert!(resolve(&direct, "https://name.invalid/").await.is_empty());
    let local = resolve(&direct, "http://localhost:1/").await;
    assert!(!local.is_empty() && local.iter().all(IpAddr::is_loopback), "{local:?}");

    let settings = Matcher::builder().all("http://127.0.0.1:9").no("10.0.0.2");
    let proxied = SystemHttp::with_proxies(settings.build());
    assert!(resolve(&proxied, "https://10.0.0.1/").await.is_empty());
    assert_eq!(resolve(&proxied, "https://10.0.0.2/").await, [address("10.0.0.2")]);
    assert_eq!(resolve(&proxied, "http://127.0.0.1:1/").await, [address("127.0.0.1")]);
}

#[tokio::test]
async fn a_proxy_that_fails_is_named_without_its_password() {
    let settings = Matcher::builder().all("http://me:pass@127.0.0.1:9").build();
    let reason = unreachable(
        SystemHttp::with_proxies(settings).send(get("http://login.invalid/"), LIMITS).await,
    );
    let expected =
        "cannot reach login.invalid:80 through the proxy 127.0.0.1:9: connection refused";
    assert_eq!(reason, expected);
    let settings = Matcher::builder().all("socks5h://me:pass@127.0.0.1:9").build();
    let result =
        SystemHttp::with_proxies(settings).send(get("http://login.invalid/"), LIMITS).await;
    let Err(Trouble::Unreachable { reason, sent: false }) = result else {
        panic!("{result:?}");
    };
    let place = "cannot reach login.invalid:80 through the proxy 127.0.0.1:9: ";
    assert!(reason.starts_with(place) && !reason.contains("pass"), "{reason}");
}

#[tokio::test]
async fn a_server_without_tls_is_not_reported_as_down() {
    let server = Server::answering("HTTP/1.1 400 Bad Request\r\n\r\n").await;
    let client = client();
    let reason =
        unreachable(client.send(get(&format!("https://127.0.0.1:{}/", server.port)), LIMITS).await);
    if client.has_loaded_certificates() {
        assert!(reason.ends_with(": it does not speak TLS"), "{reason}");
    }
}
