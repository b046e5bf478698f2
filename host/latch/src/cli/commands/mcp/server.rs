//! One HTTP request to the server with the access token, and what to do if it is refused.

use std::pin::pin;
use std::sync::{Arc, Mutex as StdMutex, MutexGuard};
use std::task::Poll;
use std::time::{Duration, Instant};

use latchstring::{
    ApiRequest, ApiResponse, Code, Demand, Error, Latch, Token, is_printable, printable,
};
use tokio::sync::Mutex;
use url::Url;

use super::bridge::lock;
use super::message::{Answer, Message};
use super::response::header;
use super::tools::Tools;
use crate::cli::args::Global;
use crate::cli::commands::login::keep;
use crate::cli::output::say;
use crate::cli::settings::Settings;

/// Time limit for the response head and for each part of the body: tools may take long, and
/// streams may have nothing to say. A peer that is gone is noticed earlier, by TCP.
const PATIENCE: Duration = Duration::from_secs(3600);

/// Time after which the session is read again: a logout elsewhere ends its use here.
const RECENT: Duration = Duration::from_secs(1);

/// Most logins for one request.
pub(super) const LOGINS: u32 = 2;

/// The server, and the client that logs in to it.
pub(super) struct Server {
    latch: Latch,
    url: Url,
    global: Global,
    settings: Settings,
    /// Whether a browser may be opened.
    logs_in: bool,
    /// Held during a login, so that there is one at a time.
    logging_in: Mutex<()>,
    session: StdMutex<Session>,
    tools: StdMutex<Tools>,
    /// The token that was used last, and when it was read.
    recent: StdMutex<Option<(Instant, Arc<Token>)>>,
}

/// What the server has said about the session.
#[derive(Clone, Default)]
struct Session {
    id: Option<String>,
    protocol_version: Option<String>,
}

impl Server {
    pub(super) fn new(
        latch: Latch,
        url: &str,
        global: Global,
        settings: Settings,
        logs_in: bool,
    ) -> Result<Self, Error> {
        let url = Url::parse(url).map_err(|error| {
            Error::new(
                Code::InvalidConfiguration,
                format!("{} is not a URL: {error}", printable(url)),
                "begin it with https://",
            )
        })?;
        let (logging_in, session, tools, recent) = Default::default();
        Ok(Self { latch, url, global, settings, logs_in, logging_in, session, tools, recent })
    }

    /// Notes which tools the server has.
    pub(super) fn learn_tools(&self, answer: &Answer) {
        lock(&self.tools).learn(&answer.line);
    }

    /// Returns the request that carries a message.
    pub(super) fn post(&self, message: &Message) -> ApiRequest {
        let request = self
            .request("POST", self.url.as_str())
            .header("accept", "application/json, text/event-stream")
            .header("content-type", "application/json")
            .body(message.line.clone());
        match &message.metadata {
            Some(metadata) => {
                let request = request
                    .header("mcp-protocol-version", &metadata.protocol_version)
                    .header("mcp-method", &metadata.method);
                let request = match metadata.method.as_str() {
                    "tools/call" => {
                        let arguments = lock(&self.tools).headers(&message.line).into_iter();
                        arguments
                            .fold(request, |request, (name, value)| request.header(name, value))
                    }
                    _ => request,
                };
                match &metadata.name {
                    Some(name) => request.header("mcp-name", name),
                    None => request,
                }
            }
            // This request begins a session.
            None if message.begins_session() => request,
            None => self.in_session(request),
        }
    }

    /// Returns the request for a stream of messages: the one that stopped after this event,
    /// or the one for messages that answer no request.
    pub(super) fn get(&self, last_event_id: Option<&str>) -> ApiRequest {
        let request = self.request("GET", self.url.as_str()).header("accept", "text/event-stream");
        let request = self.in_session(request);
        match last_event_id {
            Some(id) => request.header("last-event-id", id),
            None => request,
        }
    }

    /// Returns the request that ends the session, or `None` if there is none.
    pub(super) fn delete(&self) -> Option<ApiRequest> {
        self.has_session().then(|| self.in_session(self.request("DELETE", self.url.as_str())))
    }

    /// Returns the request that carries a message to the endpoint of the older transport.
    pub(super) fn post_to(&self, endpoint: &Url, message: &Message) -> ApiRequest {
        self.request("POST", endpoint.as_str())
            .header("content-type", "application/json")
            .body(message.line.clone())
    }

    /// Returns the URL that `reference` means, or `None` if it is at another origin.
    pub(super) fn at_own_origin(&self, reference: &str) -> Option<Url> {
        self.url.join(reference).ok().filter(|url| url.origin() == self.url.origin())
    }

    fn request(&self, method: &str, url: &str) -> ApiRequest {
        ApiRequest::new(method, url).patience(PATIENCE)
    }

    fn in_session(&self, mut request: ApiRequest) -> ApiRequest {
        let Session { id, protocol_version } = self.session().clone();
        for (name, value) in [("mcp-session-id", id), ("mcp-protocol-version", protocol_version)] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        request
    }

    pub(super) fn has_session(&self) -> bool {
        self.session().id.is_some()
    }

    /// Begins a session, with the ID that the server has given it.
    pub(super) fn begin_session(&self, response: &ApiResponse) {
        let id = header(response, "mcp-session-id").map(str::to_owned);
        *self.session() = Session { id, protocol_version: None };
    }

    /// Notes the revision that client and server have agreed on.
    pub(super) fn agree_on(&self, protocol_version: String) {
        self.session().protocol_version = Some(protocol_version);
    }

    fn session(&self) -> MutexGuard<'_, Session> {
        lock(&self.session)
    }

    /// Returns the session's token. Reads the session once in a while only: messages may be
    /// many, and a keyring is slow.
    async fn token(&self) -> Result<Arc<Token>, Error> {
        if let Some((read, token)) = &*lock(&self.recent)
            && read.elapsed() < RECENT
        {
            return Ok(Arc::clone(token));
        }
        let read = Instant::now();
        let token = Arc::new(self.latch.token().await?);
        *lock(&self.recent) = Some((read, Arc::clone(&token)));
        Ok(token)
    }

    /// Sends a request with the access token, and calls `started` once it is on its way.
    ///
    /// If the server answers 401, sends it again with another token. If the server requires
    /// more than the session allows, or if there is no session, logs in, at most `logins`
    /// times.
    pub(super) async fn send(
        &self,
        request: &ApiRequest,
        mut logins: u32,
        mut started: impl FnMut() + Send,
    ) -> Result<ApiResponse, Error> {
        let mut is_replaced = false;
        loop {
            let token = match self.token().await {
                Err(error) if error.is_login_required() => {
                    self.log_in(error, None, None, &mut logins).await?;
                    continue;
                }
                result => result?,
            };
            let mut sending = pin!(self.latch.send(&token, request));
            let begun = std::future::poll_fn(|context| Poll::Ready(sending.as_mut().poll(context)));
            let response = match begun.await {
                Poll::Ready(response) => response?,
                Poll::Pending => {
                    started();
                    sending.await?
                }
            };
            if matches!(response.status(), 401 | 403) {
                *lock(&self.recent) = None;
            }
            let challenge = challenge(&response);
            let refused = token.fingerprint();
            let error = match (response.status(), &challenge) {
                (401, _) if !is_replaced => {
                    is_replaced = true;
                    match self.latch.token_instead_of(&refused).await {
                        Ok(_) => continue,
                        Err(error) if error.is_login_required() => error,
                        Err(error) => return Err(error),
                    }
                }
                (401, _) => Error::new(
                    Code::LoginRequired,
                    "the server accepts no token of this session",
                    "log in again",
                ),
                (403, Some(challenge)) => {
                    let demand = Demand { challenge: Some(challenge.clone()), ..Demand::default() };
                    match self.latch.stored_token(&demand).await {
                        Err(error) if error.is_login_required() => error,
                        _ => return Ok(response),
                    }
                }
                _ => return Ok(response),
            };
            drop(response);
            self.log_in(error, challenge.as_deref(), Some(&refused), &mut logins).await?;
            *lock(&self.recent) = None;
            is_replaced = false;
        }
    }

    /// Logs in because of `error`, if that is allowed and no other request has done so since
    /// the server refused the token with the fingerprint `refused`.
    async fn log_in(
        &self,
        error: Error,
        challenge: Option<&str>,
        refused: Option<&str>,
        logins: &mut u32,
    ) -> Result<(), Error> {
        if !self.logs_in || *logins == 0 {
            return Err(match challenge {
                Some(challenge) => self.settings.advise_about(&self.global, challenge, error),
                None => self.settings.advise(&self.global, error),
            });
        }
        *logins -= 1;
        let _alone = self.logging_in.lock().await;
        if let Ok(Some(token)) = self.latch.stored_token(&Demand::default()).await
            && refused.is_none_or(|refused| refused != token.fingerprint())
        {
            return Ok(());
        }
        say(&format!("latch: {}", printable(error.message())));
        let token = match challenge {
            Some(challenge) => self.latch.login_for(challenge).await?,
            None => self.latch.login().await?,
        };
        let refused = token.refused_parameters();
        keep(&self.global, &self.settings, &self.latch, refused).await.map(|_| ())
    }
}

/// Returns the `WWW-Authenticate` value of a response, or `None` if there is none that a
/// command line can contain.
fn challenge(response: &ApiResponse) -> Option<String> {
    let fields = response.headers().filter(|(name, _)| *name == "www-authenticate");
    let challenge = fields.map(|(_, value)| value).collect::<Vec<_>>().join(", ");
    (!challenge.is_empty() && challenge.chars().all(is_printable)).then_some(challenge)
}
