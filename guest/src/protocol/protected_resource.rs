//! Protected resource metadata: what a resource says about who issues tokens for it
//! (RFC 9728).

use serde_json::{Map, Value, json};
use url::Url;

use crate::contract::{Client, Code, Exchange, Failure, Purpose, Response};
use crate::protocol::challenge::Demanded;
use crate::protocol::endpoint;
use crate::protocol::failure::{printable, unavailable};
use crate::protocol::metadata::is_there;
use crate::protocol::request::{get, header, post_json};

/// The URL of a protected resource, as the caller gave it.
#[derive(Clone)]
pub(crate) struct ResourceUrl {
    text: String,
    url: Url,
}

/// What a protected resource says about itself.
pub(crate) struct ProtectedResource {
    /// Its identifier, byte for byte: requests repeat it as `resource` (RFC 8707 §2).
    pub(crate) identifier: String,
    /// Issuer identifiers of its authorization servers.
    pub(crate) issuers: Vec<String>,
    /// Scopes for requests to it. Empty if it names none.
    pub(crate) scopes: Vec<String>,
    /// Whether it takes only tokens that come with a proof (RFC 9449).
    pub(crate) requires_proofs: bool,
    /// Whether it takes only tokens that come with a certificate (RFC 8705 §3).
    pub(crate) requires_certificate: bool,
}

impl ResourceUrl {
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let url = endpoint::parse("the resource URL", text, true).map_err(|message| {
            Failure::configuration(message, "give the URL of the server or API, with https")
        })?;
        Ok(Self { text: text.to_owned(), url })
    }

    pub(crate) fn url(&self) -> &Url {
        &self.url
    }

    /// The origin, which servers without metadata have as their issuer.
    pub(crate) fn origin(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    /// The identifier of a resource without metadata: the URL with scheme and host in lower
    /// case, otherwise as it was given. A URL type would add a slash, and some servers
    /// compare exactly.
    pub(crate) fn identifier(&self) -> String {
        let after_scheme = self.text.find("://").map_or(0, |position| position + 3);
        let rest = &self.text[after_scheme..];
        let end = after_scheme + rest.find(['/', '?']).unwrap_or(rest.len());
        format!("{}{}", self.text[..end].to_ascii_lowercase(), &self.text[end..])
    }

    /// The name under which sessions for this resource are found: a final slash makes no
    /// difference.
    pub(crate) fn name(&self) -> String {
        self.identifier().trim_end_matches('/').to_owned()
    }

    /// The well-known locations of its metadata, in order: with the path, then, if there is
    /// one, without (RFC 9728 §3.1).
    pub(crate) fn metadata_urls(&self) -> Vec<String> {
        let at = |path: &str, query: Option<&str>| {
            let mut url = self.url.clone();
            url.set_path(&format!("/.well-known/oauth-protected-resource{path}"));
            url.set_query(query);
            String::from(url)
        };
        let path = self.url.path().trim_end_matches('/');
        let mut urls = vec![at(path, self.url.query())];
        if !path.is_empty() || self.url.query().is_some() {
            urls.push(at("", None));
        }
        urls
    }

    /// Checks the location of the metadata that a challenge names: on the resource's own
    /// origin, because anyone could otherwise be asked who issues its tokens.
    pub(crate) fn check_metadata_url(&self, text: &str) -> Result<String, Failure> {
        let url = endpoint::parse("resource_metadata", text, endpoint::is_loopback(&self.url))
            .map_err(|message| invalid(format!("in the challenge, {}", printable(&message))))?;
        if url.origin() != self.url.origin() {
            return Err(invalid(format!(
                "the challenge names metadata at {}; expected the resource's own origin, {}",
                url.origin().ascii_serialization(),
                self.origin(),
            )));
        }
        Ok(url.into())
    }

    /// Whether the metadata of a resource with this identifier is about this URL: on the same
    /// origin, with a path that begins this URL's path. Servers name themselves with and
    /// without the path, and with and without a final slash.
    fn is_covered_by(&self, identifier: &Url) -> bool {
        let own = self.url.path().trim_end_matches('/');
        let covering = identifier.path().trim_end_matches('/');
        identifier.origin() == self.url.origin()
            && own
                .strip_prefix(covering)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Parses a metadata response. Returns `None` if there is no document at that location.
    pub(crate) fn parse_metadata_response(
        &self,
        response: &Response,
    ) -> Result<Option<ProtectedResource>, Failure> {
        if let Some(failure) = unavailable("the resource", response) {
            return Err(failure);
        }
        if !is_there("the resource's metadata", response).map_err(invalid)? {
            return Ok(None);
        }
        let document: Map<String, Value> =
            serde_json::from_slice(&response.body).map_err(|error| {
                invalid(format!(
                    "the resource's metadata cannot be read: {}",
                    printable(&error.to_string())
                ))
            })?;
        let texts = |name: &str| {
            let items = document.get(name).and_then(Value::as_array)?.iter();
            Some(items.filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>())
        };
        let demands = |name: &str| document.get(name) == Some(&Value::Bool(true));
        let loopback_allowed = endpoint::is_loopback(&self.url);
        let identifier = document.get("resource").and_then(Value::as_str);
        let identifier = identifier
            .ok_or_else(|| invalid("the resource's metadata cannot be read: it has no resource"))?;
        let found = printable(identifier);
        let url = endpoint::parse("resource", identifier, loopback_allowed).map_err(|message| {
            invalid(format!("in the resource's metadata, {}", printable(&message)))
        })?;
        if !self.is_covered_by(&url) {
            return Err(invalid(format!(
                "the metadata is about the resource {found}; expected {}",
                self.identifier()
            )));
        }
        let issuers = texts("authorization_servers").unwrap_or_default();
        for issuer in &issuers {
            endpoint::parse("an authorization server", issuer, loopback_allowed).map_err(
                |message| invalid(format!("in the resource's metadata, {}", printable(&message))),
            )?;
        }
        if issuers.is_empty() {
            return Err(invalid(format!(
                "the metadata of {found} names no authorization server (authorization_servers); expected at least one"
            )));
        }
        let methods = texts("bearer_methods_supported");
        if methods.is_some_and(|methods| !methods.iter().any(|method| method == "header")) {
            return Err(invalid(format!(
                "{found} takes no token in the header Authorization (bearer_methods_supported), which is the only way that is safe"
            )));
        }
        Ok(Some(ProtectedResource {
            identifier: identifier.to_owned(),
            issuers,
            scopes: texts("scopes_supported").unwrap_or_default(),
            requires_proofs: demands("dpop_bound_access_tokens_required"),
            requires_certificate: demands("tls_client_certificate_bound_access_tokens"),
        }))
    }
}

/// Fails if the resource takes only tokens that are bound in a way that the client does not
/// offer: with `bound-token-required` if it has no key for them.
pub(crate) fn check_binding(
    client: &Client,
    resource: &ProtectedResource,
    demanded: &Demanded,
) -> Result<(), Failure> {
    let name = printable(&resource.identifier);
    if (resource.requires_proofs || demanded.is_proof) && client.dpop.is_none() {
        return Err(Failure::new(
            Code::BoundTokenRequired,
            format!("{name} takes only tokens that are bound to a key"),
            "log in with --dpop",
        ));
    }
    if resource.requires_certificate && !client.certificate {
        return Err(Failure::configuration(
            format!("{name} takes only tokens that are bound to a client certificate"),
            "log in with --client-cert FILE and --client-auth tls_client_auth",
        ));
    }
    Ok(())
}

/// Returns the request that an API or an MCP server refuses with a challenge.
pub(crate) fn unauthenticated_get(resource: &ResourceUrl) -> Exchange {
    get(Purpose::Challenge, resource.url().as_str())
}

/// Returns the first request of an MCP client, for servers that refuse nothing else.
pub(crate) fn initialize_request(resource: &ResourceUrl) -> Exchange {
    let Value::Object(message) = json!({
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {
            "protocolVersion": "2025-06-18",
            "capabilities": Map::new(),
            "clientInfo": { "name": "latchstring", "version": env!("CARGO_PKG_VERSION") },
        },
    }) else {
        unreachable!("an object is an object")
    };
    let headers = vec![header("accept", "text/event-stream")];
    post_json(Purpose::Challenge, resource.url().as_str(), headers, &message)
}

pub(crate) fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(
        Code::InvalidMetadata,
        message,
        "check the URL; if it is right, tell whoever runs the server",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resource(text: &str) -> ResourceUrl {
        ResourceUrl::parse(text).expect(text)
    }

    #[test]
    fn metadata_is_looked_up_between_host_and_path_then_without_the_path() {
        for (url, expected) in [
            (
                "https://api.example/mcp",
                &[
                    "https://api.example/.well-known/oauth-protected-resource/mcp",
                    "https://api.example/.well-known/oauth-protected-resource",
                ][..],
            ),
            (
                "https://api.example/a/b/?tenant=1",
                &[
                    "https://api.example/.well-known/oauth-protected-resource/a/b?tenant=1",
                    "https://api.example/.well-known/oauth-protected-resource",
                ],
            ),
            (
                "https://api.example:8443/",
                &["https://api.example:8443/.well-known/oauth-protected-resource"],
            ),
        ] {
            assert_eq!(resource(url).metadata_urls(), expected, "{url}");
        }
    }

    #[test]
    fn without_metadata_the_identifier_is_the_url_with_the_host_in_lower_case() {
        for (url, expected) in [
            ("HTTPS://API.Example", "https://api.example"),
            ("https://api.example/", "https://api.example/"),
            ("https://API.example/MCP?Q=A", "https://api.example/MCP?Q=A"),
            ("https://API.example?Q=A", "https://api.example?Q=A"),
        ] {
            assert_eq!(resource(url).identifier(), expected);
        }
        assert_eq!(
            resource("https://A.example/mcp/").name(),
            resource("https://a.example/mcp").name()
        );
    }

    #[test]
    fn metadata_is_about_its_own_origin_and_a_path_that_begins_the_url_s() {
        for (url, identifier, fits) in [
            ("https://a.example/mcp", "https://a.example/mcp", true),
            ("https://a.example/mcp", "https://a.example/mcp/", true),
            ("https://a.example/mcp/", "https://a.example/mcp", true),
            ("https://a.example/mcp", "https://a.example", true),
            ("https://a.example/mcp", "https://a.example/", true),
            ("https://a.example/mcp", "https://a.example:443/mcp?x=y", true),
            ("https://a.example/mcp/v1", "https://a.example/mcp", true),
            ("https://a.example/mcp", "https://a.example/mc", false),
            ("https://a.example/mcp", "https://a.example/mcp/v1", false),
            ("https://a.example/mcp", "https://b.example/mcp", false),
            ("https://a.example/mcp", "https://a.example:8443/mcp", false),
            ("https://a.example/mcp", "http://a.example/mcp", false),
            ("https://a.example/mcp", "https://a.example.evil.example/mcp", false),
        ] {
            let identifier = Url::parse(identifier).expect(identifier);
            assert_eq!(resource(url).is_covered_by(&identifier), fits, "{url} {identifier}");
        }
    }

    #[test]
    fn a_challenge_names_metadata_on_the_resource_s_own_origin() {
        let resource = resource("https://a.example/mcp");
        assert!(resource.check_metadata_url("https://a.example/anywhere?x=y").is_ok());
        for bad in [
            "https://b.example/.well-known/oauth-protected-resource",
            "http://a.example/.well-known/oauth-protected-resource",
            "http://127.0.0.1/x",
            "file:///etc/passwd",
            "nonsense",
        ] {
            let failure = resource.check_metadata_url(bad).expect_err(bad);
            assert_eq!(failure.code, Code::InvalidMetadata, "{bad}");
        }
    }
}
