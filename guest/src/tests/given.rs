//! Start of a test: the client, its demand, and the stored session.

use std::sync::LazyLock;

use super::provider::{ISSUER, Tokens, id_token, metadata, tokens, usual_keys};
use super::script::Script;
use crate::contract::{
    self, Client, Context, Demand, Endpoints, EpochMs, Examination, Facts, Failure, GrantType,
    HexclaveHeaders, LoginFlow, LoginRequest, Parameter, Pkce, Protocol, RequestFormat, Security,
};
use crate::session::Session;

pub(super) const NOW_MS: EpochMs = 1_800_000_000_000;
pub(super) const MINUTE_MS: u64 = 60_000;
pub(super) const HOUR_MS: u64 = 60 * MINUTE_MS;

#[derive(Clone)]
pub(super) struct Given {
    client: Client,
    request: LoginRequest,
    demand: Demand,
    stored: Option<Vec<u8>>,
    unregister: bool,
    entropy: Vec<u8>,
    now_ms: EpochMs,
}

/// A public client of an OpenID Connect provider that publishes its metadata.
pub(super) fn openid() -> Given {
    Given {
        client: Client {
            issuer: Some(ISSUER.to_owned()),
            discover: true,
            endpoints: no_endpoints(),
            assumed_endpoints: no_endpoints(),
            https_issuer: false,
            client_id: Some("cli".to_owned()),
            client_metadata_url: None,
            resource_url: None,
            client_secret: None,
            authentication: None,
            key: None,
            decrypts: false,
            dpop: None,
            certificate: false,
            security: Security::Usual,
            grant: GrantType::User,
            scopes: vec!["openid".to_owned()],
            resources: Vec::new(),
            audience: None,
            authorization_details: None,
            signs_request: false,
            demands_signed_response: false,
            parameters: Vec::new(),
            pkce: Pkce::Discovered,
            token_type_optional: false,
            request_format: RequestFormat::Form,
            protocol: Protocol::Oauth,
        },
        request: LoginRequest {
            flow: Some(LoginFlow::Browser),
            facts: desk(),
            redirect_uri: "http://127.0.0.1:4180/callback".to_owned(),
            patience_ms: None,
            anonymous_refresh_token: None,
            challenge: None,
            accepted_issuer_host: None,
            register: false,
            initial_access_token: None,
        },
        demand: Demand { min_ttl_ms: 0, force_refresh: false, examination: None, challenge: None },
        stored: None,
        unregister: false,
        entropy: (0..32).collect(),
        now_ms: NOW_MS,
    }
}

pub(super) fn no_endpoints() -> Endpoints {
    Endpoints {
        authorization: None,
        token: None,
        userinfo: None,
        revocation: None,
        device_authorization: None,
        jwks: None,
        end_session: None,
        introspection: None,
        tokeninfo: None,
    }
}

/// A user at a terminal, with a display.
pub(super) fn desk() -> Facts {
    Facts {
        terminal: true,
        unattended: false,
        browser_command: false,
        shows_address: false,
        display: true,
        remote_shell: false,
        windows_interop: false,
        container: false,
        editor_terminal: false,
        offers_device: None,
    }
}

/// A client of a plain OAuth provider, with endpoints from the settings.
pub(super) fn oauth() -> Given {
    openid().client(|client| {
        client.issuer = None;
        client.discover = false;
        client.scopes = vec!["repo".to_owned()];
        client.endpoints.authorization = Some("https://git.example/authorize".to_owned());
        client.endpoints.token = Some("https://git.example/token".to_owned());
    })
}

/// A client of a Hexclave project.
pub(super) fn hexclave() -> Given {
    openid().client(|client| {
        client.issuer = Some("https://api.hexclave.example".to_owned());
        client.client_id = Some("project".to_owned());
        client.scopes = Vec::new();
        client.protocol = Protocol::Hexclave(contract::Hexclave {
            app_url: "https://app.example".to_owned(),
            publishable_client_key: None,
            headers: HexclaveHeaders::Hexclave,
        });
    })
}

impl Given {
    /// A logout removes the client too.
    pub(super) fn unregisters(self) -> Self {
        Self { unregister: true, ..self }
    }

    /// Changes the settings for Hexclave.
    pub(super) fn hexclave(self, change: impl FnOnce(&mut contract::Hexclave)) -> Self {
        self.client(|client| match &mut client.protocol {
            Protocol::Hexclave(hexclave) => change(hexclave),
            Protocol::Oauth => panic!("not a client of Hexclave"),
        })
    }

    pub(super) fn client(mut self, change: impl FnOnce(&mut Client)) -> Self {
        change(&mut self.client);
        self
    }

    pub(super) fn scopes(self, scopes: &[&str]) -> Self {
        self.client(|client| client.scopes = scopes.iter().map(|s| (*s).to_owned()).collect())
    }

    pub(super) fn secret(self, secret: &str) -> Self {
        self.client(|client| client.client_secret = Some(secret.to_owned()))
    }

    pub(super) fn redirect_uri(mut self, uri: &str) -> Self {
        uri.clone_into(&mut self.request.redirect_uri);
        self
    }

    pub(super) fn parameter(mut self, name: &str, value: &str) -> Self {
        let parameter = Parameter { name: name.to_owned(), value: value.to_owned() };
        self.client.parameters.push(parameter);
        self
    }

    pub(super) fn flow(mut self, flow: Option<LoginFlow>) -> Self {
        self.request.flow = flow;
        self
    }

    pub(super) fn facts(mut self, facts: Facts) -> Self {
        self.request.facts = facts;
        self
    }

    pub(super) fn request(&mut self) -> &mut LoginRequest {
        &mut self.request
    }

    pub(super) fn demand(&mut self) -> &mut Demand {
        &mut self.demand
    }

    pub(super) fn min_ttl_ms(mut self, ms: u64) -> Self {
        self.demand.min_ttl_ms = ms;
        self
    }

    pub(super) fn force_refresh(mut self) -> Self {
        self.demand.force_refresh = true;
        self
    }

    pub(super) fn userinfo(self) -> Self {
        self.examining(Examination::Userinfo)
    }

    pub(super) fn examining(mut self, examination: Examination) -> Self {
        self.demand.examination = Some(examination);
        self
    }

    pub(super) fn patience_ms(mut self, ms: u64) -> Self {
        self.request.patience_ms = Some(ms);
        self
    }

    /// The login converts an anonymous session.
    pub(super) fn anonymous(mut self, refresh_token: &str) -> Self {
        self.request.anonymous_refresh_token = Some(refresh_token.to_owned());
        self
    }

    pub(super) fn stored(mut self, bytes: impl Into<Option<Vec<u8>>>) -> Self {
        self.stored = bytes.into();
        self
    }

    pub(super) fn entropy(mut self, bytes: Vec<u8>) -> Self {
        self.entropy = bytes;
        self
    }

    pub(super) fn later(mut self, ms: u64) -> Self {
        self.now_ms += ms;
        self
    }

    /// Sets the host's clock, also back.
    pub(super) fn at(mut self, now_ms: EpochMs) -> Self {
        self.now_ms = now_ms;
        self
    }

    // ---- The flows -----------------------------------------------------------

    #[track_caller]
    pub(super) fn login(self) -> Script {
        let now_ms = self.now_ms;
        Script::begin(must(self.try_login()), now_ms)
    }

    #[track_caller]
    pub(super) fn token(self) -> Script {
        let now_ms = self.now_ms;
        Script::begin(must(self.try_token()), now_ms)
    }

    #[track_caller]
    pub(super) fn logout(self) -> Script {
        let now_ms = self.now_ms;
        Script::begin(must(self.try_logout()), now_ms)
    }

    /// An adoption of another program's tokens.
    #[track_caller]
    pub(super) fn adoption(self, tokens: contract::Tokens) -> Script {
        let now_ms = self.now_ms;
        Script::begin(must(self.try_adoption(tokens)), now_ms)
    }

    /// A login that is now in the browser.
    #[track_caller]
    pub(super) fn login_in_browser(self) -> Script {
        self.login().discovers(metadata())
    }

    pub(super) fn try_login(self) -> Result<Session, Failure> {
        let context = Context { now_ms: self.now_ms, entropy: self.entropy };
        Session::login(self.client, self.stored.as_deref(), self.request, context)
    }

    pub(super) fn try_token(self) -> Result<Session, Failure> {
        let context = Context { now_ms: self.now_ms, entropy: self.entropy };
        Session::token(self.client, self.stored.as_deref(), self.demand, context)
    }

    pub(super) fn try_logout(self) -> Result<Session, Failure> {
        let context = Context { now_ms: self.now_ms, entropy: self.entropy };
        Session::logout(self.client, self.stored.as_deref(), self.unregister, context)
    }

    pub(super) fn try_adoption(self, tokens: contract::Tokens) -> Result<Session, Failure> {
        let context = Context { now_ms: self.now_ms, entropy: self.entropy };
        Session::adopt(self.client, tokens, context)
    }

    pub(super) fn account_key(&self) -> String {
        crate::protocol::stored::account_key(&self.client)
    }
}

/// The session that `openid` stores after a login with these tokens.
pub(super) fn logged_in_with(tokens: Tokens) -> Vec<u8> {
    openid()
        .login_in_browser()
        .redirects("code=c0de&state={state}")
        .redeems(tokens.and(id_token()))
        .fetches_keys(usual_keys())
        .locks(None)
        .saves()
        .stored()
        .unwrap()
}

/// The session that `openid` stores after the usual login, with the tokens of generation
/// 1.
pub(super) fn logged_in() -> Vec<u8> {
    static STORED: LazyLock<Vec<u8>> = LazyLock::new(|| logged_in_with(tokens(1)));
    STORED.clone()
}

/// The session that another process has stored half an hour later: the tokens of
/// generation 2.
pub(super) fn renewed_elsewhere() -> Vec<u8> {
    let renewed = openid().stored(logged_in()).force_refresh().later(HOUR_MS / 2).token();
    renewed.locks(Some(logged_in())).refreshes(tokens(2)).saves().stored().unwrap()
}

#[track_caller]
fn must(session: Result<Session, Failure>) -> Session {
    session.unwrap_or_else(|failure| {
        panic!("the session did not begin: {:?}: {}", failure.code, failure.message)
    })
}
