//! Ports for tests that run beside each other, in one process or in several.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::net::TcpListener;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// Nothing here takes minutes, on the busiest machine.
const PATIENCE: Duration = Duration::from_secs(600);

/// Returns a port that nobody listens on, and that no other test on this machine uses
/// until this process ends. It is below those that systems hand out by themselves.
///
/// # Panics
///
/// Panics if there is none.
pub fn free_port() -> u16 {
    static RESERVED: Mutex<Vec<File>> = Mutex::new(Vec::new());
    let mut reserved = RESERVED.lock().expect("no panic");
    // Any port would do to begin with; processes that begin apart wait less.
    let first = std::process::id() % 10_000;
    let mut ports = (first..first + 10_000).map(|port| 20_000 + (port % 10_000) as u16);
    let port = ports.find(|&port| {
        let file = reservation(port);
        let is_free = file.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", port)).is_ok();
        if is_free {
            reserved.push(file);
        }
        is_free
    });
    port.expect("a free port")
}

/// Reserves a port that a preset or a registration fixes, until the file is dropped.
/// Waits for other tests, of every process on this machine.
///
/// # Panics
///
/// Panics if the port stays in use for ten minutes.
pub fn reserve_port(port: u16) -> File {
    let file = reservation(port);
    file.lock().expect("a lock");
    // The system may have given it to a connection, which keeps it for a minute.
    let is_taken = |host| {
        let bound = TcpListener::bind((host, port));
        bound.is_err_and(|error| error.kind() == ErrorKind::AddrInUse)
    };
    let begun = Instant::now();
    while is_taken("127.0.0.1") || is_taken("::1") {
        assert!(begun.elapsed() < PATIENCE, "port {port} stays in use");
        std::thread::sleep(Duration::from_millis(10));
    }
    file
}

/// A file for each port: whoever has locked it may use the port. For each user too,
/// who cannot open the others' files.
fn reservation(port: u16) -> File {
    #[cfg(unix)]
    let user = rustix::process::getuid().as_raw();
    #[cfg(not(unix))]
    let user = 0;
    let folder = std::env::temp_dir().join(format!("latchstring-tests-{user}"));
    fs::create_dir_all(&folder).expect("a folder for locks");
    let path = folder.join(port.to_string());
    File::options().create(true).append(true).open(path).expect("a lock file")
}
