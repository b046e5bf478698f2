//! URLs that a login may use, and the names of issuers.

use url::{Host, Url};

use crate::contract::{Client, Failure};

/// Longest URL, in bytes. A longer one does not fit on every system's command line once
/// the parameters of an authorization request are appended.
const LENGTH_LIMIT: usize = 4096;

/// An issuer identifier that meets RFC 8414 §2: https (or http on loopback), no query, no
/// fragment. Compared as the original text.
#[derive(Clone)]
pub(crate) struct Issuer {
    text: String,
    url: Url,
    /// The issuer's name for itself, if that is not `text`.
    https_name: Option<String>,
}

impl Issuer {
    /// Returns the client's issuer, or `None` if the client has none.
    pub(crate) fn of(client: &Client) -> Result<Option<Self>, Failure> {
        let Some(text) = client.issuer.as_deref() else { return Ok(None) };
        let issuer = Self::parse(text)?;
        let https_name = issuer_name(client).filter(|name| name != text);
        Ok(Some(Self { https_name, ..issuer }))
    }

    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let url = parse("the issuer", text, true).map_err(|message| {
            Failure::configuration(message, "check the issuer's exact spelling with the provider")
        })?;
        if url.query().is_some() {
            return Err(Failure::configuration(
                "the issuer has a query; an issuer has none (RFC 8414 §2)",
                "check the issuer's exact spelling with the provider",
            ));
        }
        Ok(Self { text: text.to_owned(), url, https_name: None })
    }

    /// The issuer's name in metadata and tokens.
    pub(crate) fn name(&self) -> &str {
        self.https_name.as_deref().unwrap_or(&self.text)
    }

    /// The issuer's name, if a metadata document that calls it `found` may describe
    /// this issuer. The two are identical (RFC 8414 §3.3), with two exceptions:
    ///
    /// - An issuer without a path may differ by a final slash: several providers
    ///   are not consistent about it.
    /// - The shared endpoints of a multi-tenant provider (`common`, `organizations`,
    ///   `consumers`) have no issuer of their own. Their metadata names the tenant,
    ///   or has the placeholder `{tenantid}` for it:
    ///   <https://learn.microsoft.com/entra/identity-platform/access-tokens#multitenant-applications>
    pub(crate) fn named(&self, found: &str) -> Option<IssuerName> {
        let exact = || IssuerName::Exact(found.to_owned());
        let own = self.name();
        if found == own {
            return Some(exact());
        }
        if self.url.path() == "/" && found.trim_end_matches('/') == own.trim_end_matches('/') {
            let slashes = found.len().abs_diff(own.len());
            return (slashes == 1).then(exact);
        }
        match tenant_in_place_of_alias(own, found)? {
            TENANT_PLACEHOLDER => Some(IssuerName::OfTenant(found.to_owned())),
            tenant if is_tenant_id(tenant) => Some(exact()),
            _ => None,
        }
    }

    /// Returns the URL at which to reach an endpoint named in the metadata. For an issuer
    /// with an https name, the endpoints on its origin are reached like the issuer
    /// itself.
    pub(crate) fn reachable_url(&self, endpoint: String) -> String {
        let Some(name) = &self.https_name else { return endpoint };
        let (Ok(name), Ok(mut url)) = (Url::parse(name), Url::parse(&endpoint)) else {
            return endpoint;
        };
        if url.origin() != name.origin() {
            return endpoint;
        }
        // The default port depends on the scheme, so the port is copied from the issuer.
        let port = self.url.port_or_known_default();
        match url.set_scheme(self.url.scheme()).and_then(|()| url.set_port(port)) {
            Ok(()) => url.into(),
            Err(()) => endpoint,
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    pub(crate) fn is_loopback(&self) -> bool {
        is_loopback(&self.url)
    }
}

/// Placeholder for the tenant in an issuer template.
const TENANT_PLACEHOLDER: &str = "{tenantid}";

/// The issuer's name in metadata, redirects and tokens.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum IssuerName {
    Exact(String),
    /// A template with `{tenantid}`: each tenant is a separate issuer.
    OfTenant(String),
}

impl IssuerName {
    /// Parses a stored or published name. A name with the placeholder is a template.
    pub(crate) fn parse(name: &str) -> Self {
        match name.contains(TENANT_PLACEHOLDER) {
            true => Self::OfTenant(name.to_owned()),
            false => Self::Exact(name.to_owned()),
        }
    }

    /// Whether `name` is this issuer, or one of its tenants.
    pub(crate) fn covers(&self, name: &str) -> bool {
        match self {
            Self::Exact(own) => own == name,
            Self::OfTenant(template) => {
                let (before, after) = halves(template);
                name.strip_prefix(before)
                    .and_then(|rest| rest.strip_suffix(after))
                    .is_some_and(is_tenant_id)
            }
        }
    }

    /// Returns the issuer of `tenant`. Returns `None` if this is not a template, or if
    /// `tenant` is not a valid tenant id.
    pub(crate) fn of_tenant(&self, tenant: &str) -> Option<String> {
        match self {
            Self::Exact(_) => None,
            Self::OfTenant(template) => {
                let (before, after) = halves(template);
                is_tenant_id(tenant).then(|| format!("{before}{tenant}{after}"))
            }
        }
    }

    /// The name, or the template, for messages.
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Exact(name) | Self::OfTenant(name) => name,
        }
    }
}

fn halves(template: &str) -> (&str, &str) {
    template.split_once(TENANT_PLACEHOLDER).unwrap_or((template, ""))
}

/// A GUID in lower case.
fn is_tenant_id(text: &str) -> bool {
    let lengths = [8, 4, 4, 4, 12];
    let is_hexadecimal = |part: &str| {
        part.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    text.split('-').map(str::len).eq(lengths) && text.split('-').all(is_hexadecimal)
}

/// Returns the segment of `found` in place of the alias, if `own` is the address of
/// shared endpoints and all other segments are the same.
fn tenant_in_place_of_alias<'f>(own: &str, found: &'f str) -> Option<&'f str> {
    let (own, found) = (own.split('/'), found.split('/'));
    if own.clone().count() != found.clone().count() {
        return None;
    }
    let mut differing = own.zip(found).filter(|(own, found)| own != found);
    match (differing.next(), differing.next()) {
        (Some(("common" | "organizations" | "consumers", tenant)), None) => Some(tenant),
        _ => None,
    }
}

/// Returns the issuer's name for itself (RFC 8414 §2), according to the settings.
pub(crate) fn issuer_name(client: &Client) -> Option<String> {
    let issuer = client.issuer.clone()?;
    Some(match issuer.strip_prefix("http:") {
        Some(rest) if client.https_issuer => format!("https:{rest}"),
        _ => issuer,
    })
}

/// Parses the URL of an endpoint: with the rules of [`parse_page`], and without a
/// fragment (RFC 6749 §3.1). The error names `field`.
pub(crate) fn parse(field: &str, text: &str, loopback_allowed: bool) -> Result<Url, String> {
    let url = parse_page(field, text, loopback_allowed)?;
    if url.fragment().is_some() {
        return Err(format!("{field} has a fragment; expected none"));
    }
    Ok(url)
}

/// Parses the URL of a page for the user: https, or http on a loopback address if that is
/// allowed, without credentials. The error names `field`.
pub(crate) fn parse_page(field: &str, text: &str, loopback_allowed: bool) -> Result<Url, String> {
    if text.len() > LENGTH_LIMIT {
        return Err(format!("{field} is longer than {LENGTH_LIMIT} bytes"));
    }
    // The parser would silently drop some of these; no valid URL contains them.
    if text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Err(format!("{field} contains spaces or control characters; expected none"));
    }
    let url = Url::parse(text).map_err(|error| format!("{field} is not a URL: {error}"))?;
    let secure = url.scheme() == "https";
    let loopback = url.scheme() == "http" && is_loopback(&url) && loopback_allowed;
    if !secure && !loopback {
        return Err(format!("{field} is {}; expected https", describe(&url)));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(format!("{field} contains a user name or password; expected none"));
    }
    Ok(url)
}

/// Parses an endpoint that may be missing. Returns it in the parser's spelling, so that
/// requests go to exactly what was checked.
pub(crate) fn parse_optional(
    field: &str,
    text: Option<&str>,
    loopback_allowed: bool,
) -> Result<Option<String>, String> {
    text.map(|text| parse(field, text, loopback_allowed).map(String::from)).transpose()
}

/// Scheme and host of a URL, for messages. The query is left out: it may hold secrets.
pub(crate) fn describe(url: &Url) -> String {
    match url.host_str() {
        Some(host) => format!("{}://{host}", url.scheme()),
        None => format!("{}:", url.scheme()),
    }
}

/// Host of a URL, with the port if it has one, for messages.
pub(crate) fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Whether two hosts visibly belong together: they are the same, or one is a subdomain of
/// the other. Of siblings, only a list of all public suffixes could tell.
pub(crate) fn are_related(one: &str, other: &str) -> bool {
    let is_below = |host: &str, parent: &str| {
        host.strip_suffix(parent).is_some_and(|rest| rest.ends_with('.')) && parent.contains('.')
    };
    one == other || is_below(one, other) || is_below(other, one)
}

pub(crate) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn https_and_loopback_http_pass() {
        for good in [
            "https://id.example/a?b=c",
            "http://127.0.0.1:80/x",
            "http://[::1]/",
            "http://localhost:1/",
        ] {
            assert!(parse("x", good, true).is_ok(), "{good}");
        }
    }

    #[test]
    fn everything_else_is_rejected() {
        for bad in [
            "http://id.example/",
            "ftp://127.0.0.1/",
            "javascript:alert(1)",
            "file:///etc/passwd",
            "https://user:pw@id.example/",
            "https://id.example/#x",
            "id.example",
            "",
            "https://",
            "http://127.0.0.1.id.example/",
            "http://localhost.id.example/",
            "https://id.exa\tmple/",
            " https://id.example/",
        ] {
            assert!(parse("x", bad, true).is_err(), "{bad}");
        }
        assert!(parse("x", "http://127.0.0.1/", false).is_err());
    }

    const TENANT: &str = "9188040d-6c67-4c5b-b112-36a304b66dad";

    fn name(issuer: &str, found: &str) -> Option<IssuerName> {
        Issuer::parse(issuer).unwrap().named(found)
    }

    #[test]
    fn metadata_names_its_issuer_exactly_but_for_one_final_slash_without_a_path() {
        for (issuer, found, fits) in [
            ("https://id.example", "https://id.example", true),
            ("https://id.example", "https://id.example/", true),
            ("https://id.example/", "https://id.example", true),
            ("https://id.example", "https://id.example//", false),
            ("https://id.example", "https://ID.example", false),
            ("https://id.example", "https://id.example:443", false),
            ("https://id.example", "http://id.example", false),
            ("https://id.example/tenant", "https://id.example/tenant/", false),
            ("https://id.example/tenant/", "https://id.example/tenant", false),
            ("https://id.example/a", "https://id.example/b", false),
        ] {
            assert_eq!(name(issuer, found).is_some(), fits, "{issuer} {found}");
        }
    }

    #[test]
    fn the_shared_endpoints_of_a_multi_tenant_provider_name_a_tenant() {
        let host = "https://login.example";
        for alias in ["common", "organizations", "consumers"] {
            let issuer = format!("{host}/{alias}/v2.0");
            let template = format!("{host}/{{tenantid}}/v2.0");
            assert!(name(&issuer, &template) == Some(IssuerName::OfTenant(template)), "{alias}");
            let tenant = format!("{host}/{TENANT}/v2.0");
            assert!(name(&issuer, &tenant) == Some(IssuerName::Exact(tenant)), "{alias}");
            for other in [
                format!("{host}/{{tenant}}/v2.0"),
                format!("{host}/contoso/v2.0"),
                format!("{host}/{TENANT}/v1.0"),
                format!("{host}/{TENANT}"),
                format!("https://evil.example/{TENANT}/v2.0"),
            ] {
                assert!(name(&issuer, &other).is_none(), "{other}");
            }
        }
        assert!(name(&format!("{host}/mine/v2.0"), &format!("{host}/{TENANT}/v2.0")).is_none());
    }

    #[test]
    fn a_template_covers_only_its_tenants() {
        let names = IssuerName::OfTenant("https://login.example/{tenantid}/v2.0".to_owned());
        let of_tenant = format!("https://login.example/{TENANT}/v2.0");
        assert_eq!(names.of_tenant(TENANT), Some(of_tenant.clone()));
        assert!(names.covers(&of_tenant));
        for other in [
            "https://login.example/{tenantid}/v2.0",
            "https://login.example//v2.0",
            "https://login.example/9188040d-6c67-4c5b-b112-36a304b66dad/../v2.0",
            "https://login.example/9188040D-6C67-4C5B-B112-36A304B66DAD/v2.0",
            "https://evil.example/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
        ] {
            assert!(!names.covers(other), "{other}");
        }
        assert_eq!(names.of_tenant("../evil"), None);
    }

    #[test]
    fn an_issuer_has_no_query() {
        assert!(Issuer::parse("https://id.example/?tenant=a").is_err());
        assert!(Issuer::parse("https://id.example/tenant").is_ok());
    }
}
