//! [`DpopProxy`]: an API's address on loopback for programs that cannot sign proofs.
//!
//! ```text
//! program --http--> 127.0.0.1:PORT/SECRET/path --token, proof--> https://api.example/path
//! ```
//!
//! - `gate`: which requests count.
//! - `server`: the listener and its connections.
//! - `forward`: one request to the API, its proof, and when it is sent again.
//! - `tokens`: the token that requests carry, and its renewal.
//! - `headers`: which headers pass, and redirects that stay on the proxy.

mod forward;
mod gate;
mod headers;
mod server;
mod tokens;

use std::io;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::api::TokenProvider;
use crate::capability::loopback::Peers;
use crate::error::{Code, Error};
use crate::latch::Latch;
use forward::Forwarder;
use gate::Gate;
use latchstring_core::egress::api_origin;
use server::Server;
use tokens::Tokens;

/// Connections that the system queues until they are accepted, if it allows that many.
const LONGEST_QUEUE: u32 = 4096;

/// Failures that are kept until they are asked for. More are dropped.
const MOST_FAILURES: usize = 16;

/// A server on `127.0.0.1` that passes requests on to one API with the session's token and,
/// if the token is bound to a key, a fresh proof for each
/// ([RFC 9449](https://www.rfc-editor.org/rfc/rfc9449)).
///
/// Its [`url`](Self::url) stands for the API's origin and contains a secret: whoever knows
/// it can use the API as the user while this lives. Dropping this ends the server and its
/// connections.
///
/// ```no_run
/// use latchstring::{DpopProxy, Latch};
///
/// # async fn run() -> Result<(), latchstring::Error> {
/// let latch = Latch::builder("https://id.example.com", "my-cli")
///     .api_origins(["https://api.example.com"])
///     .build()?;
/// let mut proxy = DpopProxy::start(&latch, latch.clone(), "https://api.example.com").await?;
/// let mut command = tokio::process::Command::new("curl");
/// let mut child = command.arg(format!("{}/v1/me", proxy.url())).spawn().expect("curl");
/// loop {
///     tokio::select! {
///         _ = child.wait() => return Ok(()),
///         error = proxy.failure() => eprintln!("{error}: {}", error.remedy()),
///     }
/// }
/// # }
/// ```
pub struct DpopProxy {
    url: String,
    failures: mpsc::Receiver<Error>,
    accepting: JoinHandle<()>,
}

impl DpopProxy {
    /// Starts a proxy for the API at `origin`, with tokens from `tokens`, which may be the
    /// `latch` itself. Must be called within a tokio runtime.
    ///
    /// # Errors
    ///
    /// Returns `invalid-configuration` if `origin` is not one origin, `egress-denied` if the
    /// token may not be sent there
    /// ([`LatchBuilder::api_origins`](crate::LatchBuilder::api_origins)), `port-in-use` if
    /// no port can be bound, and fails like [`Latch::token`] if there is no token.
    pub async fn start(
        latch: &Latch,
        tokens: impl TokenProvider + 'static,
        origin: &str,
    ) -> Result<Self, Error> {
        let origin = permitted(latch, origin)?;
        let tokens = Tokens::new(latch.clone(), tokens);
        tokens.token().await?;
        let listener = bind().map_err(not_bound)?;
        let address = listener.local_addr().map_err(not_bound)?;
        let secret = URL_SAFE_NO_PAD.encode(latch.entropy().draw()?);
        let url = format!("http://{address}/{secret}");
        let (sender, failures) = mpsc::channel(MOST_FAILURES);
        let server = Server {
            latch: latch.clone(),
            gate: Gate { authority: address.to_string(), secret },
            forwarder: Forwarder::new(latch.clone(), tokens, origin, url.clone(), sender),
            peers: Peers::of(Some(address)),
        };
        let accepting = tokio::spawn(Arc::new(server).accept(listener));
        Ok(Self { url, failures, accepting })
    }

    /// Returns the address that stands for the API's origin, without a slash at its end. It
    /// contains a secret.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Waits for the next request that was answered with an error of this program instead of
    /// a response of the API, and returns the error.
    pub async fn failure(&mut self) -> Error {
        match self.failures.recv().await {
            Some(error) => error,
            // OK because the sender lives as long as the accepting task, which ends only
            // with this proxy.
            None => std::future::pending().await,
        }
    }
}

impl Drop for DpopProxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Returns the origin in its normal form if the token may be sent there.
fn permitted(latch: &Latch, origin: &str) -> Result<String, Error> {
    let origin = api_origin(origin)?;
    if origin.contains('*') {
        return Err(Error::new(
            Code::InvalidConfiguration,
            format!("{origin} stands for several origins, and a proxy is for one"),
            "write it as https://api.example.com",
        ));
    }
    let profile = &latch.key().profile;
    latch.origins().permit(&origin, profile).map_err(|error| {
        error.with_remedy(format!(
            "if it is meant for that API: latch profile add {profile} --api-origin {origin}"
        ))
    })?;
    Ok(origin)
}

fn bind() -> io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    socket.listen(LONGEST_QUEUE)
}

fn not_bound(error: io::Error) -> Error {
    Error::new(
        Code::PortInUse,
        format!("no port could be bound on 127.0.0.1: {error}"),
        "check that this program may listen on a port",
    )
}
