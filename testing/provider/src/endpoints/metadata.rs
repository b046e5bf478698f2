//! Metadata (OpenID Connect Discovery §3, RFC 8414 §2).

use serde_json::{Value, json};

use crate::call::Call;
use crate::claims::members;
use crate::endpoint::Endpoint;

/// Returns the metadata: the listed endpoints, what the dialect says elsewhere, and what
/// it adds.
pub(super) fn document(call: &Call<'_>) -> Value {
    let (dialect, issuer) = (call.dialect, &call.issuer);
    let own_method = call.context.options.authentication.name();
    let methods = match dialect.authentication_methods {
        [] => vec![own_method],
        methods => methods.to_vec(),
    };
    let mut grant_types = vec!["authorization_code", "refresh_token"];
    if dialect.device.is_some() {
        grant_types.insert(1, super::token::DEVICE_CODE);
    }
    let mut metadata = members(json!({
        "issuer": issuer.url(),
        "response_types_supported": ["code"],
        "grant_types_supported": grant_types,
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": methods,
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": [dialect.signing.name()],
    }));
    for route in dialect.routes().filter(|route| route.listed) {
        let url = format!("{}{}", issuer.origin, issuer.path_of(route.path));
        let member = route.endpoint().and_then(Endpoint::member);
        metadata.extend(member.map(|member| (member.into(), json!(url))));
    }
    if !dialect.scopes.is_empty() {
        metadata.insert("scopes_supported".into(), json!(dialect.scopes));
    }
    if dialect.names_issuer {
        metadata.insert("authorization_response_iss_parameter_supported".into(), json!(true));
    }
    metadata.extend(members((dialect.more_metadata)(own_method)));
    Value::Object(metadata)
}
