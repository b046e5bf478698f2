//! Arguments of `latch credential`: what the programs pass is behind what the user sets.

use std::path::PathBuf;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};

#[derive(ClapArgs)]
pub(crate) struct CredentialArgs {
    /// Audience that the token is for, if not the login's
    #[arg(long, env = "LATCH_AUDIENCE", value_name = "NAME", global = true)]
    pub(crate) audience: Option<String>,

    /// Resource that the token is for, if not the login's (RFC 8707)
    #[arg(long, env = "LATCH_RESOURCE", value_name = "URI", global = true)]
    pub(crate) resource: Option<String>,

    #[command(subcommand)]
    pub(crate) command: CredentialCommand,
}

#[derive(Subcommand)]
#[command(defer = true)]
pub(crate) enum CredentialCommand {
    /// Have a program run latch as its helper: writes the program's settings
    Install(InstallArgs),
    /// Take back what install has written
    Uninstall(UninstallArgs),
    /// List what is installed
    List,
    /// kubectl, helm and everything else on client-go
    Kubernetes(KubernetesArgs),
    /// git
    Git(GitArgs),
    /// docker, podman, skopeo and other clients of OCI registries
    Docker(DockerArgs),
    /// AWS: its programs and SDKs
    Aws(AwsArgs),
    /// cargo
    Cargo(CargoArgs),
    /// go
    Go(GoArgs),
    /// pip and uv, which run the command keyring
    Keyring(KeyringArgs),
    /// pnpm
    Npm,
    /// gcloud, and every program on google-auth
    Gcloud,
    /// Terraform and OpenTofu
    Terraform(TerraformArgs),
    /// Bazel
    Bazel(BazelArgs),
    /// Vault and OpenBao
    Vault(VaultArgs),
}

#[derive(ClapArgs)]
pub(crate) struct KubernetesArgs {
    /// Give the access token, not the ID token
    #[arg(long)]
    pub(crate) access_token: bool,

    /// Log in if needed, if the program has a terminal
    #[arg(long)]
    pub(crate) interactive: bool,
}

#[derive(ClapArgs)]
pub(crate) struct GitArgs {
    /// User name to send beside the token, if the server takes it as a password
    #[arg(long, value_name = "NAME")]
    pub(crate) username: Option<String>,

    /// What git wants: get, store, erase or capability
    pub(crate) operation: String,
}

#[derive(ClapArgs)]
pub(crate) struct DockerArgs {
    /// User name to send beside the token
    #[arg(long, value_name = "NAME")]
    pub(crate) username: Option<String>,

    /// What the client wants: get, store, erase, list or version
    pub(crate) operation: String,
}

#[derive(ClapArgs)]
pub(crate) struct AwsArgs {
    /// Role to assume
    #[arg(long, value_name = "ARN")]
    pub(crate) role_arn: String,

    /// Address of the Security Token Service [default: AWS_ENDPOINT_URL_STS, else AWS's own]
    #[arg(long, value_name = "URL")]
    pub(crate) sts_endpoint: Option<String>,

    /// Time in seconds for which to get keys
    #[arg(long, value_name = "SECONDS", default_value_t = 3600)]
    pub(crate) duration: u64,

    /// Name of the session in AWS's logs
    #[arg(long, value_name = "NAME", default_value = "latch")]
    pub(crate) session_name: String,
}

#[derive(ClapArgs)]
pub(crate) struct CargoArgs {
    /// Send the token without the word Bearer
    #[arg(long)]
    pub(crate) bare_token: bool,
}

#[derive(ClapArgs)]
pub(crate) struct GoArgs {
    /// URL that has refused a request
    pub(crate) url: Option<String>,
}

#[derive(ClapArgs)]
pub(crate) struct KeyringArgs {
    /// creds: print the user name, too
    #[arg(long, value_enum)]
    pub(crate) mode: Option<KeyringMode>,

    /// json: print one object
    #[arg(long, value_enum)]
    pub(crate) output: Option<KeyringOutput>,

    /// What the program wants: get, set or del
    pub(crate) operation: String,

    /// URL or host of the index
    pub(crate) service: Option<String>,

    /// User name to send beside the token
    pub(crate) username: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum KeyringMode {
    Password,
    Creds,
}

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum KeyringOutput {
    Plain,
    Json,
}

#[derive(ClapArgs)]
pub(crate) struct TerraformArgs {
    /// What Terraform wants: get, store or forget
    pub(crate) verb: String,

    /// Host of the registry, perhaps with a port
    pub(crate) host: String,
}

#[derive(ClapArgs)]
pub(crate) struct BazelArgs {
    /// What Bazel wants: get
    pub(crate) verb: String,
}

#[derive(ClapArgs)]
pub(crate) struct VaultArgs {
    /// Role to log in with
    #[arg(long, value_name = "NAME")]
    pub(crate) role: String,

    /// Path of the JWT login
    #[arg(long, value_name = "PATH", default_value = "jwt")]
    pub(crate) mount: String,

    /// What Vault wants: get, store or erase
    pub(crate) operation: String,
}

#[derive(ClapArgs)]
pub(crate) struct InstallArgs {
    /// Program whose settings to write
    #[arg(value_enum)]
    pub(crate) protocol: Installable,

    /// Host to answer for; may be repeated [default: all that the profile names]
    #[arg(long = "host", value_name = "HOST")]
    pub(crate) hosts: Vec<String>,

    /// Registry in cargo's settings
    #[arg(long, value_name = "NAME")]
    pub(crate) registry: Option<String>,

    /// Role to assume at AWS
    #[arg(long, value_name = "ARN")]
    pub(crate) role_arn: Option<String>,

    /// Role to log in with at Vault
    #[arg(long, value_name = "NAME")]
    pub(crate) vault_role: Option<String>,

    /// Audience of the workload identity provider at Google
    #[arg(long, value_name = "AUDIENCE")]
    pub(crate) google_audience: Option<String>,

    /// Have kubectl log you in when needed
    #[arg(long)]
    pub(crate) interactive: bool,

    /// Folder for links that programs look for [default: ~/.local/bin]
    #[arg(long, value_name = "DIR")]
    pub(crate) launcher_dir: Option<PathBuf>,

    /// Show what would change, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

#[derive(ClapArgs)]
pub(crate) struct UninstallArgs {
    /// Program whose settings to take back
    #[arg(value_enum)]
    pub(crate) protocol: Installable,

    /// Show what would change, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
}

/// Programs whose settings can be written.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Installable {
    Aws,
    Bazel,
    Cargo,
    Docker,
    Gcloud,
    Git,
    Go,
    Keyring,
    Kubernetes,
    Npm,
    Terraform,
    Vault,
}
