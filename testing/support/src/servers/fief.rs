//! A Fief server with its Redis, in processes of their own.

use std::env;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, OnceLock, mpsc};
use std::thread;

use hyper::Request;
use latchstring_provider::port::free_port;
use latchstring_provider::visitor::Browser;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{PATIENCE, block_on, skip};

/// The email address of a user of every tenant, with the password that the visitor
/// types.
pub const USER: &str = "ada@example.com";
const PASSWORD: &str = "open sesame";

const API_KEY: &str = "the key of its administration";

/// Both programs end with the script's standard input, and so with the test. Only the
/// server keeps its output open: that ends with the server.
const SCRIPT: &str = r#"
    redis-server --bind 127.0.0.1 --port "$2" --save '' --appendonly no >redis.log 2>&1 &
    redis=$!
    "$0" run-server --host 127.0.0.1 --port "$1" </dev/null 2>&1 &
    server=$!
    exec >/dev/null
    cat >/dev/null
    kill $server $redis
"#;

/// A key and a certificate for `localhost`, in one file.
const CERTIFICATE: &str = r#"
import datetime, sys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
key = ec.generate_private_key(ec.SECP256R1())
name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
now = datetime.datetime.now(datetime.timezone.utc)
certificate = (
    x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    .not_valid_before(now - datetime.timedelta(days=1))
    .not_valid_after(now + datetime.timedelta(days=1))
    .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
    .add_extension(x509.BasicConstraints(False, None), True)
    .sign(key, hashes.SHA256())
)
pem = serialization.Encoding.PEM
form = serialization.PrivateFormat.PKCS8
sys.stdout.buffer.write(key.private_bytes(pem, form, serialization.NoEncryption()))
sys.stdout.buffer.write(certificate.public_bytes(pem))
"#;

/// A server that is up, for all tests of this process.
pub struct Fief {
    /// Where it is reached, by http and by https.
    origin: String,
    folder: TempDir,
    _processes: Child,
}

/// A public client with one redirect URI.
pub struct Client {
    /// The `client_id`.
    pub id: String,
    /// The address of its tenant.
    pub base_url: String,
    /// The port of its redirect URI, `http://localhost:PORT/callback`.
    pub port: u16,
}

impl Fief {
    /// Returns None, with a line on the terminal, if `LATCHSTRING_FIEF` names no program.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Fief>> = OnceLock::new();
        let shared = SHARED.get_or_init(|| {
            let program = env::var_os("LATCHSTRING_FIEF").map(PathBuf::from);
            if program.is_none() {
                skip("logins at a real Fief server; ./dev test installs one");
            }
            program.map(|program| Self::start(&program))
        });
        shared.as_ref()
    }

    fn start(program: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let python = program.with_file_name("python");
        let certificate = folder.path().join("certificate.pem");
        std::fs::write(&certificate, output(&python, CERTIFICATE)).expect("a certificate");
        let key = "import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())";
        let key = String::from_utf8(output(&python, key)).expect("text");

        let (own, front, redis) = (free_port(), free_port(), free_port());
        let authority = format!("localhost:{front}");
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SCRIPT]).arg(program);
        command.args([own.to_string(), redis.to_string()]);
        command
            .env("SECRET", "a secret of sixty-four letters, as its own documentation asks for it");
        command.env("ENCRYPTION_KEY", key.trim());
        command.env("FIEF_CLIENT_ID", "its own").env("FIEF_CLIENT_SECRET", "its own");
        command.env("ROOT_DOMAIN", &authority).env("FIEF_DOMAIN", &authority);
        command.env("FIEF_MAIN_USER_EMAIL", USER).env("FIEF_MAIN_USER_PASSWORD", PASSWORD);
        command.env("FIEF_MAIN_ADMIN_API_KEY", API_KEY);
        command.env("REDIS_URL", format!("redis://127.0.0.1:{redis}"));
        command.env("TELEMETRY_ENABLED", "false").env("GENERATED_JWK_SIZE", "2048");
        for cookie in ["CSRF", "USER_LOCALE", "LOGIN_HINT", "LOGIN_SESSION", "SESSION"] {
            command.env(format!("{cookie}_COOKIE_SECURE"), "false");
        }
        command.env("PYTHONUNBUFFERED", "1");
        command.current_dir(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut processes = command.spawn().expect("a shell");
        let said = BufReader::new(processes.stdout.take().expect("standard output"));
        let (sender, line) = mpsc::channel();
        thread::spawn(move || {
            // To the end: a full pipe would stop it.
            for text in said.lines().map_while(Result::ok) {
                let _ = sender.send(text);
            }
        });
        let mut lines = Vec::new();
        while !lines.iter().any(|line: &String| line.contains("Fief Server started")) {
            match line.recv_timeout(PATIENCE) {
                Ok(text) => lines.push(text),
                Err(_) => panic!("the Fief server did not start:\n{}", lines.join("\n")),
            }
        }
        // It opens its port a moment later, and says nothing of it.
        while TcpStream::connect(("127.0.0.1", own)).is_err() {
            let has_ended = processes.try_wait().expect("its state").is_some();
            assert!(!has_ended, "the Fief server has ended:\n{}", lines.join("\n"));
            thread::yield_now();
        }
        serve_in_front(front, own, &certificate);
        let fief = Self { origin: format!("http://{authority}"), folder, _processes: processes };
        let second = fief.create("tenants", &json!({ "name": "Second" }));
        fief.create(
            "users",
            &json!({
                "email": USER, "password": PASSWORD, "email_verified": true, "fields": {},
                "tenant_id": second["id"],
            }),
        );
        fief
    }

    /// A client of the tenant with this path, which is empty for the first one.
    pub fn client(&self, tenant: &str) -> Client {
        let port = free_port();
        let client = self.create(
            "clients",
            &json!({
                "name": "latch", "first_party": false, "client_type": "public",
                "redirect_uris": [format!("http://localhost:{port}/callback")],
                "tenant_id": self.tenant_id(tenant),
            }),
        );
        let id = client["client_id"].as_str().expect("an id").to_owned();
        let base_url = format!("{}/{tenant}", self.origin).trim_end_matches('/').to_owned();
        Client { id, base_url, port }
    }

    /// The id of the tenant with this path, which is empty for the first one.
    pub fn tenant_id(&self, path: &str) -> Value {
        let answer = self.administrate(Request::get(self.url("tenants")), String::new());
        let tenants = answer["results"].as_array().expect("tenants").clone();
        let is_it = |tenant: &&Value| match path {
            "" => tenant["default"] == true,
            slug => tenant["slug"] == slug,
        };
        tenants.iter().find(is_it).expect("a tenant")["id"].clone()
    }

    /// The file with the certificate of its https address.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    fn create(&self, kind: &str, what: &Value) -> Value {
        let request = Request::post(self.url(kind)).header("content-type", "application/json");
        self.administrate(request, what.to_string())
    }

    fn url(&self, kind: &str) -> String {
        format!("{}/admin/api/{kind}/", self.origin)
    }

    fn administrate(&self, request: hyper::http::request::Builder, body: String) -> Value {
        let request = request.header("authorization", format!("Bearer {API_KEY}"));
        let answer = block_on(Browser::default().send(request.body(body).expect("a request")));
        let answer = answer.expect("an answer");
        assert!(matches!(answer.status, 200 | 201), "{}: {}", answer.status, answer.body);
        serde_json::from_str(&answer.body).expect("JSON")
    }
}

/// What a program of the server's Python prints.
fn output(python: &Path, program: &str) -> Vec<u8> {
    let output = Command::new(python).args(["-c", program]).output().expect("its Python");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Passes connections on to the server, which itself speaks plain http only and says
/// that it is reached by https all the same. Takes both at one port, as its metadata
/// names the issuer by https and the endpoints by http.
fn serve_in_front(port: u16, server: u16, certificate: &Path) {
    let key = PrivateKeyDer::from_pem_file(certificate).expect("a key");
    let chain = CertificateDer::pem_file_iter(certificate).expect("a file");
    let chain = chain.collect::<Result<Vec<_>, _>>().expect("a certificate");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
    let config = Arc::new(config.expect("a configuration"));
    let listener = TcpListener::bind(("127.0.0.1", port)).expect("its port");
    thread::spawn(move || {
        for visitor in listener.incoming().map_while(Result::ok) {
            let config = Arc::clone(&config);
            thread::spawn(move || {
                // Either side may leave at any time.
                let _ = pass_on(visitor, server, config);
            });
        }
    });
}

fn pass_on(
    mut visitor: TcpStream,
    server: u16,
    config: Arc<rustls::ServerConfig>,
) -> std::io::Result<()> {
    let mut server = TcpStream::connect(("127.0.0.1", server))?;
    let mut first = [0];
    visitor.peek(&mut first)?;
    // A TLS record of the handshake (RFC 8446 §5.1).
    if first == [22] {
        let session = rustls::ServerConnection::new(config).map_err(std::io::Error::other)?;
        let mut visitor = BufReader::new(rustls::StreamOwned::new(session, visitor));
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") && visitor.read_until(b'\n', &mut head)? > 0 {}
        // One request without a body for each connection: metadata is asked for so.
        head.truncate(head.len() - 2);
        server.write_all(&[&head[..], b"Connection: close\r\n\r\n"].concat())?;
        let mut answer = Vec::new();
        server.read_to_end(&mut answer)?;
        let visitor = visitor.get_mut();
        visitor.write_all(&answer)?;
        visitor.conn.send_close_notify();
        return visitor.flush();
    }
    let (mut to_server, mut from_visitor) = (server.try_clone()?, visitor.try_clone()?);
    thread::spawn(move || {
        let _ = std::io::copy(&mut from_visitor, &mut to_server);
        let _ = to_server.shutdown(Shutdown::Write);
    });
    std::io::copy(&mut server, &mut visitor)?;
    visitor.shutdown(Shutdown::Both)
}
