//! The known members and parameters, and which of their values are kept.
//!
//! Values of all other names are replaced.

/// How a value is redacted.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Treatment {
    /// Kept if it is in [`is_vocabulary`]'s list.
    Vocabulary,
    /// Kept if it is a number, or a number in text.
    Number,
    /// Reduced to what [`error_code`] returns.
    ErrorCode,
    /// Kept if it is an error code in capitals. Any other value is an authorization code
    /// and secret.
    Code,
    /// Names separated by spaces. Kept if the caller asked for them, or if a public document
    /// offers them. The same name has the same replacement everywhere.
    Words,
    /// An address. Kept without the values in its query.
    Address,
    /// Kept if it is the client's own ID.
    Client,
    /// A registered name. Kept in public documents.
    Supported,
    /// Signing algorithms of ID tokens. Those that a published key verifies become EdDSA,
    /// which signs ID tokens in transcripts.
    Algorithms,
    /// A token, perhaps a JSON Web Token, which is replaced by another one.
    Token,
    /// A JSON Web Key or a list of them.
    Key,
    /// A secret. Removed, and must not occur anywhere else either.
    Secret,
    /// Removed: personal data, and free text that no program interprets.
    Removed,
}

/// Returns the treatment of the member or parameter with this name, or `None` if it is
/// unknown. Unknown names are replaced too.
pub(super) fn treatment(name: &str) -> Option<Treatment> {
    TABLE.iter().find(|(_, names)| names.contains(&name)).map(|(treatment, _)| *treatment)
}

const TABLE: [(Treatment, &[&str]); 13] = [
    (Treatment::Code, &["code"]),
    (
        Treatment::Vocabulary,
        &[
            "alg",
            "application_type",
            "authentication",
            "code_challenge_method",
            "crit",
            "crv",
            "grant_type",
            "id_token_check",
            "issued_token_type",
            "kty",
            "response_mode",
            "response_type",
            "status",
            "token_endpoint_auth_method",
            "token_type",
            "token_type_hint",
            "token_use",
            "typ",
            "use",
        ],
    ),
    (
        Treatment::Number,
        &[
            "auth_time",
            "client_id_issued_at",
            "client_secret_expires_at",
            "exp",
            "expires_at",
            "expires_at_ms",
            "expires_in",
            "expires_in_millis",
            "ext_expires_in",
            "format",
            "iat",
            "interval",
            "known_at_ms",
            "logged_in_at_ms",
            "max_age",
            "nbf",
            "received_at_ms",
            "refresh_expires_in",
            "refresh_token_expires_in",
            "status_code",
            "unfinished",
        ],
    ),
    (Treatment::ErrorCode, &["error", "error_type"]),
    (
        Treatment::Words,
        &["acr", "permissions", "requested_scopes", "scope", "scopes", "scopes_supported", "scp"],
    ),
    (
        Treatment::Address,
        &[
            "authorization_endpoint",
            "authorization_servers",
            "check_session_iframe",
            "device_authorization_endpoint",
            "end_session_endpoint",
            "identifier",
            "introspection_endpoint",
            "iss",
            "issuer",
            "issuer_name",
            "jwks_uri",
            "pushed_authorization_request_endpoint",
            "redirect_uri",
            "redirect_uris",
            "registration_client_uri",
            "registration_endpoint",
            "resource",
            "resource_url",
            "revocation_endpoint",
            "token_endpoint",
            "tokeninfo_endpoint",
            "userinfo_endpoint",
            "verification_uri",
            "verification_uri_complete",
            "verification_url",
        ],
    ),
    (Treatment::Client, &["aud", "audience", "azp", "client_id"]),
    (
        Treatment::Supported,
        &[
            "acr_values_supported",
            "authorization_response_iss_parameter_supported",
            "bearer_methods_supported",
            "claims_parameter_supported",
            "claims_supported",
            "client_id_metadata_document_supported",
            "code_challenge_methods_supported",
            "dpop_signing_alg_values_supported",
            "grant_types_supported",
            "introspection_endpoint_auth_methods_supported",
            "prompt_values_supported",
            "request_parameter_supported",
            "request_uri_parameter_supported",
            "response_modes_supported",
            "response_types_supported",
            "revocation_endpoint_auth_methods_supported",
            "subject_types_supported",
            "token_endpoint_auth_methods_supported",
            "token_endpoint_auth_signing_alg_values_supported",
            "userinfo_signing_alg_values_supported",
        ],
    ),
    (Treatment::Algorithms, &["id_token_signing_alg_values_supported"]),
    (Treatment::Token, &["access_token", "id_token", "id_token_hint", "token"]),
    (Treatment::Key, &["id_token_key", "keys"]),
    (
        Treatment::Secret,
        &[
            "anon_refresh_token",
            "client_secret",
            "code_challenge",
            "code_verifier",
            "device_code",
            "login_code",
            "nonce",
            "password",
            "polling_code",
            "refresh_token",
            "registration_access_token",
            "state",
            "user_code",
        ],
    ),
    (
        Treatment::Removed,
        &[
            "active",
            "address",
            "amr",
            "at_hash",
            "birthdate",
            "c_hash",
            "client_name",
            "clients",
            "display_name",
            "email",
            "email_verified",
            "error_description",
            "error_message",
            "error_uri",
            "family_name",
            "gender",
            "given_name",
            "groups",
            "hd",
            "id",
            "is_anonymous",
            "is_refused_on_renewal",
            "is_registered",
            "is_unattended",
            "jti",
            "kid",
            "locale",
            "message",
            "middle_name",
            "name",
            "nickname",
            "others",
            "phone_number",
            "phone_number_verified",
            "picture",
            "preferred_username",
            "primary_email",
            "profile",
            "request_id",
            "roles",
            "session_id",
            "session_state",
            "sid",
            "sub",
            "subject",
            "tenant_id",
            "updated_at",
            "user_id",
            "userinfo_refuses",
            "username",
            "website",
            "zoneinfo",
        ],
    ),
];

/// Returns whether the text is a value with a meaning in the protocol.
pub(super) fn is_vocabulary(text: &str) -> bool {
    const VOCABULARY: [&str; 54] = [
        "Bearer",
        "bearer",
        "BEARER",
        "DPoP",
        "JWT",
        "at+jwt",
        "logout+jwt",
        "OKP",
        "EC",
        "RSA",
        "Ed25519",
        "P-256",
        "P-384",
        "S256",
        "plain",
        "sig",
        "enc",
        "none",
        "HS256",
        "HS384",
        "HS512",
        "RS256",
        "RS384",
        "RS512",
        "PS256",
        "PS384",
        "PS512",
        "ES256",
        "ES384",
        "ES512",
        "P-521",
        "EdDSA",
        "waiting",
        "success",
        "expired",
        "used",
        "pending",
        "query",
        "form_post",
        "access_token",
        "refresh_token",
        "authorization_code",
        "client_secret_basic",
        "client_secret_post",
        "client_secret_jwt",
        "private_key_jwt",
        "assertion",
        "urn:ietf:params:oauth:token-type:access_token",
        "urn:ietf:params:oauth:token-type:id_token",
        "urn:ietf:params:oauth:token-type:jwt",
        "id_token",
        "keys",
        "keys_and_secret",
        "nothing",
    ];
    VOCABULARY.contains(&text)
}

/// Returns the part of an error code that is kept. Codes of standards and known providers
/// are kept as they are; of others only words such as `not_found` in
/// `user_mallorca_not_found`. Returns `None` if there are none, or if the text does not
/// look like an error code.
pub(super) fn error_code(text: &str) -> Option<String> {
    const KNOWN: [&str; 48] = [
        // RFC 6749, RFC 6750, RFC 7009, RFC 8628, RFC 8707.
        "access_denied",
        "authorization_pending",
        "expired_token",
        "insufficient_scope",
        "invalid_client",
        "invalid_grant",
        "invalid_request",
        "invalid_scope",
        "invalid_target",
        "invalid_token",
        "server_error",
        "slow_down",
        "temporarily_unavailable",
        "unauthorized_client",
        "unsupported_grant_type",
        "unsupported_response_type",
        "unsupported_token_type",
        // OpenID Connect Core §3.1.2.6, RFC 7591, RFC 9101, RFC 9449, RFC 9470.
        "account_selection_required",
        "consent_required",
        "insufficient_user_authentication",
        "interaction_required",
        "invalid_client_metadata",
        "invalid_dpop_proof",
        "invalid_redirect_uri",
        "invalid_request_object",
        "invalid_request_uri",
        "login_required",
        "registration_not_supported",
        "request_not_supported",
        "request_uri_not_supported",
        "unmet_authentication_requirements",
        "use_dpop_nonce",
        // Hexclave and Stytch.
        "ACCESS_TOKEN_EXPIRED",
        "ACCESS_TYPE_REQUIRED",
        "ACCESS_TYPE_WITHOUT_PROJECT_ID",
        "BODY_PARSING_ERROR",
        "CANNOT_GET_OWN_USER_WITHOUT_USER",
        "CURRENT_PROJECT_NOT_FOUND",
        "INVALID_ACCESS_TYPE",
        "INVALID_POLLING_CODE",
        "INVALID_PUBLISHABLE_CLIENT_KEY",
        "REFRESH_TOKEN_EXPIRED",
        "REFRESH_TOKEN_NOT_FOUND",
        "REFRESH_TOKEN_NOT_FOUND_OR_EXPIRED",
        "SCHEMA_ERROR",
        "oauth_client_not_found",
        "refresh_token_not_found",
        "session_not_found",
    ];
    const TELLING: [&str; 38] = [
        "bad",
        "blocked",
        "denied",
        "disabled",
        "down",
        "error",
        "expired",
        "failed",
        "forbidden",
        "found",
        "incorrect",
        "insufficient",
        "invalid",
        "limit",
        "locked",
        "many",
        "mismatch",
        "missing",
        "not",
        "pending",
        "refused",
        "rejected",
        "required",
        "revoked",
        "slow",
        "suspended",
        "timeout",
        "unauthorized",
        "unavailable",
        "unexpected",
        "unknown",
        "unsupported",
        "unverified",
        "use",
        "used",
        "wrong",
        "already",
        "exceeded",
    ];
    if KNOWN.contains(&text) {
        return Some(text.to_owned());
    }
    let words: Vec<&str> = text.split(['_', '.']).collect();
    let has_one_case = |word: &&str| {
        (1..=16).contains(&word.len())
            && (word.bytes().all(|b| b.is_ascii_lowercase())
                || word.bytes().all(|b| b.is_ascii_uppercase()))
    };
    if words.len() > 8 || !words.iter().all(has_one_case) {
        return None;
    }
    let tells = |word: &&str| TELLING.contains(&word.to_ascii_lowercase().as_str());
    let telling: Vec<&str> = words.into_iter().filter(tells).collect();
    (!telling.is_empty()).then(|| telling.join("_"))
}

/// Returns whether the text is a path segment that many providers use.
pub(super) fn is_path_word(text: &str) -> bool {
    const WORDS: [&str; 20] = [
        "",
        "activate",
        "api",
        "auth",
        "authorize",
        "callback",
        "cli",
        "code",
        "connect",
        "device",
        "favicon.ico",
        "latchstring",
        "link",
        "login",
        "oauth",
        "oauth2",
        "start",
        "user",
        "v1",
        "verify",
    ];
    WORDS.contains(&text)
}

/// Returns whether the text is a common media type of bodies.
pub(super) fn is_media_type(text: &str) -> bool {
    const TYPES: [&str; 9] = [
        "application/json",
        "application/jwk-set+json",
        "application/jwt",
        "application/octet-stream",
        "application/problem+json",
        "application/x-www-form-urlencoded",
        "application/xml",
        "text/html",
        "text/plain",
    ];
    TYPES.contains(&text)
}

/// Returns whether the text could be a registered name, such as
/// `urn:ietf:params:oauth:grant-type:device_code`.
pub(super) fn is_registered(text: &str) -> bool {
    let may_stand = |b: u8| b.is_ascii_alphanumeric() || b"_:./+- ".contains(&b);
    text.len() <= 64 && text.bytes().all(may_stand)
}

/// Returns whether the text is a number.
pub(super) fn is_number(text: &str) -> bool {
    text.len() <= 24 && text.trim().parse::<f64>().is_ok()
}

/// Returns whether the text is a plain word, as in parameter names.
pub(super) fn is_plain_word(text: &str) -> bool {
    text.len() <= 24 && text.bytes().all(|b| b.is_ascii_lowercase() || b"_-.".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::error_code;

    #[test]
    fn an_error_code_is_reduced_to_words_that_name_no_user() {
        for (text, expected) in [
            ("invalid_grant", Some("invalid_grant")),
            ("unsupported_grant_type", Some("unsupported_grant_type")),
            ("REFRESH_TOKEN_NOT_FOUND", Some("REFRESH_TOKEN_NOT_FOUND")),
            ("user_mallorca_not_found", Some("not_found")),
            ("MALLORY_IS_NOT_ALLOWED", Some("NOT")),
            ("mallory.blocked", Some("blocked")),
            ("invalid_grant_of_mallory", Some("invalid")),
            ("mallory", None),
            ("not found: Mallory", None),
            ("not_found_7", None),
            ("a_b_c_d_e_f_g_h_not", None),
            ("", None),
        ] {
            assert_eq!(error_code(text).as_deref(), expected, "{text}");
        }
    }
}
