//! Messages of the API of Hexclave, formerly Stack Auth.
//!
//! A login has two codes: one for the page of the project on which the user confirms it,
//! and one to poll with. Its refresh token is never replaced. Access tokens are JSON Web
//! Tokens that live for minutes.

use serde::Deserialize;
use serde_json::{Map, Value};
use url::{Url, form_urlencoded};

use crate::contract::{
    Client, Code, EpochMs, Exchange, Failure, Header, Hexclave, HexclaveHeaders, Method, Purpose,
    Response,
};
use crate::protocol::endpoint::{self, Issuer};
use crate::protocol::failure::{in_words, printable, provider_error, unavailable};
use crate::protocol::id_token::{Claims, claims_of_verified};
use crate::protocol::request::{header, plain, post_json};
use crate::protocol::token::{TokenResponse, credential};

/// Longest lifetime of a login that the server accepts.
const LONGEST_LOGIN_MS: u64 = 900_000;

/// Lifetime of an access token that does not contain one.
const ACCESS_TOKEN_S: u64 = 600;

/// The API of a project on one server.
pub(crate) struct Api<'a> {
    base: Issuer,
    client: &'a Client,
    hexclave: &'a Hexclave,
}

/// The codes of a login that has begun. Holds a secret: has no `Debug`.
pub(crate) struct Begun {
    pub(crate) polling_code: String,
    pub(crate) login_code: String,
}

/// The page on which the user confirms a login.
pub(crate) struct Page(Url);

/// The state of a login.
pub(crate) enum Confirmation {
    Waiting,
    /// Confirmed. Holds the refresh token, which the server sends once.
    Confirmed(String),
    Expired,
    /// Another program has received the result.
    Used,
}

impl<'a> Api<'a> {
    pub(crate) fn new(client: &'a Client, hexclave: &'a Hexclave) -> Result<Self, Failure> {
        let base = Issuer::of(client)?.ok_or_else(|| {
            Failure::configuration("the API's base URL is missing", "set it as the issuer")
        })?;
        // Checked here because a request with such a header cannot be sent, so the
        // provider could not report the mistake.
        let key = hexclave.publishable_client_key.as_deref().unwrap_or_default();
        for (name, text) in [("project ID", client.id()), ("publishable client key", key)] {
            if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
                return Err(Failure::configuration(
                    format!("the {name} contains characters that are not allowed in a header"),
                    "copy it from the project's dashboard again",
                ));
            }
        }
        Ok(Self { base, client, hexclave })
    }

    pub(crate) fn page(&self) -> Result<Page, Failure> {
        let page = endpoint::parse("the app URL", &self.hexclave.app_url, true);
        let page = page.and_then(|app| match app.query() {
            None => Ok(app),
            Some(_) => Err("the app URL has a query; expected none".to_owned()),
        });
        let mut page = page.map_err(|message| {
            Failure::configuration(message, "set the URL of the project's own pages")
        })?;
        let path = page.path().trim_end_matches('/').to_owned();
        page.set_path(&format!("{path}/handler/cli-auth-confirm"));
        Ok(Page(page))
    }

    pub(crate) fn begin_request(
        &self,
        time_limit_ms: u64,
        anonymous_refresh_token: Option<&str>,
    ) -> Exchange {
        let mut body = Map::new();
        body.insert("expires_in_millis".to_owned(), lifetime_ms(time_limit_ms).into());
        if let Some(token) = anonymous_refresh_token {
            body.insert("anon_refresh_token".to_owned(), token.into());
        }
        self.post(Purpose::DeviceAuthorization, "auth/cli", Vec::new(), &body)
    }

    pub(crate) fn poll_request(&self, polling_code: &str) -> Exchange {
        let mut body = Map::new();
        body.insert("polling_code".to_owned(), polling_code.into());
        self.post(Purpose::Poll, "auth/cli/poll", Vec::new(), &body)
    }

    pub(crate) fn refresh_request(&self, refresh_token: &str) -> Exchange {
        let token = self.header("refresh-token", refresh_token);
        self.post(Purpose::Token, "auth/sessions/current/refresh", vec![token], &Map::new())
    }

    pub(crate) fn user_request(&self, access_token: &str) -> Exchange {
        let mut headers = self.headers();
        headers.push(self.header("access-token", access_token));
        plain(Purpose::Userinfo, Method::Get, &self.url("users/me"), headers)
    }

    /// Returns the request that ends the session at the server.
    pub(crate) fn sign_out_request(&self, access_token: &str, refresh_token: &str) -> Exchange {
        let mut headers = self.headers();
        headers.push(self.header("access-token", access_token));
        headers.push(self.header("refresh-token", refresh_token));
        let url = self.url("auth/sessions/current");
        plain(Purpose::Revocation, Method::Delete, &url, headers)
    }

    /// Returns the headers of requests to the API.
    pub(crate) fn api_headers(&self, access_token: &str) -> Vec<Header> {
        let mut headers = self.headers();
        headers.push(self.header("access-token", access_token));
        headers
    }

    fn post(
        &self,
        purpose: Purpose,
        path: &str,
        more: Vec<Header>,
        body: &Map<String, Value>,
    ) -> Exchange {
        let mut headers = self.headers();
        headers.extend(more);
        post_json(purpose, &self.url(path), headers, body)
    }

    fn url(&self, path: &str) -> String {
        format!("{}/api/v1/{path}", self.base.as_str().trim_end_matches('/'))
    }

    fn headers(&self) -> Vec<Header> {
        let mut headers =
            vec![self.header("project-id", self.client.id()), self.header("access-type", "client")];
        if let Some(key) = &self.hexclave.publishable_client_key {
            headers.push(self.header("publishable-client-key", key));
        }
        headers
    }

    fn header(&self, name: &str, value: &str) -> Header {
        let prefix = match self.hexclave.headers {
            HexclaveHeaders::Hexclave => "x-hexclave",
            HexclaveHeaders::Stack => "x-stack",
        };
        header(&format!("{prefix}-{name}"), value)
    }
}

impl Page {
    pub(crate) fn url(mut self, login_code: &str) -> String {
        // A space is sent as %20, because not every page parses its query as a form.
        let code: String = form_urlencoded::byte_serialize(login_code.as_bytes()).collect();
        self.0.set_query(Some(&format!("login_code={}", code.replace('+', "%20"))));
        self.0.into()
    }
}

/// The lifetime to request for a login, within the limits of the server.
pub(crate) fn lifetime_ms(time_limit_ms: u64) -> u64 {
    time_limit_ms.clamp(1, LONGEST_LOGIN_MS)
}

pub(crate) fn parse_begin_response(response: &Response) -> Result<Begun, Failure> {
    #[derive(Deserialize)]
    struct Body {
        polling_code: String,
        login_code: String,
    }
    if let Some(failure) = unavailable("the login endpoint", response) {
        return Err(failure);
    }
    if response.status != 200 {
        return Err(refusal(response, "the provider refused to start a login"));
    }
    // The parser's own message could quote a code.
    match serde_json::from_slice(&response.body) {
        Ok(Body { polling_code, login_code })
            if !polling_code.is_empty() && !login_code.is_empty() =>
        {
            Ok(Begun { polling_code, login_code })
        }
        _ => Err(invalid("it has no polling_code or no login_code")),
    }
}

/// Parses a poll response. The error says why the state of the login is not known.
pub(crate) fn parse_poll_response(response: &Response) -> Result<Confirmation, Failure> {
    #[derive(Deserialize)]
    struct Body {
        status: String,
        refresh_token: Option<String>,
    }
    if let Some(failure) = unavailable("the login endpoint", response) {
        return Err(failure);
    }
    if !matches!(response.status, 200 | 201) {
        return Err(refusal(response, "the provider does not know this login"));
    }
    let body: Body =
        serde_json::from_slice(&response.body).map_err(|_| invalid("its status cannot be read"))?;
    match (body.status.as_str(), body.refresh_token) {
        ("waiting", _) => Ok(Confirmation::Waiting),
        ("expired", _) => Ok(Confirmation::Expired),
        ("used", _) => Ok(Confirmation::Used),
        ("success", token) => credential("refresh_token", token)?
            .map(Confirmation::Confirmed)
            .ok_or_else(|| invalid("it was confirmed without a refresh_token")),
        (status, _) => Err(invalid(&format!("its status is {}", printable(status)))),
    }
}

/// Parses a response with a new access token. The refresh token is not replaced.
pub(crate) fn parse_refresh_response(
    response: &Response,
    now_ms: EpochMs,
) -> Result<TokenResponse, Failure> {
    #[derive(Deserialize)]
    struct Body {
        access_token: Option<String>,
    }
    if let Some(failure) = unavailable("the session endpoint", response) {
        return Err(failure);
    }
    if response.status != 200 {
        return Err(refusal(response, "the provider refused to refresh the session"));
    }
    let body: Body = serde_json::from_slice(&response.body)
        .map_err(|_| invalid("the refreshed session cannot be read"))?;
    let access_token = credential("access_token", body.access_token)?
        .ok_or_else(|| invalid("the refreshed session has no access_token"))?;
    let expires_in_s = remaining_s(&access_token, now_ms).unwrap_or(ACCESS_TOKEN_S);
    Ok(TokenResponse {
        access_token,
        token_type: "Bearer".to_owned(),
        expires_in_s: Some(expires_in_s),
        refresh_token: None,
        scopes: None,
        id_token: None,
        issued_token_type: None,
        authorization_details: None,
    })
}

/// Adds the claim names of OIDC §5.1 to a user object.
pub(crate) fn user_claims(mut user: Claims) -> Claims {
    for (name, own) in [("sub", "id"), ("name", "display_name"), ("email", "primary_email")] {
        if let Some(value @ Value::String(_)) = user.get(own).cloned() {
            user.entry(name).or_insert(value);
        }
    }
    user
}

/// Returns the remaining lifetime of an access token, only to schedule its renewal. The
/// signature is not checked: that is up to the server.
fn remaining_s(access_token: &str, now_ms: EpochMs) -> Option<u64> {
    let end_s = claims_of_verified(access_token)?.get("exp")?.as_u64()?;
    Some(end_s.saturating_sub(now_ms / 1000))
}

fn refusal(response: &Response, what: &str) -> Failure {
    #[derive(Deserialize)]
    struct Body {
        code: String,
        error: Option<String>,
    }
    match serde_json::from_slice(&response.body) {
        Ok(Body { code, error }) => {
            let provider = provider_error(&code, error.as_deref());
            let message = format!("{what}: {}", in_words(&provider));
            let remedy = "check project ID, publishable client key and base URL, then log in again";
            Failure::new(Code::ProviderRefused, message, remedy).with_provider_error(provider)
        }
        Err(_) => invalid(&format!("{what}, with status {}", response.status)),
    }
}

fn invalid(reason: &str) -> Failure {
    Failure::new(
        Code::InvalidTokenResponse,
        format!("the provider's response cannot be used: {reason}"),
        "check the base URL; if it is right, report it to the provider",
    )
}
