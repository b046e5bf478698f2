//! The HTTP client that uses this system's certificates and proxies.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Client, redirect};
use rustls::ClientConfig;
use tokio::time::timeout;
use url::{Host, Url};

use super::addresses::{is_loopback, is_public};
use super::method;
use super::outgoing::{of_contract, outgoing};
use super::trouble::{NotPublic, explain, seconds};
use super::trust::{Trust, without_certificates};
use super::{ApiRequest, Body, Http, Limits, Pieces, Streamed, Trouble};
use crate::error::{Error, printable};
use latchstring_core::contract::{Header, Request, Response};

const USER_AGENT: &str = concat!("latchstring/", env!("CARGO_PKG_VERSION"));
/// Time limit for making one connection. A request's own limit may end it earlier.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The default HTTP client. Uses this system's certificates and proxies, follows no
/// redirects and keeps no cookies.
///
/// Nothing is built before it is needed: the first https request loads the certificates,
/// and http on a loopback address never does.
///
/// If `Limits::private_addresses` is false, every address of the host's name must be
/// public, and the connection goes to one of the addresses that were checked. Connections
/// made without this check are kept apart from those made with it.
///
/// Proxies come from the system's settings: `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and
/// `NO_PROXY`, with `http`, `https`, `socks4`, `socks4a`, `socks5` and `socks5h`. Most
/// proxies resolve names themselves, so that this client cannot check the addresses:
/// through these, only a host that is written as an address is checked. For `socks4` and
/// `socks5`, names are resolved and checked here. Requests to loopback hosts never go
/// through a proxy.
#[derive(Default)]
pub struct SystemHttp {
    proxies: OnceLock<Matcher>,
    trust: Trust,
    identifies_to_apis: bool,
    built: Mutex<Built>,
}

#[derive(Default)]
struct Built {
    clients: HashMap<Route, Client>,
    /// TLS configurations, by whether this client's certificate is shown.
    tls: HashMap<bool, ClientConfig>,
}

/// The properties that need a separate client, and so a separate connection pool.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Route {
    https: bool,
    proxied: bool,
    private_addresses: bool,
    /// Whether this client's certificate is shown to a server that asks for it.
    identified: bool,
}

/// The parts needed to send a request.
struct Prepared {
    url: Url,
    client: Client,
    /// The destination as errors name it.
    place: String,
}

impl SystemHttp {
    /// Creates a client. It builds nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Creates a client that uses no proxy, for services of the machine itself.
    pub fn direct() -> Self {
        Self { proxies: Matcher::builder().build().into(), ..Self::default() }
    }

    /// Trusts the certificates in this PEM file as issuers of servers' certificates, in
    /// addition to the system's. Can be called again to add more.
    ///
    /// # Errors
    ///
    /// Returns `invalid-configuration`, naming the file, if it has no usable certificate.
    ///
    /// ```no_run
    /// use latchstring::Latch;
    /// use latchstring::capability::http::SystemHttp;
    ///
    /// # fn main() -> Result<(), latchstring::Error> {
    /// let http = SystemHttp::new().ca_file("/etc/acme/ca.pem")?;
    /// let latch = Latch::builder("https://id.acme.example", "my-cli").http(http).build()?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn ca_file(mut self, path: impl AsRef<Path>) -> Result<Self, Error> {
        self.trust.add_ca_file(path.as_ref())?;
        Ok(self)
    }

    /// Authenticates this client to servers of the provider that ask for a certificate
    /// ([RFC 8446 §4.3.2](https://www.rfc-editor.org/rfc/rfc8446#section-4.3.2)).
    /// `certificate` is a PEM file with the certificate, optionally followed by its chain;
    /// `key` is a PEM file with the unencrypted private key.
    ///
    /// Requests to an API ([`Latch::request`](crate::Latch::request)) do not use it: see
    /// [`identify_to_apis`](Self::identify_to_apis).
    ///
    /// # Errors
    ///
    /// Returns `invalid-configuration`, naming the file, if one of them cannot be used or
    /// if they do not belong together.
    pub fn client_certificate(
        mut self,
        certificate: impl AsRef<Path>,
        key: impl AsRef<Path>,
    ) -> Result<Self, Error> {
        self.trust.identify(certificate.as_ref(), key.as_ref())?;
        Ok(self)
    }

    /// Shows the client certificate to APIs too. They need it if the provider binds tokens to
    /// it ([RFC 8705 §3](https://www.rfc-editor.org/rfc/rfc8705#section-3)).
    pub fn identify_to_apis(mut self) -> Self {
        self.identifies_to_apis = true;
        self
    }

    #[cfg(test)]
    pub(super) fn with_proxies(proxies: Matcher) -> Self {
        Self { proxies: proxies.into(), ..Self::default() }
    }

    #[cfg(test)]
    pub(super) fn has_loaded_certificates(&self) -> bool {
        !self.built.lock().unwrap_or_else(PoisonError::into_inner).tls.is_empty()
    }

    /// Returns the proxy that this system's settings choose for the URL, or `None` for a
    /// direct connection.
    fn proxy_for(&self, url: &Url) -> Option<Intercept> {
        if is_loopback(url) {
            return None;
        }
        let uri = url.as_str().parse().ok()?;
        self.proxies.get_or_init(Matcher::from_system).intercept(&uri)
    }

    /// Returns what a request to `url` needs, or an error if the limits forbid it.
    /// `identified` says whether the server may be shown this client's certificate.
    fn prepare(
        &self,
        url: &str,
        private_addresses: bool,
        identified: bool,
    ) -> Result<Prepared, Trouble> {
        let url = target(url)?;
        let name = place(&url);
        if !private_addresses
            && let Some(address) = literal(&url).filter(|address| !is_public(*address))
        {
            return Err(Trouble::Denied(format!("{address} is not a public address")));
        }
        let proxy = self.proxy_for(&url);
        let place = match &proxy {
            Some(proxy) => format!("{name} through {}", proxy_name(proxy)),
            None => name,
        };
        let route = Route {
            https: url.scheme() == "https",
            proxied: proxy.is_some(),
            private_addresses,
            identified: identified && self.trust.has_identity(),
        };
        let client = self
            .client(route, proxy.as_ref())
            .map_err(|reason| unreachable(&place, &reason, false))?;
        Ok(Prepared { url, client, place })
    }

    fn client(&self, route: Route, proxy: Option<&Intercept>) -> Result<Client, String> {
        let mut built = self.built.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = built.clients.get(&route) {
            return Ok(client.clone());
        }
        let proxy_over_tls = proxy.is_some_and(|proxy| proxy.uri().scheme_str() == Some("https"));
        if route.identified && proxy_over_tls {
            // One TLS configuration serves both connections, and the proxy must not see the
            // certificate.
            return Err("a client certificate cannot be used through an https proxy".to_owned());
        }
        let tls = match route.https || proxy_over_tls {
            false => without_certificates()?,
            true => match built.tls.get(&route.identified) {
                Some(config) => config.clone(),
                None => {
                    let config = self.trust.config(route.identified)?;
                    built.tls.insert(route.identified, config.clone());
                    config
                }
            },
        };
        let client = build(route, proxy, tls)?;
        built.clients.insert(route, client.clone());
        Ok(client)
    }
}

#[async_trait]
impl Http for SystemHttp {
    async fn send(&self, request: Request, limits: Limits) -> Result<Response, Trouble> {
        let prepared = self.prepare(&request.url, limits.private_addresses, true)?;
        let body = request.body.map(Into::into);
        let request = outgoing(of_contract(request.method), prepared.url, &request.headers, body)?;
        match timeout(limits.timeout, exchange(&prepared.client, request, limits.body_bytes)).await
        {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(Stopped::TooLarge)) => Err(Trouble::TooLarge(limits.body_bytes)),
            Ok(Err(Stopped::Failed(error))) => {
                Err(explain(&error, &prepared.place, CONNECT_TIMEOUT))
            }
            Err(_) => Err(timed_out(&prepared.place, limits.timeout)),
        }
    }

    async fn resolve(&self, url: &Url) -> Vec<IpAddr> {
        if self.proxy_for(url).is_some() {
            return Vec::new();
        }
        let Some(Host::Domain(name)) = url.host() else {
            return literal(url).into_iter().collect();
        };
        let found = tokio::net::lookup_host((name, 0)).await;
        found.map(|found| found.map(|address| address.ip()).collect()).unwrap_or_default()
    }

    fn has_certificate(&self) -> bool {
        self.trust.has_identity()
    }

    async fn stream(&self, request: ApiRequest, limits: Limits) -> Result<Streamed, Trouble> {
        let Prepared { url, client, place } =
            self.prepare(&request.url, limits.private_addresses, self.identifies_to_apis)?;
        let method = method(&request.method).map_err(Trouble::Denied)?;
        let request = outgoing(method, url, &request.headers, request.body.map(Into::into))?;
        let response = timeout(limits.timeout, client.execute(request))
            .await
            .map_err(|_| timed_out(&place, limits.timeout))?
            .map_err(|error| explain(&error, &place, CONNECT_TIMEOUT))?;
        Ok(Streamed {
            status: response.status().as_u16(),
            headers: received_headers(&response),
            body: Box::new(Incoming { response, place, patience: limits.timeout }),
        })
    }

    async fn forward(
        &self,
        request: http::Request<Body>,
        private_addresses: bool,
    ) -> Result<http::Response<Body>, Trouble> {
        let (head, body) = request.into_parts();
        let Prepared { url, client, place } =
            self.prepare(&head.uri.to_string(), private_addresses, self.identifies_to_apis)?;
        let mut request = reqwest::Request::new(head.method, url);
        *request.headers_mut() = head.headers;
        *request.body_mut() = Some(reqwest::Body::wrap(body));
        let explained = move |error| explain(&error, &place, CONNECT_TIMEOUT);
        let response = client.execute(request).await.map_err(&explained)?;
        Ok(http::Response::from(response).map(|body| body.map_err(explained).boxed()))
    }
}

/// A response body as it arrives from the network.
struct Incoming {
    response: reqwest::Response,
    place: String,
    patience: Duration,
}

#[async_trait]
impl Pieces for Incoming {
    async fn next(&mut self) -> Result<Option<Bytes>, Trouble> {
        timeout(self.patience, self.response.chunk())
            .await
            .map_err(|_| timed_out(&self.place, self.patience))?
            .map_err(|error| explain(&error, &self.place, CONNECT_TIMEOUT))
    }
}

fn unreachable(place: &str, reason: &str, sent: bool) -> Trouble {
    Trouble::Unreachable { reason: format!("cannot reach {place}: {reason}"), sent }
}

fn timed_out(place: &str, patience: Duration) -> Trouble {
    unreachable(place, &format!("timed out after {}", seconds(patience)), true)
}

fn build(route: Route, proxy: Option<&Intercept>, tls: ClientConfig) -> Result<Client, String> {
    let mut builder = Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(USER_AGENT)
        .redirect(redirect::Policy::none())
        .referer(false)
        .connect_timeout(CONNECT_TIMEOUT)
        .no_proxy();
    if let Some(proxy) = proxy {
        let mut settings = reqwest::Proxy::all(proxy.uri().to_string()).map_err(plain)?;
        if let Some(login) = proxy.basic_auth() {
            settings = settings.custom_http_auth(login.clone());
        }
        if let Some((user, password)) = proxy.raw_auth() {
            settings = settings.basic_auth(user, password);
        }
        builder = builder.proxy(settings);
    }
    if !route.private_addresses {
        let proxy = proxy.and_then(|proxy| proxy.uri().host()).map(str::to_owned);
        builder = builder.dns_resolver(PublicResolver { proxy });
    }
    builder.build().map_err(plain)
}

fn plain(error: reqwest::Error) -> String {
    printable(&error.without_url().to_string())
}

/// A resolver that uses the system's and fails unless all addresses of a name are public.
struct PublicResolver {
    /// The proxy's host, which may have any address: the user chose it.
    proxy: Option<String>,
}

impl Resolve for PublicResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let is_proxy = self.proxy.as_deref() == Some(name.as_str());
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            match found.iter().find(|found| !is_proxy && !is_public(found.ip())) {
                Some(found) => {
                    Err(NotPublic { name: name.as_str().to_owned(), address: found.ip() }.into())
                }
                None => Ok(Box::new(found.into_iter()) as Addrs),
            }
        })
    }
}

enum Stopped {
    TooLarge,
    Failed(reqwest::Error),
}

impl From<reqwest::Error> for Stopped {
    fn from(error: reqwest::Error) -> Self {
        Self::Failed(error)
    }
}

async fn exchange(
    client: &Client,
    request: reqwest::Request,
    most: u64,
) -> Result<Response, Stopped> {
    let mut incoming = client.execute(request).await?;
    if incoming.content_length().is_some_and(|length| length > most) {
        return Err(Stopped::TooLarge);
    }
    let status = incoming.status().as_u16();
    let headers = received_headers(&incoming);
    let mut body = Vec::new();
    while let Some(chunk) = incoming.chunk().await? {
        if (body.len() + chunk.len()) as u64 > most {
            return Err(Stopped::TooLarge);
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Response { status, headers, body })
}

fn received_headers(response: &reqwest::Response) -> Vec<Header> {
    let headers = response.headers().iter().map(|(name, value)| Header {
        name: name.as_str().to_owned(),
        value: String::from_utf8_lossy(value.as_bytes()).into_owned(),
    });
    headers.collect()
}

fn target(url: &str) -> Result<Url, Trouble> {
    let url =
        Url::parse(url).map_err(|_| Trouble::Denied("the request's URL is invalid".to_owned()))?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        scheme => {
            Err(Trouble::Denied(format!("requests go over https or http, not over {scheme}")))
        }
    }
}

/// Returns host and port as errors name them.
fn place(url: &Url) -> String {
    let port = url.port_or_known_default().unwrap_or_default();
    printable(&format!("{}:{port}", url.host_str().unwrap_or_default()))
}

/// Returns the host if it is written as an address, which is never resolved, or `None`.
fn literal(url: &Url) -> Option<IpAddr> {
    match url.host()? {
        Host::Ipv4(address) => Some(address.into()),
        Host::Ipv6(address) => Some(address.into()),
        Host::Domain(_) => None,
    }
}

/// Returns the proxy's name without its user name and password.
fn proxy_name(proxy: &Intercept) -> String {
    let name = proxy.uri().authority().map_or("", |authority| authority.as_str());
    format!("the proxy {}", printable(name.rsplit('@').next().unwrap_or_default()))
}
