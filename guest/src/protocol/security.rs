//! The security profile of FAPI 2.0, as far as a client can see that it is kept.

use crate::contract::{Client, ClientAuthentication, Code, Failure, Security, SigningAlgorithm};
use crate::protocol::assertion::algorithm_name;
use crate::protocol::endpoint::Issuer;
use crate::protocol::metadata::Provider;

/// Checks that the client keeps the rules that its settings name, whatever the provider does
/// (FAPI 2.0 Security Profile §5.3.3, §5.4). Fails with `invalid-configuration`, and names all
/// that is missing.
pub(crate) fn check_client_security(client: &Client) -> Result<(), Failure> {
    if client.security == Security::Usual {
        return Ok(());
    }
    let is_named_by_hand = {
        let endpoints = &client.endpoints;
        [&endpoints.authorization, &endpoints.token, &endpoints.jwks]
            .iter()
            .any(|one| one.is_some())
    };
    let key = client
        .key
        .as_ref()
        .filter(|_| client.authentication != Some(ClientAuthentication::ClientSecretJwt));
    let missing = missing([
        (
            key.is_some() || client.certificate,
            "a client that authenticates with a key or a certificate (--client-key-file, or --client-cert)",
        ),
        (
            client.dpop.is_some() || client.certificate,
            "tokens that are bound to a key (--dpop, or --client-cert)",
        ),
        (
            key.is_none_or(|key| key.algorithm != SigningAlgorithm::Rs256),
            "a key for PS256, ES256 or EdDSA instead of RS256",
        ),
        (
            key.is_none_or(|key| key.audience.is_none()),
            "client assertions for the issuer instead of another audience",
        ),
        (
            client.issuer.is_some() && client.discover && !is_named_by_hand,
            "endpoints from the issuer's metadata instead of settings",
        ),
    ]);
    match missing.is_empty() {
        true => Ok(()),
        false => Err(Failure::configuration(
            format!("these settings do not keep to FAPI 2.0; it requires {missing}"),
            "change the settings, or log in without --profile-of fapi2",
        )),
    }
}

/// Checks that the provider's metadata has what its rules require of it (FAPI 2.0 Security
/// Profile §5.3.2), and that it can take what this client sends. Fails with
/// `invalid-metadata`, and names all that is missing. `is_login`: there is an authorization
/// request.
pub(crate) fn check_provider_security(
    client: &Client,
    provider: &Provider,
    is_login: bool,
) -> Result<(), Failure> {
    let lists = |names: &Option<Vec<String>>, wanted: &str| {
        names.as_ref().is_some_and(|names| names.iter().any(|name| name == wanted))
    };
    if let (Some(key), Some(known)) = (&client.dpop, &provider.proof_algorithms)
        && !known.iter().any(|one| one == algorithm_name(key.algorithm))
    {
        return Err(weak(format!(
            "the provider takes no DPoP proofs that are signed with {} (dpop_signing_alg_values_supported)",
            algorithm_name(key.algorithm)
        )));
    }
    if client.security == Security::Usual {
        return Ok(());
    }
    let is_protected = match client.issuer.as_deref().and_then(|issuer| Issuer::parse(issuer).ok())
    {
        Some(issuer) => issuer.url().scheme() == "https" || issuer.is_loopback(),
        None => false,
    };
    let authenticates = match client.key {
        Some(_) => lists(&provider.auth_methods, "private_key_jwt"),
        None => ["tls_client_auth", "self_signed_tls_client_auth"]
            .iter()
            .any(|method| lists(&provider.auth_methods, method)),
    };
    let binds = match client.dpop {
        Some(_) => provider.proof_algorithms.is_some(),
        None => provider.binds_to_certificates,
    };
    let missing = missing([
        (is_protected, "an issuer with https"),
        (
            authenticates,
            "private_key_jwt or tls_client_auth, as this client authenticates, in token_endpoint_auth_methods_supported",
        ),
        (
            binds,
            "dpop_signing_alg_values_supported, or tls_client_certificate_bound_access_tokens for a certificate",
        ),
        (!is_login || provider.pushed_endpoint.is_some(), "pushed_authorization_request_endpoint"),
        (
            !is_login || provider.supports_pkce == Some(true),
            "S256 in code_challenge_methods_supported",
        ),
        (!is_login || provider.sends_issuer, "authorization_response_iss_parameter_supported"),
    ]);
    match missing.is_empty() {
        true => Ok(()),
        false => Err(weak(format!(
            "the provider does not keep to FAPI 2.0; its metadata lacks {missing}"
        ))),
    }
}

/// Fails with `invalid-configuration` if the client's rules know no login on another device.
pub(crate) fn check_device_security(client: &Client) -> Result<(), Failure> {
    match client.security {
        Security::Usual => Ok(()),
        Security::Fapi2 => Err(Failure::configuration(
            "FAPI 2.0 has no login on another device",
            "log in with --flow browser, or --flow paste where there is none",
        )),
    }
}

/// Returns what is not fulfilled, as a list in words.
fn missing<const N: usize>(rules: [(bool, &str); N]) -> String {
    let missing = rules.iter().filter(|(is_kept, _)| !is_kept).map(|(_, words)| *words);
    missing.collect::<Vec<_>>().join("; ")
}

fn weak(message: String) -> Failure {
    Failure::new(Code::InvalidMetadata, message, "ask the provider, or log in without demanding it")
}
