//! HTTP requests through `wasi:http`.

mod outgoing;
mod trouble;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use latchstring_core::capability::http::{ApiRequest, Http, Limits, Pieces, Streamed, Trouble};
use url::{Host, Url};
use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{IncomingBody, OutgoingBody, RequestOptions};
use wasip2::io::streams::InputStream;
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::ip_name_lookup::{ResolveAddressStream, resolve_addresses};
use wasip2::sockets::network::{ErrorCode, IpAddress};

use crate::egress::addresses::is_public;
use crate::error::printable;
use crate::wasi::{self, streams};
use latchstring_core::contract::{Header, Method, Request, Response};

/// Sends requests through `wasi:http`. The program that runs this one connects, and decides
/// which certificates it trusts.
///
/// If `Limits::private_addresses` is false, every address of the host must be public. The
/// name is looked up for that here, and again by the program that connects: a name server
/// that answers differently the second time gets past this check.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemHttp(());

#[async_trait]
impl Http for SystemHttp {
    async fn send(&self, request: Request, limits: Limits) -> Result<Response, Trouble> {
        let request = of_contract(request);
        let (url, place) = target(&request)?;
        let exchange = async {
            let Begun { status, headers, mut body } = begin(&url, &place, request, limits).await?;
            let mut bytes = Vec::new();
            while let Some(piece) = body.piece().await? {
                if (bytes.len() + piece.len()) as u64 > limits.body_bytes {
                    return Err(Trouble::TooLarge(limits.body_bytes));
                }
                bytes.extend_from_slice(&piece);
            }
            Ok(Response { status, headers, body: bytes })
        };
        within(&place, limits.timeout, exchange).await
    }

    async fn stream(&self, request: ApiRequest, limits: Limits) -> Result<Streamed, Trouble> {
        let (url, place) = target(&request)?;
        let begun = begin(&url, &place, request, limits);
        let Begun { status, headers, body } = within(&place, limits.timeout, begun).await?;
        Ok(Streamed { status, headers, body: Box::new(body) })
    }

    async fn resolve(&self, url: &Url) -> Vec<IpAddr> {
        match url.host() {
            Some(Host::Domain(name)) => resolve(name).await.unwrap_or_default(),
            Some(Host::Ipv4(address)) => vec![address.into()],
            Some(Host::Ipv6(address)) => vec![address.into()],
            None => Vec::new(),
        }
    }
}

/// A response whose head has arrived.
struct Begun {
    status: u16,
    headers: Vec<Header>,
    body: Incoming,
}

/// The body of a response. The stream comes first, because WASI requires that it is dropped
/// before the body.
struct Incoming {
    stream: InputStream,
    _body: IncomingBody,
    place: String,
    patience: Duration,
}

impl Incoming {
    async fn piece(&mut self) -> Result<Option<Bytes>, Trouble> {
        let piece = streams::read(&self.stream, 64 * 1024).await;
        piece.map(|piece| piece.map(Bytes::from)).map_err(|_| cut_off(&self.place))
    }
}

#[async_trait]
impl Pieces for Incoming {
    async fn next(&mut self) -> Result<Option<Bytes>, Trouble> {
        let (place, patience) = (self.place.clone(), self.patience);
        within(&place, patience, self.piece()).await
    }
}

fn of_contract(request: Request) -> ApiRequest {
    let method = match request.method {
        Method::Get => "GET",
        Method::Post => "POST",
        Method::Delete => "DELETE",
    };
    let Request { url, headers, body, .. } = request;
    let body = body.map(Bytes::from);
    ApiRequest { method: method.to_owned(), url, headers, body, patience: None }
}

/// Returns the request's URL, and its host and port for messages: never the whole URL, whose
/// query may contain secrets.
fn target(request: &ApiRequest) -> Result<(Url, String), Trouble> {
    let url = Url::parse(&request.url)
        .map_err(|_| Trouble::Denied("the request's URL is invalid".to_owned()))?;
    let port = url.port_or_known_default().unwrap_or_default();
    let place = printable(&format!("{}:{port}", url.host_str().unwrap_or_default()));
    Ok((url, place))
}

async fn within<T>(
    place: &str,
    limit: Duration,
    work: impl Future<Output = Result<T, Trouble>>,
) -> Result<T, Trouble> {
    wasi::within(limit, work).await.unwrap_or_else(|| {
        let reason = format!("timed out after {} s", limit.as_secs());
        Err(trouble::unreachable(place, &reason, true))
    })
}

/// Sends the request, and returns the response as soon as its head has arrived.
async fn begin(
    url: &Url,
    place: &str,
    request: ApiRequest,
    limits: Limits,
) -> Result<Begun, Trouble> {
    if !limits.private_addresses {
        check_public(url).await?;
    }
    let refused = |()| Trouble::Denied(format!("a request to {place} cannot be written"));
    let outgoing = outgoing::request(url, &request)?;
    let options = RequestOptions::new();
    let nanoseconds = u64::try_from(limits.timeout.as_nanos()).ok();
    // A host may ignore these. The time limit on the whole request holds anyway.
    let _ = options.set_connect_timeout(nanoseconds);
    let _ = options.set_first_byte_timeout(nanoseconds);
    let outgoing_body = outgoing.body().map_err(refused)?;
    let future = handle(outgoing, Some(options)).map_err(|code| trouble::explain(&code, place))?;
    if let Some(bytes) = request.body {
        let stream = outgoing_body.write().map_err(refused)?;
        // Ignore the error: a response that came early says why the server stopped reading.
        let _ = streams::write(&stream, &bytes).await;
    }
    let _ = OutgoingBody::finish(outgoing_body, None);
    wasi::ready(future.subscribe()).await;
    let answer = future.get().and_then(Result::ok).ok_or_else(|| refused(()))?;
    let incoming = answer.map_err(|code| trouble::explain(&code, place))?;
    let status = incoming.status();
    let headers: Vec<Header> = incoming
        .headers()
        .entries()
        .into_iter()
        .map(|(name, value)| Header { name, value: String::from_utf8_lossy(&value).into_owned() })
        .collect();
    let body = incoming.consume().map_err(refused)?;
    let stream = body.stream().map_err(|()| cut_off(place))?;
    let body = Incoming { stream, _body: body, place: place.to_owned(), patience: limits.timeout };
    Ok(Begun { status, headers, body })
}

fn cut_off(place: &str) -> Trouble {
    trouble::unreachable(place, "the response was cut off", true)
}

/// Fails if the name of the host resolves to this machine or its network.
async fn check_public(url: &Url) -> Result<(), Trouble> {
    let name = match url.host() {
        Some(Host::Domain(name)) => name,
        Some(Host::Ipv4(address)) => return public(address.into(), ""),
        Some(Host::Ipv6(address)) => return public(address.into(), ""),
        None => return Err(Trouble::Denied("the request's URL has no host".to_owned())),
    };
    match resolve(name).await {
        Ok(addresses) => addresses.into_iter().try_for_each(|address| public(address, name)),
        Err(ErrorCode::AccessDenied) => Err(Trouble::Denied(format!(
            "the sandbox may not look up the name {}; run wasmtime with -S allow-ip-name-lookup",
            printable(name)
        ))),
        Err(code) => Err(Trouble::Unreachable {
            reason: format!("cannot reach {}: name not found ({})", printable(name), code.name()),
            sent: false,
        }),
    }
}

fn public(address: IpAddr, name: &str) -> Result<(), Trouble> {
    match (is_public(address), name) {
        (true, _) => Ok(()),
        (false, "") => Err(Trouble::Denied(format!("{address} is not a public address"))),
        (false, name) => Err(Trouble::Denied(format!(
            "{} leads to {address}, which is not a public address",
            printable(name)
        ))),
    }
}

async fn resolve(name: &str) -> Result<Vec<IpAddr>, ErrorCode> {
    let network = instance_network();
    let stream = resolve_addresses(&network, name)?;
    let mut found = Vec::new();
    while let Some(address) = next_address(&stream).await? {
        found.push(match address {
            IpAddress::Ipv4((a, b, c, d)) => Ipv4Addr::new(a, b, c, d).into(),
            IpAddress::Ipv6((a, b, c, d, e, f, g, h)) => {
                Ipv6Addr::new(a, b, c, d, e, f, g, h).into()
            }
        });
    }
    Ok(found)
}

async fn next_address(stream: &ResolveAddressStream) -> Result<Option<IpAddress>, ErrorCode> {
    loop {
        match stream.resolve_next_address() {
            Err(ErrorCode::WouldBlock) => wasi::ready(stream.subscribe()).await,
            answer => return answer,
        }
    }
}
