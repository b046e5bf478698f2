//! Provider metadata: OpenID Connect Discovery 1.0 and RFC 8414, merged.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::contract::{Client, Code, Endpoints, Failure, Pkce, Response};
use crate::protocol::endpoint::{self, Issuer, IssuerName, issuer_name};
use crate::protocol::failure::{printable, unavailable};
use crate::protocol::jws::Algorithm;

/// A metadata document (RFC 8414 §2). Its members are read by name: a type with all of them
/// would be the largest part of the component.
struct Document {
    members: Map<String, Value>,
    /// The endpoints for clients with a certificate, if this client has one (RFC 8705 §5).
    aliases: Map<String, Value>,
}

/// Known facts about a provider: checked endpoints, and how to talk to it.
#[derive(Clone, Default)]
pub(crate) struct Provider {
    pub(crate) authorization_endpoint: Option<String>,
    pub(crate) token_endpoint: Option<String>,
    pub(crate) userinfo_endpoint: Option<String>,
    pub(crate) revocation_endpoint: Option<String>,
    pub(crate) device_authorization_endpoint: Option<String>,
    pub(crate) jwks_uri: Option<String>,
    pub(crate) end_session_endpoint: Option<String>,
    pub(crate) introspection_endpoint: Option<String>,
    /// Tokeninfo endpoint. Only settings can name it: there is no metadata member for it.
    pub(crate) tokeninfo_endpoint: Option<String>,
    /// Pushed authorization request endpoint (RFC 9126 §5).
    pub(crate) pushed_endpoint: Option<String>,
    /// Whether it takes no other authorization requests.
    pub(crate) requires_push: bool,
    /// Client registration endpoint (RFC 7591 §3).
    pub(crate) registration_endpoint: Option<String>,
    /// Whether the URL of a client ID metadata document is a client identifier.
    pub(crate) takes_metadata_urls: bool,
    /// Scopes, as its metadata names them.
    pub(crate) scopes: Option<Vec<String>>,
    pub(crate) auth_methods: Option<Vec<String>>,
    /// Whether its authorization responses contain `iss` (RFC 9207 §3).
    pub(crate) sends_issuer: bool,
    /// Issuer name according to the metadata. `None` if there is no metadata.
    pub(crate) issuer: Option<IssuerName>,
    /// Whether its metadata lists S256 (RFC 8414 §2). `None` if it lists no method.
    pub(crate) supports_pkce: Option<bool>,
    /// Signature algorithms of ID tokens, as its metadata names them.
    pub(crate) id_token_algorithms: Option<Vec<String>>,
    /// Types of authorization details (RFC 9396 §10).
    pub(crate) details_types: Option<Vec<String>>,
    /// How it can answer authorization requests.
    pub(crate) response_modes: Option<Vec<String>>,
    /// Algorithms of signed authorization requests (RFC 9101 §10.5).
    pub(crate) request_algorithms: Option<Vec<String>>,
    /// Whether it takes no other authorization requests.
    pub(crate) requires_signed_requests: bool,
    /// Algorithms of DPoP proofs (RFC 9449 §5.1).
    pub(crate) proof_algorithms: Option<Vec<String>>,
    /// Whether it binds tokens to the client's certificate (RFC 8705 §3.3).
    pub(crate) binds_to_certificates: bool,
}

/// Keys that the signatures of ID tokens are checked with.
#[derive(Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum IdTokenCheck {
    /// The provider's published keys.
    #[default]
    Keys,
    /// The provider's published keys, and the client secret for HMACs (OIDC §10.1).
    KeysAndSecret,
    /// No key that this client has. ID tokens are not used.
    Nothing,
}

impl Provider {
    /// Returns the endpoints of the settings, which take precedence over the metadata.
    pub(crate) fn given(client: &Client) -> Result<Self, Failure> {
        Self::named(&client.endpoints)
    }

    /// Returns the endpoints of the settings that are used if the metadata names none.
    pub(crate) fn assumed(client: &Client) -> Result<Self, Failure> {
        Self::named(&client.assumed_endpoints)
    }

    fn named(endpoints: &Endpoints) -> Result<Self, Failure> {
        let check = |field: &str, text: &Option<String>| {
            endpoint::parse_optional(field, text.as_deref(), true)
                .map_err(|message| Failure::configuration(message, "correct the endpoint"))
        };
        Ok(Self {
            authorization_endpoint: check("the authorization endpoint", &endpoints.authorization)?,
            token_endpoint: check("the token endpoint", &endpoints.token)?,
            userinfo_endpoint: check("the userinfo endpoint", &endpoints.userinfo)?,
            revocation_endpoint: check("the revocation endpoint", &endpoints.revocation)?,
            device_authorization_endpoint: check(
                "the device authorization endpoint",
                &endpoints.device_authorization,
            )?,
            jwks_uri: check("the JWKS URI", &endpoints.jwks)?,
            end_session_endpoint: check("the end-session endpoint", &endpoints.end_session)?,
            introspection_endpoint: check("the introspection endpoint", &endpoints.introspection)?,
            tokeninfo_endpoint: check("the tokeninfo endpoint", &endpoints.tokeninfo)?,
            ..Self::default()
        })
    }

    /// Returns the values of `self`, completed by those of `other`.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            authorization_endpoint: self.authorization_endpoint.or(other.authorization_endpoint),
            token_endpoint: self.token_endpoint.or(other.token_endpoint),
            userinfo_endpoint: self.userinfo_endpoint.or(other.userinfo_endpoint),
            revocation_endpoint: self.revocation_endpoint.or(other.revocation_endpoint),
            device_authorization_endpoint: self
                .device_authorization_endpoint
                .or(other.device_authorization_endpoint),
            jwks_uri: self.jwks_uri.or(other.jwks_uri),
            end_session_endpoint: self.end_session_endpoint.or(other.end_session_endpoint),
            introspection_endpoint: self.introspection_endpoint.or(other.introspection_endpoint),
            tokeninfo_endpoint: self.tokeninfo_endpoint.or(other.tokeninfo_endpoint),
            pushed_endpoint: self.pushed_endpoint.or(other.pushed_endpoint),
            requires_push: self.requires_push || other.requires_push,
            registration_endpoint: self.registration_endpoint.or(other.registration_endpoint),
            takes_metadata_urls: self.takes_metadata_urls || other.takes_metadata_urls,
            scopes: self.scopes.or(other.scopes),
            auth_methods: self.auth_methods.or(other.auth_methods),
            sends_issuer: self.sends_issuer || other.sends_issuer,
            issuer: self.issuer.or(other.issuer),
            supports_pkce: self.supports_pkce.or(other.supports_pkce),
            id_token_algorithms: self.id_token_algorithms.or(other.id_token_algorithms),
            details_types: self.details_types.or(other.details_types),
            response_modes: self.response_modes.or(other.response_modes),
            request_algorithms: self.request_algorithms.or(other.request_algorithms),
            requires_signed_requests: self.requires_signed_requests
                || other.requires_signed_requests,
            proof_algorithms: self.proof_algorithms.or(other.proof_algorithms),
            binds_to_certificates: self.binds_to_certificates || other.binds_to_certificates,
        }
    }

    /// Whether a second metadata document could add nothing that a login needs.
    pub(crate) fn is_complete(&self, needs_pkce: bool) -> bool {
        self.authorization_endpoint.is_some()
            && self.token_endpoint.is_some()
            && self.userinfo_endpoint.is_some()
            && self.revocation_endpoint.is_some()
            && self.jwks_uri.is_some()
            && self.auth_methods.is_some()
            && (self.supports_pkce.is_some() || !needs_pkce)
    }

    /// Returns the issuer's name in redirects and tokens, or `None` if the client has no
    /// issuer.
    pub(crate) fn issuer_name(&self, client: &Client) -> Option<IssuerName> {
        self.issuer.clone().or_else(|| issuer_name(client).map(IssuerName::Exact))
    }

    /// Returns the keys that ID tokens for this client are checked with.
    ///
    /// Fails with `invalid-metadata` if the provider signs with keys and does not publish
    /// them.
    pub(crate) fn id_token_check(&self, client: &Client) -> Result<IdTokenCheck, Failure> {
        let named = self.id_token_algorithms.as_deref();
        let is_symmetric = |name: &String| {
            name == "none" || Algorithm::parse(name).is_some_and(Algorithm::is_symmetric)
        };
        let with_keys = named.map(|named| named.iter().any(|name| !is_symmetric(name)));
        let with_secret = named
            .is_some_and(|named| named.iter().any(|name| name != "none" && is_symmetric(name)));
        if with_keys == Some(true) && self.jwks_uri.is_none() {
            return Err(invalid(
                "the metadata says that ID tokens are signed with published keys (id_token_signing_alg_values_supported), but does not say where those are (jwks_uri)",
            ));
        }
        Ok(if with_secret && client.client_secret.is_some() {
            IdTokenCheck::KeysAndSecret
        } else if self.jwks_uri.is_some() && with_keys != Some(false) {
            IdTokenCheck::Keys
        } else {
            IdTokenCheck::Nothing
        })
    }

    pub(crate) fn authorization_endpoint(&self) -> Result<&str, Failure> {
        self.authorization_endpoint.as_deref().ok_or_else(|| missing("authorization_endpoint"))
    }

    pub(crate) fn token_endpoint(&self) -> Result<&str, Failure> {
        self.token_endpoint.as_deref().ok_or_else(|| missing("token_endpoint"))
    }
}

/// Fails with `invalid-metadata` if the settings require PKCE and the metadata does not
/// list S256 (RFC 9700 §2.1.1).
pub(crate) fn check_pkce(client: &Client, provider: &Provider) -> Result<(), Failure> {
    if client.pkce != Pkce::Required || provider.supports_pkce == Some(true) {
        return Ok(());
    }
    Err(Failure::new(
        Code::InvalidMetadata,
        "the provider's metadata does not say that it supports PKCE with S256 (code_challenge_methods_supported), which this login requires",
        "ask the provider; if it is known to support PKCE, set --pkce known",
    ))
}

/// Returns a notice that the provider may have ignored PKCE. Returns `None` if PKCE is
/// known to be supported or required, or if no metadata was read.
pub(crate) fn unprotected_code(client: &Client, provider: &Provider) -> Option<String> {
    let is_told = client.pkce == Pkce::Discovered
        && provider.issuer.is_some()
        && provider.supports_pkce != Some(true);
    is_told.then(|| "the provider's metadata does not say that it supports PKCE, which protects the authorization code; if it does, set --pkce known, or refuse such providers with --pkce required".to_owned())
}

/// The location of the metadata in OpenID Connect Discovery §4.1.
pub(crate) fn openid_configuration_url(issuer: &Issuer) -> String {
    format!("{}/.well-known/openid-configuration", issuer.as_str().trim_end_matches('/'))
}

/// The location of the metadata in RFC 8414 §3.1: between host and path.
pub(crate) fn authorization_server_url(issuer: &Issuer) -> String {
    url_before_path(issuer, "oauth-authorization-server")
}

/// The well-known location `name` between host and path.
fn url_before_path(issuer: &Issuer, name: &str) -> String {
    let mut url = issuer.url().clone();
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&format!("/.well-known/{name}{path}"));
    url.into()
}

/// The endpoints of an MCP server without metadata (MCP authorization, 2025-03-26).
pub(crate) fn default_endpoints(issuer: &Issuer) -> Provider {
    let at = |path: &str| Some(format!("{}{path}", issuer.as_str().trim_end_matches('/')));
    Provider {
        authorization_endpoint: at("/authorize"),
        token_endpoint: at("/token"),
        registration_endpoint: at("/register"),
        ..Provider::default()
    }
}

/// The locations of the metadata in the order in which a resource's client asks them (MCP
/// authorization): that of RFC 8414 §3.1, the same for OpenID Connect if the issuer has a
/// path (RFC 8414 §5), and that of OpenID Connect Discovery.
pub(crate) fn metadata_urls(issuer: &Issuer) -> Vec<String> {
    let mut urls = vec![authorization_server_url(issuer)];
    if !issuer.url().path().trim_end_matches('/').is_empty() {
        urls.push(url_before_path(issuer, "openid-configuration"));
    }
    urls.push(openid_configuration_url(issuer));
    urls
}

/// Parses a metadata response for this issuer. Returns `None` if there is no document at
/// that location.
///
/// `uses_certificate`: the client presents a certificate, so its requests go to the endpoints
/// that the provider has for such clients (RFC 8705 §5).
pub(crate) fn parse_metadata_response(
    issuer: &Issuer,
    response: &Response,
    uses_certificate: bool,
) -> Result<Option<Provider>, Failure> {
    if let Some(failure) = unavailable("the provider", response) {
        return Err(failure);
    }
    if !is_there("the metadata", response).map_err(invalid)? {
        return Ok(None);
    }
    let mut members: Map<String, Value> = serde_json::from_slice(&response.body)
        .map_err(|error| unreadable(&printable(&error.to_string())))?;
    let aliases = match members.remove("mtls_endpoint_aliases") {
        Some(Value::Object(aliases)) if uses_certificate => aliases,
        _ => Map::new(),
    };
    let mut document = Document { members, aliases };
    let found = document.text("issuer")?.ok_or_else(|| unreadable("it has no issuer"))?;
    let name = issuer.named(&found).ok_or_else(|| {
        let found = printable(&found);
        let remedy =
            format!("if the provider confirms it, log in with exactly this issuer: {found}");
        let message = format!("the metadata names the issuer {found}; expected {}", issuer.name());
        Failure { remedy, ..invalid(message) }
    })?;
    let lists = |methods: Vec<String>| methods.iter().any(|method| method == "S256");
    Ok(Some(Provider {
        authorization_endpoint: document.endpoint("authorization_endpoint", issuer)?,
        token_endpoint: document.endpoint("token_endpoint", issuer)?,
        userinfo_endpoint: document.endpoint("userinfo_endpoint", issuer)?,
        revocation_endpoint: document.endpoint("revocation_endpoint", issuer)?,
        device_authorization_endpoint: document
            .endpoint("device_authorization_endpoint", issuer)?,
        jwks_uri: document.endpoint("jwks_uri", issuer)?,
        end_session_endpoint: document.endpoint("end_session_endpoint", issuer)?,
        introspection_endpoint: document.endpoint("introspection_endpoint", issuer)?,
        tokeninfo_endpoint: None,
        pushed_endpoint: document.endpoint("pushed_authorization_request_endpoint", issuer)?,
        requires_push: document.is_true("require_pushed_authorization_requests"),
        registration_endpoint: document.endpoint("registration_endpoint", issuer)?,
        takes_metadata_urls: document.is_true("client_id_metadata_document_supported"),
        scopes: document.list("scopes_supported")?,
        auth_methods: document.list("token_endpoint_auth_methods_supported")?,
        sends_issuer: document.is_true("authorization_response_iss_parameter_supported"),
        issuer: Some(name),
        supports_pkce: document.list("code_challenge_methods_supported")?.map(lists),
        id_token_algorithms: document.list("id_token_signing_alg_values_supported")?,
        details_types: document.list("authorization_details_types_supported")?,
        response_modes: document.list("response_modes_supported")?,
        request_algorithms: document.list("request_object_signing_alg_values_supported")?,
        requires_signed_requests: document.is_true("require_signed_request_object"),
        proof_algorithms: document.list("dpop_signing_alg_values_supported")?,
        binds_to_certificates: document.is_true("tls_client_certificate_bound_access_tokens"),
    }))
}

impl Document {
    fn text(&mut self, name: &str) -> Result<Option<String>, Failure> {
        match self.members.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(unreadable(&format!("{name} is not a text"))),
        }
    }

    fn list(&mut self, name: &str) -> Result<Option<Vec<String>>, Failure> {
        let text = |value| match value {
            Value::String(text) => Some(text),
            _ => None,
        };
        let texts: Option<Vec<String>> = match self.members.remove(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Array(values)) => values.into_iter().map(text).collect(),
            Some(_) => None,
        };
        texts.map(Some).ok_or_else(|| unreadable(&format!("{name} is not a list of texts")))
    }

    fn is_true(&self, name: &str) -> bool {
        self.members.get(name) == Some(&Value::Bool(true))
    }

    /// Returns the endpoint of this name, after the checks that hold for this issuer.
    fn endpoint(&mut self, name: &str, issuer: &Issuer) -> Result<Option<String>, Failure> {
        let usual = self.text(name)?;
        let alias = self.aliases.get(name).and_then(Value::as_str).map(str::to_owned);
        let text = alias.or(usual).map(|text| issuer.reachable_url(text));
        endpoint::parse_optional(name, text.as_deref(), issuer.is_loopback())
            .map_err(|message| invalid(format!("in the metadata, {}", printable(&message))))
    }
}

fn unreadable(reason: &str) -> Failure {
    invalid(format!("the metadata cannot be read: {reason}"))
}

/// Whether there is a document at the location that was asked. The error says with which
/// status `what` came instead.
pub(crate) fn is_there(what: &str, response: &Response) -> Result<bool, String> {
    match response.status {
        200 => Ok(true),
        400..=499 => Ok(false),
        status => Err(format!("{what} came with status {status}; expected 200")),
    }
}

pub(crate) fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(
        Code::InvalidMetadata,
        message,
        "check the issuer with the provider, or set its endpoints yourself",
    )
}

fn missing(field: &str) -> Failure {
    invalid(format!("the provider's {field} is not known: neither metadata nor settings name it"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &str) -> Result<Option<Provider>, Failure> {
        let issuer = Issuer::parse("https://id.example/tenant").unwrap();
        let response = Response { status: 200, headers: vec![], body: body.as_bytes().to_vec() };
        parse_metadata_response(&issuer, &response, false)
    }

    #[test]
    fn well_known_locations_follow_both_standards() {
        let issuer = Issuer::parse("https://id.example/tenant/").unwrap();
        assert_eq!(
            openid_configuration_url(&issuer),
            "https://id.example/tenant/.well-known/openid-configuration"
        );
        assert_eq!(
            authorization_server_url(&issuer),
            "https://id.example/.well-known/oauth-authorization-server/tenant"
        );
        let bare = Issuer::parse("https://id.example").unwrap();
        assert_eq!(
            authorization_server_url(&bare),
            "https://id.example/.well-known/oauth-authorization-server"
        );
    }

    #[test]
    fn the_issuer_is_compared_exactly() {
        let failure = parse(r#"{"issuer":"https://id.example/tenant/"}"#).err().unwrap();
        assert_eq!(failure.code, Code::InvalidMetadata);
        assert!(failure.message.contains("https://id.example/tenant/"));
    }

    #[test]
    fn an_endpoint_on_plain_http_is_named() {
        let failure = parse(
            r#"{"issuer":"https://id.example/tenant","token_endpoint":"http://id.example/token"}"#,
        )
        .err()
        .unwrap();
        assert!(failure.message.contains("token_endpoint"), "{}", failure.message);
    }

    #[test]
    fn a_public_issuer_cannot_point_to_loopback() {
        assert!(
            parse(r#"{"issuer":"https://id.example/tenant","token_endpoint":"http://127.0.0.1/token"}"#)
                .is_err()
        );
    }

    #[test]
    fn a_body_that_is_not_json_is_a_clear_error() {
        let failure = parse("<html>").err().unwrap();
        assert!(failure.message.starts_with("the metadata cannot be read"));
    }
}
