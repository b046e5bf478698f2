//! What `latch mcp` adds to each message, beside a plain pipe: `./dev bench bridge`.
//!
//! The pipe is `cat`; the server alone is asked by a client that sends each message on one
//! connection, as the bridge does. All three are measured in turn.
#![allow(clippy::print_stdout, reason = "a bench prints its table")]

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use latchstring_testing::api::Asked;
use latchstring_testing::{Home, Pending};
use serde_json::{Value, json};

const SMALL: usize = 1 << 10;
const LARGE: usize = 8 << 20;

const SMALL_MESSAGES: usize = 10_000;
const LARGE_MESSAGES: usize = 10;
/// Messages in one turn of the three.
const TURN: usize = 500;

const PATH: &str = "/mcp";
const METADATA: &str = "/.well-known/oauth-protected-resource/mcp";

fn main() {
    let home = Home::new();
    let origin = serve(home.provider.issuer().to_owned());
    let url = format!("{origin}{PATH}");
    let mut login = home.command(&["login", &url, "--no-browser", "--client-id", "demo"]);
    let pending = Pending::start(&mut login);
    pending.visit();
    pending.finish().succeeded();

    let mut pipe = Program::start(&mut Command::new("cat"));
    let mut bridge = Program::start(&mut home.command(&["mcp", &url, "--client-id", "demo"]));
    let mut alone = Alone::connect(&origin);
    bridge.begin();

    println!("{:<34} {:>12} {:>12} {:>12}", "", "pipe", "server alone", "bridge");
    for (what, size, count) in [
        ("there and back, 1 KiB each way", SMALL, SMALL_MESSAGES),
        ("there and back, 8 MiB each way", LARGE, LARGE_MESSAGES),
    ] {
        let line = message(size);
        let mut times = [const { Vec::new() }; 3];
        for turn in 0..count.div_ceil(TURN) {
            let batch = TURN.min(count - turn * TURN);
            for _ in 0..batch {
                times[0].push(timed(|| pipe.ask(&line)));
            }
            for _ in 0..batch {
                times[1].push(timed(|| alone.ask(&line)));
            }
            for _ in 0..batch {
                times[2].push(timed(|| bridge.ask(&line)));
            }
        }
        let [pipe, alone, bridge] = times.map(median);
        println!("{what:<34} {:>12} {:>12} {:>12}", us(pipe), us(alone), us(bridge));
        println!(
            "{:<34} {:>12} {:>12} {:>12}",
            "  added to the server alone",
            "",
            "",
            us(bridge.saturating_sub(alone))
        );
    }
    for (what, size, count) in [
        ("from the server only, 1 KiB", SMALL, SMALL_MESSAGES),
        ("from the server only, 8 MiB", LARGE, LARGE_MESSAGES),
    ] {
        let taken = timed(|| bridge.stream(size, count));
        let each = taken / u32::try_from(count).expect("a count");
        println!("{what:<34} {:>12} {:>12} {:>12}", "", "", us(each));
    }
    println!(
        "{:<34} {:>12} {:>12} {:>12}",
        "most memory, after all of it",
        mib(pipe.most_memory_kib()),
        "",
        mib(bridge.most_memory_kib())
    );
}

/// A request of this size in bytes, without the end of its line.
fn message(size: usize) -> Vec<u8> {
    let rest = json!({ "jsonrpc": "2.0", "id": 1, "method": "echo", "params": "" }).to_string();
    let text = "x".repeat(size - rest.len());
    json!({ "jsonrpc": "2.0", "id": 1, "method": "echo", "params": text }).to_string().into_bytes()
}

/// A program with messages on its standard input and output.
struct Program {
    child: Child,
    stdin: ChildStdin,
    stdout: BufReader<ChildStdout>,
}

impl Program {
    fn start(command: &mut Command) -> Self {
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        let stdin = child.stdin.take().expect("an input");
        let stdout = BufReader::new(child.stdout.take().expect("an output"));
        Self { child, stdin, stdout }
    }

    fn begin(&mut self) {
        let initialize = json!({ "jsonrpc": "2.0", "id": 0, "method": "initialize" });
        self.ask(initialize.to_string().as_bytes());
        self.send(br#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
    }

    fn send(&mut self, line: &[u8]) {
        self.stdin.write_all(line).and_then(|()| self.stdin.write_all(b"\n")).expect("a reader");
    }

    /// Sends a line and reads one, which is about as long. `cat` returns the first part of
    /// a long line before it has read the last one.
    fn ask(&mut self, line: &[u8]) -> usize {
        if line.len() <= SMALL {
            self.send(line);
            return read_line(&mut self.stdout);
        }
        thread::scope(|scope| {
            let stdin = &mut self.stdin;
            let writing = scope.spawn(move || {
                stdin.write_all(line).and_then(|()| stdin.write_all(b"\n")).expect("a reader");
            });
            let read = read_line(&mut self.stdout);
            writing.join().expect("written");
            read
        })
    }

    /// Has the server send this many messages of this size, and reads them.
    fn stream(&mut self, size: usize, count: usize) {
        let params = json!({ "size": size, "count": count });
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": "stream", "params": params });
        self.send(request.to_string().as_bytes());
        for _ in 0..count {
            assert!(read_line(&mut self.stdout) >= size);
        }
        read_line(&mut self.stdout);
    }

    fn most_memory_kib(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("a process");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
        peak.trim().trim_end_matches(" kB").parse().expect("a number")
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill().and_then(|()| self.child.wait());
    }
}

fn read_line(reader: &mut impl std::io::BufRead) -> usize {
    let mut line = Vec::new();
    reader.read_until(b'\n', &mut line).expect("a line");
    assert!(!line.is_empty(), "the other side has ended");
    line.len()
}

/// A client of the server, without a bridge.
struct Alone(BufReader<TcpStream>);

impl Alone {
    fn connect(origin: &str) -> Self {
        let address = origin.trim_start_matches("http://");
        let stream = TcpStream::connect(address).expect("the server");
        stream.set_nodelay(true).expect("an option");
        Self(BufReader::new(stream))
    }

    fn ask(&mut self, line: &[u8]) -> usize {
        let head = format!(
            "POST {PATH} HTTP/1.1\r\nhost: server\r\nauthorization: Bearer token\r\n\
             content-length: {}\r\n\r\n",
            line.len()
        );
        let stream = self.0.get_mut();
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(line)).expect("a server");
        let mut length = 0;
        loop {
            let mut field = String::new();
            self.0.read_line(&mut field).expect("a head");
            match field.trim_end().split_once(": ") {
                Some(("content-length", value)) => length = value.parse().expect("a length"),
                Some(_) => {}
                None if field.trim_end().is_empty() => break,
                None => {}
            }
        }
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).expect("a body");
        length
    }
}

/// Starts an MCP server that answers with what it was asked. Connections stay open.
fn serve(issuer: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let origin = format!("http://{}", listener.local_addr().expect("an address"));
    let own = origin.clone();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let (origin, issuer) = (own.clone(), issuer.clone());
            thread::spawn(move || {
                let _ = stream.set_nodelay(true);
                let mut out = &stream;
                while let Some(asked) = Asked::read(&stream) {
                    if answer(&asked, &mut out, &origin, &issuer).is_err() {
                        return;
                    }
                }
            });
        }
    });
    origin
}

fn answer(asked: &Asked, out: &mut &TcpStream, origin: &str, issuer: &str) -> std::io::Result<()> {
    if asked.line.starts_with(&format!("GET {METADATA} ")) {
        let document = json!({
            "resource": format!("{origin}{PATH}"),
            "authorization_servers": [issuer],
            "scopes_supported": ["openid", "offline_access"],
        });
        return respond(out, "200 OK", document.to_string().as_bytes());
    }
    if asked.header("authorization").is_none() {
        let status = format!(
            "401 Unauthorized\r\nwww-authenticate: Bearer resource_metadata=\"{origin}{METADATA}\""
        );
        return respond(out, &status, b"");
    }
    if !asked.line.starts_with("POST ") {
        return respond(out, "405 Method Not Allowed", b"");
    }
    let message: Value = serde_json::from_slice(&asked.body).unwrap_or_default();
    match message["method"].as_str() {
        Some("echo") => respond(out, "200 OK", &as_answer(&asked.body)),
        Some("initialize") => {
            let result = json!({ "protocolVersion": "2025-11-25", "capabilities": {} });
            let answer = json!({ "jsonrpc": "2.0", "id": 0, "result": result });
            respond(out, "200 OK", answer.to_string().as_bytes())
        }
        Some("stream") => {
            let number = |name: &str| message["params"][name].as_u64().unwrap_or_default();
            let text = "x".repeat(usize::try_from(number("size")).unwrap_or_default());
            let one = json!({ "jsonrpc": "2.0", "method": "message", "params": text }).to_string();
            out.write_all(
                b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n",
            )?;
            for _ in 0..number("count") {
                out.write_all(format!("data: {one}\n\n").as_bytes())?;
            }
            out.write_all(b"data: {\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{}}\n\n")?;
            Err(std::io::ErrorKind::ConnectionAborted.into())
        }
        _ => respond(out, "202 Accepted", b""),
    }
}

/// Makes the result of a request out of the request, which is faster than reading it.
fn as_answer(request: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(request);
    text.replacen("\"method\":\"echo\",\"params\"", "\"result\"", 1).into_bytes()
}

fn respond(out: &mut &TcpStream, status: &str, body: &[u8]) -> std::io::Result<()> {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    out.write_all(&[head.as_bytes(), body].concat())
}

fn timed<T>(act: impl FnOnce() -> T) -> Duration {
    let begun = Instant::now();
    act();
    begun.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn us(time: Duration) -> String {
    format!("{} µs", time.as_micros())
}

fn mib(kib: u64) -> String {
    format!("{:.1} MiB", kib as f64 / 1024.0)
}
