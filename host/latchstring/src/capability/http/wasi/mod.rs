//! HTTP requests through `wasi:http`.

mod outgoing;
mod trouble;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use async_trait::async_trait;
use latchstring_core::capability::http::{Http, Limits, Trouble};
use url::{Host, Url};
use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{IncomingBody, OutgoingBody, RequestOptions};
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::ip_name_lookup::{ResolveAddressStream, resolve_addresses};
use wasip2::sockets::network::{ErrorCode, IpAddress};

use crate::egress::addresses::is_public;
use crate::error::printable;
use crate::wasi::{self, streams};
use latchstring_core::contract::{Header, Request, Response};

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
        let url = Url::parse(&request.url)
            .map_err(|_| Trouble::Denied("the request's URL is invalid".to_owned()))?;
        let port = url.port_or_known_default().unwrap_or_default();
        let place = printable(&format!("{}:{port}", url.host_str().unwrap_or_default()));
        let exchange = async {
            if !limits.private_addresses {
                check_public(&url).await?;
            }
            exchange(&url, request, limits, &place).await
        };
        wasi::within(limits.timeout, exchange).await.unwrap_or_else(|| {
            let seconds = limits.timeout.as_secs();
            Err(trouble::unreachable(&place, &format!("timed out after {seconds} s"), true))
        })
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

async fn exchange(
    url: &Url,
    request: Request,
    limits: Limits,
    place: &str,
) -> Result<Response, Trouble> {
    let refused = |()| Trouble::Denied(format!("a request to {place} cannot be written"));
    let body = request.body.clone();
    let outgoing = outgoing::request(url, &request)?;
    let options = RequestOptions::new();
    let nanoseconds = u64::try_from(limits.timeout.as_nanos()).ok();
    // A host may ignore these. The time limit on the whole request holds anyway.
    let _ = options.set_connect_timeout(nanoseconds);
    let _ = options.set_first_byte_timeout(nanoseconds);
    let outgoing_body = outgoing.body().map_err(refused)?;
    let future = handle(outgoing, Some(options)).map_err(|code| trouble::explain(&code, place))?;
    if let Some(bytes) = body {
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
    let body = read(&body, limits.body_bytes, place).await?;
    Ok(Response { status, headers, body })
}

async fn read(incoming: &IncomingBody, most: u64, place: &str) -> Result<Vec<u8>, Trouble> {
    let cut_short = || trouble::unreachable(place, "the response was cut off", true);
    let stream = incoming.stream().map_err(|()| cut_short())?;
    let mut body = Vec::new();
    while let Some(piece) = streams::read(&stream, 64 * 1024).await.map_err(|_| cut_short())? {
        if (body.len() + piece.len()) as u64 > most {
            return Err(Trouble::TooLarge(most));
        }
        body.extend_from_slice(&piece);
    }
    Ok(body)
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
