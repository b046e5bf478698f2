//! The types of `wit/login.wit`, generated.
//!
//! Their `Debug` prints tokens: never format one with `{:?}`.

use crate::error::Error;

mod generated {
    #![allow(missing_docs, clippy::all, unreachable_pub)]
    include!(concat!(env!("OUT_DIR"), "/contract.rs"));
}

#[cfg(not(target_family = "wasm"))]
pub use generated::exports::latchstring::login::flow::*;
#[cfg(target_family = "wasm")]
pub use generated::latchstring::login::flow::*;
#[cfg(not(target_family = "wasm"))]
pub use generated::{Login, LoginPre};

impl Default for Demand {
    /// A token that is good for now.
    fn default() -> Self {
        Self { min_ttl_ms: 0, force_refresh: false, examination: None }
    }
}

impl Default for Endpoints {
    /// None given by hand.
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
    /// These, and where one is missing, the one of `below`.
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
    /// Refuses the refresh token of an anonymous session if the provider has no such
    /// sessions: the user would take the login for an upgrade of theirs.
    pub fn check_anonymous(&self, has_token: bool) -> Result<(), Error> {
        if !has_token || matches!(self, Self::Hexclave(_)) {
            return Ok(());
        }
        Err(Error::new(
            Code::InvalidConfiguration,
            "the refresh token of an anonymous session is given, and this provider has no such sessions",
            "leave it out: only a login at Hexclave takes one over",
        ))
    }
}

impl Client {
    /// A public client of a provider that is to be asked for its metadata where
    /// it has an issuer identifier.
    pub fn new(issuer: Option<String>, client_id: String) -> Self {
        Self {
            discover: issuer.is_some(),
            issuer,
            endpoints: Endpoints::default(),
            assumed_endpoints: Endpoints::default(),
            https_issuer: false,
            client_id,
            client_secret: None,
            authentication: None,
            scopes: Vec::new(),
            resources: Vec::new(),
            parameters: Vec::new(),
            pkce: Pkce::Discovered,
            token_type_optional: false,
            request_format: RequestFormat::Form,
            protocol: Protocol::Oauth,
        }
    }
}
