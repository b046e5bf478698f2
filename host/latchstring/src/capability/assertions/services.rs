//! Services that make assertions for the job or machine that asks them.

use std::env;
use std::time::Duration;

use serde::Deserialize;
use url::Url;
use zeroize::Zeroizing;

use super::{BYTES, missing};
use crate::capability::http::{Http as _, Limits, SystemHttp, Trouble};
use crate::error::{Code, Error, printable};
use latchstring_core::contract::{Header, Method, Request, Response};

/// Time limit for a request.
const PATIENCE: Duration = Duration::from_secs(10);

/// The address, and the bearer token, with which a job asks for its ID token.
/// <https://docs.github.com/actions/reference/security/oidc>
const GITHUB_URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
const GITHUB_TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";

/// The host of the metadata server, and the variable with another one, as Google's own
/// libraries read it.
/// <https://cloud.google.com/compute/docs/instances/verifying-instance-identity>
const GOOGLE_HOST: &str = "metadata.google.internal";
const GOOGLE_VARIABLE: &str = "GCE_METADATA_HOST";
const GOOGLE_PATH: &str = "/computeMetadata/v1/instance/service-accounts/default/identity";
const GOOGLE_HEADER: &str = "metadata-flavor";

/// The answer of GitHub's service. Holds a secret: has no `Debug`.
#[derive(Deserialize)]
struct GithubToken {
    value: String,
}

/// Asks the service of GitHub Actions for the job's ID token.
pub(super) async fn github(audience: Option<&str>) -> Result<Zeroizing<String>, Error> {
    let variable = |name| env::var(name).ok().filter(|value| !value.is_empty());
    let (Some(url), Some(token)) = (variable(GITHUB_URL), variable(GITHUB_TOKEN)) else {
        return Err(missing(
            "this job may not ask GitHub for an ID token, or is no job of GitHub Actions",
            "add to the job in the workflow: permissions: { id-token: write, contents: read }",
        ));
    };
    let mut url = Url::parse(&url)
        .ok()
        .filter(is_safe)
        .ok_or_else(|| missing(format!("{GITHUB_URL} is no https address"), "check the runner"))?;
    if let Some(audience) = audience {
        url.query_pairs_mut().append_pair("audience", audience);
    }
    let what = "GitHub's service for ID tokens";
    let proof = header("authorization", &format!("bearer {token}"));
    let response = get(&SystemHttp::new(), &url, vec![proof], what).await?;
    let token: GithubToken =
        serde_json::from_slice(&response.body).map_err(|_| unreadable(what))?;
    Ok(Zeroizing::new(token.value))
}

/// Asks the metadata server of Google Cloud for the machine's ID token.
pub(super) async fn google(audience: Option<&str>) -> Result<Zeroizing<String>, Error> {
    let Some(audience) = audience else {
        return Err(missing("nothing says whom the ID token is for", "set its audience"));
    };
    let host = env::var(GOOGLE_VARIABLE).ok().filter(|host| !host.is_empty());
    let host = host.as_deref().unwrap_or(GOOGLE_HOST);
    let mut url = Url::parse(&format!("http://{host}{GOOGLE_PATH}"))
        .map_err(|_| missing(format!("{GOOGLE_VARIABLE} is no host"), "correct it"))?;
    url.query_pairs_mut().append_pair("audience", audience).append_pair("format", "full");
    let what = "the metadata server of Google Cloud";
    let flavor = header(GOOGLE_HEADER, "Google");
    // Never through a proxy: only the machine itself may ask.
    let response = get(&SystemHttp::direct(), &url, vec![flavor], what).await?;
    let is_google = response
        .headers
        .iter()
        .any(|header| header.name.eq_ignore_ascii_case(GOOGLE_HEADER) && header.value == "Google");
    if !is_google {
        return Err(unreadable(what));
    }
    let text = String::from_utf8(response.body).map_err(|_| unreadable(what))?;
    Ok(Zeroizing::new(text))
}

async fn get(
    http: &SystemHttp,
    url: &Url,
    headers: Vec<Header>,
    what: &str,
) -> Result<Response, Error> {
    let request = Request { method: Method::Get, url: url.to_string(), headers, body: None };
    let limits = Limits { timeout: PATIENCE, body_bytes: BYTES, private_addresses: true };
    let response = http.send(request, limits).await.map_err(|trouble| {
        let reason = match trouble {
            Trouble::Unreachable { reason, .. } | Trouble::Denied(reason) => reason,
            Trouble::TooLarge(limit) => format!("its answer has more than {limit} bytes"),
        };
        let message = format!("{what} cannot be reached: {}", printable(&reason));
        Error::new(Code::Unreachable, message, "check that this runs where it is").retryable()
    })?;
    match response.status {
        200 => Ok(response),
        status => Err(missing(
            format!("{what} answered with status {status}"),
            "check that this job or machine may have an ID token",
        )),
    }
}

/// Whether a token may be sent there: by https, or to this machine.
fn is_safe(url: &Url) -> bool {
    url.scheme() == "https" || latchstring_core::egress::addresses::is_loopback(url)
}

fn header(name: &str, value: &str) -> Header {
    Header { name: name.to_owned(), value: value.to_owned() }
}

fn unreadable(what: &str) -> Error {
    missing(format!("the answer of {what} cannot be read"), "check what answers there")
}
