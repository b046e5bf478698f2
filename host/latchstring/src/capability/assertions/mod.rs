//! Where a client finds the assertions that it presents: those of a CI job, a cluster or a
//! cloud. With one, a program needs no secret of its own.
//!
//! ```no_run
//! use latchstring::capability::assertions::{Places, Source};
//! use latchstring::{GrantType, Latch};
//!
//! # fn main() -> Result<(), latchstring::Error> {
//! let job = Source::parse("github")?;
//! let latch = Latch::builder("https://id.example.com", "deploy")
//!     .grant(GrantType::JwtBearer)
//!     .assertions(Places::new().subject(job))
//!     .build()?;
//! # Ok(())
//! # }
//! ```

mod authorization_grant;
#[cfg(not(target_os = "wasi"))]
mod command;
#[cfg(not(target_os = "wasi"))]
mod services;

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use zeroize::Zeroizing;

pub use latchstring_core::capability::assertions::Assertions;

use crate::error::{Code, Error};
#[cfg(not(target_os = "wasi"))]
use crate::words;
use latchstring_core::contract::{AssertionPurpose, AssertionRequest};

/// Longest assertion that is read, in bytes.
const BYTES: u64 = 64 << 10;

/// The token of a pod's service account. It is for the cluster's API server, so whoever gets
/// it can act there.
/// <https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/>
const OF_CLUSTER: &str = "/var/run/secrets/kubernetes.io/serviceaccount/token";

/// A place where an assertion is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file, such as a projected token of Kubernetes.
    File(PathBuf),
    /// An environment variable, such as one of GitLab's `id_tokens`.
    Variable(String),
    /// What a command prints. Its words are not run by a shell.
    Command(Vec<String>),
    /// The service that makes ID tokens for jobs of GitHub Actions.
    Github,
    /// The metadata server of a machine in Google Cloud.
    Google,
}

impl Source {
    /// Reads a place as users write it: `file:PATH`, `env:NAME`, `command:WORDS`, `github` or
    /// `gcp`.
    ///
    /// # Errors
    ///
    /// Returns `invalid-configuration` for anything else.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let unknown = || {
            Error::new(
                Code::InvalidConfiguration,
                "the place of an assertion cannot be read",
                "write file:PATH, env:NAME, command:WORDS, github or gcp",
            )
        };
        match text.split_once(':') {
            None if text == "github" => Ok(Self::Github),
            None if text == "gcp" => Ok(Self::Google),
            Some(("file", path)) if !path.is_empty() => Ok(Self::File(path.into())),
            Some(("env", name)) if !name.is_empty() => Ok(Self::Variable(name.to_owned())),
            #[cfg(not(target_os = "wasi"))]
            Some(("command", words)) => match words::split(words) {
                Some(words) if !words.is_empty() => Ok(Self::Command(words)),
                _ => Err(unknown()),
            },
            _ => Err(unknown()),
        }
    }

    /// Reads the assertion. `audience` is whom it is for, where that can be asked for.
    ///
    /// # Errors
    ///
    /// Returns `invalid-configuration` if there is none, and `unreachable` if the service
    /// that makes it cannot be reached.
    #[cfg_attr(target_os = "wasi", allow(unused_variables))]
    pub async fn read(&self, audience: Option<&str>) -> Result<Zeroizing<String>, Error> {
        match self {
            Self::File(path) => read_file(path),
            Self::Variable(name) => read_variable(name),
            #[cfg(not(target_os = "wasi"))]
            Self::Command(words) => command::read(words).await,
            #[cfg(not(target_os = "wasi"))]
            Self::Github => services::github(audience).await,
            #[cfg(not(target_os = "wasi"))]
            Self::Google => services::google(audience).await,
            #[cfg(target_os = "wasi")]
            _ => Err(missing("a sandbox reads assertions from files and variables", "name one")),
        }
    }
}

/// The places of the assertions of one client.
#[derive(Debug, Clone, Default)]
pub struct Places {
    client: Option<Source>,
    subject: Option<Source>,
    audience: Option<String>,
}

impl Places {
    /// No places yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets where the assertion is that authenticates the client.
    #[must_use]
    pub fn client(mut self, source: Source) -> Self {
        self.client = Some(source);
        self
    }

    /// Sets where the assertion is that says whom the token is for, or the token that is
    /// exchanged.
    #[must_use]
    pub fn subject(mut self, source: Source) -> Self {
        self.subject = Some(source);
        self
    }

    /// Sets whom services make assertions for. The default is the issuer.
    #[must_use]
    pub fn audience(mut self, audience: impl Into<String>) -> Self {
        self.audience = Some(audience.into());
        self
    }
}

#[async_trait]
impl Assertions for Places {
    async fn read(&self, request: &AssertionRequest) -> Result<Zeroizing<String>, Error> {
        let source = match request.purpose {
            AssertionPurpose::Client => &self.client,
            AssertionPurpose::Subject => &self.subject,
        };
        let source = source.as_ref().ok_or_else(|| {
            missing("nothing says where the assertion is", "name its file, or another place")
        })?;
        source.read(self.audience.as_deref().or(request.audience.as_deref())).await
    }
}

fn read_file(path: &Path) -> Result<Zeroizing<String>, Error> {
    let shown = path.display();
    let is = |other: &Path| {
        std::fs::canonicalize(path)
            .ok()
            .is_some_and(|own| std::fs::canonicalize(other).ok() == Some(own))
    };
    if path == Path::new(OF_CLUSTER) || is(Path::new(OF_CLUSTER)) {
        return Err(missing(
            format!("{shown} is for the API server of the cluster, and for nobody else"),
            "have the cluster project a token for this provider's audience into the pod \
             (serviceAccountToken), and name its file",
        ));
    }
    let read = || -> std::io::Result<Zeroizing<String>> {
        use std::io::Read as _;
        let mut text = Zeroizing::new(String::new());
        std::fs::File::open(path)?.take(BYTES).read_to_string(&mut text)?;
        Ok(text)
    };
    read().map_err(|error| {
        missing(
            format!("the assertion cannot be read from {shown}: {error}"),
            "check the path, and that the file has been made",
        )
    })
}

fn read_variable(name: &str) -> Result<Zeroizing<String>, Error> {
    match std::env::var(name) {
        Ok(value) if !value.is_empty() => Ok(Zeroizing::new(value)),
        _ => Err(missing(
            format!("the variable {name} has no assertion"),
            format!("set it; in GitLab CI, add it under id_tokens: {name}: {{ aud: AUDIENCE }}"),
        )),
    }
}

fn missing(message: impl Into<String>, remedy: impl Into<String>) -> Error {
    Error::new(Code::InvalidConfiguration, message, remedy)
}
