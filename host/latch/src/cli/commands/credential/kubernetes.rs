//! kubectl, helm, k9s and everything else on client-go
//! ([client-go credential plugins](https://kubernetes.io/docs/reference/access-authn-authz/authentication/#client-go-credential-plugins)).
//!
//! The request is in the environment, and the answer has the version that it names:
//!
//! ```text
//! KUBERNETES_EXEC_INFO={"apiVersion":"client.authentication.k8s.io/v1","kind":...}
//! -> {"apiVersion":...,"kind":"ExecCredential","status":{"token":...,"expirationTimestamp":...}}
//! ```
//!
//! A program asks once and uses the token until the time that it was told. After a 401 it
//! asks again, and says nothing about that. So the same process that asks again before that
//! time was refused: the token is replaced, once.

use latchstring::{Code, Error, printable};
use serde::{Deserialize, Serialize};

use super::callers::Callers;
use super::helper::{Helper, Kind};
use super::{End, malformed};
use crate::cli::args::KubernetesArgs;
use crate::cli::output;

const VARIABLE: &str = "KUBERNETES_EXEC_INFO";
const VERSIONS: [&str; 2] =
    ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"];

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    api_version: Option<String>,
    spec: Option<Spec>,
}

#[derive(Deserialize)]
struct Spec {
    /// Whether standard input is a terminal, and a user is there to answer.
    #[serde(default)]
    interactive: bool,
    cluster: Option<Cluster>,
}

#[derive(Deserialize)]
struct Cluster {
    server: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ExecCredential<'a> {
    api_version: &'a str,
    kind: &'static str,
    status: Status<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Status<'a> {
    token: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration_timestamp: Option<String>,
}

pub(super) async fn run(helper: &Helper, args: &KubernetesArgs) -> End {
    answer(helper, args).await.into()
}

async fn answer(helper: &Helper, args: &KubernetesArgs) -> Result<(), Error> {
    let asked = Asked::read(std::env::var(VARIABLE).ok().as_deref())?;
    let session = helper.session_of_profile()?;
    let kind = if args.access_token { Kind::Access } else { Kind::Id };
    let mut callers = Callers::of_parent(&helper.global, asked.server())?;
    let mut issued = match session.issue(kind, None).await {
        Err(error)
            if error.code() == Code::LoginRequired
                && args.interactive
                && asked.is_interactive() =>
        {
            session.log_in().await?;
            session.issue(kind, None).await?
        }
        issued => issued?,
    };
    if callers.have(&issued.fingerprint) {
        let refused = issued.fingerprint;
        issued = session.issue(kind, Some(&refused)).await?;
    }
    callers.note(&issued);
    output::compact(&ExecCredential {
        api_version: asked.version()?,
        kind: "ExecCredential",
        status: Status {
            token: &issued.text,
            expiration_timestamp: issued.told_expiry.and_then(output::rfc3339),
        },
    })
}

impl Asked {
    /// Reads the request. A program that makes none is asked for nothing special.
    fn read(text: Option<&str>) -> Result<Self, Error> {
        let Some(text) = text.filter(|text| !text.is_empty()) else { return Ok(Self::default()) };
        serde_json::from_str(text)
            .map_err(|error| malformed(format!("{VARIABLE} cannot be read: {error}")))
    }

    /// The version to answer in.
    fn version(&self) -> Result<&'static str, Error> {
        let Some(asked) = &self.api_version else { return Ok(VERSIONS[0]) };
        VERSIONS.into_iter().find(|version| version == asked).ok_or_else(|| {
            let (asked, known) = (printable(asked), VERSIONS.join(" or "));
            malformed(format!("{VARIABLE} asks for the version {asked}; expected {known}"))
        })
    }

    fn is_interactive(&self) -> bool {
        self.spec.as_ref().is_some_and(|spec| spec.interactive)
    }

    /// The cluster, where the configuration has the program say so.
    fn server(&self) -> &str {
        let cluster = self.spec.as_ref().and_then(|spec| spec.cluster.as_ref());
        cluster.map(|cluster| cluster.server.as_str()).unwrap_or_default()
    }
}
