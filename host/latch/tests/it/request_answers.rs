//! What comes of an API's answer: on standard output, on standard error, and as
//! an exit code.

use std::io::{Read as _, Write as _};
use std::process::{Command, Stdio};
use std::sync::{Mutex, mpsc};

use latchstring_provider::port::free_port;
use latchstring_testing::api::{self, Api};
use latchstring_testing::http::Trap;
use latchstring_testing::{Home, Run, run};

/// A request that this API may have.
fn command(home: &Home, api: &Api, words: &[&str]) -> Command {
    let url = api.url("/v1?q=hidden");
    let words = [&["request", "GET", &url, "--allow-origin", api.origin()], words].concat();
    let mut command = home.command(&words);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn get(home: &Home, api: &Api, words: &[&str]) -> Run {
    run(&mut command(home, api, words))
}

fn logged_in() -> Home {
    let home = Home::new();
    home.login();
    home
}

#[test]
fn the_first_bytes_are_there_before_the_last_are_sent() {
    let (read, was_read) = mpsc::channel::<()>();
    let was_read = Mutex::new(was_read);
    let api = Api::start(move |_, stream| {
        api::begin(stream);
        stream.write_all(b"first").expect("a reader");
        was_read.lock().expect("no panic").recv().expect("the test goes on");
        stream.write_all(b"last").expect("a reader");
    });
    let home = logged_in();
    let mut child = command(&home, &api, &[]).spawn().expect("latch");
    let mut stdout = child.stdout.take().expect("standard output");
    let mut first = [0; 5];
    stdout.read_exact(&mut first).expect("the first bytes");
    assert_eq!(&first, b"first");
    read.send(()).expect("the API waits");
    let mut rest = String::new();
    stdout.read_to_string(&mut rest).expect("the rest");
    assert_eq!(rest, "last");
    assert!(child.wait().expect("latch ends").success());
}

/// As much as the kernel says this process ever held.
#[cfg(target_os = "linux")]
fn peak_kib(process: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("a process");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its peak");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

#[cfg(target_os = "linux")]
#[test]
fn a_long_answer_takes_no_more_memory_than_a_short_one() {
    const MIB: usize = 1 << 20;
    let peak = |mib: usize| {
        let (counted, was_counted) = mpsc::channel::<()>();
        let was_counted = Mutex::new(was_counted);
        let api = Api::start(move |_, stream| {
            api::begin(stream);
            let block: Vec<u8> = (0..MIB).map(|at| at as u8).collect();
            (0..mib).for_each(|_| stream.write_all(&block).expect("a reader"));
            was_counted.lock().expect("no panic").recv().expect("the test goes on");
        });
        let home = logged_in();
        let mut child = command(&home, &api, &[]).spawn().expect("latch");
        let mut stdout = child.stdout.take().expect("standard output");
        let mut block = vec![0; MIB];
        for _ in 0..mib {
            stdout.read_exact(&mut block).expect("a block");
            assert!(block.iter().enumerate().all(|(at, byte)| *byte == at as u8));
        }
        let peak = peak_kib(child.id());
        counted.send(()).expect("the API waits");
        assert!(child.wait().expect("latch ends").success());
        peak
    };
    let (short, long) = (peak(1), peak(64));
    assert!(long < short + 8 * 1024, "{short} KiB and {long} KiB");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let api = Api::start(|_, stream| {
        api::begin(stream);
        while stream.write_all(&[b'a'; 4096]).is_ok() {}
    });
    let home = logged_in();
    let mut child = command(&home, &api, &["-i"]).spawn().expect("latch");
    let mut first = [0; 1];
    child.stdout.take().expect("standard output").read_exact(&mut first).expect("a byte");
    let output = child.wait_with_output().expect("latch ends");
    assert!(output.status.success());
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn an_answer_that_breaks_off_is_a_failure_of_the_network() {
    let api = Api::start(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf");
    });
    let run = get(&logged_in(), &api, &[]).failed(7, "unreachable");
    assert_eq!(run.stdout, "half");
}

#[test]
fn the_status_decides_the_exit_code_and_is_told_in_a_line() {
    let home = logged_in();
    for (status, code) in [
        ("200 OK", 0),
        ("204 No Content", 0),
        ("302 Found", 0),
        ("400 Bad Request", 1),
        ("403 Forbidden", 4),
        ("404 Not Found", 1),
        ("500 Internal Server Error", 1),
        ("503 Service Unavailable", 1),
    ] {
        let api = Api::answering(status, if status.starts_with("204") { "" } else { "body" });
        let run = get(&home, &api, &[]);
        let told = format!("latch: the API answered {status}\n");
        assert_eq!(run.code, code, "{status}: {}", run.stderr);
        assert_eq!(run.stderr, if code == 0 { "" } else { &told });
        assert_eq!(run.stdout.is_empty(), status.starts_with("204"));
        let run = get(&home, &api, &["--json"]);
        assert_eq!((run.code, run.stderr.is_empty()), (code, code == 0));
        if code != 0 {
            let error = run.json_error();
            assert_eq!((&error["code"], &error["exit"]), (&"http-status".into(), &code.into()));
            assert_eq!(error["retryable"], status.starts_with("503"));
        }
    }
}

#[test]
fn a_redirect_is_shown_and_not_followed() {
    let trap = Trap::set();
    let target = trap.origin();
    let api = Api::start(move |_, stream| {
        let status = format!("307 Temporary Redirect\r\nlocation: {target}/steal");
        api::answer(stream, &status, b"there");
    });
    let run = get(&logged_in(), &api, &["-i"]).succeeded();
    let (head, body) = run.stdout.split_once("\n\n").expect("a head and a body");
    let mut lines = head.lines();
    assert_eq!(lines.next(), Some("HTTP 307 Temporary Redirect"));
    let location = format!("location: {}/steal", trap.origin());
    assert!(lines.any(|line| line == location), "{head}");
    assert_eq!(body, "there");
    assert!(trap.is_untouched());
}

#[test]
fn where_nobody_answers_and_where_nobody_is_logged_in_the_exit_code_says_so() {
    let home = logged_in();
    let nobody = format!("http://127.0.0.1:{}", free_port());
    let words = ["request", "GET", &nobody, "--allow-origin", &nobody];
    home.latch(&words).failed(7, "unreachable").saying(&["connection refused"]);
    home.latch(&["logout"]).succeeded();
    let trap = Trap::set();
    let words = ["request", "GET", &trap.origin(), "--allow-origin", &trap.origin()];
    home.latch(&words).failed(3, "login-required");
    assert!(trap.is_untouched());
}

#[test]
fn what_was_asked_is_told_where_asked_without_its_query() {
    let api = Api::answering("200 OK", "");
    let told = format!("GET {} -> 200 in ", api.url("/v1"));
    let run = get(&logged_in(), &api, &["-v"]).succeeded().saying(&[&told]);
    assert!(!run.stderr.contains("hidden"), "{}", run.stderr);
}
