//! A relay for TCP connections that drops or delays them on command.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

/// A relay that passes every connection on to a port of this machine.
pub struct Relay {
    address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    /// Both ends of each connection, under its number.
    open: Mutex<BTreeMap<usize, [TcpStream; 2]>>,
    count: AtomicUsize,
    is_held: Mutex<bool>,
    goes_on: Condvar,
    is_over: AtomicBool,
}

impl Relay {
    /// Listens on a free port of this address, for the server on `port`.
    pub fn start(address: Ipv4Addr, port: u16) -> Self {
        let listener = TcpListener::bind((address, 0)).expect("a port");
        Self::on(listener, port)
    }

    /// Takes the connections of this listener, which may be in another network namespace.
    /// They are passed on from the namespace of the caller.
    pub fn on(listener: TcpListener, port: u16) -> Self {
        let address = listener.local_addr().expect("an address");
        let state = Arc::new(State::default());
        let shared = Arc::clone(&state);
        thread::spawn(move || {
            for client in listener.incoming() {
                if shared.is_over.load(Ordering::Relaxed) {
                    return;
                }
                let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port));
                if let (Ok(client), Ok(server)) = (client, server) {
                    shared.join([client, server]);
                }
            }
        });
        Self { address, state }
    }

    /// The port that it listens on.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Drops every connection that is open.
    pub fn cut(&self) {
        for stream in self.state.open.lock().expect("the streams").values().flatten() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Passes nothing on until [`let_go`](Self::let_go): the server answers late.
    pub fn hold(&self) {
        *self.state.is_held.lock().expect("the state") = true;
    }

    /// Passes on what has arrived, and what follows.
    pub fn let_go(&self) {
        *self.state.is_held.lock().expect("the state") = false;
        self.state.goes_on.notify_all();
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::Relaxed);
        self.let_go();
        self.cut();
        let _ = TcpStream::connect(self.address);
    }
}

impl State {
    fn join(self: &Arc<Self>, ends: [TcpStream; 2]) {
        let clone = |end: &TcpStream| end.try_clone().expect("another handle");
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let [client, server] = [&ends[0], &ends[1]].map(clone);
        self.open.lock().expect("the streams").insert(number, ends);
        for (mut from, mut to) in
            [(clone(&client), clone(&server)), (clone(&server), clone(&client))]
        {
            let state = Arc::clone(self);
            thread::spawn(move || {
                let mut buffer = [0; 16 * 1024];
                while let Ok(length) = from.read(&mut buffer)
                    && length > 0
                {
                    let held = state.is_held.lock().expect("the state");
                    drop(state.goes_on.wait_while(held, |is_held| *is_held));
                    if to.write_all(&buffer[..length]).is_err() {
                        break;
                    }
                }
                let _ = from.shutdown(Shutdown::Both);
                let _ = to.shutdown(Shutdown::Both);
                state.open.lock().expect("the streams").remove(&number);
            });
        }
    }
}
