//! Binds the ports of a redirect on loopback addresses.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use async_trait::async_trait;
use tokio::net::{TcpListener, TcpSocket};

use super::peers::Peers;
use super::server::Server;
use super::{Listener, Loopback, Redirect, RedirectHost};
use crate::error::{Code, Error};
use crate::pages::Pages;

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
/// How often to try again if a port that the system chose is taken in the other address
/// family.
const EPHEMERAL_ATTEMPTS: usize = 16;
/// Connections that the system queues until they are accepted, if it allows that many. If
/// the queue is full, a client retries only after a second, and a flood fills the usual 128
/// at once.
const LONGEST_QUEUE: u32 = 4096;

/// Listens on this machine's loopback addresses only.
///
/// For `localhost`, both address families are bound to one port: a browser may try either,
/// and another program on the other one would get the login's code. If the machine has only
/// one family, one is enough. Needs a tokio runtime with network and time.
#[derive(Debug, Default, Clone, Copy)]
pub struct SystemLoopback;

#[async_trait]
impl Loopback for SystemLoopback {
    async fn bind(&self, redirect: &Redirect, pages: &Pages) -> Result<Box<dyn Listener>, Error> {
        redirect.check()?;
        let (listeners, port) = bind_first(redirect)?;
        let host = redirect.host.name();
        let expected = redirect.expected(port);
        let redirect_uri = format!("http://{host}:{port}{}", redirect.path);
        let address = listeners.first().and_then(|listener| listener.local_addr().ok());
        let peers = Peers::of(address);
        Ok(Box::new(Server::start(listeners, expected, redirect_uri, pages.clone(), peers)))
    }
}

fn bind_first(redirect: &Redirect) -> Result<(Vec<TcpListener>, u16), Error> {
    let chosen = [0];
    let ports = if redirect.ports.is_empty() { &chosen[..] } else { &redirect.ports };
    let mut failures = Vec::new();
    for &port in ports {
        match bind_port(redirect.host, port) {
            Ok(listeners) => {
                let port = listeners[0].local_addr().map_or(port, |address| address.port());
                return Ok((listeners, port));
            }
            Err(error) => failures.push((port, error)),
        }
    }
    Err(none_free(redirect.host, &failures))
}

/// Returns one listener, or one for each family; at least one.
fn bind_port(host: RedirectHost, port: u16) -> io::Result<Vec<TcpListener>> {
    match host {
        RedirectHost::Ipv4 => Ok(vec![bind_address(V4, port)?]),
        RedirectHost::Ipv6 => Ok(vec![bind_address(V6, port)?]),
        RedirectHost::Localhost if port != 0 => bind_both(port),
        RedirectHost::Localhost => {
            let mut bound = bind_both(0);
            for _ in 1..EPHEMERAL_ATTEMPTS {
                if !matches!(&bound, Err(error) if error.kind() == ErrorKind::AddrInUse) {
                    break;
                }
                bound = bind_both(0);
            }
            bound
        }
    }
}

fn bind_both(port: u16) -> io::Result<Vec<TcpListener>> {
    let v4 = match bind_address(V4, port) {
        Ok(listener) => listener,
        Err(error) if is_missing_family(&error) => return Ok(vec![bind_address(V6, port)?]),
        Err(error) => return Err(error),
    };
    let port = v4.local_addr()?.port();
    match bind_address(V6, port) {
        Ok(v6) => Ok(vec![v4, v6]),
        Err(error) if is_missing_family(&error) => Ok(vec![v4]),
        Err(error) => Err(error),
    }
}

/// Binds one address. On Unix, `SO_REUSEADDR` allows a port in TIME_WAIT but never one that
/// is listened on. On Windows it would allow sharing the port, so it stays off there.
fn bind_address(address: IpAddr, port: u16) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    socket.set_reuseaddr(cfg!(unix))?;
    socket.bind(SocketAddr::new(address, port))?;
    socket.listen(LONGEST_QUEUE)
}

/// Returns whether the machine has no such address, as opposed to no free port.
fn is_missing_family(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::AddrNotAvailable | ErrorKind::Unsupported)
        || error.raw_os_error() == Some(ADDRESS_FAMILY_UNSUPPORTED)
}

#[cfg(unix)]
const ADDRESS_FAMILY_UNSUPPORTED: i32 = rustix::io::Errno::AFNOSUPPORT.raw_os_error();
/// `WSAEAFNOSUPPORT`.
#[cfg(not(unix))]
const ADDRESS_FAMILY_UNSUPPORTED: i32 = 10047;

fn none_free(host: RedirectHost, failures: &[(u16, io::Error)]) -> Error {
    let host = host.name();
    let reasons: Vec<_> = failures.iter().map(|(port, error)| reason(*port, error)).collect();
    Error::new(
        Code::PortInUse,
        format!("no port could be bound on {host}: {}", reasons.join(", ")),
        "stop the program that uses the port, or allow another port that the provider accepts",
    )
}

fn reason(port: u16, error: &io::Error) -> String {
    let port = if port == 0 { "any port".to_owned() } else { format!("port {port}") };
    match error.kind() {
        ErrorKind::AddrInUse => format!("{port} is in use"),
        ErrorKind::PermissionDenied => format!("{port} is not permitted"),
        _ => format!("{port} failed ({error})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirect(host: RedirectHost, ports: &[u16]) -> Redirect {
        Redirect { host, ports: ports.to_vec(), path: "/callback".to_owned() }
    }

    async fn port_of(host: RedirectHost, ports: &[u16]) -> u16 {
        let listener =
            SystemLoopback.bind(&redirect(host, ports), &Pages::default()).await.expect("bound");
        let uri = listener.redirect_uri().strip_suffix("/callback").expect("path");
        uri.rsplit_once(':').expect("port").1.parse().expect("number")
    }

    fn busy(address: IpAddr) -> (TcpListener, u16) {
        let listener = bind_address(address, 0).expect("port");
        let port = listener.local_addr().expect("address").port();
        (listener, port)
    }

    #[tokio::test]
    async fn the_redirect_uri_has_the_host_as_asked_and_the_port_that_was_bound() {
        for (host, name) in
            [(RedirectHost::Ipv4, "127.0.0.1"), (RedirectHost::Localhost, "localhost")]
        {
            let listener =
                SystemLoopback.bind(&redirect(host, &[]), &Pages::default()).await.expect("bound");
            assert!(listener.redirect_uri().starts_with(&format!("http://{name}:")));
            assert!(!listener.redirect_uri().contains(":0/"));
        }
    }

    #[tokio::test]
    async fn a_busy_port_gives_way_to_the_next() {
        let (_busy, taken) = busy(V4);
        let (free, next) = busy(V4);
        drop(free);
        assert_eq!(port_of(RedirectHost::Ipv4, &[taken, next]).await, next);
    }

    #[tokio::test]
    async fn localhost_is_not_bound_if_another_program_has_one_family() {
        for family in [V4, V6] {
            let Ok(_) = bind_address(family, 0) else {
                continue;
            };
            let (_busy, taken) = busy(family);
            let error = SystemLoopback
                .bind(&redirect(RedirectHost::Localhost, &[taken]), &Pages::default())
                .await;
            assert_eq!(error.err().expect("taken").code(), Code::PortInUse);
        }
    }

    #[tokio::test]
    async fn when_all_are_busy_the_error_names_them() {
        let (_first, one) = busy(V4);
        let (_second, two) = busy(V4);
        let error = SystemLoopback
            .bind(&redirect(RedirectHost::Ipv4, &[one, two]), &Pages::default())
            .await;
        let error = error.err().expect("all busy");
        assert_eq!(error.code(), Code::PortInUse);
        let expected = format!(
            "no port could be bound on 127.0.0.1: port {one} is in use, port {two} is in use"
        );
        assert_eq!(error.message(), expected);
    }

    #[tokio::test]
    async fn a_path_that_no_request_could_match_is_refused() {
        for path in ["", "callback", "/a b", "/a?b", "/a#b", "/ä", "/a\r\n"] {
            let redirect = Redirect { path: path.to_owned(), ..redirect(RedirectHost::Ipv4, &[]) };
            let error =
                SystemLoopback.bind(&redirect, &Pages::default()).await.err().expect("refused");
            assert_eq!(error.code(), Code::InvalidConfiguration, "{path}");
        }
    }
}
