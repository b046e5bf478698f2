//! `latch exec --for`: the variables and token files that a program's own libraries read.
//! The files are in a private folder, stay fresh while the command runs, and go away with it.

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use latchstring::{Code, Error, Latch, files};
use serde_json::json;
use tempfile::TempDir;
use tokio::process::Child;

use crate::cli::args::{ExecFor, ForArgs};
use crate::cli::commands::child::{exit_code, spawn};
use crate::cli::commands::credential::gcloud;
use crate::cli::id_token::IdToken;
use crate::cli::output::say;

/// Time for which a token in a file must still be valid.
const USABLE_FOR: Duration = Duration::from_secs(120);

/// Longest time to wait without looking at the clock: timers stop while the machine sleeps.
const LONGEST_SLEEP: Duration = Duration::from_secs(30);

/// Time to wait after a failure.
const PAUSE: Duration = Duration::from_secs(10);

/// The files of one command.
pub(super) struct Files {
    folder: TempDir,
    expires_at: SystemTime,
}

impl Files {
    /// Gets an ID token and writes it to a file that only this user can read.
    pub(super) async fn make(latch: &Latch) -> Result<Self, Error> {
        let mut folder = tempfile::Builder::new();
        folder.prefix("latchstring-");
        #[cfg(unix)]
        folder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let folder = folder.tempdir();
        let folder = folder.map_err(|error| not_written(&std::env::temp_dir(), &error))?;
        let mut files = Self { folder, expires_at: SystemTime::UNIX_EPOCH };
        files.refresh(latch).await?;
        Ok(files)
    }

    fn token(&self) -> PathBuf {
        self.folder.path().join("id-token")
    }

    async fn refresh(&mut self, latch: &Latch) -> Result<(), Error> {
        let IdToken { text, expires_at, .. } = IdToken::get(latch, USABLE_FOR, None).await?;
        write(&self.token(), text.as_bytes())?;
        self.expires_at = expires_at;
        Ok(())
    }

    /// Returns the variables for a program, and their values.
    pub(super) fn variables(&self, args: &ForArgs) -> Result<Vec<(&'static str, OsString)>, Error> {
        let token = self.token().into_os_string();
        let need = |value: &Option<String>, flag: &str| {
            value.clone().map(OsString::from).ok_or_else(|| {
                Error::new(
                    Code::InvalidConfiguration,
                    format!("{flag} is missing"),
                    format!("set {flag}"),
                )
            })
        };
        Ok(match args.program {
            ExecFor::Aws => vec![
                ("AWS_WEB_IDENTITY_TOKEN_FILE", token),
                ("AWS_ROLE_ARN", need(&args.role_arn, "--role-arn")?),
                ("AWS_ROLE_SESSION_NAME", "latch".into()),
            ],
            // The tenant and the client are the user's to set.
            ExecFor::Azure => vec![("AZURE_FEDERATED_TOKEN_FILE", token)],
            ExecFor::Databricks => vec![
                ("DATABRICKS_AUTH_TYPE", "file-oidc".into()),
                ("DATABRICKS_OIDC_TOKEN_FILEPATH", token),
            ],
            ExecFor::Google => {
                let audience = need(&args.google_audience, "--google-audience")?;
                let source = json!({ "file": self.token() });
                let document = gcloud::credential_file(&audience.to_string_lossy(), &source);
                let path = self.folder.path().join("google.json");
                write(&path, document.to_string().as_bytes())?;
                vec![("GOOGLE_APPLICATION_CREDENTIALS", path.into_os_string())]
            }
            // Reads no file.
            ExecFor::Npm => Vec::new(),
        })
    }

    /// Runs the command to its end, and keeps the token fresh until then. Returns its exit
    /// code.
    pub(super) async fn run(
        mut self,
        latch: &Latch,
        command: std::process::Command,
    ) -> Result<u8, std::io::Error> {
        let mut child = spawn(command)?;
        loop {
            let pause = self.until_renewal();
            tokio::select! {
                status = child.wait() => return Ok(exit_code(status?)),
                () = tokio::time::sleep(pause) => {}
            }
            if self.until_renewal().is_zero() {
                self.keep_fresh(latch, &mut child).await?;
            }
        }
    }

    /// How long the token in the file is still good enough.
    fn until_renewal(&self) -> Duration {
        let left = self.expires_at.duration_since(SystemTime::now()).unwrap_or_default();
        left.saturating_sub(USABLE_FOR).min(LONGEST_SLEEP)
    }

    /// Refreshes the token. The command goes on without: the user is told why.
    async fn keep_fresh(&mut self, latch: &Latch, child: &mut Child) -> Result<(), std::io::Error> {
        if let Err(error) = self.refresh(latch).await {
            say(&format!("latch: {}\n  {}", error.message(), error.remedy()));
            tokio::select! {
                status = child.wait() => drop(status?),
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
        Ok(())
    }
}

/// Replaces a file at once: whoever reads it gets a whole token.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    files::replace(path, |file| file.write_all(bytes)).map_err(|error| not_written(path, &error))
}

fn not_written(path: &Path, error: &std::io::Error) -> Error {
    Error::new(
        Code::NotSaved,
        format!("{} cannot be written: {error}", path.display()),
        "check the folder for temporary files (TMPDIR)",
    )
}
