//! The two sides of a bridge: an MCP client, and an MCP server that asks for a token.

use std::collections::HashSet;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

use latchstring_testing::api::{Api, Asked, answer};
use latchstring_testing::{Home, Pending, Run};
use serde_json::{Value, json};

/// Where the server answers.
const PATH: &str = "/mcp";
const METADATA: &str = "/.well-known/oauth-protected-resource/mcp";

/// A home whose provider issues the tokens for an MCP server.
pub(super) struct World {
    pub(super) home: Home,
    api: Api,
    refused: Arc<Mutex<HashSet<String>>>,
}

/// One request to the server, whose token it has accepted.
pub(super) struct Call<'a> {
    pub(super) asked: &'a Asked,
    pub(super) stream: &'a mut TcpStream,
}

impl World {
    /// Starts a server that answers every request with an accepted token like this.
    pub(super) fn with(script: impl Fn(Call) + Send + Sync + 'static) -> Self {
        let home = Home::new();
        let issuer = home.provider.issuer().to_owned();
        let refused = Arc::new(Mutex::new(HashSet::new()));
        let known = Arc::clone(&refused);
        let api = Api::start(move |asked, stream| {
            let origin = format!("http://{}", asked.header("host").expect("a host"));
            if asked.line.starts_with(&format!("GET {METADATA} ")) {
                let document = json!({
                    "resource": format!("{origin}{PATH}"),
                    "authorization_servers": [issuer],
                    "scopes_supported": ["openid", "offline_access"],
                });
                return answer(stream, "200 OK", document.to_string().as_bytes());
            }
            let token = asked.header("authorization").unwrap_or_default();
            if token.is_empty() || known.lock().expect("no panic").contains(token) {
                let challenge = format!("Bearer resource_metadata=\"{origin}{METADATA}\"");
                return respond(
                    stream,
                    &format!("401 Unauthorized\r\nwww-authenticate: {challenge}"),
                    "",
                    b"",
                );
            }
            script(Call { asked, stream });
        });
        Self { home, api, refused }
    }

    /// The same, and Ada Lovelace is logged in.
    pub(super) fn logged_in(script: impl Fn(Call) + Send + Sync + 'static) -> Self {
        let world = Self::with(script);
        world.log_in(&[]);
        world
    }

    pub(super) fn url(&self) -> String {
        self.api.url(PATH)
    }

    /// Runs `latch login URL`, which Ada Lovelace finishes.
    pub(super) fn log_in(&self, extra: &[&str]) -> Run {
        let url = self.url();
        let words = [&["login", &url, "--no-browser"], extra].concat();
        let pending = Pending::start(&mut self.command(&words));
        pending.visit();
        pending.finish().succeeded()
    }

    pub(super) fn command(&self, words: &[&str]) -> Command {
        let mut command = self.home.command(words);
        command.env("LATCH_CLIENT_ID", "demo");
        command
    }

    /// Starts a bridge.
    pub(super) fn client(&self, extra: &[&str]) -> Client {
        let url = self.url();
        Client::start(self.command(&[&["mcp", &url], extra].concat()))
    }

    /// The access token of the session.
    pub(super) fn token(&self) -> String {
        let mut command = self.command(&["token", "--resource-url", &self.url()]);
        let run = Run::from(command.output().expect("latch runs")).succeeded();
        run.stdout.trim_end().to_owned()
    }

    /// Where the session is stored, beside the registration of the client.
    pub(super) fn session_file(&self) -> PathBuf {
        let files = self.home.session_files().into_iter();
        let mut files = files.filter(|path| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("default."))
        });
        files.next().expect("a session")
    }

    /// The server accepts this token no longer.
    pub(super) fn refuse(&self, token: &str) {
        self.refused.lock().expect("no panic").insert(format!("Bearer {token}"));
    }

    /// How often the provider was asked for tokens with a refresh token.
    pub(super) fn renewals(&self) -> usize {
        let asked = self.home.asked("/token");
        asked.iter().filter(|one| one.parameter("grant_type") == Some("refresh_token")).count()
    }

    /// How often the provider was asked for tokens with a code.
    pub(super) fn logins(&self) -> usize {
        let asked = self.home.asked("/token");
        asked.iter().filter(|one| one.parameter("grant_type") == Some("authorization_code")).count()
    }

    /// What the server was asked with a token, in order of arrival.
    pub(super) fn asked(&self) -> Vec<Asked> {
        let log = self.api.log().into_iter();
        log.filter(|asked| asked.header("authorization").is_some()).collect()
    }
}

impl Call<'_> {
    pub(super) fn method(&self) -> &str {
        self.asked.line.split(' ').next().unwrap_or_default()
    }

    /// The message in the request; null if there is none.
    pub(super) fn message(&self) -> Value {
        serde_json::from_slice(&self.asked.body).unwrap_or_default()
    }

    /// Answers with a message.
    pub(super) fn json(&mut self, message: &Value) {
        self.json_with("200 OK", message);
    }

    /// The same with another status, and perhaps headers.
    pub(super) fn json_with(&mut self, status: &str, message: &Value) {
        respond(self.stream, status, "application/json", message.to_string().as_bytes());
    }

    /// The result of the request in the message.
    pub(super) fn result(&mut self, result: Value) {
        let id = self.message()["id"].clone();
        self.json(&json!({ "jsonrpc": "2.0", "id": id, "result": result }));
    }

    pub(super) fn status(&mut self, status: &str) {
        respond(self.stream, status, "text/plain", b"");
    }

    /// Answers what a session is made of, and returns what else was asked.
    pub(super) fn in_session(mut self) -> Option<Self> {
        match (self.method(), self.message()["method"].as_str().unwrap_or_default()) {
            ("POST", "initialize") => {
                let id = self.message()["id"].clone();
                let result = json!({ "protocolVersion": "2025-11-25", "capabilities": {} });
                let head = "200 OK\r\nmcp-session-id: s1";
                self.json_with(head, &json!({ "jsonrpc": "2.0", "id": id, "result": result }));
                None
            }
            ("POST", "notifications/initialized") => {
                self.status("202 Accepted");
                None
            }
            ("DELETE", _) => {
                self.status("204 No Content");
                None
            }
            _ => Some(self),
        }
    }

    /// Begins a stream of events.
    pub(super) fn begin_events(&mut self) {
        let head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n\
            connection: close\r\n\r\n";
        self.stream.write_all(head).expect("a reader");
    }

    pub(super) fn event(&mut self, text: &str) {
        self.stream.write_all(format!("{text}\n\n").as_bytes()).expect("a reader");
    }

    /// Waits until the other side has closed the connection.
    pub(super) fn wait_for_end(&mut self) {
        // A reset ends it too.
        let _ = self.stream.read_to_end(&mut Vec::new());
    }
}

fn respond(stream: &mut TcpStream, status: &str, media_type: &str, body: &[u8]) {
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {media_type}\r\ncontent-length: {}\r\n\
         connection: close\r\n\r\n",
        body.len()
    );
    // A client that was ended does not stay for the answer.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
}

/// An MCP client that has started a bridge. Killed when it is dropped before it ended.
pub(super) struct Client {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: Option<BufReader<ChildStdout>>,
    stderr: Option<JoinHandle<String>>,
    said: Receiver<String>,
}

impl Client {
    pub(super) fn start(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("latch starts");
        let stdout = BufReader::new(child.stdout.take().expect("standard output"));
        let stderr = BufReader::new(child.stderr.take().expect("standard error"));
        let (say, said) = channel();
        let stderr = thread::spawn(move || {
            let mut text = String::new();
            for line in stderr.lines().map_while(Result::ok) {
                text.push_str(&line);
                text.push('\n');
                // A test that has seen enough does not listen.
                let _ = say.send(line);
            }
            text
        });
        let stdin = child.stdin.take();
        Self { stdin, child, stdout: Some(stdout), stderr: Some(stderr), said }
    }

    /// Sends bytes, and the end of a line.
    pub(super) fn send_line(&mut self, line: &[u8]) {
        let stdin = self.stdin.as_mut().expect("an open input");
        stdin.write_all(&[line, b"\n"].concat()).expect("a reader");
    }

    pub(super) fn send(&mut self, message: &Value) {
        self.send_line(message.to_string().as_bytes());
    }

    pub(super) fn request(&mut self, id: u64, method: &str) {
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": {} }));
    }

    pub(super) fn notify(&mut self, method: &str) {
        self.send(&json!({ "jsonrpc": "2.0", "method": method }));
    }

    /// The next line, which has to be a message.
    #[track_caller]
    pub(super) fn receive(&mut self) -> Value {
        let mut line = String::new();
        let stdout = self.stdout.as_mut().expect("an open output");
        stdout.read_line(&mut line).expect("a line");
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"))
    }

    /// Sends a request and returns what comes back.
    #[track_caller]
    pub(super) fn ask(&mut self, id: u64, method: &str) -> Value {
        self.request(id, method);
        let answer = self.receive();
        assert_eq!(answer["id"], id, "{answer}");
        answer
    }

    /// Begins a session.
    #[track_caller]
    pub(super) fn initialize(&mut self) {
        let answer = self.ask(0, "initialize");
        assert_eq!(answer["result"]["protocolVersion"], "2025-11-25", "{answer}");
        self.notify("notifications/initialized");
    }

    /// Waits for a line on standard error that contains this.
    #[track_caller]
    pub(super) fn wait_for(&self, words: &str) -> String {
        let line = self.said.iter().find(|line| line.contains(words));
        line.unwrap_or_else(|| panic!("it never said {words:?}"))
    }

    pub(super) fn close_input(&mut self) {
        self.stdin = None;
    }

    /// Reads no more.
    pub(super) fn close_output(&mut self) {
        self.stdout = None;
    }

    /// Waits for the end with an open input. Returns the exit code.
    pub(super) fn wait(&mut self) -> Option<i32> {
        // The standard library would close the input first.
        let stdin = self.stdin.take();
        let status = self.child.wait().expect("an exit status");
        drop(stdin);
        status.code()
    }

    /// Closes the input and waits for the end. `stdout` has what was not received.
    pub(super) fn finish(mut self) -> Run {
        self.close_input();
        let mut stdout = String::new();
        if let Some(output) = &mut self.stdout {
            output.read_to_string(&mut stdout).expect("text");
        }
        let status = self.child.wait().expect("an exit status");
        let stderr = self.stderr.take().map(|thread| thread.join().expect("its output"));
        Run { code: status.code().unwrap_or(-1), stdout, stderr: stderr.unwrap_or_default() }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // A bridge that has ended by itself needs no end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The code and the text of an error.
#[track_caller]
pub(super) fn error(answer: &Value) -> (i64, String) {
    let code = answer["error"]["code"].as_i64().unwrap_or_else(|| panic!("no error: {answer}"));
    (code, answer["error"]["message"].as_str().unwrap_or_default().to_owned())
}

/// A value that scripts share.
pub(super) fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().expect("no panic")
}
