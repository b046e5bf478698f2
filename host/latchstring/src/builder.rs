//! [`LatchBuilder`]: the settings of a [`Latch`].

use std::sync::Arc;
use std::time::Duration;

use zeroize::Zeroizing;

use crate::capability::assertions::Assertions;
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
use crate::egress::Origins;
use crate::error::Error;
use crate::latch::{KeyUse, Latch, Parts, keys};
use crate::pages::Pages;
use crate::renewal::Renewal;
use crate::sandbox::Recorder;
use crate::sandbox::Sandbox;
use latchstring_core::capability::decrypter::Decrypter;
use latchstring_core::capability::signer::Signer;
use latchstring_core::contract::{
    Audience, Client, ClientAuthentication, Endpoints, GrantType, Hexclave, LoginFlow, Parameter,
    Pkce, Protocol, RequestFormat, Security, SigningAlgorithm,
};

use latchstring_core::session::check_profile;

/// Settings of a [`Latch`]. All except the provider and the client have a default.
///
/// A method with a plural name, such as [`scopes`](Self::scopes), replaces what was set
/// before. One with a singular name for such a list, such as [`scope`](Self::scope), adds to
/// it.
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
    accepted_issuer_host: Option<String>,
    registers_anew: bool,
    initial_access_token: Option<Zeroizing<String>>,
    anonymous_refresh_token: Option<Zeroizing<String>>,
    draws_qr: bool,
    pages: Pages,
    recorder: Option<Recorder>,
    renewal: Renewal,
    open_browser: bool,
    browser: Option<Arc<dyn Browser>>,
    clock: Option<Arc<dyn Clock>>,
    entropy: Option<Arc<dyn Entropy>>,
    signer: Option<Arc<dyn Signer>>,
    key_use: KeyUse,
    dpop: Option<Arc<dyn Signer>>,
    decrypter: Option<Arc<dyn Decrypter>>,
    assertions: Option<Arc<dyn Assertions>>,
    http: Option<Arc<dyn Http>>,
    loopback: Option<Arc<dyn Loopback>>,
    store: Option<Arc<dyn Store>>,
    surroundings: Option<Arc<dyn Surroundings>>,
    terminal: Option<Arc<dyn Terminal>>,
}

impl Latch {
    /// Returns the settings of a client of the provider with this issuer identifier
    /// ([RFC 8414 §2](https://www.rfc-editor.org/rfc/rfc8414#section-2)).
    pub fn builder(issuer: impl Into<String>, client_id: impl Into<String>) -> LatchBuilder {
        LatchBuilder::new(Some(issuer.into()), client_id.into())
    }

    /// Returns the settings of a client for the protected resource at this URL, such as an
    /// MCP server: a login asks it who issues tokens for it
    /// ([RFC 9728](https://www.rfc-editor.org/rfc/rfc9728)), and registers a client there if
    /// none is set ([RFC 7591](https://www.rfc-editor.org/rfc/rfc7591)).
    ///
    /// ```no_run
    /// use latchstring::Latch;
    ///
    /// # async fn run() -> Result<(), latchstring::Error> {
    /// let latch = Latch::for_resource("https://mcp.example.com/mcp").build()?;
    /// let token = latch.token_or_login().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn for_resource(url: impl Into<String>) -> LatchBuilder {
        LatchBuilder::of_client(Client {
            resource_url: Some(url.into()),
            client_id: None,
            ..Client::new(None, String::new())
        })
    }

    /// Returns the settings of a client of a provider without an issuer identifier. Set its
    /// endpoints with [`LatchBuilder::endpoints`].
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
            accepted_issuer_host: None,
            registers_anew: false,
            initial_access_token: None,
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
            signer: None,
            key_use: KeyUse::default(),
            dpop: None,
            decrypter: None,
            assertions: None,
            http: None,
            loopback: None,
            store: None,
            terminal: None,
        }
    }

    /// Sets the issuer, which must be one of those that the resource names. For a client made
    /// by [`Latch::for_resource`].
    pub fn issuer(mut self, issuer: impl Into<String>) -> Self {
        self.client.issuer = Some(issuer.into());
        self
    }

    /// Sets the client ID.
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client.client_id = Some(client_id.into());
        self
    }

    /// Sets the URL of a client ID metadata document. A login by the URL of a resource
    /// presents it instead of registering a client, if the server takes such documents.
    pub fn client_metadata_url(mut self, url: impl Into<String>) -> Self {
        self.client.client_metadata_url = Some(url.into());
        self
    }

    /// Sets the host of the only issuer at which a login by the URL of a resource may log
    /// the user in. Without it, the user is asked on a terminal, once for each issuer on
    /// another host than the resource.
    pub fn accept_issuer(mut self, host: impl Into<String>) -> Self {
        self.accepted_issuer_host = Some(host.into());
        self
    }

    /// Sets whether a login by the URL of a resource registers a new client although it
    /// knows one. The default is no.
    pub fn register_anew(mut self, anew: bool) -> Self {
        self.registers_anew = anew;
        self
    }

    /// Sets the initial access token for registering a client
    /// ([RFC 7591 §3](https://www.rfc-editor.org/rfc/rfc7591#section-3)). It goes nowhere
    /// else and is never stored.
    pub fn initial_access_token(mut self, token: impl Into<String>) -> Self {
        self.initial_access_token = Some(Zeroizing::new(token.into()));
        self
    }

    /// Sets the requested scopes, one name each
    /// ([RFC 6749 §3.3](https://www.rfc-editor.org/rfc/rfc6749#section-3.3)). `openid`
    /// requests an ID token; some providers need `offline_access` for a refresh token.
    pub fn scopes<S: Into<String>>(mut self, scopes: impl IntoIterator<Item = S>) -> Self {
        self.client.scopes = scopes.into_iter().map(Into::into).collect();
        self
    }

    /// Adds a scope that is requested whatever [`scopes`](Self::scopes) sets.
    pub fn scope(mut self, scope: impl Into<String>) -> Self {
        self.added_scopes.push(scope.into());
        self
    }

    /// Sets the origins of APIs that [`Latch::request`] may send the token to, such as
    /// `https://api.example.com`. The issuer's origin and those of the resources are
    /// allowed too.
    pub fn api_origins<S: Into<String>>(mut self, origins: impl IntoIterator<Item = S>) -> Self {
        self.api_origins = origins.into_iter().map(Into::into).collect();
        self
    }

    /// Adds an origin to [`api_origins`](Self::api_origins).
    pub fn api_origin(mut self, origin: impl Into<String>) -> Self {
        self.api_origins.push(origin.into());
        self
    }

    /// Sets the resource indicators, which are absolute URIs
    /// ([RFC 8707 §2](https://www.rfc-editor.org/rfc/rfc8707#section-2)).
    pub fn resources<S: Into<String>>(mut self, resources: impl IntoIterator<Item = S>) -> Self {
        self.client.resources = resources.into_iter().map(Into::into).collect();
        self
    }

    /// Sets whom tokens are for, if not for what the login asked for. One refresh token then
    /// serves several audiences, where the provider allows it
    /// ([RFC 8707 §2.2](https://www.rfc-editor.org/rfc/rfc8707#section-2.2)): the session
    /// keeps an access token for each. A login's own token is not for this audience, so that
    /// the first token takes a request.
    pub fn audience(mut self, audience: Audience) -> Self {
        self.client.audience = Some(audience);
        self
    }

    /// Sets endpoints. They take precedence over discovered endpoints and over those set
    /// before.
    pub fn endpoints(mut self, endpoints: Endpoints) -> Self {
        self.client.endpoints = endpoints.over(self.client.endpoints);
        self
    }

    /// Sets the endpoints to use if neither the metadata nor [`endpoints`](Self::endpoints)
    /// names one.
    pub fn assumed_endpoints(mut self, endpoints: Endpoints) -> Self {
        self.client.assumed_endpoints = endpoints;
        self
    }

    /// Sets whether the issuer's name begins with https although it is reached over http on
    /// a loopback address, because its TLS ends elsewhere.
    pub fn https_issuer(mut self, https: bool) -> Self {
        self.client.https_issuer = https;
        self
    }

    /// Sets the body format of requests to the token endpoint and similar ones. The default
    /// is a form.
    pub fn request_format(mut self, format: RequestFormat) -> Self {
        self.client.request_format = format;
        self
    }

    /// Uses Hexclave's protocol instead of OAuth 2.0. The issuer is the API's base URL and
    /// the client ID is the project ID.
    pub fn hexclave(mut self, hexclave: Hexclave) -> Self {
        self.client.discover = false;
        self.client.protocol = Protocol::Hexclave(hexclave);
        self
    }

    /// Sets whether to fetch the issuer's metadata. The default is yes if there is an
    /// issuer.
    pub fn discover(mut self, discover: bool) -> Self {
        self.client.discover = discover;
        self
    }

    /// Sets the client secret, for providers that require one of native applications too
    /// ([RFC 8252 §8.5](https://www.rfc-editor.org/rfc/rfc8252#section-8.5)).
    pub fn client_secret(mut self, secret: impl Into<String>) -> Self {
        self.client.client_secret = Some(secret.into());
        self
    }

    /// Sets how the client authenticates. The default is what the metadata prefers.
    pub fn client_authentication(mut self, authentication: ClientAuthentication) -> Self {
        self.client.authentication = Some(authentication);
        self
    }

    /// Sets how tokens are granted. The default is to a user, who logs in. With every other
    /// grant, [`Latch::token`] needs no login: it asks for a token whenever the stored one is
    /// stale, and of several processes only one does.
    pub fn grant(mut self, grant: GrantType) -> Self {
        self.client.grant = grant;
        self
    }

    /// Sets the key that the client signs with, to authenticate without a secret
    /// (`private_key_jwt`, [RFC 7523](https://www.rfc-editor.org/rfc/rfc7523)).
    pub fn signer(mut self, signer: impl Signer + 'static) -> Self {
        self.signer = Some(Arc::new(signer));
        self
    }

    /// Sets the identifier of the key that the client signs with, as registered at the
    /// provider. The default is the one in the key, if it is a JSON Web Key.
    pub fn key_id(mut self, id: impl Into<String>) -> Self {
        self.key_use.id = Some(id.into());
        self
    }

    /// Sets the algorithm that the client signs with, which has to fit its key. The default is
    /// what fits the key; RSA keys sign with PS256 if they can.
    pub fn key_algorithm(mut self, algorithm: SigningAlgorithm) -> Self {
        self.key_use.algorithm = Some(algorithm);
        self
    }

    /// Sets whom the assertions that the client signs are for: old servers want their token
    /// endpoint. The default is the issuer.
    pub fn assertion_audience(mut self, audience: impl Into<String>) -> Self {
        self.key_use.audience = Some(audience.into());
        self
    }

    /// Binds tokens to this key
    /// ([RFC 9449](https://www.rfc-editor.org/rfc/rfc9449)): without it, a stolen token or
    /// session is worth nothing. [`Latch::request`] proves the possession of the key;
    /// whoever else uses the token needs [`Latch::proof`]. Use a key for each session, and
    /// keep it where the session is not.
    pub fn dpop(mut self, signer: impl Signer + 'static) -> Self {
        self.dpop = Some(Arc::new(signer));
        self
    }

    /// Decrypts ID tokens, and userinfo that is encrypted, with this key
    /// ([RFC 7516](https://www.rfc-editor.org/rfc/rfc7516)). The client has to be registered
    /// so: an ID token that is not encrypted is then refused.
    pub fn decrypter(mut self, decrypter: impl Decrypter + 'static) -> Self {
        self.client.decrypts = true;
        self.decrypter = Some(Arc::new(decrypter));
        self
    }

    /// Demands the security profile of [FAPI 2.0](https://openid.net/specs/fapi-security-profile-2_0-final.html)
    /// of the provider and of these settings: a client that authenticates with a key or a
    /// certificate, tokens that are bound to one, pushed authorization requests, and endpoints
    /// from the issuer's metadata. A login or a token fails, and names all that is missing,
    /// before anything is sent.
    pub fn fapi2(mut self) -> Self {
        self.client.security = Security::Fapi2;
        self
    }

    /// Signs authorization requests with the client's key
    /// ([RFC 9101](https://www.rfc-editor.org/rfc/rfc9101)): nobody can change them in the
    /// browser. Needs a [`signer`](Self::signer).
    pub fn sign_requests(mut self) -> Self {
        self.client.signs_request = true;
        self
    }

    /// Accepts only signed answers to authorization requests
    /// ([JARM](https://openid.net/specs/oauth-v2-jarm.html)).
    pub fn demand_signed_responses(mut self) -> Self {
        self.client.demands_signed_response = true;
        self
    }

    /// Sets what to ask for in detail
    /// ([RFC 9396](https://www.rfc-editor.org/rfc/rfc9396)): a JSON array of objects that each
    /// have a `type`. [`Token::authorization_details`](crate::Token::authorization_details)
    /// says what was granted.
    pub fn authorization_details(mut self, json: impl Into<String>) -> Self {
        self.client.authorization_details = Some(json.into());
        self
    }

    /// Sets where the client finds the assertions of other issuers that it presents.
    pub fn assertions(mut self, assertions: impl Assertions + 'static) -> Self {
        self.assertions = Some(Arc::new(assertions));
        self
    }

    /// Sets the profile, which keeps sessions apart: 1 to 64 letters, digits, `-` and `_`.
    /// The default is `default`.
    pub fn profile(mut self, profile: impl Into<String>) -> Self {
        self.profile = profile.into();
        self
    }

    /// Sets the account that the session is stored under, to use a session that other
    /// settings began. The default is computed from issuer, client, scopes and resources.
    pub fn account(mut self, account: impl Into<String>) -> Self {
        self.account = Some(account.into());
        self
    }

    /// Sets the redirect URI. The default is `http://127.0.0.1:PORT/callback` with any free
    /// port.
    pub fn redirect(mut self, redirect: Redirect) -> Self {
        self.redirect = redirect;
        self
    }

    /// Adds a parameter of the authorization request, such as `login_hint`. It replaces an
    /// earlier one of the same name. An empty value leaves out a parameter that would be
    /// sent by default.
    pub fn parameter(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let parameter = Parameter { name: name.into(), value: value.into() };
        self.client.parameters.retain(|earlier| earlier.name != parameter.name);
        self.client.parameters.push(parameter);
        self
    }

    /// Sets whether to use PKCE. The default is what the provider's metadata says.
    pub fn pkce(mut self, pkce: Pkce) -> Self {
        self.client.pkce = pkce;
        self
    }

    /// Sets whether token responses may leave out `token_type`, which
    /// [RFC 6749 §5.1](https://www.rfc-editor.org/rfc/rfc6749#section-5.1) requires. The
    /// default is no.
    pub fn token_type_optional(mut self, optional: bool) -> Self {
        self.client.token_type_optional = optional;
        self
    }

    /// Sets the host of the redirect URI; see [`redirect`](Self::redirect).
    pub fn redirect_host(mut self, host: RedirectHost) -> Self {
        self.redirect.host = host;
        self
    }

    /// Sets the ports of the redirect URI, tried in order. None means any free port.
    pub fn redirect_ports(mut self, ports: impl IntoIterator<Item = u16>) -> Self {
        self.redirect.ports = ports.into_iter().collect();
        self
    }

    /// Sets the path of the redirect URI.
    pub fn redirect_path(mut self, path: impl Into<String>) -> Self {
        self.redirect.path = path.into();
        self
    }

    /// Sets how long the user may take to log in. The default is five minutes in a browser,
    /// and on another device the lifetime of the code.
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// Sets how the user logs in. The default is the flow that fits the machine and the
    /// provider.
    pub fn flow(mut self, flow: LoginFlow) -> Self {
        self.flow = Some(flow);
        self
    }

    /// Sets the refresh token of an anonymous session that the login turns into the user's
    /// (Hexclave). It is used for one login and never stored.
    pub fn anonymous_refresh_token(mut self, token: impl Into<String>) -> Self {
        self.anonymous_refresh_token = Some(Zeroizing::new(token.into()));
        self
    }

    /// Sets whether an address for another device is also shown as a QR code if a terminal
    /// shows it. The default is yes.
    pub fn draw_qr(mut self, draw: bool) -> Self {
        self.draws_qr = draw;
        self
    }

    /// Sets the pages that the browser shows when it comes back. The default pages are in
    /// English. With the feature `presets`, `Pages::read` and `Pages::from_toml` make
    /// others.
    pub fn pages(mut self, pages: Pages) -> Self {
        self.pages = pages;
        self
    }

    /// Records what passes between host and component, for a
    /// [`Transcript`](crate::Transcript). A new session replaces the recording of the one
    /// before.
    ///
    /// ```no_run
    /// use latchstring::{Latch, Recorder, Transcript};
    ///
    /// # async fn run() -> Result<(), latchstring::Error> {
    /// let recorder = Recorder::new();
    /// let latch = Latch::builder("https://id.example.com", "my-cli")
    ///     .record(recorder.clone())
    ///     .build()?;
    /// if latch.login().await.is_err()
    ///     && let Some(transcript) = Transcript::of(&recorder)?
    /// {
    ///     println!("for a report: {}", transcript.to_json()?);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(all(feature = "transcript", not(target_os = "wasi")))]
    pub fn record(self, recorder: Recorder) -> Self {
        self.recorded_by(Some(recorder))
    }

    #[cfg(not(target_os = "wasi"))]
    pub(crate) fn recorded_by(mut self, recorder: Option<Recorder>) -> Self {
        self.recorder = recorder;
        self
    }

    /// Sets where tokens are renewed. The default is this process.
    ///
    /// A process that ends during a renewal (for example by Ctrl-C) loses the session if
    /// the provider rotates refresh tokens. With [`Renewal::OwnProcess`], the renewal runs
    /// in a second process, which does not end with the first.
    pub fn renew_in(mut self, renewal: Renewal) -> Self {
        self.renewal = renewal;
        self
    }

    /// Sets whether to start a browser. The address is shown in both cases.
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

    /// Replaces the HTTP client. The egress policy applies to every client.
    ///
    /// The default is [`SystemHttp`]. It can trust additional certificates and authenticate
    /// with a client certificate: [`SystemHttp::ca_file`],
    /// [`SystemHttp::client_certificate`].
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
    /// feature `keyring`), otherwise files in the user's state folder.
    pub fn store(self, store: impl Store + 'static) -> Self {
        self.shared_store(Arc::new(store))
    }

    /// Replaces the store with one that others use too.
    pub fn shared_store(mut self, store: Arc<dyn Store>) -> Self {
        self.store = Some(store);
        self
    }

    /// Replaces how facts about this machine are found out.
    pub fn surroundings(mut self, surroundings: impl Surroundings + 'static) -> Self {
        self.surroundings = Some(Arc::new(surroundings));
        self
    }

    /// Replaces how messages are shown to the user. The default is standard error.
    pub fn terminal(mut self, terminal: impl Terminal + 'static) -> Self {
        self.terminal = Some(Arc::new(terminal));
        self
    }

    /// Loads the component and creates the client. Uses neither the network nor the store.
    ///
    /// # Errors
    ///
    /// Returns `invalid-configuration` if a setting cannot work.
    pub fn build(self) -> Result<Latch, Error> {
        self.build_on(Sandbox::load()?)
    }

    /// Creates the client with this component.
    pub(crate) fn build_on(mut self, sandbox: &'static Sandbox) -> Result<Latch, Error> {
        for scope in self.added_scopes {
            if !self.client.scopes.contains(&scope) {
                self.client.scopes.push(scope);
            }
        }
        check_profile(&self.profile)?;
        if self.client.resource_url.is_some() && self.redirect.ports.is_empty() {
            self.redirect.ports = REGISTERED_PORTS.to_vec();
        }
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
        let http = self.http.unwrap_or_else(|| Arc::new(SystemHttp::default()));
        let mut client = self.client;
        client.certificate = http.has_certificate();
        keys::announce(&mut client, self.signer.is_some(), self.dpop.is_some());
        Latch::new(
            sandbox,
            client,
            Parts {
                profile: self.profile,
                account: self.account,
                redirect: self.redirect,
                patience: self.patience,
                flow: self.flow,
                accepted_issuer_host: self.accepted_issuer_host,
                registers_anew: self.registers_anew,
                initial_access_token: self.initial_access_token,
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
                signer: self.signer,
                key_use: self.key_use,
                dpop: self.dpop,
                decrypter: self.decrypter,
                assertions: self.assertions,
                http,
                loopback: self.loopback.unwrap_or_else(|| Arc::new(SystemLoopback)),
                store,
                terminal: self.terminal.unwrap_or_else(|| Arc::new(StderrTerminal::default())),
            },
        )
    }
}

/// Ports of the redirect URI of a client that a login registers, in the order in which they
/// are tried. Many servers compare the port of a redirect URI, so a registration serves
/// later logins only if they get the same port again; the last one is any free port.
const REGISTERED_PORTS: [u16; 5] = [51571, 51572, 51573, 51574, 0];

/// Returns the keyring if it answers, otherwise files.
#[cfg(feature = "keyring")]
fn default_store() -> Result<Arc<dyn Store>, Error> {
    let folder = default_state_folder()?;
    let keyring = Arc::new(KeyringStore::new(folder.clone()));
    let store = AutoStore::new(keyring, Arc::new(FileStore::new(folder.clone())));
    #[cfg(target_os = "linux")]
    let store = store.also(Arc::new(KeyringStore::kernel(folder)));
    Ok(Arc::new(store))
}

#[cfg(not(feature = "keyring"))]
fn default_store() -> Result<Arc<dyn Store>, Error> {
    Ok(Arc::new(FileStore::new(default_state_folder()?)))
}
