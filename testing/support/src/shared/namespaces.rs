//! Network namespaces: machines with interfaces of their own.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::thread;

use rustix::fd::AsFd as _;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use super::relay::Relay;
use crate::skip;

/// Network namespaces, each linked to this one. Dropping them removes them.
pub struct Namespaces {
    prefix: String,
    count: usize,
}

impl Namespaces {
    /// Creates namespaces, or says that this is not permitted.
    pub fn create(count: usize) -> Option<Self> {
        let mut namespaces = Self { prefix: format!("ls{}", std::process::id()), count: 0 };
        for number in 0..count {
            let name = namespaces.name(number);
            if !ip(&["netns", "add", &name]) {
                skip("network namespaces are not permitted here");
                return None;
            }
            namespaces.count += 1;
            let (here, there) = (namespaces.link(number), format!("{}p", namespaces.link(number)));
            let (own, other) = (namespaces.address(number), address(number, 2));
            let is_linked = ip(&["link", "add", &here, "type", "veth", "peer", "name", &there])
                && ip(&["link", "set", &there, "netns", &name])
                && ip(&["address", "add", &format!("{own}/30"), "dev", &here])
                && ip(&["link", "set", &here, "up"])
                && ip(&["-n", &name, "address", "add", &format!("{other}/30"), "dev", &there])
                && ip(&["-n", &name, "link", "set", &there, "up"])
                && ip(&["-n", &name, "link", "set", "lo", "up"]);
            if !is_linked {
                skip("virtual network interfaces are not permitted here");
                return None;
            }
        }
        Some(namespaces)
    }

    /// The name of a namespace.
    pub fn name(&self, number: usize) -> String {
        format!("{}-{number}", self.prefix)
    }

    fn link(&self, number: usize) -> String {
        format!("{}v{number}", self.prefix)
    }

    /// The address of this side of a link, which the namespace reaches.
    pub fn address(&self, number: usize) -> Ipv4Addr {
        address(number, 1)
    }

    /// Cuts a namespace off, or connects it again. Its connections stay open.
    pub fn connect(&self, number: usize, is_up: bool) {
        let state = if is_up { "up" } else { "down" };
        assert!(ip(&["link", "set", &self.link(number), state]), "the link is there");
    }

    /// Makes a port of this namespace's loopback interface lead to the same port here.
    pub fn relay_loopback(&self, number: usize, port: u16) -> Relay {
        let (send, receive) = mpsc::channel();
        let path = format!("/run/netns/{}", self.name(number));
        thread::spawn(move || {
            let namespace = File::open(path).expect("a namespace");
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
                .expect("a thread in the namespace");
            let _ = send.send(TcpListener::bind((Ipv4Addr::LOCALHOST, port)).expect("the port"));
        });
        Relay::on(receive.recv().expect("a listener"), port)
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for number in 0..self.count {
            ip(&["netns", "delete", &self.name(number)]);
            ip(&["link", "delete", &self.link(number)]);
        }
    }
}

/// An address that no network here has, not even that of another test.
fn address(number: usize, host: u8) -> Ipv4Addr {
    let number = u8::try_from(number).expect("a small number");
    let [.., third, fourth] = std::process::id().to_be_bytes();
    Ipv4Addr::new(198, 18 + (third & 1), fourth, number * 4 + host)
}

fn ip(words: &[&str]) -> bool {
    let run = Command::new("ip").args(words).stdout(Stdio::null()).stderr(Stdio::null()).status();
    run.is_ok_and(|status| status.success())
}
