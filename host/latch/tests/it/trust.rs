//! Whose certificates are trusted, who the client says it is, and proxies of the
//! SOCKS kind: against servers with a certificate authority of the test's own.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use latchstring::capability::http::{ApiRequest, Http as _, Limits, SystemHttp};
use latchstring::contract::{Method, Request};
use latchstring_testing::{Home, Run, block_on, run};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use serde_json::json;
use tempfile::TempDir;

/// Names that the server's certificate is for; only a proxy can resolve the second.
const NAMES: [&str; 2] = ["localhost", "login.invalid"];

/// A certificate authority with a server's and a client's certificate, as PEM files.
pub(super) struct Authority {
    folder: TempDir,
}

impl Authority {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let root = params.self_signed(&key).expect("a certificate");
        let issuer = Issuer::new(params, key);
        let write = |name: &str, text: String| {
            fs::write(folder.path().join(name), text).expect("a file");
        };
        write("ca.pem", root.pem());
        for (name, names) in [("server", NAMES.map(str::to_owned).to_vec()), ("client", vec![])] {
            let key = KeyPair::generate().expect("a key");
            let params = CertificateParams::new(names).expect("parameters");
            let certificate = params.signed_by(&key, &issuer).expect("a certificate");
            write(&format!("{name}.pem"), certificate.pem());
            write(&format!("{name}.key"), key.serialize_pem());
            write(&format!("{name}-both.pem"), certificate.pem() + &key.serialize_pem());
        }
        Self { folder }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn file(&self, name: &str) -> String {
        self.path(name).display().to_string()
    }

    fn certificates(&self, name: &str) -> Vec<CertificateDer<'static>> {
        let found = CertificateDer::pem_file_iter(self.path(name)).expect("a file");
        found.collect::<Result<_, _>>().expect("certificates")
    }
}

/// A provider over TLS: metadata, a token for any refresh token, and one user.
struct Provider {
    port: u16,
    /// Requests, by whether a client certificate came with them.
    seen: Arc<Mutex<Vec<bool>>>,
}

impl Provider {
    /// `demands_certificate` turns clients without one away.
    fn start(authority: &Authority, demands_certificate: bool) -> Self {
        let mut roots = RootCertStore::empty();
        for root in authority.certificates("ca.pem") {
            roots.add(root).expect("a root");
        }
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let verifier = match demands_certificate {
            true => verifier.build(),
            false => verifier.allow_unauthenticated().build(),
        };
        let key = PrivateKeyDer::from_pem_file(authority.path("server.key")).expect("a key");
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_client_cert_verifier(verifier.expect("a verifier"))
            .with_single_cert(authority.certificates("server.pem"), key)
            .expect("a certificate");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (config, kept) = (Arc::new(config), Arc::clone(&seen));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                // Whoever does not trust this server goes away.
                let _ = answer(stream, &config, &kept);
            }
        });
        Self { port, seen }
    }

    fn issuer(&self, name: &str) -> String {
        format!("https://{name}:{}", self.port)
    }
}

fn answer(
    stream: TcpStream,
    config: &Arc<ServerConfig>,
    seen: &Mutex<Vec<bool>>,
) -> std::io::Result<()> {
    let connection = ServerConnection::new(Arc::clone(config)).map_err(std::io::Error::other)?;
    let mut stream = StreamOwned::new(connection, stream);
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let identified = stream.conn.peer_certificates().is_some();
    seen.lock().expect("no panic").push(identified);
    let host = head.lines().find_map(|line| line.strip_prefix("host: ")).unwrap_or_default();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    stream.read_exact(&mut vec![0; length.unwrap_or(0)])?;
    let body = match head.split(' ').nth(1) {
        Some("/token") => json!({
            "access_token": "renewed",
            "token_type": "Bearer",
            "expires_in": 3600,
            "refresh_token": "rotated",
        }),
        Some("/userinfo") => json!({ "sub": "ada" }),
        _ => json!({
            "issuer": format!("https://{host}"),
            "authorization_endpoint": format!("https://{host}/authorize"),
            "token_endpoint": format!("https://{host}/token"),
            "userinfo_endpoint": format!("https://{host}/userinfo"),
            "response_types_supported": ["code"],
            "code_challenge_methods_supported": ["S256"],
        }),
    };
    let body = body.to_string();
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
    );
    stream.write_all((head + &body).as_bytes())?;
    stream.conn.send_close_notify();
    stream.flush()
}

/// A login that stops as soon as the provider's metadata is there.
fn login(home: &Home, issuer: &str, extra: &[&str], environment: &[(&str, &str)]) -> Run {
    let words = ["login", "--issuer", issuer, "--client-id", "demo", "--no-browser"];
    let mut command = home.command(&[&words[..], &["--timeout", "0"], extra].concat());
    run(command.envs(environment.iter().copied()))
}

#[track_caller]
fn reached(run: Run) {
    run.failed(5, "timed-out");
}

#[test]
fn certificates_of_ones_own_are_trusted_beside_the_systems() {
    let (home, authority) = (Home::new(), Authority::new());
    let provider = Provider::start(&authority, false);
    let issuer = provider.issuer("localhost");
    let ca = authority.file("ca.pem");
    login(&home, &issuer, &[], &[]).failed(7, "unreachable").saying(&["certificate"]);
    reached(login(&home, &issuer, &["--ca-file", &ca], &[]));
    reached(login(&home, &issuer, &[], &[("LATCH_CA_FILE", &ca)]));
    // The certificate is for its own names alone, whoever issued it.
    let other = provider.issuer("127.0.0.1");
    login(&home, &other, &["--ca-file", &ca], &[]).failed(7, "unreachable").saying(&["name"]);

    home.write_dotenv(&format!("LATCH_CA_FILE={ca}\nSSL_CERT_FILE={ca}\n"));
    login(&home, &issuer, &[], &[]).failed(7, "unreachable").saying(&["certificate"]);
    let add = ["profile", "add", "default", "--issuer", &issuer, "--client-id", "demo"];
    home.latch(&[&add[..], &["--ca-file", &ca]].concat()).succeeded();
    reached(home.latch(&["login", "--no-browser", "--timeout", "0"]));
}

#[test]
fn the_variables_of_openssl_name_certificates_too() {
    let (home, authority) = (Home::new(), Authority::new());
    let provider = Provider::start(&authority, false);
    let issuer = provider.issuer("localhost");
    let folder = tempfile::tempdir().expect("a folder");
    fs::copy(authority.path("ca.pem"), folder.path().join("ca.pem")).expect("a copy");
    // As c_rehash names them.
    fs::copy(authority.path("ca.pem"), folder.path().join("01234567.0")).expect("a copy");
    reached(login(&home, &issuer, &[], &[("SSL_CERT_FILE", &authority.file("ca.pem"))]));
    reached(login(&home, &issuer, &[], &[("SSL_CERT_DIR", &folder.path().display().to_string())]));
    login(&home, &issuer, &[], &[("SSL_CERT_FILE", "/nowhere/ca.pem")])
        .failed(7, "unreachable")
        .saying(&["SSL_CERT_FILE is /nowhere/ca.pem"]);
    let run = login(&home, &issuer, &[], &[("SSL_CERT_FILE", ""), ("SSL_CERT_DIR", "")]);
    let run = run.failed(7, "unreachable");
    assert!(!run.stderr.contains("SSL_CERT"), "{}", run.stderr);
}

#[test]
fn a_provider_that_demands_a_client_certificate_gets_it() {
    let (home, authority) = (Home::new(), Authority::new());
    let provider = Provider::start(&authority, true);
    let issuer = provider.issuer("localhost");
    let file = |name: &str| authority.file(name);
    let (ca, certificate, key, both) =
        (file("ca.pem"), file("client.pem"), file("client.key"), file("client-both.pem"));
    let trusting = ["--ca-file", &ca];
    login(&home, &issuer, &trusting, &[]).failed(7, "unreachable");
    assert!(provider.seen.lock().expect("no panic").is_empty());
    let flags = ["--client-cert", &certificate, "--client-key", &key];
    reached(login(&home, &issuer, &[&trusting[..], &flags].concat(), &[]));
    let variables = [("LATCH_CLIENT_CERT", certificate.as_str()), ("LATCH_CLIENT_KEY", &key)];
    reached(login(&home, &issuer, &trusting, &variables));
    reached(login(&home, &issuer, &[&trusting[..], &["--client-cert", &both]].concat(), &[]));

    // A profile keeps it for its own provider, and not for one that a folder names.
    let add = [&["profile", "add", "default"][..], &trusting, &flags].concat();
    home.latch(&add).succeeded();
    home.write_dotenv(&format!("LATCH_ISSUER={issuer}\nLATCH_CLIENT_ID=demo\n"));
    home.latch(&["login", "--no-browser", "--timeout", "0"])
        .failed(2, "invalid-configuration")
        .saying(&[".env", "client certificate"]);
    home.latch(&["profile", "add", "default", "--issuer", &issuer, "--client-id", "demo"])
        .succeeded();
    reached(home.latch(&["login", "--no-browser", "--timeout", "0"]));
    assert!(provider.seen.lock().expect("no panic").iter().all(|identified| *identified));
}

/// Whatever process renews: it trusts the same certificates and shows the same one.
#[test]
fn a_renewal_trusts_and_identifies_itself_as_a_login_does() {
    let (home, authority) = (Home::new(), Authority::new());
    let provider = Provider::start(&authority, true);
    let folder = home.config_folder().join("providers");
    fs::create_dir_all(&folder).expect("a folder");
    let preset = format!(
        "about = \"Acme\"\n[client]\nissuer = \"{}\"\nclient-id = \"demo\"\n[import]\n\
         access-token = [\"access_token\"]\nrefresh-token = [\"refresh_token\"]\n\
         expires-at = [\"expires_at\"]\n",
        provider.issuer("localhost")
    );
    fs::write(folder.join("acme.toml"), preset).expect("a preset");
    let over = json!({ "access_token": "old", "refresh_token": "spent", "expires_at": 1 });
    let file = home.file("tokens.json", &over.to_string());
    let (ca, certificate) = (authority.file("ca.pem"), authority.file("client-both.pem"));
    let trust = ["--ca-file", &ca, "--client-cert", &certificate];
    home.latch(&[&["import", "--provider", "acme", &file][..], &trust].concat()).succeeded();
    assert_eq!(home.token(&[]), "renewed");
    let before = provider.seen.lock().expect("no panic").len();
    assert_eq!(home.token(&["--force-refresh"]), "renewed");
    let seen = provider.seen.lock().expect("no panic").clone();
    assert!(seen.len() > before && seen.iter().all(|identified| *identified), "{seen:?}");
}

#[test]
fn an_api_is_shown_the_client_certificate_only_if_tokens_are_bound_to_it() {
    let authority = Authority::new();
    let provider = Provider::start(&authority, false);
    let http = SystemHttp::new()
        .ca_file(authority.path("ca.pem"))
        .and_then(|http| {
            http.client_certificate(authority.path("client.pem"), authority.path("client.key"))
        })
        .expect("good files");
    let limits =
        Limits { timeout: Duration::from_secs(10), body_bytes: 1 << 20, private_addresses: true };
    let url = provider.issuer("localhost");
    block_on(async {
        let request =
            Request { method: Method::Get, url: url.clone(), headers: vec![], body: None };
        http.send(request, limits).await.expect("an answer");
        let ask = || ApiRequest::new("GET", url.clone());
        http.stream(ask(), limits).await.expect("an answer");
        http.identify_to_apis().stream(ask(), limits).await.expect("an answer");
    });
    assert_eq!(*provider.seen.lock().expect("no panic"), [true, false, true]);
}

#[test]
fn a_file_that_cannot_be_used_is_named_with_its_flag() {
    let (home, authority) = (Home::new(), Authority::new());
    let file = |name: &str| authority.file(name);
    let empty = home.file("empty.pem", "");
    let text = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    let damaged = home.file("damaged.pem", text);
    let encrypted = home.file(
        "encrypted.key",
        "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
    );
    let (certificate, server_key) = (file("client.pem"), file("server.key"));
    for (flags, named, words) in [
        (vec!["--ca-file", "/nowhere/ca.pem"], "ca.pem", "cannot be read"),
        (vec!["--ca-file", &empty], &empty, "no certificate"),
        (vec!["--ca-file", &damaged], &damaged, "PEM"),
        (vec!["--ca-file", &server_key], &server_key, "no certificate"),
        (vec!["--client-cert", "/nowhere/c.pem"], "c.pem", "cannot be read"),
        (vec!["--client-cert", &certificate], &certificate, "no private key"),
        (
            vec!["--client-cert", &certificate, "--client-key", &server_key],
            &server_key,
            "does not belong to the certificate",
        ),
        (
            vec!["--client-cert", &certificate, "--client-key", &encrypted],
            &encrypted,
            "is encrypted",
        ),
        (vec!["--client-key", &server_key], "--client-cert", "no client certificate"),
    ] {
        let run = login(&home, "https://login.invalid", &flags, &[]);
        let run = run.failed(2, "invalid-configuration").saying(&[named, words]);
        let flag = flags[flags.len() - 2];
        assert!(run.stderr.contains(&flag[..8]), "{flag}: {}", run.stderr);
    }
}

/// A SOCKS proxy that takes every request to one port of this machine.
struct Socks {
    port: u16,
    /// What it was asked for: `name:port`, or an address; and as whom.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Socks {
    fn leading_to(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&asked);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                // Whoever breaks off gets no connection.
                let _ = pass_on(client, target, &kept);
            }
        });
        Self { port, asked }
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.asked.lock().expect("no panic"))
    }
}

fn bytes(stream: &mut TcpStream, count: usize) -> std::io::Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn text_to_nul(stream: &mut TcpStream) -> std::io::Result<String> {
    let mut text = Vec::new();
    loop {
        match bytes(stream, 1)?[0] {
            0 => return Ok(String::from_utf8_lossy(&text).into_owned()),
            byte => text.push(byte),
        }
    }
}

/// RFC 1928, RFC 1929, and the older SOCKS 4a.
fn pass_on(mut client: TcpStream, target: u16, asked: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let version = bytes(&mut client, 1)?[0];
    let (place, granted) = if version == 5 {
        let count = bytes(&mut client, 1)?[0];
        let methods = bytes(&mut client, count.into())?;
        let mut user = String::new();
        if methods.contains(&2) {
            client.write_all(&[5, 2])?;
            let length = bytes(&mut client, 2)?[1];
            let name = bytes(&mut client, length.into())?;
            let length = bytes(&mut client, 1)?[0];
            let password = bytes(&mut client, length.into())?;
            let words = [name, password].map(|word| String::from_utf8_lossy(&word).into_owned());
            user = format!("{}@", words.join(":"));
            client.write_all(&[1, 0])?;
        } else {
            client.write_all(&[5, 0])?;
        }
        let host = match bytes(&mut client, 4)?[3] {
            1 => {
                let octets = bytes(&mut client, 4)?;
                Ipv4Addr::new(octets[0], octets[1], octets[2], octets[3]).to_string()
            }
            3 => {
                let length = bytes(&mut client, 1)?[0];
                String::from_utf8_lossy(&bytes(&mut client, length.into())?).into_owned()
            }
            _ => return Ok(()),
        };
        let port = bytes(&mut client, 2)?;
        let port = u16::from_be_bytes([port[0], port[1]]);
        (format!("{user}{host}:{port}"), vec![5, 0, 0, 1, 0, 0, 0, 0, 0, 0])
    } else {
        let request = bytes(&mut client, 7)?;
        let port = u16::from_be_bytes([request[1], request[2]]);
        text_to_nul(&mut client)?;
        let host = match &request[3..] {
            [0, 0, 0, _] => text_to_nul(&mut client)?,
            other => format!("{other:?}"),
        };
        (format!("{host}:{port}"), vec![0, 90, 0, 0, 0, 0, 0, 0])
    };
    asked.lock().expect("no panic").push(place);
    client.write_all(&granted)?;
    let server = TcpStream::connect(("127.0.0.1", target))?;
    for (mut from, mut to) in [(client.try_clone()?, server.try_clone()?), (server, client)] {
        thread::spawn(move || {
            // One side that leaves ends the other.
            let _ = std::io::copy(&mut from, &mut to);
            let _ = to.shutdown(std::net::Shutdown::Write);
        });
    }
    Ok(())
}

#[test]
fn a_socks_proxy_that_resolves_names_is_given_them() {
    let (home, authority) = (Home::new(), Authority::new());
    let provider = Provider::start(&authority, false);
    let issuer = provider.issuer("login.invalid");
    let proxy = Socks::leading_to(provider.port);
    let ca = authority.file("ca.pem");
    let place = format!("login.invalid:{}", provider.port);
    for (scheme, user) in [("socks5h", ""), ("socks5h", "me:p%40ss@"), ("socks4a", "")] {
        for variable in ["ALL_PROXY", "HTTPS_PROXY"] {
            let address = format!("{scheme}://{user}127.0.0.1:{}", proxy.port);
            let environment = [(variable, address.as_str())];
            reached(login(&home, &issuer, &["--ca-file", &ca], &environment));
            let expected = format!("{}{place}", user.replace("%40", "@"));
            let asked = proxy.asked();
            assert!(!asked.is_empty() && asked.iter().all(|one| *one == expected), "{asked:?}");
        }
    }
}

#[test]
fn a_socks_proxy_is_not_asked_for_this_machine_nor_for_what_is_exempt() {
    let (home, authority) = (Home::new(), Authority::new());
    let provider = Provider::start(&authority, false);
    let proxy = Socks::leading_to(provider.port);
    let ca = authority.file("ca.pem");
    let address = format!("socks5h://127.0.0.1:{}", proxy.port);
    let proxied = ("ALL_PROXY", address.as_str());
    reached(login(&home, &provider.issuer("localhost"), &["--ca-file", &ca], &[proxied]));
    let issuer = provider.issuer("login.invalid");
    let exempt = [proxied, ("NO_PROXY", "login.invalid")];
    login(&home, &issuer, &["--ca-file", &ca], &exempt)
        .failed(7, "unreachable")
        .saying(&["name not found"]);
    // These two leave look-ups to this machine, which does not know the name.
    for scheme in ["socks5", "socks4"] {
        let address = format!("{scheme}://127.0.0.1:{}", proxy.port);
        login(&home, &issuer, &["--ca-file", &ca], &[("ALL_PROXY", &address)])
            .failed(7, "unreachable");
    }
    assert!(proxy.asked().is_empty());
}

#[test]
fn a_socks_proxy_that_is_not_there_is_named_without_its_password() {
    let home = Home::new();
    let environment = [("ALL_PROXY", "socks5h://me:hunter2@127.0.0.1:9")];
    let run = login(&home, "https://login.invalid", &[], &environment);
    let run = run.failed(7, "unreachable").saying(&["through the proxy 127.0.0.1:9"]);
    assert!(!run.stderr.contains("hunter2"), "{}", run.stderr);
}

/// The files are read from any folder: a profile keeps whole paths.
#[test]
fn a_relative_file_is_kept_as_a_whole_path() {
    let (home, authority) = (Home::new(), Authority::new());
    fs::copy(authority.path("ca.pem"), home.work_folder().join("ca.pem")).expect("a copy");
    home.latch(&["profile", "add", "work", "--ca-file", "ca.pem"]).succeeded();
    let kept = home.latch(&["profile", "show", "work", "--json"]).succeeded().json();
    let kept = Path::new(kept["ca-file"].as_str().expect("a path"));
    assert!(kept.is_absolute() && kept.ends_with("ca.pem"), "{kept:?}");
}
