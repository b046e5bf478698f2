//! The content of a preset's file, with its placeholders replaced.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use crate::capability::loopback::RedirectHost;
use latchstring_core::contract::{
    ClientAuthentication, Endpoints, Hexclave, HexclaveHeaders, LoginFlow, Pkce, RequestFormat,
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Filled {
    #[serde(rename = "about")]
    _about: Value,
    #[serde(rename = "notes")]
    _notes: Option<Value>,
    #[serde(rename = "settings")]
    _settings: Option<Value>,
    #[serde(default)]
    pub(super) client: ClientPart,
    #[serde(default)]
    pub(super) endpoints: EndpointsPart,
    /// Endpoints to use if the metadata names none.
    #[serde(default)]
    pub(super) assumed_endpoints: EndpointsPart,
    pub(super) hexclave: Option<HexclavePart>,
    /// How tokens are granted without a user.
    pub(super) unattended: Option<UnattendedPart>,
    #[serde(default)]
    pub(super) login: LoginPart,
    /// Additional parameters of the authorization request.
    #[serde(default)]
    pub(super) parameters: BTreeMap<String, String>,
    #[serde(default)]
    pub(super) api: ApiPart,
    #[serde(default)]
    #[cfg_attr(not(feature = "keyring"), allow(dead_code, reason = "only an import reads it"))]
    pub(super) import: ImportPlan,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ClientPart {
    pub(super) issuer: Option<String>,
    pub(super) client_id: Option<String>,
    pub(super) discovery: Option<bool>,
    pub(super) https_issuer: bool,
    pub(super) authentication: Option<AuthenticationPart>,
    pub(super) request_format: Option<FormatPart>,
    pub(super) pkce: Option<PkcePart>,
    pub(super) token_type_optional: bool,
    /// Scopes to request unless the user names some.
    pub(super) scopes: Vec<String>,
    /// Scopes to request in addition to those.
    pub(super) added_scopes: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct EndpointsPart {
    authorization: Option<String>,
    token: Option<String>,
    userinfo: Option<String>,
    revocation: Option<String>,
    device_authorization: Option<String>,
    jwks: Option<String>,
    end_session: Option<String>,
    introspection: Option<String>,
    tokeninfo: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct HexclavePart {
    app_url: String,
    publishable_client_key: Option<String>,
    headers: HeadersPart,
    /// Environment variables with the refresh token of an anonymous session.
    #[serde(default)]
    pub(super) anonymous_variables: Vec<String>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct LoginPart {
    pub(super) redirect_host: Option<HostPart>,
    pub(super) ports: Vec<u16>,
    pub(super) redirect_path: Option<String>,
    pub(super) flow: Option<FlowPart>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct UnattendedPart {
    pub(super) grant: GrantPart,
    pub(super) audience: Option<String>,
    pub(super) assertion_audience: Option<String>,
    /// For the grant `token-exchange`; so is the one below.
    pub(super) subject_token_type: Option<String>,
    pub(super) requested_token_type: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum GrantPart {
    ClientCredentials,
    JwtBearer,
    TokenExchange,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ApiPart {
    /// Origins that the token may be sent to.
    pub(super) origins: Vec<String>,
}

/// Where the provider's own program keeps a session, and the names of its entries.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct ImportPlan {
    /// Files to try, in order; `~/` is the user's home folder. A relative one is in the
    /// current folder and is read only if the user names it.
    pub(crate) files: Vec<String>,
    /// Environment variables that name a file to try first.
    pub(crate) file_variables: Vec<String>,
    /// The path of the session in the file's document.
    pub(crate) entry: Vec<String>,
    /// Sibling keys to remove together with the entry.
    pub(crate) beside: Vec<String>,
    /// Keyring entries, which are tried before any file.
    pub(crate) keyring: Vec<KeyringPlan>,
    /// Whether a file that is not JSON is a refresh token.
    pub(crate) plain_refresh_token: bool,
    /// Names in the session's document, tried in order; so are the three below.
    pub(crate) access_token: Vec<String>,
    pub(crate) refresh_token: Vec<String>,
    pub(crate) expires_at: Vec<String>,
    pub(crate) scope: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[cfg_attr(not(feature = "keyring"), allow(dead_code, reason = "only an import reads it"))]
pub(crate) struct KeyringPlan {
    pub(crate) service: String,
    pub(crate) account: String,
    /// `access-token` or `refresh-token`; `None` for the session's document.
    pub(crate) holds: Option<String>,
}

/// Declares an enum with a word of the file for each value of a type.
macro_rules! words {
    ($part:ident is $whole:ty: $($(#[$attribute:meta])* $word:literal => $variant:ident),*) => {
        #[derive(Clone, Copy, Default, Deserialize)]
        pub(super) enum $part {
            $($(#[$attribute])* #[serde(rename = $word)] $variant,)*
        }

        impl From<$part> for $whole {
            fn from(part: $part) -> Self {
                match part {
                    $($part::$variant => Self::$variant,)*
                }
            }
        }
    };
}

words!(AuthenticationPart is ClientAuthentication:
    #[default] "none" => None,
    "client_secret_basic" => ClientSecretBasic,
    "client_secret_post" => ClientSecretPost,
    "private_key_jwt" => PrivateKeyJwt,
    "assertion" => Assertion);
words!(FormatPart is RequestFormat:
    #[default] "form" => Form,
    "json" => Json);
words!(PkcePart is Pkce:
    #[default] "discovered" => Discovered,
    "known" => Known,
    "required" => Required);
words!(HeadersPart is HexclaveHeaders:
    #[default] "hexclave" => Hexclave,
    "stack" => Stack);
words!(HostPart is RedirectHost:
    #[default] "127.0.0.1" => Ipv4,
    "localhost" => Localhost,
    "[::1]" => Ipv6);
words!(FlowPart is LoginFlow:
    #[default] "browser" => Browser,
    "paste" => Paste,
    "device" => Device);

impl From<HexclavePart> for Hexclave {
    fn from(part: HexclavePart) -> Self {
        Self {
            app_url: part.app_url,
            publishable_client_key: part.publishable_client_key,
            headers: part.headers.into(),
        }
    }
}

impl From<EndpointsPart> for Endpoints {
    fn from(part: EndpointsPart) -> Self {
        Self {
            authorization: part.authorization,
            token: part.token,
            userinfo: part.userinfo,
            revocation: part.revocation,
            device_authorization: part.device_authorization,
            jwks: part.jwks,
            end_session: part.end_session,
            introspection: part.introspection,
            tokeninfo: part.tokeninfo,
        }
    }
}
