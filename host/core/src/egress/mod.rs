//! Where requests and the user's browser may go, whatever the component asks for.
//!
//! - https only, or http on a loopback address;
//! - requests: to the origins that the caller named (the issuer, a protected resource and
//!   configured endpoints), to those of the issuers that the resource's metadata names, and
//!   to those that an issuer's metadata names;
//! - private addresses: only if the caller named the origin, or if all of the issuer's own
//!   addresses, or those of the resource that named it, are private;
//! - the browser: to those origins, to the configured end-session endpoint and Hexclave's
//!   app, and to the verification pages in the provider's device authorization response. It
//!   comes back to this login's redirect URI only.
//!
//! The host parses metadata and responses itself: what the component makes of them changes
//! nothing here.
//!
//! The policy does no I/O, not even a DNS query: the caller resolves the issuer's name
//! within the time limit of the request that depends on it, and at most once in a session.

pub mod addresses;
mod api_origins;
mod browser_url;
mod headers;

pub use api_origins::{Origins, api_origin, is_allowed};
pub use browser_url::browser_url;
pub use headers::{check_header_name, headers};

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use url::{Host, Url, form_urlencoded};

use addresses::{is_loopback, is_public};

use crate::contract::{Client, Protocol, Purpose, Request, Response};
use crate::error::{Code, Error};

/// Most headers of one request. An honest request has about six.
const HEADERS: usize = 32;

/// Most bytes of one request: address, headers and body. Tokens are the largest part of an
/// honest request.
const REQUEST_BYTES: usize = 1 << 20;

/// The policy of one session.
pub struct Egress {
    issuer: Option<String>,
    /// The URL of the protected resource that a login is for.
    resource: Option<String>,
    /// Issuers that the resource named, and its own origin.
    issuers: Mutex<BTreeSet<String>>,
    /// Whether all addresses of the issuer's host are private, or those of the resource's
    /// host if there is one; unset until its name is resolved.
    issuer_is_private: OnceLock<bool>,
    /// Whether the issuer's metadata names it with https although it is reached over http.
    https_issuer: bool,
    /// Origins that the caller named.
    named: BTreeSet<String>,
    /// Origins that the issuer's metadata named.
    pinned: Mutex<BTreeSet<String>>,
    /// Origins that the browser may open and requests may not go to.
    pages: Mutex<BTreeSet<String>>,
    /// References to authorization requests that the provider got directly.
    pushed: Mutex<BTreeSet<String>>,
    /// The redirect URI of this login; `None` outside of a login.
    redirect_uri: Option<String>,
}

/// The settings of a client that name origins.
pub struct Provider<'a> {
    /// The client's issuer.
    pub issuer: Option<&'a str>,
    /// The URL of the protected resource that a login is for.
    pub resource: Option<&'a str>,
    /// Whether the issuer's metadata names it with https although it is reached over http.
    pub https_issuer: bool,
    /// URLs that requests may go to.
    pub endpoints: Vec<&'a str>,
    /// URLs that only the user's browser may go to.
    pub pages: Vec<&'a str>,
}

/// A request, as far as the policy looks at it.
pub struct Outgoing<'a> {
    /// The URL.
    pub url: &'a str,
    /// The name of each header, and the length of its value in bytes.
    pub headers: Vec<(&'a str, usize)>,
    /// Length of the body in bytes.
    pub body_bytes: usize,
}

impl<'a> From<&'a Request> for Outgoing<'a> {
    fn from(Request { url, headers, body, .. }: &'a Request) -> Self {
        Self {
            url,
            headers: headers.iter().map(|header| (&*header.name, header.value.len())).collect(),
            body_bytes: body.as_ref().map_or(0, Vec::len),
        }
    }
}

/// Which addresses a permitted request may connect to.
#[derive(Debug, PartialEq, Eq)]
pub enum Permit {
    /// Any address: the caller named the origin.
    AnyAddress,
    /// Public addresses, and private ones if all of the issuer's addresses are private.
    AsIssuer,
}

impl Egress {
    /// Creates the policy of a session. `pinned` are the origins stored with the session.
    pub fn new(client: &Client, pinned: &[String]) -> Self {
        let endpoints = [&client.endpoints, &client.assumed_endpoints].into_iter();
        let asked = endpoints.flat_map(|endpoints| {
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
        let shown = [&client.endpoints.end_session, &client.assumed_endpoints.end_session];
        let app_url = match &client.protocol {
            Protocol::Hexclave(hexclave) => Some(&hexclave.app_url),
            Protocol::Oauth => None,
        };
        let provider = Provider {
            issuer: client.issuer.as_deref(),
            resource: client.resource_url.as_deref(),
            https_issuer: client.https_issuer,
            endpoints: asked.flatten().map(String::as_str).collect(),
            pages: shown.into_iter().flatten().chain(app_url).map(String::as_str).collect(),
        };
        Self::of(&provider, pinned)
    }

    /// Creates the policy from the settings that name origins. `pinned` are the origins
    /// stored with the session.
    pub fn of(provider: &Provider<'_>, pinned: &[String]) -> Self {
        let Provider { issuer, resource, https_issuer, endpoints, pages } = provider;
        let issuer_is_private = match resource.or(*issuer).and_then(issuer_host) {
            Some(Host::Domain(_)) => OnceLock::new(),
            Some(Host::Ipv4(address)) => OnceLock::from(!is_public(address.into())),
            Some(Host::Ipv6(address)) => OnceLock::from(!is_public(address.into())),
            None => OnceLock::from(false),
        };
        Self {
            issuer: issuer.map(str::to_owned),
            resource: resource.map(str::to_owned),
            issuers: Mutex::new(origins(resource)),
            issuer_is_private,
            https_issuer: *https_issuer,
            named: origins(endpoints.iter().chain(issuer).chain(resource)),
            pinned: Mutex::new(set(pinned.iter().cloned())),
            pages: Mutex::new(origins(pages)),
            pushed: Mutex::default(),
            redirect_uri: None,
        }
    }

    /// Sets the redirect URI that this login waits at.
    pub fn coming_back_to(self, redirect_uri: &str) -> Self {
        Self { redirect_uri: Some(redirect_uri.to_owned()), ..self }
    }

    /// Decides whether a request may be sent, and to which addresses.
    ///
    /// # Errors
    ///
    /// Returns one line that says why the request may not be sent.
    pub fn permit(&self, request: &Request) -> Result<Permit, String> {
        let (_, permit) = self.permit_outgoing(&request.into())?;
        headers(&request.headers)?;
        Ok(permit)
    }

    /// Decides the same without a look at the values of the headers. Also returns the
    /// parsed URL.
    ///
    /// # Errors
    ///
    /// See [`permit`](Self::permit).
    pub fn permit_outgoing(&self, request: &Outgoing<'_>) -> Result<(Url, Permit), String> {
        check_size(request)?;
        request.headers.iter().try_for_each(|(name, _)| check_header_name(name))?;
        let url = Url::parse(request.url)
            .map_err(|error| format!("its address is not a URL: {error}"))?;
        let Some(origin) = origin(&url) else {
            return Err(format!(
                "{} is neither https nor http on a loopback address",
                url.scheme()
            ));
        };
        if self.named.contains(&origin) {
            return Ok((url, Permit::AnyAddress));
        }
        if !lock(&self.pinned).contains(&origin) {
            return Err(format!("{origin} is neither the issuer's nor named by its metadata"));
        }
        Ok((url, Permit::AsIssuer))
    }

    /// Returns the parsed URL if the user's browser may open it.
    ///
    /// # Errors
    ///
    /// Returns `egress-denied` if neither the settings nor the provider name its origin.
    pub fn permit_page(&self, url: &str) -> Result<Url, Error> {
        let url = browser_url(url)?;
        let origin = url.origin().ascii_serialization();
        let permitted = self.named.contains(&origin)
            || lock(&self.pinned).contains(&origin)
            || lock(&self.pages).contains(&origin);
        if permitted {
            return Ok(url);
        }
        Err(Error::new(
            Code::EgressDenied,
            format!(
                "the user may not be sent to {origin}, which neither the settings nor the provider name"
            ),
            "check the provider's endpoints; if this one is right, set the endpoint yourself",
        ))
    }

    /// Returns the parsed URL if it may be opened and the request in it comes back to this
    /// login, or refers to a request that was pushed and does.
    ///
    /// # Errors
    ///
    /// Returns `egress-denied` if one of these does not hold.
    pub fn permit_authorization(&self, url: &str) -> Result<Url, Error> {
        let url = self.permit_page(url)?;
        let request = url.query().unwrap_or_default().as_bytes();
        let is_ours = match (&*all(request, "request_uri"), comes_back_to(request)) {
            ([], asked) => asked.is_some() && self.redirect_uri == asked,
            ([reference], None) => lock(&self.pushed).contains(reference),
            _ => false,
        };
        if is_ours {
            return Ok(url);
        }
        Err(Error::new(
            Code::EgressDenied,
            "the login component asked for a redirect to an address that is not this login's",
            "report this bug, with the version of this program",
        ))
    }

    /// Records the origins that a response names, if it is the issuer's metadata or a
    /// device authorization response.
    pub fn learn(&self, purpose: Purpose, url: &str, response: &Response) {
        match purpose {
            Purpose::ResourceMetadata => {
                self.learn_resource_metadata(url, response.status, &response.body);
            }
            Purpose::Metadata => self.learn_metadata(url, response.status, &response.body),
            Purpose::DeviceAuthorization => self.learn_device_authorization(&response.body),
            _ => {}
        }
    }

    /// Records the verification pages in the body of a device authorization response
    /// ([RFC 8628 §3.2](https://www.rfc-editor.org/rfc/rfc8628#section-3.2)).
    pub fn learn_device_authorization(&self, body: &[u8]) {
        let Ok(Value::Object(document)) = serde_json::from_slice(body) else { return };
        let pages = ["verification_uri", "verification_url", "verification_uri_complete"];
        let pages = pages.into_iter().filter_map(|name| document.get(name)?.as_str());
        lock(&self.pages).extend(origins(pages));
    }

    /// Notes the reference in a response to a pushed authorization request (RFC 9126 §2.2), if
    /// that request comes back to this login. `form` is the body that was sent.
    pub fn learn_pushed_authorization(&self, form: &[u8], body: &[u8]) {
        let asked = comes_back_to(form);
        let is_ours = asked.is_some() && self.redirect_uri == asked;
        let document: Value = serde_json::from_slice(body).unwrap_or_default();
        if let Some(reference) = document["request_uri"].as_str().filter(|_| is_ours) {
            lock(&self.pushed).insert(reference.to_owned());
        }
    }

    /// Pins the origins of the issuers in a response from `url` if it is the metadata of the
    /// login's resource ([RFC 9728 §3.2](https://www.rfc-editor.org/rfc/rfc9728#section-3.2)).
    pub fn learn_resource_metadata(&self, url: &str, status: u16, body: &[u8]) {
        let own = |url: &str| Url::parse(url).ok().and_then(|url| origin(&url));
        let Some(resource) = &self.resource else { return };
        if status != 200 || own(url) != own(resource) {
            return;
        }
        let Ok(Value::Object(document)) = serde_json::from_slice(body) else { return };
        let Some(Value::Array(servers)) = document.get("authorization_servers") else { return };
        let loopback = self.anchor_is_loopback();
        for issuer in servers.iter().filter_map(Value::as_str) {
            let url = Url::parse(issuer).ok();
            let url = url.filter(|url| url.scheme() == "https" || loopback);
            if let Some(origin) = url.as_ref().and_then(origin) {
                lock(&self.issuers).insert(issuer.to_owned());
                lock(&self.pinned).insert(origin);
            }
        }
    }

    /// Pins the origins of the endpoints in a response from `url` if it is the own metadata
    /// of the issuer, or of one that the resource named.
    pub fn learn_metadata(&self, url: &str, status: u16, body: &[u8]) {
        if status != 200 {
            return;
        }
        let Ok(Value::Object(document)) = serde_json::from_slice(body) else { return };
        let name = document.get("issuer").and_then(Value::as_str).unwrap_or_default();
        let is_own = |issuer: &String| {
            let https_name = issuer.replacen("http:", "https:", 1);
            let own_name = if self.https_issuer { &https_name } else { issuer };
            is_metadata_url(url, issuer) && may_be_named(own_name, name)
        };
        if !self.issuer.iter().any(is_own) && !lock(&self.issuers).iter().any(is_own) {
            return;
        }
        self.pin_endpoints(&document);
        if let Some(Value::Object(aliases)) = document.get("mtls_endpoint_aliases") {
            self.pin_endpoints(aliases);
        }
    }

    fn pin_endpoints(&self, document: &Map<String, Value>) {
        let loopback = self.anchor_is_loopback();
        let origins = document
            .iter()
            .filter(|(name, _)| name.ends_with("_endpoint") || *name == "jwks_uri")
            .filter_map(|(_, value)| Url::parse(value.as_str()?).ok())
            .filter(|url| url.scheme() == "https" || loopback)
            .filter_map(|url| origin(&url));
        lock(&self.pinned).extend(origins);
    }

    /// Whether the provider may be on loopback addresses.
    fn anchor_is_loopback(&self) -> bool {
        let anchor = self.anchor().and_then(|anchor| Url::parse(anchor).ok());
        anchor.is_some_and(|anchor| is_loopback(&anchor))
    }

    /// What the caller named: the resource that names its issuer, or the issuer.
    fn anchor(&self) -> Option<&str> {
        self.resource.as_deref().or(self.issuer.as_deref())
    }

    /// Returns the origins to store with the session.
    pub fn pinned_origins(&self) -> Vec<String> {
        lock(&self.pinned).iter().cloned().collect()
    }

    /// Returns the issuer, or the resource that names it, if its name has to be resolved
    /// before [`issuer_is_private`](Self::issuer_is_private) can tell.
    pub fn unresolved_issuer(&self) -> Option<Url> {
        if self.issuer_is_private.get().is_some() {
            return None;
        }
        self.anchor().and_then(|anchor| Url::parse(anchor).ok())
    }

    /// Notes, for the rest of the session, whether all of the issuer's addresses are
    /// private. One public address is enough to make the issuer public: otherwise
    /// anyone who controls its DNS could add a private address and reach services on
    /// this network.
    pub fn learn_issuer_addresses(&self, addresses: &[IpAddr]) {
        let private = !addresses.is_empty() && addresses.iter().all(|one| !is_public(*one));
        self.issuer_is_private.get_or_init(|| private);
    }

    /// Returns whether all addresses of the issuer are private; false if they are not
    /// known.
    pub fn issuer_is_private(&self) -> bool {
        self.issuer_is_private.get().copied().unwrap_or(false)
    }
}

/// Returns the redirect URI of an authorization request, if there is one alone: as a parameter,
/// or in a signed request (RFC 9101 §4), beside which no other counts.
fn comes_back_to(request: &[u8]) -> Option<String> {
    match (&*all(request, "redirect_uri"), &*all(request, "request")) {
        ([asked], []) => Some(asked.clone()),
        ([], [signed]) => {
            let text = URL_SAFE_NO_PAD.decode(signed.split('.').nth(1)?).ok()?;
            let count = |words: &[u8]| text.windows(words.len()).filter(|at| *at == words).count();
            // If it were there twice, or spelt in another way, a provider could read the other
            // one.
            let is_clear = count(b"redirect_uri") == 1 && count(br"\u") == 0;
            let claims: Value = serde_json::from_slice(&text).ok().filter(|_| is_clear)?;
            claims["redirect_uri"].as_str().map(str::to_owned)
        }
        _ => None,
    }
}

/// Returns the values of a parameter in a form or a query.
fn all(form: &[u8], wanted: &str) -> Vec<String> {
    let pairs = form_urlencoded::parse(form).filter(|(name, _)| name == wanted);
    pairs.map(|(_, value)| value.into_owned()).collect()
}

/// Returns whether the metadata of `issuer` may name it `name`. The two must be equal
/// (RFC 8414 §3.3), except for a final slash if the issuer has no path, and except for a tenant
/// ID or its placeholder instead of a multi-tenant alias such as `common`.
fn may_be_named(issuer: &str, name: &str) -> bool {
    let has_no_path = Url::parse(issuer).is_ok_and(|url| url.path() == "/");
    let slash_apart = |one: &str, other: &str| one.strip_suffix('/') == Some(other);
    if issuer == name || (has_no_path && (slash_apart(issuer, name) || slash_apart(name, issuer))) {
        return true;
    }
    let (own, found) = (issuer.split('/'), name.split('/'));
    let mut apart = own.clone().zip(found.clone()).filter(|(own, found)| own != found);
    own.count() == found.count()
        && matches!(apart.next(), Some(("common" | "organizations" | "consumers", tenant))
            if tenant == "{tenantid}" || is_tenant_id(tenant))
        && apart.next().is_none()
}

/// Returns whether `text` is a GUID in lower case.
fn is_tenant_id(text: &str) -> bool {
    let is_hexadecimal = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.split('-').map(str::len).eq([8, 4, 4, 4, 12])
        && text.bytes().all(|byte| byte == b'-' || is_hexadecimal(byte))
}

fn issuer_host(issuer: &str) -> Option<Host<String>> {
    Url::parse(issuer).ok()?.host().map(|host| host.to_owned())
}

/// Fails if a request is larger than any honest one.
fn check_size(Outgoing { url, headers, body_bytes }: &Outgoing<'_>) -> Result<(), String> {
    if headers.len() > HEADERS {
        return Err(format!(
            "the request has {} headers; at most {HEADERS} are sent",
            headers.len()
        ));
    }
    let fields = headers.iter().map(|(name, value_bytes)| name.len().saturating_add(*value_bytes));
    let bytes = fields.fold(url.len().saturating_add(*body_bytes), usize::saturating_add);
    if bytes > REQUEST_BYTES {
        return Err(format!("the request has {bytes} bytes; at most {REQUEST_BYTES} are sent"));
    }
    Ok(())
}

fn lock(origins: &Mutex<BTreeSet<String>>) -> MutexGuard<'_, BTreeSet<String>> {
    origins.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the set of a few texts. `collect` would sort them, with more code than all the
/// rest of this module.
fn set(texts: impl Iterator<Item = String>) -> BTreeSet<String> {
    let mut set = BTreeSet::new();
    set.extend(texts);
    set
}

fn origins<S: AsRef<str>>(urls: impl IntoIterator<Item = S>) -> BTreeSet<String> {
    let parsed = urls.into_iter().filter_map(|url| Url::parse(url.as_ref()).ok());
    set(parsed.filter_map(|url| origin(&url)))
}

/// Returns scheme, host and port, or `None` if no request may go there.
pub fn origin(url: &Url) -> Option<String> {
    let allowed = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url));
    allowed.then(|| url.origin().ascii_serialization())
}

/// Returns whether `url` is one of the three places for an issuer's metadata (OpenID Connect
/// Discovery §4.1, RFC 8414 §3.1 and §5).
fn is_metadata_url(url: &str, issuer: &str) -> bool {
    let Ok(parsed) = Url::parse(issuer) else { return false };
    let path = parsed.path().trim_end_matches('/');
    let is_inserted = |name: &str| {
        let mut place = parsed.clone();
        place.set_path(&format!("/.well-known/{name}{path}"));
        url == place.as_str()
    };
    url == format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'))
        || is_inserted("oauth-authorization-server")
        || is_inserted("openid-configuration")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn response(document: &Value) -> Response {
        Response { status: 200, headers: Vec::new(), body: document.to_string().into_bytes() }
    }

    fn egress() -> Egress {
        let client = Client::new(Some("https://id.example".to_owned()), "demo".to_owned());
        Egress::new(&client, &[]).coming_back_to("http://127.0.0.1:8000/callback")
    }

    #[test]
    fn the_browser_may_go_where_the_settings_and_the_metadata_point() {
        let egress = egress();
        let elsewhere = "https://login.example/authorize";
        assert!(egress.permit_page("https://id.example/anywhere").is_ok());
        assert!(egress.permit_page(elsewhere).is_err());
        let metadata = serde_json::json!({
            "issuer": "https://id.example",
            "authorization_endpoint": elsewhere,
        });
        let place = "https://id.example/.well-known/openid-configuration";
        egress.learn(Purpose::Metadata, place, &response(&metadata));
        let back = "redirect_uri=http%3A%2F%2F127.0.0.1%3A8000%2Fcallback";
        assert!(egress.permit_authorization(&format!("{elsewhere}?{back}")).is_ok());
    }

    #[test]
    fn a_reference_stands_for_a_pushed_request_with_this_logins_redirect() {
        let answer = br#"{"request_uri":"urn:one"}"#;
        let place = "https://id.example/authorize?client_id=demo&request_uri=urn%3Aone";
        for sent in requests_elsewhere() {
            let egress = egress();
            egress.learn_pushed_authorization(sent.as_bytes(), answer);
            assert!(egress.permit_authorization(place).is_err(), "{sent}");
        }
        let egress = egress();
        // A reference decides, whatever stands beside it.
        assert!(egress.permit_authorization(&format!("{place}&{BACK}")).is_err());
        egress.learn_pushed_authorization(BACK.as_bytes(), answer);
        assert!(egress.permit_authorization(place).is_ok());
        for more in ["request_uri=urn%3Atwo", BACK, ELSEWHERE, &signed(OURS)] {
            assert!(egress.permit_authorization(&format!("{place}&{more}")).is_err(), "{more}");
        }
        assert!(egress.permit_authorization(&place.replace("one", "two")).is_err());
    }

    const BACK: &str = "redirect_uri=http%3A%2F%2F127.0.0.1%3A8000%2Fcallback";
    const ELSEWHERE: &str = "redirect_uri=http%3A%2F%2Fevil.example%2F";
    const OURS: &str = r#"{"redirect_uri":"http://127.0.0.1:8000/callback"}"#;
    const THEIRS: &str = r#"{"redirect_uri":"http://evil.example/"}"#;

    /// A signed request with these claims.
    fn signed(claims: &str) -> String {
        format!("request=e30.{}.c2ln", URL_SAFE_NO_PAD.encode(claims))
    }

    fn requests_elsewhere() -> Vec<String> {
        vec![
            String::new(),
            ELSEWHERE.to_owned(),
            format!("{BACK}&{ELSEWHERE}"),
            format!("{BACK}&{}", signed(THEIRS)),
            format!("{BACK}&{}", signed(OURS)),
            format!("{}&{}", signed(OURS), signed(THEIRS)),
            signed(THEIRS),
            signed(
                r#"{"redirect_uri":"http://evil.example/","redirect_uri":"http://127.0.0.1:8000/callback"}"#,
            ),
            signed(r#"{"redirect_uri":["http://127.0.0.1:8000/callback"]}"#),
            signed(&OURS.replacen('{', r#"{"redirect\u005furi":"http://evil.example/","#, 1)),
            signed("{}"),
            "request=e30".to_owned(),
        ]
    }

    #[test]
    fn a_signed_request_must_come_back_too() {
        let egress = egress();
        let place =
            |request: &str| format!("https://id.example/authorize?client_id=demo&{request}");
        for request in requests_elsewhere() {
            assert!(egress.permit_authorization(&place(&request)).is_err(), "{request}");
        }
        assert!(egress.permit_authorization(&place(&signed(OURS))).is_ok());
        let answer = br#"{"request_uri":"urn:one"}"#;
        egress.learn_pushed_authorization(signed(OURS).as_bytes(), answer);
        assert!(egress.permit_authorization(&place("request_uri=urn%3Aone")).is_ok());
    }

    #[test]
    fn the_endpoints_for_certificates_are_the_providers_too() {
        let egress = egress();
        let metadata = serde_json::json!({
            "issuer": "https://id.example",
            "mtls_endpoint_aliases": { "token_endpoint": "https://mtls.example/token" },
        });
        let place = "https://id.example/.well-known/openid-configuration";
        egress.learn(Purpose::Metadata, place, &response(&metadata));
        assert!(egress.pinned_origins().contains(&"https://mtls.example".to_owned()));
    }

    #[test]
    fn an_issuer_is_private_only_if_all_of_its_addresses_are() {
        let public: IpAddr = "1.1.1.1".parse().expect("an address");
        let private: IpAddr = "10.0.0.1".parse().expect("an address");
        for (addresses, is_private) in [
            (&[private][..], true),
            (&[private, "fd00::1".parse().expect("an address")], true),
            (&[private, public], false),
            (&[public, private], false),
            (&[public], false),
            (&[], false),
        ] {
            let egress = egress();
            assert!(egress.unresolved_issuer().is_some() && !egress.issuer_is_private());
            egress.learn_issuer_addresses(addresses);
            assert_eq!(egress.issuer_is_private(), is_private, "{addresses:?}");
            assert!(egress.unresolved_issuer().is_none(), "resolved once in a session");
        }
    }

    #[test]
    fn an_issuer_that_is_an_address_needs_no_look_up() {
        for (issuer, is_private) in [
            ("https://10.0.0.1", true),
            ("https://[fd00::1]:8443/tenant", true),
            ("http://127.0.0.1:8000", true),
            ("https://1.1.1.1", false),
            ("nonsense", false),
        ] {
            let client = Client::new(Some(issuer.to_owned()), "demo".to_owned());
            let egress = Egress::new(&client, &[]);
            assert!(egress.unresolved_issuer().is_none(), "{issuer}");
            assert_eq!(egress.issuer_is_private(), is_private, "{issuer}");
        }
    }

    #[test]
    fn metadata_names_its_own_issuer() {
        const TENANT: &str = "https://login.example/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0";
        const SHOUTED: &str = "https://login.example/9188040D-6C67-4C5B-B112-36A304B66DAD/v2.0";
        for (issuer, name, fits) in [
            ("https://id.example", "https://id.example", true),
            ("https://id.example", "https://id.example/", true),
            ("https://id.example/", "https://id.example", true),
            ("https://id.example", "https://id.example//", false),
            ("https://id.example/a", "https://id.example/a/", false),
            ("https://id.example/a/", "https://id.example/a", false),
            ("https://id.example", "https://evil.example", false),
            ("https://id.example", "", false),
            ("https://login.example/common/v2.0", "https://login.example/{tenantid}/v2.0", true),
            ("https://login.example/organizations/v2.0", TENANT, true),
            ("https://login.example/consumers/v2.0", TENANT, true),
            ("https://login.example/common/v2.0", SHOUTED, false),
            ("https://login.example/mine/v2.0", TENANT, false),
            ("https://login.example/common/v2.0", "https://login.example/contoso/v2.0", false),
            ("https://login.example/common/v2.0", "https://evil.example/{tenantid}/v2.0", false),
            ("https://login.example/common", "https://login.example/{tenantid}/v2.0", false),
            (
                "https://login.example/common/common",
                "https://login.example/{tenantid}/{tenantid}",
                false,
            ),
        ] {
            assert_eq!(may_be_named(issuer, name), fits, "{issuer} {name}");
        }
    }

    #[test]
    fn an_issuer_on_loopback_may_call_itself_https_if_the_settings_say_so() {
        const ISSUER: &str = "http://127.0.0.1:8000";
        for (https_issuer, name, fits) in [
            (true, "https://127.0.0.1:8000", true),
            (true, "https://127.0.0.1:8000/", true),
            (true, ISSUER, false),
            (false, "https://127.0.0.1:8000", false),
        ] {
            let client = Client::new(Some(ISSUER.to_owned()), "demo".to_owned());
            let egress = Egress::new(&Client { https_issuer, ..client }, &[]);
            let metadata = serde_json::json!({
                "issuer": name,
                "token_endpoint": "https://token.example/",
            });
            let place = format!("{ISSUER}/.well-known/openid-configuration");
            egress.learn(Purpose::Metadata, &place, &response(&metadata));
            assert_eq!(!egress.pinned_origins().is_empty(), fits, "{https_issuer} {name}");
        }
    }

    #[test]
    fn a_resource_names_its_issuers_and_those_their_endpoints() {
        const RESOURCE: &str = "https://api.example/mcp";
        let by_url = |resource: &str| {
            let client = Client::new(None, String::new());
            Egress::new(&Client { resource_url: Some(resource.to_owned()), ..client }, &[])
        };
        let permit = |egress: &Egress, url: &str| {
            let get = Outgoing { url, headers: Vec::new(), body_bytes: 0 };
            egress.permit_outgoing(&get).map(|(_, permit)| permit)
        };
        let named =
            |issuer: &str| response(&serde_json::json!({ "authorization_servers": [issuer] }));
        let described = |issuer: &str| {
            let endpoint = "https://login.example/token";
            response(&serde_json::json!({ "issuer": issuer, "token_endpoint": endpoint }))
        };
        let egress = by_url(RESOURCE);
        assert_eq!(permit(&egress, RESOURCE), Ok(Permit::AnyAddress));
        assert!(permit(&egress, "https://id.example/").is_err());
        let issuer = "https://id.example/t";
        // Only the resource's own origin says who its issuers are.
        egress.learn(Purpose::ResourceMetadata, "https://evil.example/prm", &named(issuer));
        assert!(permit(&egress, issuer).is_err());
        egress.learn(Purpose::ResourceMetadata, "https://api.example/prm", &named(issuer));
        assert_eq!(permit(&egress, issuer), Ok(Permit::AsIssuer));
        for (place, found, is_pinned) in [
            ("https://id.example/.well-known/openid-configuration/other", issuer, false),
            ("https://id.example/.well-known/openid-configuration/t", "https://id.example", false),
            ("https://id.example/.well-known/openid-configuration/t", issuer, true),
        ] {
            egress.learn(Purpose::Metadata, place, &described(found));
            assert_eq!(permit(&egress, "https://login.example/").is_ok(), is_pinned, "{place}");
        }
        // A server without metadata is its own issuer.
        let egress = by_url(RESOURCE);
        let place = "https://api.example/.well-known/oauth-authorization-server";
        egress.learn(Purpose::Metadata, place, &described("https://api.example"));
        assert!(permit(&egress, "https://login.example/").is_ok());
        // A public resource names no private issuer: what decides is the resource's address.
        assert!(by_url(RESOURCE).unresolved_issuer().is_some_and(|url| url.as_str() == RESOURCE));
        assert!(by_url("https://10.0.0.1/mcp").issuer_is_private());
        for (resource, is_permitted) in [(RESOURCE, false), ("http://127.0.0.1:8000/mcp", true)] {
            let egress = by_url(resource);
            egress.learn(Purpose::ResourceMetadata, resource, &named("http://127.0.0.1:9000"));
            assert_eq!(
                permit(&egress, "http://127.0.0.1:9000/").is_ok(),
                is_permitted,
                "{resource}"
            );
        }
    }

    #[test]
    fn a_verification_page_is_for_the_browser_only() {
        let egress = egress();
        let answer = serde_json::json!({ "verification_uri": "https://go.example/device" });
        egress.learn(Purpose::DeviceAuthorization, "https://id.example/d", &response(&answer));
        assert!(egress.permit_page("https://go.example/device").is_ok());
        assert!(egress.permit_page("https://stay.example/device").is_err());
        assert!(egress.pinned_origins().is_empty(), "no request may go there");
    }
}
