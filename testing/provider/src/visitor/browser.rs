//! A browser without a window: requests, cookies and redirects over plain HTTP.

use cookie_store::CookieStore;
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper::header::{CONNECTION, CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::header::{LOCATION, SET_COOKIE};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use url::{Position, Url, form_urlencoded};

use super::Lost;

/// Longest chain of redirects. Longer ones are loops.
const MOST_REDIRECTS: usize = 20;

/// A browser, which stores and sends cookies (RFC 6265 §5).
#[derive(Debug, Default)]
pub struct Browser {
    cookies: CookieStore,
}

/// A page that was received.
#[derive(Debug, Clone)]
pub struct Page {
    /// URL of the page, after all redirects that were followed.
    pub url: Url,
    /// HTTP status code.
    pub status: u16,
    /// Response headers.
    pub headers: HeaderMap,
    /// Body as UTF-8. Invalid bytes become U+FFFD.
    pub body: String,
}

impl Page {
    /// Returns the first value of a header. Returns `None` if it is missing or not text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Browser {
    /// Sends a GET request. Does not follow redirects.
    pub async fn get(&mut self, url: &str) -> Result<Page, Lost> {
        self.send(get(url)?).await
    }

    /// Sends a POST request with a form. Does not follow redirects.
    pub async fn post(&mut self, url: &str, form: &[(&str, &str)]) -> Result<Page, Lost> {
        self.send(post(url, form)?).await
    }

    /// Sends a request with an absolute http URL. Does not follow redirects.
    pub async fn send(&mut self, mut request: Request<String>) -> Result<Page, Lost> {
        let url = parse(&request.uri().to_string())?;
        if url.scheme() != "http" {
            return Err(Lost::new(format!(
                "{} is not reached by plain http, the only kind spoken here",
                host(&url)
            )));
        }
        let cookies = self.cookies.get_request_values(&url);
        let cookies: Vec<_> = cookies.map(|(name, value)| format!("{name}={value}")).collect();
        if !cookies.is_empty() {
            set_header(&mut request, COOKIE, &cookies.join("; "))?;
        }
        // Each request opens its own connection.
        set_header(&mut request, CONNECTION, "close")?;
        set_header(&mut request, HOST, &url[Position::BeforeHost..Position::AfterPort])?;
        let target = &url[Position::BeforePath..Position::AfterQuery];
        *request.uri_mut() = target.parse().map_err(|error| lost(&url, &error))?;
        let page = exchange(url, request).await?;
        for cookie in page.headers.get_all(SET_COOKIE) {
            // A cookie for another site is dropped, as browsers do.
            let _ = cookie.to_str().map(|cookie| self.cookies.parse(cookie, &page.url).map(drop));
        }
        Ok(page)
    }

    /// Sends a request and follows redirects to a page.
    pub async fn open(&mut self, mut request: Request<String>) -> Result<Page, Lost> {
        for _ in 0..MOST_REDIRECTS {
            let page = self.send(request.clone()).await?;
            let redirects = matches!(page.status, 301 | 302 | 303 | 307 | 308);
            let Some(location) = page.header(LOCATION.as_str()).filter(|_| redirects) else {
                return Ok(page);
            };
            let target = page.url.join(location);
            let target = target.map_err(|error| lost(&page.url, &error))?;
            if matches!(page.status, 307 | 308) {
                // Method and body are kept (RFC 9110 §15.4.8).
                let uri = target.as_str().parse();
                *request.uri_mut() = uri.map_err(|error| lost(&page.url, &error))?;
            } else {
                request = get(target.as_str())?;
            }
        }
        Err(Lost::new(format!("more than {MOST_REDIRECTS} redirects in a row")))
    }
}

/// Returns a GET request.
pub(super) fn get(url: &str) -> Result<Request<String>, Lost> {
    build(Method::GET, url, String::new())
}

/// Returns a POST request with a form.
pub(super) fn post(
    url: &str,
    form: &[(impl AsRef<str>, impl AsRef<str>)],
) -> Result<Request<String>, Lost> {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let mut request = build(Method::POST, url, body)?;
    set_header(&mut request, CONTENT_TYPE, "application/x-www-form-urlencoded")?;
    Ok(request)
}

fn build(method: Method, url: &str, body: String) -> Result<Request<String>, Lost> {
    let url = parse(url)?;
    // A fragment is not sent (RFC 9110 §4.2.5).
    Request::builder()
        .method(method)
        .uri(&url[..Position::AfterQuery])
        .body(body)
        .map_err(|error| lost(&url, &error))
}

fn parse(url: &str) -> Result<Url, Lost> {
    Url::parse(url).map_err(|error| Lost::new(format!("not a URL: {error}")))
}

/// Sends one request over its own connection: slower than a shared one, but never stale.
async fn exchange(url: Url, request: Request<String>) -> Result<Page, Lost> {
    let addresses = url.socket_addrs(|| None);
    let addresses = addresses.map_err(|error| lost(&url, &error))?;
    let stream = TcpStream::connect(&addresses[..]).await;
    let stream = stream.map_err(|error| lost(&url, &error))?;
    let connected = http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = connected.map_err(|error| lost(&url, &error))?;
    let connection = tokio::spawn(connection);
    let response = sender.send_request(request).await;
    let (head, body) = response.map_err(|error| lost(&url, &error))?.into_parts();
    let body = body.collect().await.map_err(|error| lost(&url, &error))?;
    // The page is complete. The provider may keep the connection open by itself.
    connection.abort();
    Ok(Page {
        status: head.status.as_u16(),
        headers: head.headers,
        body: String::from_utf8_lossy(&body.to_bytes()).into_owned(),
        url,
    })
}

fn set_header(request: &mut Request<String>, name: HeaderName, value: &str) -> Result<(), Lost> {
    let value = HeaderValue::from_str(value)
        .map_err(|_| Lost::new(format!("no value for the header {name}")))?;
    request.headers_mut().insert(name, value);
    Ok(())
}

fn lost(url: &Url, error: &dyn std::error::Error) -> Lost {
    Lost::new(format!("{}: {error}", host(url)))
}

fn host(url: &Url) -> &str {
    &url[Position::BeforeHost..Position::AfterPort]
}
