//! Setting a [`Latch`] up.

use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::capability::browser::{Browser, SystemBrowser};
use crate::capability::clock::{Clock, SystemClock};
use crate::capability::entropy::{Entropy, SystemEntropy};
use crate::capability::http::{Http, SystemHttp};
use crate::capability::loopback::{Loopback, Redirect, RedirectHost, SystemLoopback};
#[cfg(feature = "keyring")]
use crate::capability::store::{AutoStore, KeyringStore};
use crate::capability::store::{FileStore, Store, default_state_folder};
use crate::capability::surroundings::{Surroundings, SystemSurroundings};
use crate::capability::terminal::{StderrTerminal, Terminal};
use crate::contract::{
    Client, ClientAuthentication, Endpoints, Hexclave, LoginFlow, Parameter, Pkce, Protocol,
    RequestFormat,
};
use crate::egress::Origins;
use crate::error::Error;
use crate::latch::{Latch, Parts};
use crate::pages::Pages;
use crate::recording::Recorder;
use crate::renewal::Renewal;
use crate::sandbox::Sandbox;

use latchstring_core::session::check_profile;

/// Sets a [`Latch`] up; every setting but the provider and the client has a
/// default.
#[must_use]
pub struct LatchBuilder {
    client: Client,
    added_scopes: Vec<String>,
    api_origins: Vec<String>,
    profile: String,
    account: Option<String>,
    redirect: Redirect,
    patience: Option<Duration>,
    flow: Option<LoginFlow>,
    anonymous_refresh_token: Option<Zeroizing<String>>,
    draws_qr: bool,
    pages: Pages,
    recorder: Option<Recorder>,
    renewal: Renewal,
    open_browser: bool,
    browser: Option<Arc<dyn Browser>>,
    clock: Option<Arc<dyn Clock>>,
    entropy: Option<Arc<dyn Entropy>>,
    http: Option<Arc<dyn Http>>,
    loopback: Option<Arc<dyn Loopback>>,
    store: Option<Arc<dyn Store>>,
    surroundings: Option<Arc<dyn Surroundings>>,
    terminal: Option<Arc<dyn Terminal>>,
}

impl Latch {
    /// A client of the provider with this issuer identifier (RFC 8414 §2).
    pub fn builder(issuer: impl Into<String>, client_id: impl Into<String>) -> LatchBuilder {
        LatchBuilder::new(Some(issuer.into()), client_id.into())
    }

    /// A client of a provider without an issuer identifier; give its endpoints
    /// with [`LatchBuilder::endpoints`].
    pub fn builder_without_issuer(client_id: impl Into<String>) -> LatchBuilder {
        LatchBuilder::new(None, client_id.into())
    }
}

impl LatchBuilder {
    fn new(issuer: Option<String>, client_id: String) -> Self {
        Self::of_client(Client::new(issuer, client_id))
    }

    pub(crate) fn of_client(client: Client) -> Self {
        Self {
            client,
            added_scopes: Vec::new(),
            api_origins: Vec::new(),
            profile: "default".to_owned(),
            account: None,
            redirect: Redirect {
                host: RedirectHost::Ipv4,
                ports: Vec::new(),
                path: "/callback".to_owned(),
            },
            patience: None,
            flow: None,
            anonymous_refresh_token: None,
            draws_qr: true,
            pages: Pages::default(),
            recorder: None,
            renewal: Renewal::default(),
            surroundings: None,
            open_browser: true,
            browser: None,
            clock: None,
            entropy: None,
            http: None,
            loopback: None,
            store: None,
            terminal: None,
        }
    }

    /// Requested scopes, one name each (RFC 6749 §3.3). `openid` brings an ID
    /// token, `offline_access` a refresh token where the provider wants it so.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.client.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Scopes that are requested beside those, whatever they are.
    pub fn added_scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.added_scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Origins of the API that [`Latch::request`] may send the token to, beside the
    /// issuer's own and those of the resources: `https://api.example.com`.
    pub fn api_origins<S: Into<String>>(mut self, origins: impl IntoIterator<Item = S>) -> Self {
        self.api_origins.extend(origins.into_iter().map(Into::into));
        self
    }

    /// Resource indicators, absolute URIs (RFC 8707 §2).
    pub fn resources<S: Into<String>>(mut self, resources: impl IntoIterator<Item = S>) -> Self {
        self.client.resources = resources.into_iter().map(Into::into).collect();
        self
    }

    /// Endpoints given by hand; they win over discovered ones, and over those given
    /// before.
    pub fn endpoints(mut self, endpoints: Endpoints) -> Self {
        self.client.endpoints = endpoints.over(self.client.endpoints);
        self
    }

    /// Endpoints that count where neither the metadata nor
    /// [`endpoints`](Self::endpoints) names one.
    pub fn assumed_endpoints(mut self, endpoints: Endpoints) -> Self {
        self.client.assumed_endpoints = endpoints;
        self
    }

    /// Whether the issuer calls itself https although it is reached over http on a
    /// loopback address: its TLS ends somewhere else.
    pub fn https_issuer(mut self, https: bool) -> Self {
        self.client.https_issuer = https;
        self
    }

    /// How requests to the token endpoint and its kin are written; as a form
    /// unless set.
    pub fn request_format(mut self, format: RequestFormat) -> Self {
        self.client.request_format = format;
        self
    }

    /// Speaks Hexclave's own protocol instead of OAuth 2.0: the issuer is the
    /// API's base URL, the client id the project's id.
    pub fn hexclave(mut self, hexclave: Hexclave) -> Self {
        self.client.discover = false;
        self.client.protocol = Protocol::Hexclave(hexclave);
        self
    }

    /// Whether to fetch the issuer's metadata; the default with an issuer.
    pub fn discover(mut self, discover: bool) -> Self {
        self.client.discover = discover;
        self
    }

    /// A client secret, for providers that want one of native applications
    /// too (RFC 8252 §8.5).
    pub fn client_secret(mut self, secret: impl Into<String>) -> Self {
        self.client.client_secret = Some(secret.into());
        self
    }

    /// How the client authenticates; by default what the metadata prefers.
    pub fn client_authentication(mut self, authentication: ClientAuthentication) -> Self {
        self.client.authentication = Some(authentication);
        self
    }

    /// A name under which sessions are kept apart: letters, digits, `-` and
    /// `_`, at most 64. `default` unless set.
    pub fn profile(mut self, profile: impl Into<String>) -> Self {
        self.profile = profile.into();
        self
    }

    /// The account under which the session is stored, for a session that other
    /// settings began; computed from issuer, client, scopes and resources
    /// unless set.
    pub fn account(mut self, account: impl Into<String>) -> Self {
        self.account = Some(account.into());
        self
    }

    /// Where the browser comes back to; `http://127.0.0.1:PORT/callback` with
    /// any free port unless set.
    pub fn redirect(mut self, redirect: Redirect) -> Self {
        self.redirect = redirect;
        self
    }

    /// A further parameter of the authorization request, such as `login_hint`. It
    /// replaces an earlier one of the same name. An empty value leaves out one that
    /// would be sent by default.
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let parameter = Parameter { name: name.into(), value: value.into() };
        self.client.parameters.retain(|earlier| earlier.name != parameter.name);
        self.client.parameters.push(parameter);
        self
    }

    /// Whether the provider protects the authorization code by PKCE; what its metadata
    /// says unless set.
    pub fn pkce(mut self, pkce: Pkce) -> Self {
        self.client.pkce = pkce;
        self
    }

    /// Whether token responses may leave out `token_type`, which RFC 6749 §5.1
    /// requires; they may not unless set.
    pub fn token_type_optional(mut self, optional: bool) -> Self {
        self.client.token_type_optional = optional;
        self
    }

    /// The host of the redirect URI; as [`redirect`](Self::redirect) says.
    pub fn redirect_host(mut self, host: RedirectHost) -> Self {
        self.redirect.host = host;
        self
    }

    /// The ports of the redirect URI, tried in order; any free one where there are
    /// none.
    pub fn redirect_ports(mut self, ports: impl IntoIterator<Item = u16>) -> Self {
        self.redirect.ports = ports.into_iter().collect();
        self
    }

    /// The path of the redirect URI.
    pub fn redirect_path(mut self, path: impl Into<String>) -> Self {
        self.redirect.path = path.into();
        self
    }

    /// How long the user may take to log in. Unless set: five minutes in a browser, and
    /// as long as the code lives on another device.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// How the person logs in; what fits the machine and the provider unless set.
    pub fn flow(mut self, flow: LoginFlow) -> Self {
        self.flow = Some(flow);
        self
    }

    /// The refresh token of an anonymous session that a login makes the person's
    /// own (Hexclave). It is for this login only, and never stored.
    pub fn anonymous_refresh_token(mut self, token: impl Into<String>) -> Self {
        self.anonymous_refresh_token = Some(Zeroizing::new(token.into()));
        self
    }

    /// Whether a code for another device is drawn for cameras too, where somebody
    /// sees it; true unless set.
    pub fn draw_qr(mut self, draw: bool) -> Self {
        self.draws_qr = draw;
        self
    }

    /// What the browser shows when it comes back; the default pages are in English.
    /// With the feature `presets`, `Pages::read` and `Pages::from_toml` make others.
    pub fn pages(mut self, pages: Pages) -> Self {
        self.pages = pages;
        self
    }

    /// Keeps what passes between host and component, for a
    /// [`Transcript`](crate::Transcript).
    #[cfg(feature = "transcript")]
    pub fn record(self, recorder: Recorder) -> Self {
        self.recorded_by(Some(recorder))
    }

    pub(crate) fn recorded_by(mut self, recorder: Option<Recorder>) -> Self {
        self.recorder = recorder;
        self
    }

    /// Where tokens are renewed; in this process unless set.
    ///
    /// A process that ends in the middle of a renewal (by Ctrl-C, say) loses the
    /// session if the provider rotates refresh tokens. With
    /// [`Renewal::OwnProcess`] the renewal runs in a second process, which that
    /// does not reach.
    pub fn renew_in(mut self, renewal: Renewal) -> Self {
        self.renewal = renewal;
        self
    }

    /// Whether to start a browser; the address is shown in any case.
    pub fn open_browser(mut self, open: bool) -> Self {
        self.open_browser = open;
        self
    }

    /// Replaces the browser.
    pub fn browser(mut self, browser: impl Browser + 'static) -> Self {
        self.browser = Some(Arc::new(browser));
        self
    }

    /// Replaces the clock.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.clock = Some(Arc::new(clock));
        self
    }

    /// Replaces the random source.
    pub fn entropy(mut self, entropy: impl Entropy + 'static) -> Self {
        self.entropy = Some(Arc::new(entropy));
        self
    }

    /// Replaces the HTTP client. The egress policy holds for any.
    ///
    /// [`SystemHttp`] is the default; it can trust further certificates, and
    /// authenticate with one: [`SystemHttp::ca_file`], [`SystemHttp::client_certificate`].
    pub fn http(mut self, http: impl Http + 'static) -> Self {
        self.http = Some(Arc::new(http));
        self
    }

    /// Replaces the loopback listener.
    pub fn loopback(mut self, loopback: impl Loopback + 'static) -> Self {
        self.loopback = Some(Arc::new(loopback));
        self
    }

    /// Replaces the store. The default is the system's keyring if it answers (with the
    /// feature `keyring`), else files in the user's state folder.
    pub fn store(self, store: impl Store + 'static) -> Self {
        self.shared_store(Arc::new(store))
    }

    /// The same for a store that others use too.
    pub fn shared_store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// Replaces what is found out about this machine.
    pub fn surroundings(mut self, surroundings: impl Surroundings + 'static) -> Self {
        self.surroundings = Some(Arc::new(surroundings));
        self
    }

    /// Replaces what the person is told by; standard error unless set.
    pub fn terminal(mut self, terminal: impl Terminal + 'static) -> Self {
        self.terminal = Some(Arc::new(terminal));
        self
    }

    /// Loads the component. Fails with `invalid-configuration` where a setting
    /// cannot work, and touches neither network nor store.
    pub fn build(self) -> Result<Latch, Error> {
        self.build_on(Sandbox::load()?)
    }

    /// The same with this component.
    pub(crate) fn build_on(mut self, sandbox: &'static Sandbox) -> Result<Latch, Error> {
        for scope in self.added_scopes {
            if !self.client.scopes.contains(&scope) {
                self.client.scopes.push(scope);
            }
        }
        check_profile(&self.profile)?;
        self.redirect.check()?;
        let origins = Origins::of(&self.client, &self.api_origins)?;
        self.client.protocol.check_anonymous(self.anonymous_refresh_token.is_some())?;
        let browser_command = self.browser.is_some();
        let browser =
            self.open_browser.then(|| self.browser.unwrap_or_else(|| Arc::new(SystemBrowser)));
        let store = match self.store {
            Some(store) => store,
            None => default_store()?,
        };
        Latch::new(
            sandbox,
            self.client,
            Parts {
                profile: self.profile,
                account: self.account,
                redirect: self.redirect,
                patience: self.patience,
                flow: self.flow,
                anonymous_refresh_token: self.anonymous_refresh_token,
                browser_command,
                draws_qr: self.draws_qr,
                pages: self.pages,
                origins,
                recorder: self.recorder,
                renewal: self.renewal,
                surroundings: self.surroundings.unwrap_or_else(|| Arc::new(SystemSurroundings)),
                browser,
                clock: self.clock.unwrap_or_else(|| Arc::new(SystemClock)),
                entropy: self.entropy.unwrap_or_else(|| Arc::new(SystemEntropy)),
                http: self.http.unwrap_or_else(|| Arc::new(SystemHttp::default())),
                loopback: self.loopback.unwrap_or_else(|| Arc::new(SystemLoopback)),
                store,
                terminal: self.terminal.unwrap_or_else(|| Arc::new(StderrTerminal::default())),
            },
        )
    }
}

/// The keyring if it answers, else files.
#[cfg(feature = "keyring")]
fn default_store() -> Result<Arc<dyn Store>, Error> {
    let folder = default_state_folder()?;
    let keyring = Arc::new(KeyringStore::new(folder.clone()));
    Ok(Arc::new(AutoStore::new(keyring, Arc::new(FileStore::new(folder)))))
}

#[cfg(not(feature = "keyring"))]
fn default_store() -> Result<Arc<dyn Store>, Error> {
    Ok(Arc::new(FileStore::new(default_state_folder()?)))
}
