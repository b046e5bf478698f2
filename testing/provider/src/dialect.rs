//! What differs between systems.

use serde_json::{Map, Value};

use crate::answer::Answer;
use crate::asked::Asked;
use crate::claims::Claims;
use crate::context::Context;
use crate::endpoint::Endpoint;
use crate::issuer::IssuerRule;
use crate::keys::Signing;
use crate::misbehaviour::Misbehaviour;
use crate::refusal::Refusal;
use crate::state::devices::DeviceRules;

/// A system's way of being a provider. Each is a value in [`dialects`](crate::dialects);
/// one may begin as a copy of another.
pub struct Dialect {
    /// Name on the command line, and of the preset.
    pub(crate) name: &'static str,

    // ---- Where things are -------------------------------------------------------
    pub(crate) issuer: IssuerRule,
    pub(crate) routes: &'static [Route],
    /// Members of the metadata that the rest of the dialect does not say. The argument is
    /// the name of the client's authentication method.
    pub(crate) more_metadata: fn(&str) -> Value,
    /// Scopes that the metadata names.
    pub(crate) scopes: &'static [&'static str],
    /// Whether the other scopes are not granted (RFC 6749 §3.3).
    pub(crate) drops_unknown_scopes: bool,

    // ---- The client -------------------------------------------------------------
    /// The registered client, unless an option names another one.
    pub(crate) client_id: &'static str,
    /// Whether every other client is accepted too.
    pub(crate) accepts_any_client: bool,
    /// Methods that the metadata names. Empty: that of the client.
    pub(crate) authentication_methods: &'static [&'static str],
    /// Registered redirect URIs, unless an option names others.
    pub(crate) redirect_uris: &'static [&'static str],
    pub(crate) redirects: Redirects,

    // ---- Authorization ----------------------------------------------------------
    pub(crate) code_challenge: Wanted,
    /// A scope without which a request is rejected.
    pub(crate) required_scope: Option<&'static str>,
    /// Values of `prompt` that are rejected with `login_required`, because no user is
    /// logged in in this browser yet.
    pub(crate) refused_prompts: &'static [&'static str],
    /// Whether each letter of that error's description is a parameter.
    pub(crate) spells_login_required: bool,
    /// Whether the response names its issuer (RFC 9207 §2).
    pub(crate) names_issuer: bool,
    pub(crate) pages: Pages,

    // ---- Token requests ---------------------------------------------------------
    pub(crate) body: Body,
    pub(crate) redirect_uri: Wanted,
    pub(crate) code_verifier: Wanted,
    /// The device grant. `None`: there is none.
    pub(crate) device: Option<DeviceRules>,

    // ---- Tokens -----------------------------------------------------------------
    pub(crate) signing: Signing,
    pub(crate) token_type: &'static str,
    /// Lifetime of access tokens and ID tokens, in seconds.
    pub(crate) expires_in: u64,
    pub(crate) access_token: AccessToken,
    pub(crate) id_token: IdToken,
    /// Claims of the ID token besides those about the token itself, which they may
    /// replace.
    pub(crate) id_token_claims: Claims,
    /// Whether the ID token names its access token.
    pub(crate) at_hash: bool,
    pub(crate) refresh_token: RefreshToken,
    pub(crate) rotates_refresh_tokens: bool,
    /// Whether a refresh that brings no new refresh token repeats the old one.
    pub(crate) repeats_refresh_token: bool,
    /// Whether using a replaced refresh token ends the session (RFC 9700 §4.14.2).
    pub(crate) reuse_ends_session: bool,

    // ---- With a token -----------------------------------------------------------
    pub(crate) userinfo: Claims,
    /// A scope that userinfo requires.
    pub(crate) userinfo_scope: Option<&'static str>,
    /// Members of an introspection besides those about the token, which replace them.
    pub(crate) introspection: Claims,
    /// Whether introspection and revocation require the client to identify itself.
    pub(crate) client_at_introspection: Wanted,
    pub(crate) client_at_revocation: Wanted,
    /// Whether access tokens cannot be revoked, and a hint has to say that it is none.
    pub(crate) revokes_only_refresh_tokens: bool,

    // ---- Responses --------------------------------------------------------------
    pub(crate) granted: fn(Map<String, Value>) -> Answer,
    pub(crate) refused: fn(&Refusal) -> Answer,
    pub(crate) not_found: fn(&Context, &Asked) -> Answer,

    // ---- What is no OAuth -------------------------------------------------------
    /// Whether a route of its own is polled for the outcome of a login.
    pub(crate) polls_own_route: bool,
}

/// A path and what is there.
pub(crate) struct Route {
    /// The path. `{issuer}` is the path of the issuer.
    pub(crate) path: &'static str,
    pub(crate) at: At,
    /// Whether the metadata names it.
    pub(crate) listed: bool,
}

pub(crate) enum At {
    Endpoint(Endpoint),
    /// A route that only this system has.
    Own(Own),
}

/// A route that only one system has.
pub(crate) struct Own {
    /// Whether requests have an access token.
    pub(crate) is_protected: bool,
    pub(crate) answer: fn(&Context, &Asked) -> Answer,
}

/// Whether a parameter is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Always,
    /// Checked only if it was sent.
    IfSent,
    Never,
}

/// Comparison of redirect URIs with the registered ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Redirects {
    Exact,
    /// The port does not matter (RFC 8252 §7.3).
    AnyPort,
    Anywhere,
}

/// Pages that the user sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pages {
    /// One page to log in or to refuse.
    Login,
    LoginThenConsent,
    /// The login includes the consent, and may set claims.
    LoginWithClaims,
}

/// Format of the requests of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body {
    Form,
    Json,
}

/// Format of access tokens.
#[derive(Clone, Copy)]
pub(crate) enum AccessToken {
    /// Random text.
    Opaque,
    /// A signed token with `iss`, `sub`, `iat`, `exp` and `jti`, and with these claims,
    /// which may replace them.
    Signed(Claims),
}

/// The grants that bring an ID token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum IdToken {
    /// Every grant with the scope `openid`.
    Openid,
    /// Only a code, with that scope.
    OpenidAndCode,
    Always,
}

/// The grants that bring a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefreshToken {
    /// Those with the scope `offline_access` (OpenID Connect Core §11).
    OfflineAccess,
    Always,
}

impl Dialect {
    /// Name on the command line, and of the preset.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Whether this dialect has what a fault breaks.
    pub fn has(&self, misbehaviour: Misbehaviour) -> bool {
        let redirects = self.routes.iter().any(|route| route.is(Endpoint::Authorization));
        match misbehaviour {
            Misbehaviour::PollUsed | Misbehaviour::PollExpired => {
                self.device.is_some() || self.polls_own_route
            }
            Misbehaviour::NoStateEcho
            | Misbehaviour::OmitRefreshToken
            | Misbehaviour::WrongNonce => redirects,
            Misbehaviour::BadAtHash => redirects && self.at_hash,
            Misbehaviour::ExpireAccess
            | Misbehaviour::RevokeSession
            | Misbehaviour::UserinfoDown
            | Misbehaviour::CodeExpired
            | Misbehaviour::Down => true,
        }
    }

    /// What there is. Without keys to publish, there is no endpoint for them.
    pub(crate) fn routes(&self) -> impl Iterator<Item = &Route> {
        let is_there = |route: &&Route| self.signing.publishes_keys() || !route.is(Endpoint::Jwks);
        self.routes.iter().filter(is_there)
    }
}

impl Route {
    /// An endpoint, which the metadata names if there is a member for it.
    pub(crate) const fn new(path: &'static str, endpoint: Endpoint) -> Self {
        Self { path, at: At::Endpoint(endpoint), listed: true }
    }

    /// An endpoint that the metadata does not name.
    pub(crate) const fn unlisted(path: &'static str, endpoint: Endpoint) -> Self {
        Self { path, at: At::Endpoint(endpoint), listed: false }
    }

    /// A route that only this system has.
    pub(crate) const fn own(path: &'static str, answer: fn(&Context, &Asked) -> Answer) -> Self {
        Self { path, at: At::Own(Own { is_protected: false, answer }), listed: false }
    }

    /// The same for requests with an access token.
    pub(crate) const fn protected(
        path: &'static str,
        answer: fn(&Context, &Asked) -> Answer,
    ) -> Self {
        Self { path, at: At::Own(Own { is_protected: true, answer }), listed: false }
    }

    pub(crate) fn is(&self, endpoint: Endpoint) -> bool {
        self.endpoint() == Some(endpoint)
    }

    /// `None` for a route that only this system has.
    pub(crate) fn endpoint(&self) -> Option<Endpoint> {
        match self.at {
            At::Endpoint(endpoint) => Some(endpoint),
            At::Own(_) => None,
        }
    }

    /// Whether requests have an access token.
    pub(crate) fn is_protected(&self) -> bool {
        match &self.at {
            At::Endpoint(endpoint) => *endpoint == Endpoint::Userinfo,
            At::Own(own) => own.is_protected,
        }
    }
}
