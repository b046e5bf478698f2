//! Binds the ports of a redirect on loopback addresses.

use async_trait::async_trait;
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::network::{
    ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress, Ipv6SocketAddress,
};
use wasip2::sockets::tcp::TcpSocket;
use wasip2::sockets::tcp_create_socket::create_tcp_socket;

use super::server::Server;
use super::{Listener, Loopback, Redirect, RedirectHost};
use crate::error::{Code, Error};
use crate::pages::Pages;
use crate::wasi::ready;

/// How often to try again if a port that the system chose is taken in the other address
/// family.
const EPHEMERAL_ATTEMPTS: usize = 16;
/// Connections that the system queues until they are accepted.
const LONGEST_QUEUE: u64 = 4096;

/// Listens on loopback addresses only.
///
/// For `localhost`, both address families are bound to one port: a browser may try either,
/// and another program on the other one would get the login's code.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemLoopback;

#[async_trait]
impl Loopback for SystemLoopback {
    async fn bind(&self, redirect: &Redirect, pages: &Pages) -> Result<Box<dyn Listener>, Error> {
        redirect.check()?;
        let ports = if redirect.ports.is_empty() { &[0][..] } else { &redirect.ports };
        let mut failures = Vec::new();
        for &port in ports {
            match bind_port(redirect.host, port).await {
                Ok((sockets, port)) => {
                    let uri = format!("http://{}:{port}{}", redirect.host.name(), redirect.path);
                    let server = Server::new(sockets, redirect.expected(port), uri, pages.clone());
                    return Ok(Box::new(server));
                }
                Err(code) => failures.push(reason(port, code)),
            }
        }
        Err(Error::new(
            Code::PortInUse,
            format!("no port could be bound on {}: {}", redirect.host.name(), failures.join(", ")),
            "stop the program that uses the port, or allow another port that the provider accepts",
        ))
    }
}

/// Returns one listener, or one for each family; at least one.
async fn bind_port(host: RedirectHost, port: u16) -> Result<(Vec<TcpSocket>, u16), ErrorCode> {
    let one = |family| async move {
        let (socket, port) = listen(family, port).await?;
        Ok((vec![socket], port))
    };
    match host {
        RedirectHost::Ipv4 => one(IpAddressFamily::Ipv4).await,
        RedirectHost::Ipv6 => one(IpAddressFamily::Ipv6).await,
        RedirectHost::Localhost => {
            let attempts = if port == 0 { EPHEMERAL_ATTEMPTS } else { 1 };
            let mut bound = bind_both(port).await;
            for _ in 1..attempts {
                if !matches!(bound, Err(ErrorCode::AddressInUse)) {
                    break;
                }
                bound = bind_both(port).await;
            }
            bound
        }
    }
}

async fn bind_both(port: u16) -> Result<(Vec<TcpSocket>, u16), ErrorCode> {
    let (v4, port) = match listen(IpAddressFamily::Ipv4, port).await {
        Ok(bound) => bound,
        Err(code) if is_missing_family(code) => {
            let (v6, port) = listen(IpAddressFamily::Ipv6, port).await?;
            return Ok((vec![v6], port));
        }
        Err(code) => return Err(code),
    };
    match listen(IpAddressFamily::Ipv6, port).await {
        Ok((v6, _)) => Ok((vec![v4, v6], port)),
        Err(code) if is_missing_family(code) => Ok((vec![v4], port)),
        Err(code) => Err(code),
    }
}

/// Returns a listener and its port.
async fn listen(family: IpAddressFamily, port: u16) -> Result<(TcpSocket, u16), ErrorCode> {
    let address = match family {
        IpAddressFamily::Ipv4 => {
            IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address: (127, 0, 0, 1) })
        }
        IpAddressFamily::Ipv6 => IpSocketAddress::Ipv6(Ipv6SocketAddress {
            port,
            flow_info: 0,
            address: (0, 0, 0, 0, 0, 0, 0, 1),
            scope_id: 0,
        }),
    };
    let network = instance_network();
    let socket = create_tcp_socket(family)?;
    socket.start_bind(&network, address)?;
    settled(&socket, TcpSocket::finish_bind).await?;
    // Ignore the error: a shorter queue still has room for the user's browser.
    let _ = socket.set_listen_backlog_size(LONGEST_QUEUE);
    socket.start_listen()?;
    settled(&socket, TcpSocket::finish_listen).await?;
    let port = match socket.local_address()? {
        IpSocketAddress::Ipv4(address) => address.port,
        IpSocketAddress::Ipv6(address) => address.port,
    };
    Ok((socket, port))
}

async fn settled(
    socket: &TcpSocket,
    finish: impl Fn(&TcpSocket) -> Result<(), ErrorCode>,
) -> Result<(), ErrorCode> {
    loop {
        match finish(socket) {
            Err(ErrorCode::WouldBlock) => ready(socket.subscribe()).await,
            finished => return finished,
        }
    }
}

/// Whether the machine lacks the address family. The port may be free.
fn is_missing_family(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::AddressNotBindable | ErrorCode::NotSupported)
}

fn reason(port: u16, code: ErrorCode) -> String {
    let port = if port == 0 { "any port".to_owned() } else { format!("port {port}") };
    match code {
        ErrorCode::AddressInUse => format!("{port} is in use"),
        ErrorCode::AccessDenied => {
            format!("{port} is not permitted (run wasmtime with -S inherit-network -S tcp)")
        }
        code => format!("{port} failed ({})", code.name()),
    }
}
