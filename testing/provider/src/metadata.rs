//! Metadata of the provider.

use serde_json::{Value, json};

use crate::options::Options;

/// Paths of the metadata: OpenID Connect Discovery §4 and RFC 8414 §3.
pub(crate) const PATHS: [&str; 2] =
    ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"];

/// Scopes that exist here. Others are not granted (RFC 6749 §3.3).
pub(crate) const SCOPES: [&str; 4] = ["openid", "profile", "email", "offline_access"];

/// The metadata, the same for both paths.
pub(crate) fn document(issuer: &str, options: &Options) -> Value {
    let authentication = [options.authentication.name()];
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "userinfo_endpoint": format!("{issuer}/userinfo"),
        "revocation_endpoint": format!("{issuer}/revoke"),
        "jwks_uri": format!("{issuer}/jwks"),
        "scopes_supported": SCOPES,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "token_endpoint_auth_methods_supported": authentication,
        "revocation_endpoint_auth_methods_supported": authentication,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "claims_supported": [
            "iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash",
            "name", "preferred_username", "email", "email_verified",
        ],
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
    })
}
