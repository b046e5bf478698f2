//! Turns command-line arguments into settings.

use std::path::{Path, PathBuf};

use latchstring::capability::loopback;
use latchstring::contract;
use latchstring::{ClientAuthentication, LoginFlow};

use crate::cli::args::{LoginArgs, ProviderArgs, RedirectArgs};
use crate::cli::choices::{ClientAuth, Flow, KeyAlgorithm, Pkce, RedirectHost};
use crate::cli::keys::KeyPlace;
use crate::cli::profile::Profile;

impl ProviderArgs {
    /// Turns these arguments into settings.
    pub(crate) fn into_profile(self) -> Profile {
        let (security, unattended) = (self.security, self.unattended);
        Profile {
            issuer: self.issuer,
            resource_url: self.resource_url,
            client_id: self.client_id,
            client_metadata_url: self.client_metadata_url,
            scopes: some(words(self.scopes)),
            resources: some(words(self.resources)),
            audience: self.audience,
            api_origins: some(words(self.api_origins)),
            helper_username: self.helper_username,
            client_secret_file: self.client_secret_file.map(|path| absolute(&path)),
            ca_file: self.ca_file.map(|path| absolute(&path)),
            client_cert: self.client_cert.map(|path| absolute(&path)),
            client_key: self.client_key.map(|path| absolute(&path)),
            dpop: security.dpop.then_some(true),
            dpop_key_file: security.dpop_key_file.map(KeyPlace::absolute),
            security: security.profile_of,
            decryption_key_file: security.decryption_key_file.map(|path| absolute(&path)),
            request_object: security.request_object.then_some(true),
            response_mode: security.response_mode,
            authorization_details: security.authorization_details.map(|path| absolute(&path)),
            client_auth: self.client_auth,
            pkce: self.pkce,
            discovery: self.no_discovery.then_some(false),
            authorization_endpoint: self.authorization_endpoint,
            token_endpoint: self.token_endpoint,
            userinfo_endpoint: self.userinfo_endpoint,
            revocation_endpoint: self.revocation_endpoint,
            device_authorization_endpoint: self.device_authorization_endpoint,
            jwks_uri: self.jwks_uri,
            end_session_endpoint: self.end_session_endpoint,
            introspection_endpoint: self.introspection_endpoint,
            tokeninfo_endpoint: self.tokeninfo_endpoint,
            grant: unattended.grant,
            assertion: unattended.assertion.or(unattended.assertion_file.map(in_file)),
            subject_token: unattended.subject_token.or(unattended.subject_token_file.map(in_file)),
            subject_profile: unattended.subject_profile,
            subject_token_type: unattended.subject_token_type,
            requested_token_type: unattended.requested_token_type,
            idp_issuer: unattended.idp_issuer,
            idp_client_id: unattended.idp_client_id,
            client_assertion: unattended.client_assertion,
            assertion_audience: unattended.assertion_audience,
            client_key_file: unattended.client_key_file.map(KeyPlace::absolute),
            client_key_id: unattended.client_key_id,
            client_key_algorithm: unattended.client_key_algorithm,
            provider: self.preset.provider,
            set: some(self.preset.set).map(|pairs| pairs.into_iter().collect()),
            ..Profile::default()
        }
    }
}

impl LoginArgs {
    /// Turns these arguments into settings.
    pub(crate) fn into_profile(self) -> Profile {
        let RedirectArgs {
            flow,
            ports,
            redirect_host,
            redirect_path,
            browser,
            no_browser,
            no_qr,
            pages,
            timeout,
            parameters,
        } = self.redirect;
        Profile {
            flow,
            ports: some(ports),
            redirect_host,
            redirect_path,
            browser,
            no_browser: no_browser.then_some(true),
            no_qr: no_qr.then_some(true),
            pages: pages.map(|path| absolute(&path)),
            timeout,
            parameters: some(parameters).map(|pairs| pairs.into_iter().collect()),
            ..self.provider.into_profile()
        }
    }
}

/// Removes empty words, which two spaces in a row leave behind.
pub(crate) fn words(list: Vec<String>) -> Vec<String> {
    list.into_iter().filter(|word| !word.is_empty()).collect()
}

/// Returns `None` for an empty list, which means that it was not given.
fn some<T>(list: Vec<T>) -> Option<Vec<T>> {
    (!list.is_empty()).then_some(list)
}

/// The place of an assertion in this file.
fn in_file(path: PathBuf) -> String {
    format!("file:{}", absolute(&path).display())
}

/// Makes `path` absolute, because a remembered path must mean the same in every folder.
pub(crate) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

impl From<Flow> for Option<LoginFlow> {
    fn from(flow: Flow) -> Self {
        match flow {
            Flow::Auto => None,
            Flow::Browser => Some(LoginFlow::Browser),
            Flow::Paste => Some(LoginFlow::Paste),
            Flow::Device => Some(LoginFlow::Device),
        }
    }
}

impl From<RedirectHost> for loopback::RedirectHost {
    fn from(host: RedirectHost) -> Self {
        match host {
            RedirectHost::Ipv4 => Self::Ipv4,
            RedirectHost::Localhost => Self::Localhost,
            RedirectHost::Ipv6 => Self::Ipv6,
        }
    }
}

impl From<KeyAlgorithm> for contract::SigningAlgorithm {
    fn from(algorithm: KeyAlgorithm) -> Self {
        match algorithm {
            KeyAlgorithm::Es256 => Self::Es256,
            KeyAlgorithm::EdDsa => Self::Eddsa,
            KeyAlgorithm::Ps256 => Self::Ps256,
            KeyAlgorithm::Rs256 => Self::Rs256,
        }
    }
}

impl From<Pkce> for contract::Pkce {
    fn from(pkce: Pkce) -> Self {
        match pkce {
            Pkce::Discovered => Self::Discovered,
            Pkce::Known => Self::Known,
            Pkce::Required => Self::Required,
        }
    }
}

impl From<ClientAuth> for ClientAuthentication {
    fn from(method: ClientAuth) -> Self {
        match method {
            // A certificate is no part of the request.
            ClientAuth::None | ClientAuth::Certificate => Self::None,
            ClientAuth::ClientSecretBasic => Self::ClientSecretBasic,
            ClientAuth::ClientSecretPost => Self::ClientSecretPost,
            ClientAuth::ClientSecretJwt => Self::ClientSecretJwt,
            ClientAuth::PrivateKeyJwt => Self::PrivateKeyJwt,
            ClientAuth::Assertion => Self::Assertion,
        }
    }
}
