//! Where requests and the user's browser may go.

use std::net::IpAddr;
use std::rc::Rc;

use latchstring_core::egress::{self, Egress, Outgoing, Permit, Provider};
use url::Url;

use crate::contract as wit;

pub(crate) struct Policy(Rc<Egress>);

impl Policy {
    /// Returns the same policy, for a login that goes on using what it learns.
    pub(crate) fn shared(&self) -> Rc<Egress> {
        Rc::clone(&self.0)
    }
}

impl wit::GuestEgress for Policy {
    fn new(provider: wit::Provider, pinned: Vec<String>, redirect_uri: Option<String>) -> Self {
        let provider = Provider {
            issuer: provider.issuer.as_deref(),
            resource: provider.resource.as_deref(),
            https_issuer: provider.https_issuer,
            endpoints: provider.endpoints.iter().map(String::as_str).collect(),
            pages: provider.pages.iter().map(String::as_str).collect(),
        };
        let egress = Egress::of(&provider, &pinned);
        Self(Rc::new(match redirect_uri {
            Some(redirect_uri) => egress.coming_back_to(&redirect_uri),
            None => egress,
        }))
    }

    fn permit(&self, request: wit::Outgoing) -> Result<wit::Permit, String> {
        let headers = request.headers.iter();
        let (url, permit) = self.0.permit_outgoing(&Outgoing {
            url: &request.url,
            headers: headers.map(|one| (&*one.name, bytes(one.value_bytes))).collect(),
            body_bytes: bytes(request.body_bytes),
        })?;
        let addresses = match permit {
            Permit::AnyAddress => wit::Addresses::Any,
            Permit::AsIssuer => wit::Addresses::AsIssuer,
        };
        Ok(wit::Permit { url: url.into(), addresses })
    }

    fn permit_page(&self, url: String) -> Result<String, wit::Failure> {
        Ok(self.0.permit_page(&url).map(Url::into)?)
    }

    fn learn_resource_metadata(&self, url: String, status: u16, body: String) {
        self.0.learn_resource_metadata(&url, status, body.as_bytes());
    }

    fn learn_metadata(&self, url: String, status: u16, body: String) {
        self.0.learn_metadata(&url, status, body.as_bytes());
    }

    fn learn_device_authorization(&self, body: String) {
        self.0.learn_device_authorization(body.as_bytes());
    }

    fn learn_pushed_authorization(&self, form: String, body: String) {
        self.0.learn_pushed_authorization(form.as_bytes(), body.as_bytes());
    }

    fn pinned_origins(&self) -> Vec<String> {
        self.0.pinned_origins()
    }

    fn unresolved_issuer(&self) -> Option<String> {
        self.0.unresolved_issuer().map(Url::into)
    }

    fn learn_issuer_addresses(&self, addresses: Vec<String>) {
        // One that cannot be parsed makes the issuer public, like one that is.
        let parsed: Option<Vec<IpAddr>> = addresses.iter().map(|one| address(one)).collect();
        self.0.learn_issuer_addresses(&parsed.unwrap_or_default());
    }

    fn issuer_is_private(&self) -> bool {
        self.0.issuer_is_private()
    }
}

pub(crate) fn is_public(text: &str) -> bool {
    address(text).is_some_and(egress::addresses::is_public)
}

/// Parses an address. A zone after `%` (RFC 4007 §11) changes nothing.
fn address(text: &str) -> Option<IpAddr> {
    text.split('%').next()?.parse().ok()
}

/// A length that no memory here holds is too large for every limit.
fn bytes(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
}
