//! What a session begins with: defaults, and settings that cannot work.

use crate::contract::{
    Client, Demand, Endpoints, Facts, GrantType, Pkce, Protocol, RequestFormat, Security,
};
use crate::error::{self, Error};

impl Default for Demand {
    /// Returns the demand for a token that is valid now.
    fn default() -> Self {
        Self { min_ttl_ms: 0, force_refresh: false, examination: None, challenge: None }
    }
}

impl Default for Facts {
    /// Returns the facts of a machine of which nothing is known.
    fn default() -> Self {
        Self {
            terminal: false,
            unattended: false,
            browser_command: false,
            shows_address: false,
            display: false,
            remote_shell: false,
            windows_interop: false,
            container: false,
            editor_terminal: false,
            offers_device: None,
        }
    }
}

impl Default for Endpoints {
    /// Returns the endpoints with none set.
    fn default() -> Self {
        Self {
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
}

impl Endpoints {
    /// Returns these endpoints, with missing ones taken from `below`.
    #[must_use]
    pub fn over(self, below: Self) -> Self {
        Self {
            authorization: self.authorization.or(below.authorization),
            token: self.token.or(below.token),
            userinfo: self.userinfo.or(below.userinfo),
            revocation: self.revocation.or(below.revocation),
            device_authorization: self.device_authorization.or(below.device_authorization),
            jwks: self.jwks.or(below.jwks),
            end_session: self.end_session.or(below.end_session),
            introspection: self.introspection.or(below.introspection),
            tokeninfo: self.tokeninfo.or(below.tokeninfo),
        }
    }
}

impl Protocol {
    /// Checks the refresh token of an anonymous session: a provider without such sessions
    /// would ignore it, and the user would believe that the login upgraded theirs.
    ///
    /// # Errors
    ///
    /// Returns `invalid-configuration` if `has_token` is set and the provider has no
    /// anonymous sessions.
    pub fn check_anonymous(&self, has_token: bool) -> Result<(), Error> {
        if !has_token || matches!(self, Self::Hexclave(_)) {
            return Ok(());
        }
        Err(Error::new(
            error::Code::InvalidConfiguration,
            "the refresh token of an anonymous session is set, but this provider has no such sessions",
            "leave it out: only a login at Hexclave uses one",
        ))
    }
}

impl Client {
    /// Returns a public client without a secret. Its metadata is discovered if `issuer` is
    /// given.
    pub fn new(issuer: Option<String>, client_id: String) -> Self {
        Self {
            discover: issuer.is_some(),
            issuer,
            endpoints: Endpoints::default(),
            assumed_endpoints: Endpoints::default(),
            https_issuer: false,
            client_id: Some(client_id),
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
            scopes: Vec::new(),
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
        }
    }
}
