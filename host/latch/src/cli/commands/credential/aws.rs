//! AWS: `credential_process` in `~/.aws/config`
//! ([process credentials](https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html)).
//!
//! Standard output is one object with keys, which the Security Token Service gives for an
//! ID token ([AssumeRoleWithWebIdentity](https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRoleWithWebIdentity.html)).
//! The keys are kept: every process of the user asks for them anew.

use std::env;
use std::time::{Duration, SystemTime};

use jiff::Timestamp;
use latchstring::{Code, Error};
use roxmltree::Document;
use serde::{Deserialize, Serialize};
use url::{Url, form_urlencoded};

use super::exchanged::{Given, Refusal, kept, post, refused};
use super::helper::{Helper, Issued, Session};
use super::{End, malformed};
use crate::cli::args::AwsArgs;
use crate::cli::output;

/// Time for which keys must still be valid: the SDKs ask again this long before the end.
const USABLE_FOR: Duration = Duration::from_secs(15 * 60);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Keys {
    version: u8,
    access_key_id: String,
    secret_access_key: String,
    session_token: String,
    expiration: String,
}

pub(super) async fn run(helper: &Helper, args: &AwsArgs) -> End {
    answer(helper, args).await.into()
}

async fn answer(helper: &Helper, args: &AwsArgs) -> Result<(), Error> {
    let session = helper.session_of_profile()?;
    let endpoint = endpoint(args)?;
    let name = format!("aws {endpoint} {} {}", args.role_arn, args.duration);
    // Keys that live no longer than that are asked for each time, as they have to be.
    let usable_for = USABLE_FOR.min(Duration::from_secs(args.duration / 2));
    let keys = kept(&session, &name, usable_for, async |issued| {
        assume(&session, &endpoint, args, issued).await
    });
    output::compact(&keys.await?)
}

/// The address of the service, for which every SDK reads the same variables.
fn endpoint(args: &AwsArgs) -> Result<Url, Error> {
    let variable = |name: &str| env::var(name).ok().filter(|value| !value.is_empty());
    let text = args.sts_endpoint.clone().or_else(|| variable("AWS_ENDPOINT_URL_STS"));
    let text = text.unwrap_or_else(|| {
        match variable("AWS_REGION").or_else(|| variable("AWS_DEFAULT_REGION")) {
            Some(region) => format!("https://sts.{region}.amazonaws.com/"),
            None => "https://sts.amazonaws.com/".to_owned(),
        }
    });
    Url::parse(&text)
        .map_err(|error| malformed(format!("the address of STS is not a URL: {error}")))
}

async fn assume(
    session: &Session,
    endpoint: &Url,
    args: &AwsArgs,
    issued: &Issued,
) -> Result<Given<Keys>, Refusal> {
    let form = form_urlencoded::Serializer::new(String::new())
        .append_pair("Action", "AssumeRoleWithWebIdentity")
        .append_pair("Version", "2011-06-15")
        .append_pair("RoleArn", &args.role_arn)
        .append_pair("RoleSessionName", &args.session_name)
        .append_pair("DurationSeconds", &args.duration.to_string())
        .append_pair("WebIdentityToken", &issued.text)
        .finish();
    let media_type = "application/x-www-form-urlencoded";
    let response = post(session, endpoint, media_type, form.into_bytes()).await?;
    let text = String::from_utf8_lossy(&response.body);
    let document = Document::parse(&text).map_err(|_| unreadable(response.status))?;
    let find = |name: &str| {
        let named = document.descendants().find(|node| node.tag_name().name() == name);
        named.and_then(|node| node.text()).map(str::to_owned)
    };
    if response.status != 200 {
        let code = find("Code").ok_or_else(|| unreadable(response.status))?;
        let remedy = "check the role's trust policy and the audience of the ID token";
        let error = refused("AWS", &code, &find("Message").unwrap_or_default(), remedy);
        return Err(match code.as_str() {
            "ExpiredTokenException" | "ExpiredToken" => Refusal::Expired(error),
            _ => Refusal::Final(error),
        });
    }
    let need = |name: &str| find(name).ok_or_else(|| unreadable(response.status));
    let expiration = need("Expiration")?;
    let expires_at: Timestamp = expiration.parse().map_err(|_| unreadable(response.status))?;
    let value = Keys {
        version: 1,
        access_key_id: need("AccessKeyId")?,
        secret_access_key: need("SecretAccessKey")?,
        session_token: need("SessionToken")?,
        expiration,
    };
    Ok(Given { value, expires_at: SystemTime::from(expires_at) })
}

fn unreadable(status: u16) -> Refusal {
    Refusal::Final(Error::new(
        Code::InvalidTokenResponse,
        format!("the answer of AWS (status {status}) cannot be read"),
        "check the address of STS",
    ))
}
