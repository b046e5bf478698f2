//! The settings of a profile, and how layers of settings combine.

use std::collections::BTreeMap;
use std::path::PathBuf;

use latchstring::Settings;
use latchstring::contract::Endpoints;
use serde::{Deserialize, Serialize};

use super::choices::{
    ClientAuth, Flow, Grant, KeyAlgorithm, Pkce, RedirectHost, ResponseMode, SecurityProfile,
};
use super::keys::KeyPlace;
use super::stores::StoreChoice;

/// A profile's settings, each of them optional.
#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Profile {
    /// Name of a preset.
    pub(crate) provider: Option<String>,
    pub(crate) issuer: Option<String>,
    /// URL of a protected resource, which names the issuer.
    pub(crate) resource_url: Option<String>,
    pub(crate) client_id: Option<String>,
    pub(crate) client_metadata_url: Option<String>,
    pub(crate) scopes: Option<Vec<String>>,
    pub(crate) resources: Option<Vec<String>>,
    /// Audience that tokens are for, if not the login's.
    pub(crate) audience: Option<String>,
    pub(crate) api_origins: Option<Vec<String>>,
    /// User name that credential helpers give beside the token.
    pub(crate) helper_username: Option<String>,
    pub(crate) client_secret_file: Option<PathBuf>,
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) client_cert: Option<PathBuf>,
    pub(crate) client_key: Option<PathBuf>,
    /// Whether tokens are bound to a key.
    pub(crate) dpop: Option<bool>,
    pub(crate) dpop_key_file: Option<KeyPlace>,
    /// Rules that the provider and these settings must keep.
    pub(crate) security: Option<SecurityProfile>,
    pub(crate) decryption_key_file: Option<PathBuf>,
    pub(crate) request_object: Option<bool>,
    pub(crate) response_mode: Option<ResponseMode>,
    /// File with what to ask for in detail.
    pub(crate) authorization_details: Option<PathBuf>,
    pub(crate) client_auth: Option<ClientAuth>,
    pub(crate) pkce: Option<Pkce>,
    pub(crate) discovery: Option<bool>,
    pub(crate) authorization_endpoint: Option<String>,
    pub(crate) token_endpoint: Option<String>,
    pub(crate) userinfo_endpoint: Option<String>,
    pub(crate) revocation_endpoint: Option<String>,
    pub(crate) device_authorization_endpoint: Option<String>,
    pub(crate) jwks_uri: Option<String>,
    pub(crate) end_session_endpoint: Option<String>,
    pub(crate) introspection_endpoint: Option<String>,
    pub(crate) tokeninfo_endpoint: Option<String>,
    pub(crate) grant: Option<Grant>,
    /// Places of assertions: see `Source`.
    pub(crate) assertion: Option<String>,
    pub(crate) subject_token: Option<String>,
    pub(crate) subject_profile: Option<String>,
    pub(crate) subject_token_type: Option<String>,
    pub(crate) requested_token_type: Option<String>,
    /// The identity provider whose word a grant needs.
    pub(crate) idp_issuer: Option<String>,
    pub(crate) idp_client_id: Option<String>,
    pub(crate) client_assertion: Option<String>,
    pub(crate) assertion_audience: Option<String>,
    pub(crate) client_key_file: Option<KeyPlace>,
    pub(crate) client_key_id: Option<String>,
    pub(crate) client_key_algorithm: Option<KeyAlgorithm>,
    pub(crate) flow: Option<Flow>,
    pub(crate) ports: Option<Vec<u16>>,
    pub(crate) redirect_host: Option<RedirectHost>,
    pub(crate) redirect_path: Option<String>,
    pub(crate) browser: Option<String>,
    pub(crate) no_browser: Option<bool>,
    pub(crate) no_qr: Option<bool>,
    pub(crate) pages: Option<PathBuf>,
    pub(crate) timeout: Option<u64>,
    pub(crate) store: Option<StoreChoice>,
    pub(crate) key_file: Option<PathBuf>,
    pub(crate) encrypt: Option<bool>,
    /// Settings of the preset.
    pub(crate) set: Option<Settings>,
    pub(crate) parameters: Option<BTreeMap<String, String>>,
}

/// Describes a provider by its preset and its issuer.
pub(crate) fn provider_in_words(preset: Option<&str>, issuer: Option<&str>) -> String {
    match (preset, issuer) {
        (Some(preset), Some(issuer)) => format!("{preset}, {issuer}"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => "no issuer".to_owned(),
    }
}

impl Profile {
    /// Combines two layers: these settings, and `below` for those that are not set here.
    pub(crate) fn over(self, below: Self) -> Self {
        let (browser, no_browser) = match (self.browser, self.no_browser) {
            // The two settings answer one question, so the upper layer decides both.
            (None, None) => (below.browser, below.no_browser),
            answered => answered,
        };
        // A certificate and its key belong together.
        let (client_cert, client_key) = match self.client_cert {
            Some(certificate) => (Some(certificate), self.client_key),
            None => (below.client_cert, self.client_key.or(below.client_key)),
        };
        let set = match (self.set, below.set) {
            (Some(own), Some(below)) => Some(below.into_iter().chain(own).collect()),
            (own, below) => own.or(below),
        };
        Self {
            provider: self.provider.or(below.provider),
            set,
            issuer: self.issuer.or(below.issuer),
            resource_url: self.resource_url.or(below.resource_url),
            client_id: self.client_id.or(below.client_id),
            client_metadata_url: self.client_metadata_url.or(below.client_metadata_url),
            scopes: self.scopes.or(below.scopes),
            resources: self.resources.or(below.resources),
            audience: self.audience.or(below.audience),
            api_origins: self.api_origins.or(below.api_origins),
            helper_username: self.helper_username.or(below.helper_username),
            client_secret_file: self.client_secret_file.or(below.client_secret_file),
            ca_file: self.ca_file.or(below.ca_file),
            client_cert,
            client_key,
            dpop: self.dpop.or(below.dpop),
            dpop_key_file: self.dpop_key_file.or(below.dpop_key_file),
            security: self.security.or(below.security),
            decryption_key_file: self.decryption_key_file.or(below.decryption_key_file),
            request_object: self.request_object.or(below.request_object),
            response_mode: self.response_mode.or(below.response_mode),
            authorization_details: self.authorization_details.or(below.authorization_details),
            client_auth: self.client_auth.or(below.client_auth),
            pkce: self.pkce.or(below.pkce),
            discovery: self.discovery.or(below.discovery),
            authorization_endpoint: self.authorization_endpoint.or(below.authorization_endpoint),
            token_endpoint: self.token_endpoint.or(below.token_endpoint),
            userinfo_endpoint: self.userinfo_endpoint.or(below.userinfo_endpoint),
            revocation_endpoint: self.revocation_endpoint.or(below.revocation_endpoint),
            device_authorization_endpoint: self
                .device_authorization_endpoint
                .or(below.device_authorization_endpoint),
            jwks_uri: self.jwks_uri.or(below.jwks_uri),
            end_session_endpoint: self.end_session_endpoint.or(below.end_session_endpoint),
            introspection_endpoint: self.introspection_endpoint.or(below.introspection_endpoint),
            tokeninfo_endpoint: self.tokeninfo_endpoint.or(below.tokeninfo_endpoint),
            grant: self.grant.or(below.grant),
            assertion: self.assertion.or(below.assertion),
            subject_token: self.subject_token.or(below.subject_token),
            subject_profile: self.subject_profile.or(below.subject_profile),
            subject_token_type: self.subject_token_type.or(below.subject_token_type),
            requested_token_type: self.requested_token_type.or(below.requested_token_type),
            idp_issuer: self.idp_issuer.or(below.idp_issuer),
            idp_client_id: self.idp_client_id.or(below.idp_client_id),
            client_assertion: self.client_assertion.or(below.client_assertion),
            assertion_audience: self.assertion_audience.or(below.assertion_audience),
            client_key_file: self.client_key_file.or(below.client_key_file),
            client_key_id: self.client_key_id.or(below.client_key_id),
            client_key_algorithm: self.client_key_algorithm.or(below.client_key_algorithm),
            flow: self.flow.or(below.flow),
            ports: self.ports.or(below.ports),
            redirect_host: self.redirect_host.or(below.redirect_host),
            redirect_path: self.redirect_path.or(below.redirect_path),
            browser,
            no_browser,
            no_qr: self.no_qr.or(below.no_qr),
            pages: self.pages.or(below.pages),
            timeout: self.timeout.or(below.timeout),
            store: self.store.or(below.store),
            key_file: self.key_file.or(below.key_file),
            encrypt: self.encrypt.or(below.encrypt),
            parameters: self.parameters.or(below.parameters),
        }
    }

    /// Combines two layers like [`over`](Self::over), but adds the API origins to those
    /// below: a program that gets one more host keeps the others.
    pub(crate) fn over_all_origins(self, below: Self) -> Self {
        let known = below.api_origins.clone().unwrap_or_default();
        let added = self.api_origins.clone().map(|own| {
            let own = own.into_iter().filter(|origin| !known.contains(origin));
            known.iter().cloned().chain(own).collect()
        });
        Self { api_origins: added, ..self }.over(below)
    }

    /// Returns the settings that apply to the provider and the client that `asked` names.
    ///
    /// For another provider, only the user's habits apply. For another client of the same
    /// provider, the secret, the certificate and the redirect of this one do not apply.
    pub(crate) fn fitting(self, asked: &Self) -> Self {
        let habits = Self {
            flow: self.flow,
            browser: self.browser.clone(),
            no_browser: self.no_browser,
            no_qr: self.no_qr,
            pages: self.pages.clone(),
            timeout: self.timeout,
            store: self.store.clone(),
            key_file: self.key_file.clone(),
            encrypt: self.encrypt,
            ..Self::default()
        };
        if self.is_left_by(asked) {
            return habits;
        }
        if differ(&asked.client_id, &self.client_id) || self.is_set_otherwise_by(asked) {
            return Self {
                provider: self.provider,
                set: self.set,
                api_origins: self.api_origins,
                helper_username: self.helper_username,
                ca_file: self.ca_file,
                issuer: self.issuer,
                resource_url: self.resource_url,
                pkce: self.pkce,
                discovery: self.discovery,
                authorization_endpoint: self.authorization_endpoint,
                token_endpoint: self.token_endpoint,
                userinfo_endpoint: self.userinfo_endpoint,
                revocation_endpoint: self.revocation_endpoint,
                device_authorization_endpoint: self.device_authorization_endpoint,
                jwks_uri: self.jwks_uri,
                end_session_endpoint: self.end_session_endpoint,
                introspection_endpoint: self.introspection_endpoint,
                tokeninfo_endpoint: self.tokeninfo_endpoint,
                ..habits
            };
        }
        self
    }

    /// Returns only the trusted certificates and the client's own certificate and key.
    pub(crate) fn trust(&self) -> Self {
        Self {
            ca_file: self.ca_file.clone(),
            client_cert: self.client_cert.clone(),
            client_key: self.client_key.clone(),
            ..Self::default()
        }
    }

    /// Whether `asked` names another provider than these settings do. The token endpoint
    /// identifies a provider without an issuer. For a provider with an issuer, an endpoint
    /// set by hand does not mean another provider.
    pub(crate) fn is_left_by(&self, asked: &Self) -> bool {
        match (&asked.resource_url, &self.resource_url) {
            (Some(asked), Some(own)) if is_same_resource(asked, own) => {}
            (Some(_), _) => return self.names_provider(),
            (None, Some(_)) if asked.provider.is_some() || asked.token_endpoint.is_some() => {
                return true;
            }
            _ => {}
        }
        match (&asked.provider, &self.provider) {
            (Some(asked), Some(own)) => return asked != own,
            (Some(_), None) => return self.names_provider(),
            (None, Some(_)) => return asked.issuer.is_some() || asked.token_endpoint.is_some(),
            (None, None) => {}
        }
        match (&asked.issuer, &self.issuer) {
            (Some(asked), Some(own)) => asked != own,
            (Some(_), None) => self.token_endpoint.is_some(),
            (None, Some(_)) => false,
            (None, None) => differ(&asked.token_endpoint, &self.token_endpoint),
        }
    }

    /// Takes the resource out of what is asked for, if the login of these settings was not for
    /// it and nothing else means another login.
    pub(crate) fn take_other_resource(&self, asked: &mut Self) -> Option<String> {
        let Some([resource]) = asked.resources.as_deref() else { return None };
        let is_other = self.resources.as_deref() != Some(std::slice::from_ref(resource));
        let is_own_login = self.names_provider()
            && !self.is_left_by(asked)
            && !differ(&asked.client_id, &self.client_id)
            && !self.is_set_otherwise_by(asked);
        match is_other && is_own_login {
            true => asked.resources.take()?.pop(),
            false => None,
        }
    }

    /// Whether `asked` sets a setting of the preset to another value, which may mean another
    /// server or another client.
    pub(crate) fn is_set_otherwise_by(&self, asked: &Self) -> bool {
        let (Some(own), Some(asked)) = (&self.set, &asked.set) else { return false };
        asked.iter().any(|(name, value)| own.get(name).is_some_and(|own| own != value))
    }

    /// Whether tokens are bound to a key.
    pub(crate) fn is_bound(&self) -> bool {
        self.dpop == Some(true) || self.dpop_key_file.is_some()
    }

    /// Returns the endpoints that are set by hand.
    pub(crate) fn endpoints(&self) -> Endpoints {
        Endpoints {
            authorization: self.authorization_endpoint.clone(),
            token: self.token_endpoint.clone(),
            userinfo: self.userinfo_endpoint.clone(),
            revocation: self.revocation_endpoint.clone(),
            device_authorization: self.device_authorization_endpoint.clone(),
            jwks: self.jwks_uri.clone(),
            end_session: self.end_session_endpoint.clone(),
            introspection: self.introspection_endpoint.clone(),
            tokeninfo: self.tokeninfo_endpoint.clone(),
        }
    }

    pub(crate) fn names_provider(&self) -> bool {
        self.provider.is_some()
            || self.issuer.is_some()
            || self.resource_url.is_some()
            || self.token_endpoint.is_some()
    }

    /// Returns the parameters that are sent. One with an empty value is not: it leaves out a
    /// default parameter.
    fn sent_parameters(&self) -> impl Iterator<Item = (&String, &String)> {
        self.parameters.iter().flatten().filter(|(_, value)| !value.is_empty())
    }

    /// Leaves out the parameters that the provider refuses, from now on.
    pub(crate) fn leaving_out(mut self, refused: &[String]) -> Self {
        for name in refused {
            let parameters = self.parameters.get_or_insert_default();
            parameters.entry(name.clone()).or_default();
        }
        self
    }

    /// Whether both settings lead to the same session.
    pub(crate) fn shares_session_with(&self, other: &Self) -> bool {
        self.provider == other.provider
            && self.set == other.set
            && self.issuer == other.issuer
            && self.resource_url.as_deref().map(without_final_slash)
                == other.resource_url.as_deref().map(without_final_slash)
            && self.client_id == other.client_id
            && self.scopes == other.scopes
            && self.resources == other.resources
            && self.grant == other.grant
            && self.is_bound() == other.is_bound()
            && self.sent_parameters().eq(other.sent_parameters())
            && self.authorization_endpoint == other.authorization_endpoint
            && self.token_endpoint == other.token_endpoint
    }
}

/// Whether two URLs name the same resource: a final slash makes no difference.
pub(crate) fn is_same_resource(one: &str, other: &str) -> bool {
    without_final_slash(one) == without_final_slash(other)
}

fn without_final_slash(url: &str) -> &str {
    url.trim_end_matches('/')
}

fn differ(one: &Option<String>, other: &Option<String>) -> bool {
    one.is_some() && other.is_some() && one != other
}
