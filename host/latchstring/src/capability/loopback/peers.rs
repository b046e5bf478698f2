//! Asks the kernel which user has the other end of a connection to the listener.
//!
//! Both ends of a loopback connection are sockets of this machine, and Linux knows the user
//! that created each. It is asked for one socket (`sock_diag(7)`), which takes
//! microseconds; if that is not permitted, its table of all sockets is read
//! (`proc_pid_net(5)`), which takes milliseconds. The libraries that read this table also
//! list every process of the machine, so it is parsed here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::Peer;

/// A connection as the listener sees it: both addresses.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ends {
    pub(crate) ours: SocketAddr,
    pub(crate) theirs: SocketAddr,
}

/// The kernel's answer about the other end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The user that created the socket.
    User(u32),
    /// The connection is open and its other end is not found: it was forwarded from another
    /// network namespace or machine.
    Elsewhere,
    /// The other end is closed.
    ///
    /// Its socket has no user any more, and Linux shows user 0 with inode 0, which is not
    /// root. The browser cannot read a response, so nothing is lost if its request does not
    /// count. If it counted, another user could hide by closing the connection at once.
    Gone,
}

/// A socket of this machine.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    local: SocketAddr,
    remote: SocketAddr,
    state: u8,
    uid: u32,
    /// The inode; 0 if no file descriptor refers to the socket.
    inode: u64,
}

/// States of `tcp_states.h` in which data may still arrive, or the other side has sent all.
const ESTABLISHED: u8 = 1;
const CLOSE_WAIT: u8 = 8;
const LISTEN: u8 = 10;

/// Parses one line of `/proc/net/tcp` or `tcp6`. Returns `None` for the heading and
/// for anything else that is not an entry. IPv4 addresses that are mapped into IPv6
/// come out as IPv4.
fn entry(line: &str) -> Option<Entry> {
    let mut fields = line.split_ascii_whitespace();
    let (local, remote) = (fields.nth(1)?, fields.next()?);
    let state = fields.next()?;
    let uid = fields.nth(3)?;
    let inode = fields.nth(1)?;
    Some(Entry {
        local: address(local)?,
        remote: address(remote)?,
        state: u8::from_str_radix(state, 16).ok()?,
        uid: uid.parse().ok()?,
        inode: inode.parse().ok()?,
    })
}

/// Parses an address. `0100007F:1F90` is 127.0.0.1:8080 on a little-endian machine: each
/// group of eight digits is four bytes of the address, read as one number.
fn address(text: &str) -> Option<SocketAddr> {
    let (digits, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        let digits = digits.get(at * 8..at * 8 + 8)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    let ip = match digits.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for (at, four) in bytes.chunks_exact_mut(4).enumerate() {
                four.copy_from_slice(&word(at)?);
            }
            IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

/// Finds a socket in the lines of the table.
fn in_table(
    lines: impl Iterator<Item = impl AsRef<str>>,
    local: SocketAddr,
    remote: SocketAddr,
) -> Option<Entry> {
    let mut entries = lines.filter_map(|line| entry(line.as_ref()));
    entries.find(|entry| (entry.local, entry.remote) == (local, remote))
}

/// Finds the other end of a connection. `find` looks for a socket by its local and its
/// remote address.
fn other_end(
    mut find: impl FnMut(SocketAddr, SocketAddr) -> Option<Entry>,
    Ends { ours, theirs }: Ends,
) -> End {
    if let Some(entry) = find(theirs, ours) {
        return if entry.inode == 0 { End::Gone } else { End::User(entry.uid) };
    }
    // Asked second: if it is open now, it was when the other end was not found.
    let own = find(ours, theirs);
    let is_open = own.is_some_and(|own| matches!(own.state, ESTABLISHED | CLOSE_WAIT));
    if is_open { End::Elsewhere } else { End::Gone }
}

/// Returns the remote address of a listening socket: unspecified.
fn nowhere(listener: SocketAddr) -> SocketAddr {
    let ip = match listener {
        SocketAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        SocketAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    SocketAddr::new(ip, 0)
}

/// The meaning of user IDs in this process.
#[derive(Debug)]
struct Users {
    /// The user that this process runs as, and the one who started it with `sudo`, whose
    /// browser is used for the login.
    own: Vec<u32>,
    /// The ID that stands for users without an ID in this user namespace. `None` in the
    /// initial namespace, where this ID is a real user (`nobody`).
    unmapped: Option<u32>,
}

impl Users {
    fn peer(&self, uid: u32) -> Peer {
        if uid == 0 && !self.own.contains(&0) || self.unmapped == Some(uid) {
            Peer::Unknown
        } else if self.own.contains(&uid) {
            Peer::SameUser
        } else {
            Peer::OtherUser
        }
    }
}

/// Returns whether `/proc/self/uid_map` maps every user to itself, as in the initial
/// namespace (`user_namespaces(7)`).
fn maps_every_user(uid_map: &str) -> bool {
    uid_map.split_ascii_whitespace().eq(["0", "0", "4294967295"])
}

pub(crate) use system::Peers;

#[cfg(target_os = "linux")]
mod system {
    use std::fs::{self, File};
    use std::io::{BufRead as _, BufReader};

    use super::*;

    /// The tables of this process's network namespace, IPv4 first.
    const TABLES: [&str; 2] = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];

    /// How often to read the table: the kernel writes it in pieces, so that a socket may be
    /// missing while others come and go.
    const PASSES: usize = 3;

    /// A way to ask the kernel for a socket.
    type Find = fn(SocketAddr, SocketAddr) -> Option<Entry>;

    /// Tells which users a listener's connections belong to.
    #[derive(Debug)]
    pub(crate) struct Peers {
        users: Users,
        /// How to ask the kernel; `None` if it does not answer.
        find: Option<Find>,
    }

    impl Peers {
        /// Creates it with the first way of asking the kernel that shows the listener at
        /// this address as this user's.
        pub(crate) fn of(listener: Option<SocketAddr>) -> Self {
            let users = users();
            let methods: [Find; 2] = [diag::find, find_in_tables];
            let shows = |at: SocketAddr, find: &Find| {
                find(at, nowhere(at))
                    .is_some_and(|entry| entry.state == LISTEN && users.own.contains(&entry.uid))
            };
            let find = listener.and_then(|at| methods.into_iter().find(|find| shows(at, find)));
            Self { users, find }
        }

        /// Returns whether connections of other users can be recognised.
        pub(crate) fn tells(&self) -> bool {
            self.find.is_some()
        }

        /// Returns the user at the other end, or `None` if that end is closed.
        pub(crate) fn peer(&self, ends: Ends) -> Option<Peer> {
            let Some(find) = self.find else { return Some(Peer::Unknown) };
            let mut end = End::Gone;
            for _ in 0..PASSES {
                end = other_end(find, ends);
                if let End::User(uid) = end {
                    return Some(self.users.peer(uid));
                }
            }
            (end == End::Elsewhere).then_some(Peer::Unknown)
        }
    }

    fn find_in_tables(local: SocketAddr, remote: SocketAddr) -> Option<Entry> {
        let files = TABLES.into_iter().filter_map(|path| File::open(path).ok());
        let lines = files.flat_map(|file| BufReader::new(file).lines().map_while(Result::ok));
        in_table(lines, local, remote)
    }

    fn users() -> Users {
        let sudo = std::env::var("SUDO_UID").ok().and_then(|uid| uid.parse().ok());
        let own = rustix::process::geteuid().as_raw();
        // A kernel without this file has no user namespaces.
        let uid_map = fs::read_to_string("/proc/self/uid_map").ok();
        let is_nested = uid_map.is_some_and(|map| !maps_every_user(&map));
        let overflow = || {
            let text = fs::read_to_string("/proc/sys/kernel/overflowuid").ok();
            text.and_then(|uid| uid.trim().parse().ok()).unwrap_or(65534)
        };
        Users { own: [own].into_iter().chain(sudo).collect(), unmapped: is_nested.then(overflow) }
    }

    #[cfg(test)]
    mod tests {
        use std::net::{TcpListener, TcpStream};

        use super::*;

        #[test]
        fn the_kernel_knows_this_user_and_a_closed_connection() {
            for find in [diag::find as Find, find_in_tables] {
                for address in ["127.0.0.1:0", "[::1]:0"] {
                    let Ok(listener) = TcpListener::bind(address) else { continue };
                    let at = listener.local_addr().expect("an address");
                    assert!(Peers::of(Some(at)).tells());
                    let peers = Peers { users: users(), find: Some(find) };
                    let own = find(at, nowhere(at)).expect("a listening socket");
                    assert_eq!(own.state, LISTEN);
                    let client = TcpStream::connect(at).expect("a connection");
                    let (server, theirs) = listener.accept().expect("a connection");
                    let ends = Ends { ours: server.local_addr().expect("an address"), theirs };
                    assert_eq!(peers.peer(ends), Some(Peer::SameUser));
                    drop(client);
                    // `close` is a system call, so its effect is visible at once.
                    assert_eq!(peers.peer(ends), None);
                }
            }
            assert!(!Peers::of(None).tells());
        }
    }
}

/// `sock_diag(7)`: request and response for one TCP socket.
#[cfg(target_os = "linux")]
mod diag {
    use rustix::net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, netlink, recv, send,
        socket_with,
    };

    use super::*;

    /// `SOCK_DIAG_BY_FAMILY`, which is also the type of a response with a socket.
    const BY_FAMILY: u16 = 20;
    /// `NLM_F_REQUEST`: one socket, not a list.
    const REQUEST: u16 = 1;
    const TCP: u8 = 6;
    const INET: u8 = 2;
    const INET6: u8 = 10;
    /// `struct nlmsghdr` and `struct inet_diag_req_v2`.
    const REQUEST_LENGTH: u32 = 72;
    /// `struct nlmsghdr` and `struct inet_diag_msg`.
    const ANSWER_LENGTH: usize = 88;

    /// Asks the kernel for the socket with these addresses. Returns `None` if there is
    /// none, or if the kernel does not answer.
    pub(super) fn find(local: SocketAddr, remote: SocketAddr) -> Option<Entry> {
        let socket = socket_with(
            AddressFamily::NETLINK,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC,
            Some(netlink::SOCK_DIAG),
        )
        .ok()?;
        send(&socket, &request(local, remote), SendFlags::empty()).ok()?;
        let mut answer = [0; 512];
        // The kernel has answered by the time `send` returns.
        let (_, length) = recv(&socket, &mut answer, RecvFlags::DONTWAIT).ok()?;
        // If no connection has these addresses, the kernel may return a listener at the
        // local one.
        entry(answer.get(..length)?).filter(|entry| (entry.local, entry.remote) == (local, remote))
    }

    fn request(local: SocketAddr, remote: SocketAddr) -> Vec<u8> {
        let family = if local.is_ipv4() { INET } else { INET6 };
        let mut bytes = Vec::with_capacity(REQUEST_LENGTH as usize);
        bytes.extend(REQUEST_LENGTH.to_ne_bytes());
        bytes.extend(BY_FAMILY.to_ne_bytes());
        bytes.extend(REQUEST.to_ne_bytes());
        // Sequence number and port, then no extensions, padding, and all states.
        bytes.extend([0; 8]);
        bytes.extend([family, TCP, 0, 0]);
        bytes.extend(u32::MAX.to_ne_bytes());
        bytes.extend(local.port().to_be_bytes());
        bytes.extend(remote.port().to_be_bytes());
        for address in [local, remote] {
            let mut room = [0; 16];
            match address.ip() {
                IpAddr::V4(ip) => room[..4].copy_from_slice(&ip.octets()),
                IpAddr::V6(ip) => room.copy_from_slice(&ip.octets()),
            }
            bytes.extend(room);
        }
        // Any interface, and no cookie.
        bytes.extend(0_u32.to_ne_bytes());
        bytes.extend([0xff; 8]);
        bytes
    }

    /// Parses a response. Returns `None` for an error, such as that there is no such
    /// socket.
    pub(super) fn entry(answer: &[u8]) -> Option<Entry> {
        let answer = answer.get(..ANSWER_LENGTH)?;
        let number = |at: usize| Some(u32::from_ne_bytes(answer.get(at..at + 4)?.try_into().ok()?));
        let address = |port: usize, ip: usize| {
            let port = u16::from_be_bytes(answer.get(port..port + 2)?.try_into().ok()?);
            let bytes: [u8; 16] = answer.get(ip..ip + 16)?.try_into().ok()?;
            let ip = match answer[16] {
                INET => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(&bytes[..4]).ok()?)),
                INET6 => IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical(),
                _ => return None,
            };
            Some(SocketAddr::new(ip, port))
        };
        if answer[4..6] != BY_FAMILY.to_ne_bytes() {
            return None;
        }
        Some(Entry {
            local: address(20, 24)?,
            remote: address(22, 40)?,
            state: answer[17],
            uid: number(80)?,
            inode: number(84)?.into(),
        })
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::*;

    /// Other systems do not say which user a connection belongs to.
    #[derive(Debug)]
    pub(crate) struct Peers;

    impl Peers {
        pub(crate) fn of(_listener: Option<SocketAddr>) -> Self {
            Self
        }

        pub(crate) fn tells(&self) -> bool {
            false
        }

        pub(crate) fn peer(&self, _ends: Ends) -> Option<Peer> {
            Some(Peer::Unknown)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADING: &str = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode";

    fn ends(ours: &str, theirs: &str) -> Ends {
        Ends {
            ours: ours.parse().expect("an address"),
            theirs: theirs.parse().expect("an address"),
        }
    }

    /// Returns an address as the kernel of this machine writes it.
    fn written(address: &str) -> String {
        let address: SocketAddr = address.parse().expect("an address");
        let bytes = match address.ip() {
            IpAddr::V4(ip) => ip.octets().to_vec(),
            IpAddr::V6(ip) => ip.octets().to_vec(),
        };
        let words = bytes.chunks_exact(4).map(|four| {
            format!("{:08X}", u32::from_ne_bytes(four.try_into().expect("four bytes")))
        });
        format!("{}:{:04X}", words.collect::<String>(), address.port())
    }

    fn line(local: &str, remote: &str, state: &str, uid: u32, inode: u64) -> String {
        let (local, remote) = (written(local), written(remote));
        format!(
            "  12: {local} {remote} {state} 00000000:00000000 00:00000000 00000000 {uid:5} {:8} \
             {inode} 1 000000002c0f7c18 20 4 30 10 -1",
            0
        )
    }

    /// Returns the other end according to these lines of the table.
    fn end_in(lines: &[impl AsRef<str>], ends: Ends) -> End {
        other_end(|local, remote| in_table(lines.iter(), local, remote), ends)
    }

    #[test]
    fn the_table_tells_the_user_at_the_other_end() {
        let ours = "127.0.0.1:8000";
        let theirs = "127.0.0.1:40000";
        let mine = |state| line(ours, theirs, state, 1000, 70);
        let rows: [(&str, Vec<String>, End); 13] = [
            ("both ends", vec![mine("01"), line(theirs, ours, "01", 1001, 71)], End::User(1001)),
            ("theirs first", vec![line(theirs, ours, "01", 7, 71), mine("01")], End::User(7)),
            ("theirs alone", vec![line(theirs, ours, "01", 7, 71)], End::User(7)),
            (
                "half closed, still held",
                vec![mine("08"), line(theirs, ours, "05", 1001, 71)],
                End::User(1001),
            ),
            ("root", vec![mine("01"), line(theirs, ours, "01", 0, 71)], End::User(0)),
            ("closed by its owner", vec![mine("08"), line(theirs, ours, "05", 0, 0)], End::Gone),
            ("in TIME_WAIT", vec![line(theirs, ours, "06", 0, 0)], End::Gone),
            ("reset", vec![mine("07")], End::Gone),
            ("nothing left of it", vec![], End::Gone),
            ("forwarded", vec![mine("01")], End::Elsewhere),
            ("forwarded, all sent", vec![mine("08")], End::Elsewhere),
            (
                "another port's neighbour",
                vec![mine("01"), line("127.0.0.1:40001", ours, "01", 1001, 71)],
                End::Elsewhere,
            ),
            (
                "IPv4 from an IPv6 socket",
                vec![
                    mine("01"),
                    line("[::ffff:127.0.0.1]:40000", "[::ffff:127.0.0.1]:8000", "01", 1001, 71),
                ],
                End::User(1001),
            ),
        ];
        for (what, lines, expected) in rows {
            let lines: Vec<_> = [HEADING.to_owned()].into_iter().chain(lines).collect();
            assert_eq!(end_in(&lines, ends(ours, theirs)), expected, "{what}");
        }
    }

    #[test]
    fn ipv6_addresses_are_read_whole() {
        let table = [
            line("[::1]:40000", "[::1]:8000", "01", 1001, 71),
            line("[2001:db8::1]:40000", "[::1]:8000", "01", 1002, 72),
        ];
        assert_eq!(end_in(&table, ends("[::1]:8000", "[::1]:40000")), End::User(1001));
        assert_eq!(end_in(&table, ends("[::1]:8000", "[2001:db8::1]:40000")), End::User(1002));
    }

    #[test]
    fn users_are_told_apart() {
        let rows: [(&[u32], Option<u32>, u32, Peer); 9] = [
            (&[1000], None, 1000, Peer::SameUser),
            (&[1000], None, 1001, Peer::OtherUser),
            (&[1000], None, 0, Peer::Unknown),
            (&[0], None, 0, Peer::SameUser),
            (&[0], None, 65534, Peer::OtherUser),
            // In a container, a user without an ID there.
            (&[1000], Some(65534), 65534, Peer::Unknown),
            (&[1000], Some(65534), 1001, Peer::OtherUser),
            // `sudo -u service latch login`, and the browser of the user who typed that.
            (&[500, 1000], None, 1000, Peer::SameUser),
            (&[500, 1000], None, 1001, Peer::OtherUser),
        ];
        for (own, unmapped, uid, expected) in rows {
            let users = Users { own: own.to_vec(), unmapped };
            assert_eq!(users.peer(uid), expected, "{uid} beside {users:?}");
        }
    }

    #[test]
    fn only_the_initial_namespace_maps_every_user() {
        assert!(maps_every_user("         0          0 4294967295\n"));
        for map in ["0 1000 1\n", "0 100000 65536\n", "0 0 1\n1 100000 65536\n", ""] {
            assert!(!maps_every_user(map), "{map}");
        }
    }

    mod fuzz {
        use arbtest::arbitrary::{Result, Unstructured};
        use arbtest::arbtest;

        use super::*;

        const PIECES: [&str; 18] = [
            "12:",
            "0100007F:1F40",
            "0100007F:9C40",
            "01",
            "0A",
            "00000000:00000000",
            "00:00000000",
            "00000000",
            "1000",
            "0",
            "71",
            "0100007F",
            ":",
            "é",
            "-1",
            "99999999999999999999",
            " ",
            "\0",
        ];

        /// A user is found only in a line with both addresses and a number for the user.
        fn the_table_is_read_without_harm(u: &mut Unstructured<'_>) -> Result<()> {
            let mut text = String::new();
            while u.ratio(15, 16)? && !u.is_empty() {
                text.push_str(u.choose(&PIECES)?);
                text.push_str(u.choose(&[" ", " ", " ", "", "\n", "\t"])?);
            }
            let lines: Vec<_> = text.lines().collect();
            let end = end_in(&lines, ends("127.0.0.1:8000", "127.0.0.1:40000"));
            if let End::User(uid) = end {
                assert!(text.contains("7F:9C40") && text.contains(&uid.to_string()), "{text}");
            }
            Ok(())
        }

        #[cfg(target_os = "linux")]
        fn the_answer_is_read_without_harm(u: &mut Unstructured<'_>) -> Result<()> {
            let mut bytes: Vec<u8> = u.arbitrary()?;
            if u.ratio(1, 2)? && bytes.len() > 16 {
                bytes[4..6].copy_from_slice(&20_u16.to_ne_bytes());
                bytes[16] = *u.choose(&[2, 10])?;
            }
            let is_socket = bytes.len() >= 88 && bytes[4..6] == 20_u16.to_ne_bytes();
            let is_known = is_socket && [2, 10].contains(&bytes[16]);
            assert_eq!(diag::entry(&bytes).is_some(), is_known);
            Ok(())
        }

        /// Uses the same input each time.
        #[test]
        fn many_answers_of_the_kernel_are_read_without_harm() {
            for number in 1..=500 {
                // Adjacent seeds would make sequences that begin alike.
                let scattered = u64::from(u32::wrapping_mul(number, 0x9e37_79b9));
                let seed = scattered << 32 | 1024;
                arbtest(the_table_is_read_without_harm).seed(seed);
                #[cfg(target_os = "linux")]
                arbtest(the_answer_is_read_without_harm).seed(seed);
            }
        }

        #[test]
        #[ignore = "other input each time, for as long as ./dev fuzz is told"]
        fn any_answer_of_the_kernel_is_read_without_harm() {
            arbtest(the_table_is_read_without_harm).size_max(4096);
            #[cfg(target_os = "linux")]
            arbtest(the_answer_is_read_without_harm).size_max(4096);
        }
    }
}
