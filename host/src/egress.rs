//! Where requests may go, whatever the component asks for.
//!
//! - https only, or http on a loopback address;
//! - the origins that the caller named (the issuer, endpoints given by hand),
//!   and those that the issuer's own metadata names;
//! - private addresses only where the caller named them, or the issuer itself
//!   lives on one.
//!
//! The host reads the metadata with its own eyes: what the component makes of
//! it changes nothing here.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Mutex;

use serde_json::Value;
use url::{Host, Url};

use crate::capability::http::addresses::{is_loopback, is_public};
use crate::capability::http::look_up;
use crate::contract::{Client, Response};

pub(crate) struct Egress {
    issuer: Option<String>,
    /// It calls itself https, though it is not reached so.
    https_issuer: bool,
    /// Origins that the caller named.
    named: BTreeSet<String>,
    /// Origins that the issuer's metadata named.
    pinned: Mutex<BTreeSet<String>>,
}

/// A request that may be sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Permit {
    pub(crate) private_addresses: bool,
}

impl Egress {
    /// `pinned` are the origins stored with the session.
    pub(crate) fn new(client: &Client, pinned: &[String]) -> Self {
        let endpoints = [&client.endpoints, &client.assumed_endpoints].into_iter();
        let named = endpoints.flat_map(|endpoints| {
            [
                &endpoints.authorization,
                &endpoints.token,
                &endpoints.userinfo,
                &endpoints.revocation,
                &endpoints.device_authorization,
                &endpoints.jwks,
                &endpoints.introspection,
                &endpoints.tokeninfo,
            ]
        });
        let named = named.chain([&client.issuer]);
        Self {
            issuer: client.issuer.clone(),
            https_issuer: client.https_issuer,
            named: named.flatten().filter_map(|url| origin(&Url::parse(url).ok()?)).collect(),
            pinned: Mutex::new(pinned.iter().cloned().collect()),
        }
    }

    /// The error says why not, in one line.
    pub(crate) async fn permit(&self, url: &str) -> Result<Permit, String> {
        let url = Url::parse(url).map_err(|error| format!("its address is no URL: {error}"))?;
        let Some(origin) = origin(&url) else {
            return Err(format!(
                "{} is neither https nor http on a loopback address",
                url.scheme()
            ));
        };
        if self.named.contains(&origin) {
            return Ok(Permit { private_addresses: true });
        }
        if !self.pinned().contains(&origin) {
            return Err(format!("{origin} is neither the issuer's nor named by its metadata"));
        }
        Ok(Permit { private_addresses: self.issuer_is_private().await })
    }

    /// Pins what the issuer's metadata names, if that is what this response is.
    pub(crate) fn learn(&self, url: &str, response: &Response) {
        let Some(issuer) = &self.issuer else { return };
        if response.status != 200 || !is_metadata_url(url, issuer) {
            return;
        }
        let Ok(Value::Object(document)) = serde_json::from_slice(&response.body) else { return };
        let name = document.get("issuer").and_then(Value::as_str);
        let https_name = issuer.replacen("http:", "https:", 1);
        if name != Some(issuer) && !(self.https_issuer && name == Some(&https_name)) {
            return;
        }
        let loopback = Url::parse(issuer).is_ok_and(|issuer| is_loopback(&issuer));
        let origins = document
            .iter()
            .filter(|(name, _)| name.ends_with("_endpoint") || *name == "jwks_uri")
            .filter_map(|(_, value)| Url::parse(value.as_str()?).ok())
            .filter(|url| url.scheme() == "https" || loopback)
            .filter_map(|url| origin(&url));
        self.pinned().extend(origins);
    }

    /// What to store with the session.
    pub(crate) fn pinned_origins(&self) -> Vec<String> {
        self.pinned().iter().cloned().collect()
    }

    fn pinned(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.pinned.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    async fn issuer_is_private(&self) -> bool {
        let Some(url) = self.issuer.as_deref().and_then(|issuer| Url::parse(issuer).ok()) else {
            return false;
        };
        match url.host() {
            Some(Host::Ipv4(address)) => !is_public(IpAddr::V4(address)),
            Some(Host::Ipv6(address)) => !is_public(IpAddr::V6(address)),
            Some(Host::Domain(name)) => {
                look_up(name).await.into_iter().any(|address| !is_public(address))
            }
            None => false,
        }
    }
}

/// Scheme, host and port; none where no request may go.
pub(crate) fn origin(url: &Url) -> Option<String> {
    let allowed = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url));
    allowed.then(|| url.origin().ascii_serialization())
}

/// The two places where an issuer's metadata may lie (OpenID Connect Discovery
/// §4.1, RFC 8414 §3.1).
fn is_metadata_url(url: &str, issuer: &str) -> bool {
    let Ok(parsed) = Url::parse(issuer) else { return false };
    let mut oauth = parsed.clone();
    let path = parsed.path().trim_end_matches('/');
    oauth.set_path(&format!("/.well-known/oauth-authorization-server{path}"));
    url == format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))
        || url == oauth.as_str()
}
