//! Registration of the client at an authorization server (RFC 7591), and what is stored of
//! it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use url::Url;

use crate::contract::{
    ClientAuthentication, Code, EpochMs, Exchange, Failure, Method, NoResponse, Purpose, Response,
};
use crate::protocol::client_authentication;
use crate::protocol::failure::{in_words, printable, provider_error, unavailable};
use crate::protocol::metadata::Provider;
use crate::protocol::request::{header, plain, post_json};
use crate::protocol::stored::{Authentication, short_hash};

/// Format version. Increased when older versions would misread a newer document.
const FORMAT: u64 = 1;

/// Number of logins in a row that came to nothing, after which the client counts as
/// forgotten by its server.
const DOUBTFUL: u32 = 2;

/// Time after which the server is asked whether it still knows a client. Servers forget
/// clients and tell nobody.
const UNASKED_MS: u64 = 24 * 3_600_000;

/// Identifies this software at all servers (RFC 7591 §2).
const SOFTWARE_ID: &str = "4f1c0f66-3b0e-4a5e-9f0e-6d1c5f8f9b1e";

/// What this machine knows of its client at one issuer. Holds secrets: has no `Debug`.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Registrations {
    format: u64,
    pub(crate) issuer: String,
    pub(crate) clients: Vec<Registered>,
}

/// A registered client. Holds secrets: has no `Debug`.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Registered {
    pub(crate) client_id: String,
    pub(crate) client_secret: Option<String>,
    /// Expiry of the secret, in seconds since 1970. `None`: never.
    pub(crate) client_secret_expires_at: Option<u64>,
    pub(crate) authentication: Authentication,
    pub(crate) redirect_uri: String,
    /// Scopes that the client may request. `None`: any.
    pub(crate) scopes: Option<Vec<String>>,
    /// When the server last said that it knows the client.
    pub(crate) known_at_ms: EpochMs,
    /// Where the registration is read and removed. `None` if the server does not let it.
    pub(crate) management: Option<Management>,
    /// How many logins with it came to nothing since the last one that did not. Servers
    /// forget clients and say so only to the user, on a page that does not come back.
    #[serde(default)]
    pub(crate) unfinished: u32,
}

/// Access to a registration (RFC 7592 §3). Holds a secret: has no `Debug`.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Management {
    registration_client_uri: String,
    registration_access_token: String,
}

impl Registrations {
    pub(crate) fn new(issuer: &str) -> Self {
        Self { format: FORMAT, issuer: issuer.to_owned(), clients: Vec::new() }
    }

    /// Returns the key under which the registrations at this issuer are stored.
    pub(crate) fn key(issuer: &str) -> String {
        short_hash(&format!("registration {issuer}"))
    }

    /// Parses what is stored for this issuer. What cannot be read, or belongs to another
    /// issuer, counts as nothing: a client can be registered again.
    pub(crate) fn parse(issuer: &str, bytes: Option<&[u8]>) -> Option<Self> {
        let found: Self = serde_json::from_slice(bytes?).ok()?;
        (found.format == FORMAT && found.issuer == issuer).then_some(found)
    }

    /// Returns the client for this redirect URI, if it can still be used and may request
    /// these scopes.
    pub(crate) fn usable(
        &self,
        redirect_uri: &str,
        scopes: &[String],
        now_ms: EpochMs,
    ) -> Option<&Registered> {
        self.clients.iter().find(|client| {
            let has_expired = client.client_secret_expires_at.is_some_and(|at| at <= now_ms / 1000);
            let is_doubtful = client.unfinished >= DOUBTFUL;
            let may_request = |scope: &String| {
                client.scopes.as_ref().is_none_or(|registered| registered.contains(scope))
            };
            client.redirect_uri == redirect_uri
                && !is_doubtful
                && !has_expired
                && scopes.iter().all(may_request)
        })
    }

    /// Replaces the client of the same redirect URI.
    pub(crate) fn put(&mut self, client: Registered) {
        self.clients.retain(|other| other.redirect_uri != client.redirect_uri);
        self.clients.push(client);
    }

    pub(crate) fn get(&self, client_id: &str) -> Option<&Registered> {
        self.clients.iter().find(|client| client.client_id == client_id)
    }

    /// Removes the client with this identifier. Others may have been registered since.
    pub(crate) fn forget(&mut self, client_id: &str) {
        self.clients.retain(|client| client.client_id != client_id);
    }

    /// Notes whether a login with this client was finished.
    pub(crate) fn note(&mut self, client_id: &str, is_finished: bool) {
        for client in self.clients.iter_mut().filter(|client| client.client_id == client_id) {
            client.unfinished = if is_finished { 0 } else { client.unfinished.saturating_add(1) };
        }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        // OK because maps have string keys, and no number here can fail to serialize.
        serde_json::to_vec(self).expect("registrations are always JSON")
    }
}

/// Checks the URL of a client ID metadata document, which is the client identifier too
/// (draft-ietf-oauth-client-id-metadata-document §3).
pub(crate) fn check_metadata_url(text: &str) -> Result<(), Failure> {
    let unusable = |reason: &str| {
        Failure::configuration(
            format!("the URL of the client metadata document {reason}"),
            "write it like https://cli.example.com/client.json",
        )
    };
    let url = Url::parse(text).map_err(|_| unusable("is not a URL"))?;
    if url.scheme() != "https" {
        return Err(unusable("is not https"));
    }
    if url.path() == "/" {
        return Err(unusable("has no path"));
    }
    if url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        return Err(unusable("has a fragment, a user name or a password"));
    }
    // Servers compare it as it is written, and a URL type would resolve `.` and `..`.
    match url.as_str() == text {
        true => Ok(()),
        false => Err(unusable("is not in its normal form")),
    }
}

/// Returns the registration request (RFC 7591 §2). The client is a native one, without a
/// secret if the server allows that.
pub(crate) fn registration_request(
    endpoint: &str,
    scopes: &[String],
    provider: &Provider,
    redirect_uri: &str,
    initial_access_token: Option<&str>,
) -> Exchange {
    let offers = |name: &str| {
        let offered = provider.auth_methods.as_ref();
        offered.is_none_or(|all| all.iter().any(|one| one == name))
    };
    let methods = ["none", "client_secret_basic", "client_secret_post"];
    let method = methods.into_iter().find(|name| offers(name)).unwrap_or("none");
    let mut grants = vec!["authorization_code", "refresh_token"];
    if provider.device_authorization_endpoint.is_some() {
        grants.push("urn:ietf:params:oauth:grant-type:device_code");
    }
    let Value::Object(mut metadata) = json!({
        "client_name": "latchstring",
        "application_type": "native",
        "token_endpoint_auth_method": method,
        "redirect_uris": [redirect_uri],
        "grant_types": grants,
        "response_types": ["code"],
        "software_id": SOFTWARE_ID,
        "software_version": env!("CARGO_PKG_VERSION"),
    }) else {
        unreachable!("an object is an object")
    };
    if !scopes.is_empty() {
        metadata.insert("scope".to_owned(), scopes.join(" ").into());
    }
    let bearer = initial_access_token.map(|token| format!("Bearer {token}"));
    let headers = bearer.map(|value| header("authorization", &value)).into_iter().collect();
    post_json(Purpose::Registration, endpoint, headers, &metadata)
}

/// Parses a registration response. The server may have replaced any of the metadata, and
/// what it answers holds.
pub(crate) fn parse_registration_response(
    response: &Response,
    provider: &Provider,
    redirect_uri: &str,
    asked_scopes: &[String],
    now_ms: EpochMs,
) -> Result<Registered, Failure> {
    if let Some(failure) = unavailable("the registration endpoint", response) {
        return Err(failure);
    }
    if !(200..300).contains(&response.status) {
        return Err(refused(response));
    }
    let body: Map<String, Value> = serde_json::from_slice(&response.body).map_err(|error| {
        invalid(format!(
            "the registration response cannot be read: not the expected JSON at line {}, column {}",
            error.line(),
            error.column()
        ))
    })?;
    let text = |name: &str| {
        let text = body.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        text.map(str::to_owned)
    };
    let client_id =
        text("client_id").ok_or_else(|| invalid("the registration response has no client_id"))?;
    let client_secret = text("client_secret");
    let method = match text("token_endpoint_auth_method").as_deref() {
        Some("none") => ClientAuthentication::None,
        Some("client_secret_basic") => ClientAuthentication::ClientSecretBasic,
        Some("client_secret_post") => ClientAuthentication::ClientSecretPost,
        Some(other) => {
            return Err(invalid(format!(
                "the server registered the client for the authentication {}, which this version does not use",
                printable(other)
            )));
        }
        None if client_secret.is_none() => ClientAuthentication::None,
        None => client_authentication::with_secret(provider.auth_methods.as_deref()),
    };
    if method != ClientAuthentication::None && client_secret.is_none() {
        return Err(invalid(
            "the server registered the client with a secret (token_endpoint_auth_method), and sent none",
        ));
    }
    let registered_scopes = match text("scope") {
        Some(scope) => Some(scope.split_ascii_whitespace().map(str::to_owned).collect()),
        None => Some(asked_scopes.to_vec()),
    };
    Ok(Registered {
        client_id,
        client_secret: client_secret.filter(|_| method != ClientAuthentication::None),
        client_secret_expires_at: expiry(&body),
        authentication: method.into(),
        redirect_uri: redirect_uri.to_owned(),
        scopes: registered_scopes.filter(|scopes| !scopes.is_empty()),
        known_at_ms: now_ms,
        management: management(&body, provider.registration_endpoint.as_deref()),
        unfinished: 0,
    })
}

/// Returns how the registration is read and removed. Only where it was made: its token must
/// not go anywhere else.
fn management(body: &Map<String, Value>, made_at: Option<&str>) -> Option<Management> {
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let registration_client_uri = text("registration_client_uri")?;
    let origin = |url: &str| Url::parse(url).ok().map(|url| url.origin());
    (origin(&registration_client_uri) == origin(made_at?)).then_some(())?;
    let registration_access_token = text("registration_access_token")?;
    Some(Management { registration_client_uri, registration_access_token })
}

impl Registered {
    /// Returns the request that reads the registration (RFC 7592 §2.1), if it is time to ask
    /// whether the server still knows the client.
    pub(crate) fn read_request(&self, now_ms: EpochMs) -> Option<Exchange> {
        let is_due = now_ms.saturating_sub(self.known_at_ms) >= UNASKED_MS;
        is_due.then(|| self.management_request(Method::Get)).flatten()
    }

    /// Returns the request that removes the registration (RFC 7592 §2.3).
    pub(crate) fn removal_request(&self) -> Option<Exchange> {
        self.management_request(Method::Delete)
    }

    fn management_request(&self, method: Method) -> Option<Exchange> {
        let Management { registration_client_uri, registration_access_token } =
            self.management.as_ref()?;
        let bearer = header("authorization", &format!("Bearer {registration_access_token}"));
        Some(plain(Purpose::Registration, method, registration_client_uri, vec![bearer]))
    }

    /// Returns the client according to the answer to [`read_request`](Self::read_request),
    /// or `None` if the server does not know it any more. An answer that says neither
    /// changes nothing.
    pub(crate) fn reread(
        mut self,
        answer: &Result<Response, NoResponse>,
        now_ms: EpochMs,
    ) -> Option<Self> {
        let Ok(response) = answer else { return Some(self) };
        if is_unknown(response) {
            return None;
        }
        let body: Map<String, Value> = serde_json::from_slice(&response.body).unwrap_or_default();
        let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
        if response.status == 200 && text("client_id").as_ref() == Some(&self.client_id) {
            self.known_at_ms = now_ms;
            if let Some(secret) = text("client_secret").filter(|_| self.client_secret.is_some()) {
                self.client_secret = Some(secret);
                self.client_secret_expires_at = expiry(&body);
            }
            // A new token replaces the old one, which may not work any more (RFC 7592 §3).
            let made_at = self.management.as_ref().map(|old| &*old.registration_client_uri);
            self.management = management(&body, made_at).or(self.management);
        }
        Some(self)
    }
}

/// Whether the server does not know the client of a registration any more (RFC 7592 §2.1,
/// §2.3).
pub(crate) fn is_unknown(response: &Response) -> bool {
    matches!(response.status, 401 | 404 | 410)
}

/// Returns the expiry of the client secret, if it expires.
fn expiry(body: &Map<String, Value>) -> Option<u64> {
    body.get("client_secret_expires_at").and_then(seconds).filter(|at| *at > 0)
}

fn seconds(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// The failure for an error response (RFC 7591 §3.2.2).
fn refused(response: &Response) -> Failure {
    let body: Map<String, Value> = serde_json::from_slice(&response.body).unwrap_or_default();
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let remedy = match response.status {
        401 | 403 => {
            "get an initial access token from the provider and give it with --initial-access-token-file, or register a client by hand and give it with --client-id"
        }
        _ => "register a client by hand at the provider and give it with --client-id",
    };
    let Some(error) = text("error") else {
        let message = format!("the registration was refused with status {}", response.status);
        return Failure::new(Code::ProviderRefused, message, remedy);
    };
    let error = provider_error(error, text("error_description"));
    let message = format!("the registration was refused: {}", in_words(&error));
    Failure::new(Code::ProviderRefused, message, remedy).with_provider_error(error)
}

fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(
        Code::InvalidMetadata,
        message,
        "register a client by hand at the provider and give it with --client-id",
    )
}
