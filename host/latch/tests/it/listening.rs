//! Where a login listens, and how it stops.

use std::net::{TcpListener, TcpStream};

use latchstring_provider::Options;
use latchstring_provider::port::free_port;
use latchstring_testing::http::{get, with};
use latchstring_testing::{Home, Pending, busy_port, run};

/// The provider's refusal, made up by hand: it sends nobody to `localhost`.
fn refuse(pending: &Pending, issuer: &str) -> u16 {
    let mut url = pending.redirect_uri();
    url.set_query(Some("error=access_denied"));
    let url = with(&url, "state", Some(&pending.parameter("state")));
    get(&with(&url, "iss", Some(issuer))).status
}

#[test]
fn a_fixed_port_is_where_the_browser_comes_back_to() {
    let home = Home::new();
    let port = free_port();
    let pending = home.start_login(&["--port", &port.to_string()]);
    assert_eq!(pending.redirect_uri().as_str(), format!("http://127.0.0.1:{port}/callback"));
    assert_eq!(pending.visit().status, 200);
    pending.finish().succeeded();
    assert!(TcpListener::bind(("127.0.0.1", port)).is_ok(), "the port is still taken");
}

#[test]
fn a_busy_port_gives_way_to_the_next_of_the_list() {
    let home = Home::new();
    let ((_busy, taken), next) = (busy_port(), free_port());
    let pending = home.start_login(&["--port", &format!("{taken},{next}")]);
    assert_eq!(pending.port(), next);
    pending.visit();
    pending.finish().succeeded();
}

#[test]
fn where_every_port_is_busy_the_error_names_them_all() {
    let home = Home::new();
    let ((_one, first), (_two, second)) = (busy_port(), busy_port());
    let ports = format!("{first},{second}");
    let run = run(&mut home.login_command(&["--port", &ports, "--json"]));
    let run = run.failed(1, "port-in-use").saying(&[&first.to_string(), &second.to_string()]);
    assert_eq!(run.json_error()["exit"], 1);
    assert!(home.provider.log().is_empty());
}

#[test]
fn the_redirect_path_is_as_registered() {
    let home = Home::with(Options {
        redirect_uris: vec!["http://127.0.0.1/oauth/done".into()],
        ..Options::default()
    });
    let pending = home.start_login(&["--redirect-path", "/oauth/done"]);
    assert_eq!(pending.redirect_uri().path(), "/oauth/done");
    pending.visit();
    pending.finish().succeeded();
}

#[test]
fn a_redirect_path_that_cannot_be_one_is_a_usage_error() {
    let home = Home::new();
    for path in ["callback", "//evil.example/", "/a?b", "/a b", ""] {
        let run = run(&mut home.login_command(&["--redirect-path", path]));
        run.failed(2, "invalid-configuration").saying(&["redirect path"]);
    }
    assert!(home.provider.log().is_empty());
}

#[test]
fn localhost_is_answered_at_every_address_it_may_stand_for() {
    let home = Home::new();
    let pending = home.start_login(&["--redirect-host", "localhost"]);
    let port = pending.port();
    assert_eq!(pending.redirect_uri().as_str(), format!("http://localhost:{port}/callback"));
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok());
    if TcpListener::bind(("::1", 0)).is_ok() {
        assert!(TcpStream::connect(("::1", port)).is_ok());
    }
    assert_eq!(refuse(&pending, home.provider.issuer()), 403);
    pending.finish().failed(4, "access-denied");
}

#[test]
fn a_login_can_come_back_over_ipv6() {
    let home = Home::new();
    // A machine without the address cannot show this.
    if TcpListener::bind(("::1", 0)).is_err() {
        return;
    }
    let pending = home.start_login(&["--redirect-host", "[::1]"]);
    assert_eq!(pending.redirect_uri().host_str(), Some("[::1]"));
    assert_eq!(pending.visit().status, 200);
    pending.finish().succeeded();
}

#[test]
fn only_loopback_addresses_are_listened_on() {
    let home = Home::new();
    let pending = home.start_login(&[]);
    // Any other address of this machine that packets to the outside would come
    // from; connecting a datagram socket sends none.
    let outside = std::net::UdpSocket::bind("0.0.0.0:0").and_then(|socket| {
        socket.connect("192.0.2.1:9")?;
        Ok(socket.local_addr()?.ip())
    });
    if let Ok(address) = outside {
        assert!(TcpStream::connect((address, pending.port())).is_err(), "{address}");
    }
    pending.visit();
    pending.finish().succeeded();
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_login_at_once_and_leaves_nothing() {
    let home = Home::new();
    let port = free_port();
    let pending = home.start_login(&["--port", &port.to_string(), "--json"]);
    pending.interrupt();
    let run = pending.finish().failed(130, "interrupted");
    assert_eq!(run.json_error()["exit"], 130);
    assert!(TcpListener::bind(("127.0.0.1", port)).is_ok(), "the port is still taken");
    assert!(home.session_files().is_empty());
    assert!(!home.config_file().exists());
}

#[cfg(unix)]
#[test]
fn ctrl_c_ends_a_login_while_the_provider_is_silent() {
    use latchstring_provider::Fault;

    let home = Home::new();
    let pending = home.start_login(&[]);
    home.provider.misbehave(Fault::silence("/token"));
    let answer = pending.answer();
    let waiting = std::thread::spawn(move || get(&answer));
    while home.asked("/token").is_empty() {
        std::thread::yield_now();
    }
    pending.interrupt();
    pending.finish().failed(130, "interrupted");
    assert_ne!(waiting.join().expect("the browser").status, 200);
    assert!(home.session_files().is_empty());
}
