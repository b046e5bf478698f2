//! Token requests and responses (RFC 6749 §4.1.3, §5, §6).

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::form_urlencoded;

use crate::contract::{
    Audience, Client, ClientAuthentication, Code, EpochMs, Exchange, Failure, GrantType, Purpose,
    Response,
};
use crate::protocol::assertion::is_authorization_grant;
use crate::protocol::authorization::{Transaction, VerifiedCode};
use crate::protocol::authorization_details::push_details;
use crate::protocol::client_authentication::authenticated_post;
use crate::protocol::dpop::DPOP;
use crate::protocol::failure::{in_words, is_unavailable, printable, provider_error, unavailable};
use crate::protocol::request::find_header;

/// A successful token response (RFC 6749 §5.1).
pub(crate) struct TokenResponse {
    pub(crate) access_token: String,
    pub(crate) token_type: String,
    pub(crate) expires_in_s: Option<u64>,
    pub(crate) refresh_token: Option<String>,
    /// Granted scopes. `None` if they are the requested ones.
    pub(crate) scopes: Option<Vec<String>>,
    pub(crate) id_token: Option<String>,
    /// The answer to a token exchange (RFC 8693 §2.2.1).
    pub(crate) issued_token_type: Option<String>,
    /// What was granted in detail (RFC 9396 §7).
    pub(crate) authorization_details: Option<Value>,
}

impl TokenResponse {
    /// Returns the expiry of the access token. Returns `None` if the provider gives no
    /// lifetime, or a lifetime of zero for a token that cannot be renewed: some providers
    /// mean "never" by it.
    pub(crate) fn expires_at_ms(&self, is_renewable: bool, now_ms: EpochMs) -> Option<EpochMs> {
        let lifetime_s = self.expires_in_s.filter(|lifetime_s| *lifetime_s > 0 || is_renewable)?;
        Some(now_ms.saturating_add(lifetime_s.saturating_mul(1000)))
    }
}

/// Returns the token request for an authorization code (RFC 6749 §4.1.3, RFC 7636 §4.5).
pub(crate) fn token_request(
    endpoint: &str,
    client: &Client,
    method: ClientAuthentication,
    transaction: &Transaction,
    code: &VerifiedCode,
) -> Exchange {
    let mut form = vec![
        ("grant_type", "authorization_code"),
        ("code", code.as_str()),
        ("redirect_uri", &transaction.redirect_uri_text),
        ("code_verifier", &transaction.code_verifier),
    ];
    push_resources(&mut form, client);
    authenticated_post(Purpose::Token, endpoint, client, method, form)
}

/// Returns the token request for a refresh token (RFC 6749 §6). It has no scope, which
/// means the granted one. Resources must be repeated, unless the token is to be for another
/// audience (RFC 8707 §2.2).
pub(crate) fn refresh_request(
    endpoint: &str,
    client: &Client,
    method: ClientAuthentication,
    refresh_token: &str,
) -> Exchange {
    let mut form = vec![("grant_type", "refresh_token"), ("refresh_token", refresh_token)];
    push_audience(&mut form, client);
    authenticated_post(Purpose::Token, endpoint, client, method, form)
}

/// Returns the token request of a grant without a user (RFC 6749 §4.4.2, RFC 7523 §2.1, RFC
/// 8693 §2.1). `subject` is the assertion, or the token that is exchanged.
pub(crate) fn direct_request(
    endpoint: &str,
    client: &Client,
    method: ClientAuthentication,
    subject: Option<&str>,
) -> Exchange {
    let subject = subject.unwrap_or_default();
    let mut form = match &client.grant {
        GrantType::User | GrantType::ClientCredentials => {
            vec![("grant_type", "client_credentials")]
        }
        GrantType::JwtBearer => vec![("grant_type", JWT_BEARER), ("assertion", subject)],
        GrantType::TokenExchange(exchange) => {
            let mut form = vec![
                ("grant_type", TOKEN_EXCHANGE),
                ("subject_token", subject),
                ("subject_token_type", &exchange.subject_token_type),
            ];
            let requested = exchange.requested_token_type.as_deref();
            form.extend(requested.map(|requested| ("requested_token_type", requested)));
            form
        }
    };
    let scope = client.scopes.join(" ");
    if !scope.is_empty() {
        form.push(("scope", &scope));
    }
    push_details(&mut form, client);
    // A token may be for resources and an audience at once (RFC 8693 §2.1).
    if matches!(client.audience, Some(Audience::Name(_))) {
        push_resources(&mut form, client);
    }
    push_audience(&mut form, client);
    authenticated_post(Purpose::Token, endpoint, client, method, form)
}

const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
const TOKEN_EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

/// Prefix of the types of tokens (RFC 8693 §3).
const TYPE_PREFIX: &str = "urn:ietf:params:oauth:token-type:";

/// Returns the type that was requested, if it is not that of an access token.
fn requested_type(grant: &GrantType) -> Option<&str> {
    let GrantType::TokenExchange(exchange) = grant else { return None };
    let requested = exchange.requested_token_type.as_deref()?;
    Some(requested.strip_prefix(TYPE_PREFIX).unwrap_or(requested))
        .filter(|name| *name != "access_token")
}

/// Checks that an exchanged token is of the type that was requested (RFC 8693 §2.2.1).
pub(crate) fn check_exchanged(
    grant: &GrantType,
    token: TokenResponse,
) -> Result<TokenResponse, Failure> {
    let GrantType::TokenExchange(exchange) = grant else { return Ok(token) };
    let Some(requested) = &exchange.requested_token_type else { return Ok(token) };
    match &token.issued_token_type {
        Some(issued) if issued == requested => check_authorization_grant(grant, token),
        issued => Err(invalid(format!(
            "the token response has the issued_token_type {}; expected {}",
            printable(issued.as_deref().unwrap_or("none")),
            printable(requested)
        ))),
    }
}

/// Checks that what was requested as an identity assertion authorization grant is one
/// (draft-ietf-oauth-identity-assertion-authz-grant §3).
fn check_authorization_grant(
    grant: &GrantType,
    token: TokenResponse,
) -> Result<TokenResponse, Failure> {
    match requested_type(grant) {
        Some("id-jag") if !is_authorization_grant(&token.access_token) => Err(invalid(
            "the provider issued no identity assertion authorization grant; expected a JSON Web \
             Token of the type oauth-id-jag+jwt",
        )),
        _ => Ok(token),
    }
}

/// Adds whom the token is for: the client's audience, otherwise the resources of its
/// settings.
fn push_audience<'a>(form: &mut Vec<(&'a str, &'a str)>, client: &'a Client) {
    match &client.audience {
        None => push_resources(form, client),
        Some(Audience::Resource(uri)) => form.push(("resource", uri)),
        Some(Audience::Name(name)) => form.push(("audience", name)),
    }
}

/// Adds the resource indicators of the settings (RFC 8707 §2).
pub(crate) fn push_resources<'a>(form: &mut Vec<(&'a str, &'a str)>, client: &'a Client) {
    form.extend(client.resources.iter().map(|resource| ("resource", resource.as_str())));
}

/// A response body: every member is optional, and numbers may be strings.
#[derive(Deserialize)]
struct Body {
    access_token: Option<String>,
    token_type: Option<String>,
    expires_in: Option<Value>,
    refresh_token: Option<String>,
    scope: Option<Value>,
    id_token: Option<String>,
    issued_token_type: Option<String>,
    authorization_details: Option<Value>,
    error: Option<Value>,
    error_description: Option<Value>,
    /// Stytch's names for `error` and `error_description`.
    error_type: Option<Value>,
    error_message: Option<Value>,
}

/// Parses a token response. Fails with `provider-refused` and the provider's own error,
/// `provider-unavailable`, or `invalid-token-response`.
///
/// The token must be of the type that the client wants: anybody could use a bearer token,
/// where the client asked for a bound one.
pub(crate) fn parse_token_response(
    response: &Response,
    wanted: Wanted,
) -> Result<TokenResponse, Failure> {
    let body = parse_body(response);
    // Some providers send errors with status 200, so the body decides. Others send an
    // empty error together with a token.
    if let Ok(Body { error: Some(Value::String(error)), error_description, .. }) = &body
        && !error.is_empty()
    {
        let description = error_description.as_ref().and_then(Value::as_str);
        return Err(refusal(response, error, description));
    }
    if let Some(failure) = unavailable("the token endpoint", response) {
        return Err(failure);
    }
    if !(200..300).contains(&response.status) {
        if let Ok(Body { error_type: Some(Value::String(error)), error_message, .. }) = &body {
            let description = error_message.as_ref().and_then(Value::as_str);
            return Err(refusal(response, error, description));
        }
        return Err(invalid(format!(
            "the token endpoint answered with status {} and no OAuth error",
            response.status
        )));
    }
    let body = body?;
    let access_token = credential("access_token", body.access_token)?
        .ok_or_else(|| invalid("the token response has no access_token"))?;
    Ok(TokenResponse {
        access_token,
        token_type: token_type(body.token_type, wanted)?,
        expires_in_s: body.expires_in.and_then(|value| seconds(&value)),
        refresh_token: credential("refresh_token", body.refresh_token)?,
        scopes: body.scope.and_then(|value| scopes(&value)),
        id_token: credential("id_token", body.id_token)?,
        issued_token_type: body.issued_token_type,
        authorization_details: body.authorization_details,
    })
}

/// Returns the refresh token of a response that is otherwise unusable. A provider that
/// rotates refresh tokens has invalidated the last one by sending it.
pub(crate) fn refresh_token_in(response: &Response) -> Option<String> {
    if !(200..300).contains(&response.status) {
        return None;
    }
    let body: Value = parse_json_or_form(response).ok()?;
    credential("refresh_token", body.get("refresh_token")?.as_str().map(str::to_owned)).ok()?
}

/// Which token types a client takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Bearer,
    /// A token without a type is a bearer token.
    BearerEvenUnnamed,
    /// Bound to a key (RFC 9449 §5).
    Dpop,
    /// Not an access token, so no API takes it (RFC 8693 §2.2.1).
    Other,
}

impl Wanted {
    pub(crate) fn by(client: &Client) -> Self {
        if requested_type(&client.grant).is_some() {
            return Self::Other;
        }
        match (&client.dpop, client.token_type_optional) {
            (Some(_), _) => Self::Dpop,
            (None, true) => Self::BearerEvenUnnamed,
            (None, false) => Self::Bearer,
        }
    }
}

/// The type of a token that no API takes (RFC 8693 §2.2.1).
pub(crate) const NOT_APPLICABLE: &str = "N_A";

/// Checks the token type (RFC 6749 §7.1): "Bearer" in any case, or Apigee's name for it, or
/// "DPoP" if that is wanted, or [`NOT_APPLICABLE`] of what is no access token.
fn token_type(found: Option<String>, wanted: Wanted) -> Result<String, Failure> {
    let expected = if wanted == Wanted::Dpop { DPOP } else { "Bearer" };
    match found.filter(|token_type| !token_type.is_empty()) {
        None if wanted == Wanted::BearerEvenUnnamed => Ok(expected.to_owned()),
        None => Err(invalid(format!("the token response has no token_type; expected {expected}"))),
        Some(name) if name.eq_ignore_ascii_case(expected) => Ok(match wanted {
            Wanted::Dpop => DPOP.to_owned(),
            _ => name,
        }),
        Some(name) if wanted == Wanted::Other && name.eq_ignore_ascii_case(NOT_APPLICABLE) => {
            Ok(NOT_APPLICABLE.to_owned())
        }
        Some(name) if wanted != Wanted::Dpop && name.eq_ignore_ascii_case("bearertoken") => {
            Ok(expected.to_owned())
        }
        Some(other) => Err(invalid(format!(
            "the token response has the token_type {}; expected {expected}",
            printable(&other)
        ))),
    }
}

/// Parses JSON, or a form if the content type says so. Some older providers send a form.
fn parse_json_or_form<T: DeserializeOwned>(response: &Response) -> serde_json::Result<T> {
    let is_form = find_header(&response.headers, "content-type")
        .is_some_and(|value| value.starts_with("application/x-www-form-urlencoded"));
    if !is_form {
        return serde_json::from_slice(&response.body);
    }
    let pairs: serde_json::Map<String, Value> = form_urlencoded::parse(&response.body)
        .map(|(name, value)| (name.into_owned(), Value::String(value.into_owned())))
        .collect();
    serde_json::from_value(Value::Object(pairs))
}

fn parse_body(response: &Response) -> Result<Body, Failure> {
    // The parser's own message could quote a token; its position cannot.
    parse_json_or_form(response).map_err(|error: serde_json::Error| {
        invalid(format!(
            "the token response cannot be read: not the expected JSON at line {}, column {}",
            error.line(),
            error.column()
        ))
    })
}

/// Whether the provider says that the refresh token is invalid: `invalid_grant` (RFC 6749
/// §5.2), or the error of GitHub, Hexclave or Stytch for it.
pub(crate) fn voids_refresh_token(failure: &Failure) -> bool {
    refused(failure, |error| {
        ["invalid_grant", "bad_refresh_token", "REFRESH_TOKEN_NOT_FOUND_OR_EXPIRED"]
            .contains(&error)
            || error.ends_with("refresh_token_not_found")
    })
}

/// Whether the provider refused the request as such (RFC 6749 §5.2, RFC 8707 §2): not the
/// grant, and not the client.
pub(crate) fn refuses_request(failure: &Failure) -> bool {
    refused(failure, |error| {
        !["invalid_grant", "invalid_client", "unauthorized_client"].contains(&error)
    })
}

/// Whether the provider refused the resource or the audience (RFC 8707 §2).
pub(crate) fn refuses_target(failure: &Failure) -> bool {
    refused(failure, |error| error == "invalid_target")
}

/// Whether the provider requires the user to interact with it again. Entra ID sends these
/// errors of the authorization endpoint (OIDC §3.1.2.6) from the token endpoint too.
pub(crate) fn requires_interaction(failure: &Failure) -> bool {
    refused(failure, |error| {
        ["interaction_required", "login_required", "consent_required"].contains(&error)
    })
}

/// Whether the provider refused with such an error. A server error with the same error
/// code is not a refusal.
fn refused(failure: &Failure, is_meant: impl Fn(&str) -> bool) -> bool {
    failure.code == Code::ProviderRefused
        && failure.provider.as_ref().is_some_and(|said| is_meant(&said.error))
}

fn refusal(response: &Response, error: &str, description: Option<&str>) -> Failure {
    let provider = provider_error(error, description);
    let message = format!("the provider refused the token request: {}", in_words(&provider));
    let later =
        matches!(error, "temporarily_unavailable" | "server_error") || is_unavailable(response);
    if later {
        Failure::new(Code::ProviderUnavailable, message, "nothing is lost; try again in a moment")
            .retryable()
            .with_provider_error(provider)
    } else {
        let remedy = match error {
            "invalid_client" | "unauthorized_client" => {
                "check the client ID, its secret, and what the provider lets this client do"
            }
            "invalid_scope" => "request only scopes that this client may use",
            "invalid_target" => {
                "request resources that the provider knows; some providers issue a token for one resource at a time"
            }
            "invalid_grant" => "log in again",
            _ => "check the client's registration at the provider",
        };
        Failure::new(Code::ProviderRefused, message, remedy).with_provider_error(provider)
    }
}

/// Checks that a token is printable ASCII (RFC 6749 Appendix A): it must not break out of
/// a header or a terminal line. Returns `None` if it is empty.
pub(crate) fn credential(field: &str, value: Option<String>) -> Result<Option<String>, Failure> {
    match value {
        Some(text) if text.is_empty() => Ok(None),
        Some(text) if text.bytes().all(|byte| (0x20..=0x7e).contains(&byte)) => Ok(Some(text)),
        Some(_) => Err(invalid(format!(
            "the token response's {field} contains characters that are not allowed in a token"
        ))),
        None => Ok(None),
    }
}

/// A whole number of seconds. Accepts strings, and cuts off fractions. Returns `None` for
/// everything else, as if it had not been sent.
fn seconds(value: &Value) -> Option<u64> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        // As JSON has it: the standard library reads more, and is as large as a flow.
        Value::String(text) => serde_json::from_str(text.trim()).ok()?,
        _ => return None,
    };
    // A cast from float to integer saturates, so an absurdly large number stays valid.
    number.is_finite().then_some(number.max(0.0) as u64)
}

/// Scope names separated by spaces, or in a list.
fn scopes(value: &Value) -> Option<Vec<String>> {
    let names: Vec<String> = match value {
        Value::String(text) => text.split_ascii_whitespace().map(str::to_owned).collect(),
        Value::Array(items) => items.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        _ => return None,
    };
    (!names.is_empty()).then(|| names.iter().map(|name| printable(name)).collect())
}

fn invalid(message: impl Into<String>) -> Failure {
    Failure::new(
        Code::InvalidTokenResponse,
        message,
        "report it to the provider; its token endpoint does not follow RFC 6749",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::request::header;

    fn parse(status: u16, body: &str) -> Result<TokenResponse, Failure> {
        let response = Response { status, headers: vec![], body: body.as_bytes().to_vec() };
        parse_token_response(&response, Wanted::Bearer)
    }

    #[test]
    fn a_lifetime_may_come_as_text_or_fraction_or_not_at_all() {
        for (sent, read) in [
            ("3600", Some(3600)),
            ("\"3600\"", Some(3600)),
            ("59.9", Some(59)),
            ("-5", Some(0)),
            ("null", None),
            ("\"soon\"", None),
            ("1e300", Some(u64::MAX)),
        ] {
            let body =
                format!(r#"{{"access_token":"a","token_type":"bearer","expires_in":{sent}}}"#);
            assert_eq!(parse(200, &body).ok().unwrap().expires_in_s, read, "{sent}");
        }
    }

    #[test]
    fn a_token_is_a_bearer_token() {
        use Wanted::{Bearer, BearerEvenUnnamed, Dpop, Other};

        for (sent, wanted, read) in [
            (Some("Bearer"), Bearer, Some("Bearer")),
            (Some("bearer"), Bearer, Some("bearer")),
            (Some("BearerToken"), Bearer, Some("Bearer")),
            (Some("DPoP"), Bearer, None),
            (Some("DPoP"), BearerEvenUnnamed, None),
            (Some(""), Bearer, None),
            (Some(""), BearerEvenUnnamed, Some("Bearer")),
            (None, Bearer, None),
            (None, BearerEvenUnnamed, Some("Bearer")),
            (Some("DPoP"), Dpop, Some("DPoP")),
            (Some("dpop"), Dpop, Some("DPoP")),
            (Some("Bearer"), Dpop, None),
            (None, Dpop, None),
            (Some("n_a"), Other, Some("N_A")),
            (Some("Bearer"), Other, Some("Bearer")),
            (Some("DPoP"), Other, None),
            (Some("N_A"), Bearer, None),
            (Some("N_A"), Dpop, None),
        ] {
            let body = serde_json::json!({ "access_token": "a", "token_type": sent });
            let body = body.to_string().into_bytes();
            let response = Response { status: 200, headers: vec![], body };
            match (parse_token_response(&response, wanted), read) {
                (Ok(token), Some(read)) => assert_eq!(token.token_type, read, "{sent:?}"),
                (Err(failure), None) => assert_eq!(failure.code, Code::InvalidTokenResponse),
                _ => panic!("{sent:?} {read:?}"),
            }
        }
    }

    #[test]
    fn an_empty_error_next_to_a_token_is_ignored() {
        let token = parse(200, r#"{"access_token":"a","token_type":"Bearer","error":""}"#);
        assert_eq!(token.ok().unwrap().access_token, "a");
    }

    #[test]
    fn a_refresh_token_is_found_in_a_response_that_cannot_be_used() {
        for (status, body, found) in [
            (200, r#"{"refresh_token":"r","token_type":"DPoP","access_token":"a"}"#, Some("r")),
            (200, r#"{"refresh_token":"r"}"#, Some("r")),
            (200, r#"{"refresh_token":"r","access_token":7}"#, Some("r")),
            (200, r#"{"refresh_token":"r\n"}"#, None),
            (200, r#"{"refresh_token":""}"#, None),
            (200, r#"{"access_token":"a"}"#, None),
            (200, "<html>", None),
            (400, r#"{"refresh_token":"r"}"#, None),
        ] {
            let response = Response { status, headers: vec![], body: body.as_bytes().to_vec() };
            assert_eq!(refresh_token_in(&response).as_deref(), found, "{status} {body}");
        }
    }

    #[test]
    fn a_token_that_could_break_a_header_is_rejected() {
        assert!(parse(200, r#"{"access_token":"a\r\nx: y","token_type":"bearer"}"#).is_err());
    }

    #[test]
    fn an_error_is_reported_with_any_status() {
        for status in [200, 400, 401] {
            let failure =
                parse(status, r#"{"error":"invalid_grant","error_description":"gone\u001b[2J"}"#)
                    .err()
                    .unwrap();
            assert_eq!(failure.code, Code::ProviderRefused);
            assert!(voids_refresh_token(&failure));
            assert!(!failure.message.contains('\u{1b}'));
        }
    }

    #[test]
    fn a_server_error_is_not_a_refusal() {
        for body in ["", "<html>", r#"{"error":"server_error"}"#, r#"{"error":"invalid_grant"}"#] {
            let failure = parse(503, body).err().unwrap();
            assert_eq!(failure.code, Code::ProviderUnavailable, "{body}");
            assert!(failure.retryable && !voids_refresh_token(&failure));
        }
    }

    #[test]
    fn a_form_is_parsed_if_the_content_type_says_so() {
        let response = Response {
            status: 200,
            headers: vec![header(
                "Content-Type",
                "application/x-www-form-urlencoded; charset=utf-8",
            )],
            body: b"access_token=a&token_type=bearer&scope=x+y".to_vec(),
        };
        let token = parse_token_response(&response, Wanted::Bearer).ok().unwrap();
        assert_eq!(token.access_token, "a");
        assert_eq!(token.scopes.unwrap(), ["x", "y"]);
    }

    #[test]
    fn an_unreadable_response_never_quotes_itself() {
        let failure =
            parse(200, r#"{"access_token":7,"refresh_token":"secret-secret"}"#).err().unwrap();
        assert!(!failure.message.contains("secret"), "{}", failure.message);
    }
}
