//! Stored sessions: one JSON document, which the host saves.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::contract::{Client, ClientAuthentication, Code, EpochMs, Failure, GrantType, Security};
use crate::protocol::audience::ForAudience;
use crate::protocol::endpoint::{IssuerName, issuer_name};
use crate::protocol::jwk::Jwk;
use crate::protocol::metadata::IdTokenCheck;
use crate::protocol::protected_resource::ResourceUrl;

/// Format version. Increased when older versions would misread a newer document.
const FORMAT: u64 = 1;

/// A stored session. Holds secrets: has no `Debug`.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Stored {
    pub(crate) format: u64,
    pub(crate) issuer: Option<String>,
    pub(crate) client_id: String,
    pub(crate) authentication: Authentication,
    pub(crate) token_endpoint: Option<String>,
    pub(crate) userinfo_endpoint: Option<String>,
    pub(crate) revocation_endpoint: Option<String>,
    pub(crate) jwks_uri: Option<String>,
    pub(crate) end_session_endpoint: Option<String>,
    pub(crate) introspection_endpoint: Option<String>,
    pub(crate) tokeninfo_endpoint: Option<String>,
    pub(crate) scopes: Vec<String>,
    /// Issuer name according to the verified ID token, otherwise according to the
    /// metadata, which may have a template. `None` if there was neither, and in documents
    /// of earlier versions.
    pub(crate) issuer_name: Option<String>,
    #[serde(default)]
    pub(crate) id_token_check: IdTokenCheck,
    /// Whether the userinfo endpoint has rejected an access token that was issued just
    /// then: its answer about another one would mean nothing.
    #[serde(default)]
    pub(crate) userinfo_refuses: bool,
    /// The access token. `None` before the first renewal of an adopted refresh token.
    pub(crate) access_token: Option<String>,
    pub(crate) token_type: String,
    pub(crate) refresh_token: Option<String>,
    pub(crate) id_token: Option<String>,
    /// The key that verified the last ID token. The next one needs no request if the
    /// provider has not replaced it.
    pub(crate) id_token_key: Option<Jwk>,
    pub(crate) nonce: Option<String>,
    pub(crate) subject: Option<String>,
    pub(crate) display_name: Option<String>,
    pub(crate) logged_in_at_ms: EpochMs,
    pub(crate) received_at_ms: EpochMs,
    pub(crate) expires_at_ms: Option<EpochMs>,
    /// What was granted in detail (RFC 9396 §7).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) authorization_details: Option<Value>,
    /// Whether the client gets its tokens without a user, and so another one at any time.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) is_unattended: bool,
    /// What a login by the URL of a resource found out. `None` for other sessions, and in
    /// documents of earlier versions.
    #[serde(default)]
    pub(crate) resource: Option<Resource>,
    /// Access tokens for other audiences than the login's.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) others: Vec<ForAudience>,
    /// The login's own access token while another is in its place.
    #[serde(skip)]
    pub(crate) displaced: Option<Box<ForAudience>>,
}

/// The resource that a session's tokens are for, and the client that was found for it.
/// Holds a secret: has no `Debug`.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Resource {
    /// The caller's URL, as [`ResourceUrl::name`] spells it.
    pub(crate) resource_url: String,
    /// The resource's identifier, which every request repeats (RFC 8707 §2).
    pub(crate) identifier: String,
    /// Scopes that were asked for: a login for more asks for these too.
    pub(crate) requested_scopes: Vec<String>,
    pub(crate) client_secret: Option<String>,
    /// Whether this program registered the client.
    pub(crate) is_registered: bool,
    /// Whether the provider refuses `resource` when a token is renewed.
    pub(crate) is_refused_on_renewal: bool,
}

/// Client authentication method (OIDC §9), as metadata spells it.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Authentication {
    None,
    ClientSecretBasic,
    ClientSecretPost,
    ClientSecretJwt,
    PrivateKeyJwt,
    Assertion,
}

impl From<ClientAuthentication> for Authentication {
    fn from(method: ClientAuthentication) -> Self {
        match method {
            ClientAuthentication::None => Self::None,
            ClientAuthentication::ClientSecretBasic => Self::ClientSecretBasic,
            ClientAuthentication::ClientSecretPost => Self::ClientSecretPost,
            ClientAuthentication::ClientSecretJwt => Self::ClientSecretJwt,
            ClientAuthentication::PrivateKeyJwt => Self::PrivateKeyJwt,
            ClientAuthentication::Assertion => Self::Assertion,
        }
    }
}

impl From<Authentication> for ClientAuthentication {
    fn from(method: Authentication) -> Self {
        match method {
            Authentication::None => Self::None,
            Authentication::ClientSecretBasic => Self::ClientSecretBasic,
            Authentication::ClientSecretPost => Self::ClientSecretPost,
            Authentication::ClientSecretJwt => Self::ClientSecretJwt,
            Authentication::PrivateKeyJwt => Self::PrivateKeyJwt,
            Authentication::Assertion => Self::Assertion,
        }
    }
}

impl Stored {
    /// Creates a session for this client, without tokens and endpoints.
    pub(crate) fn new(client: &Client, method: ClientAuthentication, now_ms: EpochMs) -> Self {
        Self {
            format: FORMAT,
            issuer: client.issuer.clone(),
            client_id: client.id().to_owned(),
            authentication: method.into(),
            token_endpoint: None,
            userinfo_endpoint: None,
            revocation_endpoint: None,
            jwks_uri: None,
            end_session_endpoint: None,
            introspection_endpoint: None,
            tokeninfo_endpoint: None,
            scopes: client.scopes.clone(),
            issuer_name: None,
            id_token_check: IdTokenCheck::default(),
            userinfo_refuses: false,
            access_token: None,
            token_type: String::new(),
            refresh_token: None,
            id_token: None,
            id_token_key: None,
            nonce: None,
            subject: None,
            display_name: None,
            logged_in_at_ms: now_ms,
            received_at_ms: now_ms,
            expires_at_ms: None,
            authorization_details: None,
            is_unattended: client.is_unattended(),
            resource: None,
            others: Vec::new(),
            displaced: None,
        }
    }

    /// Checks that what is stored may be replaced by a session of this client: only a version
    /// that can read it may do that. A login by the URL of a resource may have found another
    /// client for the same issuer.
    pub(crate) fn check_replaceable(client: &Client, bytes: Option<&[u8]>) -> Result<(), Failure> {
        match client.resource_url {
            Some(_) => bytes.map(Self::parse).transpose().map(|_| ()),
            None => Self::parse_for(client, bytes).map(|_| ()),
        }
    }

    /// Returns the client that a login by the URL of a resource found: the caller's, completed
    /// by what the session knows. Returns `None` for a session of the caller's own client.
    pub(crate) fn found_client(&self, client: &Client) -> Option<Client> {
        let resource = self.resource.as_ref()?;
        let is_named = !resource.is_refused_on_renewal;
        Some(Client {
            issuer: self.issuer.clone(),
            client_id: Some(self.client_id.clone()),
            client_secret: resource.client_secret.clone().or_else(|| client.client_secret.clone()),
            authentication: Some(self.authentication.into()),
            scopes: resource.requested_scopes.clone(),
            resources: is_named.then(|| resource.identifier.clone()).into_iter().collect(),
            ..client.clone()
        })
    }

    /// Whether another access token can be had without a login.
    pub(crate) fn is_renewable(&self) -> bool {
        self.refresh_token.is_some() || self.is_unattended
    }

    /// Whether the access token was received after `before` was read. A new refresh token
    /// alone is the trace of a renewal that failed.
    pub(crate) fn is_newer_than(&self, before: &Self) -> bool {
        self.access_token != before.access_token || self.received_at_ms != before.received_at_ms
    }

    /// Parses a stored session. Fails with `stored-newer` if its format is newer than
    /// this version, and with `stored-damaged` if it cannot be parsed.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Failure> {
        #[derive(Deserialize)]
        struct Envelope {
            format: u64,
        }
        // The parser's own message could quote a token.
        let envelope: Envelope = serde_json::from_slice(bytes).map_err(|_| damaged())?;
        if envelope.format > FORMAT {
            return Err(Failure::new(
                Code::StoredNewer,
                format!(
                    "the stored session has format {}; this version reads up to {FORMAT}",
                    envelope.format
                ),
                "use the newer version that wrote it; nothing was changed",
            ));
        }
        serde_json::from_slice(bytes).map_err(|_| damaged())
    }

    /// Parses the session stored for this client. Returns `None` if nothing is stored,
    /// and also fails with `stored-damaged` if it belongs to another issuer or client.
    pub(crate) fn parse_for(
        client: &Client,
        bytes: Option<&[u8]>,
    ) -> Result<Option<Self>, Failure> {
        let Some(bytes) = bytes else { return Ok(None) };
        let stored = Self::parse(bytes)?;
        let is_another = match &client.resource_url {
            // What the caller leaves open, the session knows.
            Some(url) => {
                let name = stored.resource.as_ref().map(|resource| resource.resource_url.as_str());
                name != Some(ResourceUrl::parse(url)?.name().as_str())
                    || client.issuer.is_some() && client.issuer != stored.issuer
                    || client.client_id.as_ref().is_some_and(|id| *id != stored.client_id)
            }
            None => client.issuer != stored.issuer || client.id() != stored.client_id,
        };
        match is_another {
            true => Err(another_issuer()),
            false => Ok(Some(stored)),
        }
    }

    /// Returns the issuer's name in tokens of this session, or `None` if the client has
    /// no issuer.
    pub(crate) fn issuer_name(&self, client: &Client) -> Option<IssuerName> {
        match &self.issuer_name {
            Some(name) => Some(IssuerName::parse(name)),
            None => issuer_name(client).map(IssuerName::Exact),
        }
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        // OK because maps have string keys, and no number here can fail to serialize.
        let json = |session: &Self| serde_json::to_vec(session).expect("a session is always JSON");
        match self.displaced {
            Some(_) => json(&self.clone().turned_back()),
            None => json(self),
        }
    }
}

/// Parameters that change how the user is asked, but not which token is granted (OIDC
/// §3.1.2.1).
const PROMPT_PARAMETERS: [&str; 7] =
    ["prompt", "display", "max_age", "ui_locales", "claims_locales", "id_token_hint", "login_hint"];

/// Returns 128 bits of a hash, in hexadecimal, over the settings that decide which token
/// is granted.
///
/// With the URL of a resource, only that counts: the rest is found out, and a command that
/// asks for the token must not have to repeat what the login was told.
pub(crate) fn account_key(client: &Client) -> String {
    if let Some(url) = &client.resource_url {
        let name = ResourceUrl::parse(url).map_or_else(|_| url.clone(), |url| url.name());
        return short_hash(&serde_json::json!({ "resource_url": name }).to_string());
    }
    let mut scopes: Vec<&str> = client.scopes.iter().map(String::as_str).collect();
    scopes.sort_unstable();
    scopes.dedup();
    let mut resources: Vec<&str> = client.resources.iter().map(String::as_str).collect();
    resources.sort_unstable();
    resources.dedup();
    let parameters = client.parameters.iter().map(|p| (p.name.as_str(), p.value.as_str()));
    let mut parameters: Vec<(&str, &str)> =
        parameters.filter(|(name, _)| !PROMPT_PARAMETERS.contains(name)).collect();
    parameters.sort_unstable();
    let mut identity = serde_json::json!({
        "issuer": client.issuer,
        "authorization_endpoint": client.endpoints.authorization,
        "token_endpoint": client.endpoints.token,
        "client_id": client.client_id,
        "scopes": scopes,
        "resources": resources,
        "parameters": parameters,
    });
    if client.dpop.is_some() {
        identity["dpop"] = true.into();
    }
    if client.security == Security::Fapi2 {
        identity["security"] = "fapi2".into();
    }
    if let Some(details) = &client.authorization_details {
        let details = serde_json::from_str(details).unwrap_or_else(|_| details.as_str().into());
        identity["authorization_details"] = details;
    }
    if let Some(grant) = grant_name(client) {
        identity["grant"] = grant;
    }
    short_hash(&identity.to_string())
}

/// Returns what the session of a client without a user is known by, besides its client.
fn grant_name(client: &Client) -> Option<Value> {
    Some(match &client.grant {
        GrantType::User => return None,
        GrantType::ClientCredentials => "client_credentials".into(),
        GrantType::JwtBearer => "jwt_bearer".into(),
        GrantType::TokenExchange(exchange) => serde_json::json!({
            "subject_token_type": exchange.subject_token_type,
            "requested_token_type": exchange.requested_token_type,
        }),
    })
}

/// Returns 128 bits of the text's SHA-256 hash, in hexadecimal.
pub(crate) fn short_hash(text: &str) -> String {
    let hash = Sha256::digest(text);
    hash[..16].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The failure of a session that belongs to another issuer or client. A host sets it aside
/// and logs in again.
pub(crate) fn another_issuer() -> Failure {
    Failure::new(
        Code::StoredDamaged,
        "the stored session belongs to another issuer or client",
        "log in again; the old session is set aside, not deleted",
    )
}

fn damaged() -> Failure {
    Failure::new(
        Code::StoredDamaged,
        "the stored session cannot be read: it is damaged or cut short",
        "log in again; the old session is set aside, not deleted",
    )
}
