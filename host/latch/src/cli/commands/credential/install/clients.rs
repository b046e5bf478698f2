//! The settings of each program, and where they are.

use std::env::{self, consts::EXE_EXTENSION};
use std::path::{Path, PathBuf};

use latchstring::{Code, Error, words};
use serde_json::{Map, Value, json};
use toml_edit::{DocumentMut, Item, Table, value};
use url::Url;

use super::edit::{Edit, Place, with_block, without_block};
use super::launcher::program;
use crate::cli::args::{Global, InstallArgs, Installable};
use crate::cli::commands::credential::gcloud::credential_file;
use crate::cli::commands::credential::helper::Session;

/// How a script begins, ends and is named.
const SCRIPT: Script = match cfg!(windows) {
    true => Script { first_line: "@echo off\r\n", all_arguments: "%*\r\n", extension: "cmd" },
    false => Script { first_line: "#!/bin/sh\n", all_arguments: "\"$@\"\n", extension: "" },
};

struct Script {
    first_line: &'static str,
    all_arguments: &'static str,
    extension: &'static str,
}

/// The section of pip's settings.
const GLOBAL: &str = "[global]\n";

/// What `install` does.
#[derive(Default)]
pub(super) struct Plan {
    pub(super) edits: Vec<Edit>,
    pub(super) launchers: Vec<PathBuf>,
    /// What the user still has to do, one line each.
    pub(super) advice: Vec<String>,
}

impl Plan {
    /// Adds a launcher that the program looks for in `PATH`.
    fn found_by_name(&mut self, launcher: PathBuf) {
        let folder = launcher.parent().unwrap_or(&launcher);
        let folders = env::var_os("PATH").unwrap_or_default();
        if !env::split_paths(&folders).any(|other| other == folder) {
            let folder = folder.display();
            self.advice.push(format!("Add {folder} to PATH: the helper is looked for there"));
        }
        self.launchers.push(launcher);
    }
}

/// How a program reads a command line in its settings.
#[derive(Clone, Copy, PartialEq)]
enum Read {
    /// With the quotes of a POSIX shell.
    ByShell,
    /// With the quotes of this system.
    BySystem,
    /// It knows no quotes.
    AtSpaces,
}

/// A program whose settings are written.
pub(super) struct Client<'a> {
    pub(super) protocol: Installable,
    session: &'a Session,
    args: &'a InstallArgs,
    home: PathBuf,
}

/// Returns the name of the protocol on the command line.
pub(super) fn name(protocol: Installable) -> &'static str {
    match protocol {
        Installable::Aws => "aws",
        Installable::Bazel => "bazel",
        Installable::Cargo => "cargo",
        Installable::Docker => "docker",
        Installable::Gcloud => "gcloud",
        Installable::Git => "git",
        Installable::Go => "go",
        Installable::Keyring => "keyring",
        Installable::Kubernetes => "kubernetes",
        Installable::Npm => "npm",
        Installable::Terraform => "terraform",
        Installable::Vault => "vault",
    }
}

/// Returns the settings without what `install` has added, for a file that was changed since.
pub(super) fn without(protocol: &str, profile: &str, text: &str) -> Result<String, Error> {
    match protocol {
        "docker" => {
            docker(text, |helpers| helpers.retain(|_, it| it != launcher_end(profile).as_str()))
        }
        "cargo" => cargo(text, |registries| {
            for (_, registry) in registries.iter_mut() {
                let provider = registry.get("credential-provider").map(Item::to_string);
                if let Some(table) = registry.as_table_like_mut()
                    && provider.is_some_and(|provider| provider.contains("latch"))
                {
                    table.remove("credential-provider");
                }
            }
        }),
        "kubernetes" => {
            kubectl(text, &["unset".to_owned(), format!("users.{}", launcher_end(profile))])
        }
        // The files are latch's own.
        "gcloud" => Ok(String::new()),
        "vault" if text.starts_with(SCRIPT.first_line) => Ok(String::new()),
        _ => Ok(without_block(text, &block_name(protocol, profile))),
    }
}

fn block_name(protocol: &str, profile: &str) -> String {
    format!("{protocol} {profile}")
}

/// What stands behind `docker-credential-` and the like.
fn launcher_end(profile: &str) -> String {
    match profile {
        Global::DEFAULT_PROFILE => "latch".to_owned(),
        profile => format!("latch-{profile}"),
    }
}

impl<'a> Client<'a> {
    pub(super) fn new(session: &'a Session, args: &'a InstallArgs) -> Result<Self, Error> {
        let home = env::home_dir().filter(|home| home.is_absolute());
        let home = home.ok_or_else(|| unusable("the home folder is not known", "set HOME"))?;
        Ok(Self { protocol: args.protocol, session, args, home })
    }

    pub(super) fn profile(&self) -> &str {
        self.session.name()
    }

    pub(super) fn plan(&self) -> Result<Plan, Error> {
        match self.protocol {
            Installable::Aws => self.aws(),
            Installable::Bazel => self.bazel(),
            Installable::Cargo => self.cargo(),
            Installable::Docker => self.docker(),
            Installable::Gcloud => self.gcloud(),
            Installable::Git => self.git(),
            Installable::Go => self.go(),
            Installable::Keyring => self.keyring(),
            Installable::Kubernetes => self.kubernetes(),
            Installable::Npm => self.npm(),
            Installable::Terraform => self.terraform(),
            Installable::Vault => self.vault(),
        }
    }

    fn git(&self) -> Result<Plan, Error> {
        let command = self.command(Read::ByShell, &["credential", "git"])?;
        // An empty helper clears those of wider settings.
        let section = |origin: &String| {
            format!("[credential \"{origin}\"]\n\thelper =\n\thelper = \"!{command}\"\n")
        };
        let lines: String = self.origins()?.iter().map(section).collect();
        self.block(variable("GIT_CONFIG_GLOBAL", self.home.join(".gitconfig")), &lines)
    }

    fn docker(&self) -> Result<Plan, Error> {
        let (hosts, advice) = self.plain_hosts()?;
        let folder = variable("DOCKER_CONFIG", self.home.join(".docker"));
        let edit = Edit::of(folder.join("config.json"), |text| {
            docker(text, |helpers| {
                for host in &hosts {
                    helpers.insert(host.clone(), launcher_end(self.profile()).into());
                }
            })
        })?;
        let mut plan = Plan { edits: vec![edit], advice, ..Plan::default() };
        plan.found_by_name(self.launcher("docker-credential")?);
        Ok(plan)
    }

    fn aws(&self) -> Result<Plan, Error> {
        let Some(role) = &self.args.role_arn else {
            return Err(unusable("the role is missing", "name it with --role-arn"));
        };
        let command = self.command(Read::BySystem, &["credential", "aws", "--role-arn", role])?;
        let section = format!("latch-{}", self.profile());
        let lines = format!("[profile {section}]\ncredential_process = {command}\n");
        let path = variable("AWS_CONFIG_FILE", self.home.join(".aws").join("config"));
        let mut plan = self.block(path, &lines)?;
        plan.advice.push(format!("Use it with: aws --profile {section} ..."));
        Ok(plan)
    }

    fn cargo(&self) -> Result<Plan, Error> {
        let Some(registry) = &self.args.registry else {
            return Err(unusable("the registry is missing", "name it with --registry"));
        };
        let folder = variable("CARGO_HOME", self.home.join(".cargo"));
        // cargo passes no arguments of ours to the program itself.
        let launcher = self.launcher("cargo-credential")?;
        let program = written(&launcher);
        let edit = Edit::of(folder.join("config.toml"), |text| {
            cargo(text, |registries| {
                let registry = registries.entry(registry).or_insert(Item::Table(Table::new()));
                if let Some(table) = registry.as_table_like_mut() {
                    let provider: toml_edit::Array = [program.as_str()].into_iter().collect();
                    table.insert("credential-provider", value(provider));
                }
            })
        })?;
        Ok(Plan { edits: vec![edit], launchers: vec![launcher], ..Plan::default() })
    }

    fn gcloud(&self) -> Result<Plan, Error> {
        let Some(audience) = &self.args.google_audience else {
            return Err(unusable("the audience is missing", "name it with --google-audience"));
        };
        let command = self.command(Read::AtSpaces, &["credential", "gcloud"])?;
        let source = json!({ "executable": { "command": command, "timeout_millis": 30_000 } });
        let document = format!("{:#}\n", credential_file(audience, &source));
        let folder = variable("CLOUDSDK_CONFIG", self.config_folder().join("gcloud"));
        let path = folder.join(format!("{}.json", launcher_end(self.profile())));
        let file = words::quote(&path.display().to_string()).unwrap_or_default();
        let advice = vec![
            "Use it with: export GOOGLE_EXTERNAL_ACCOUNT_ALLOW_EXECUTABLES=1".to_owned(),
            format!("  gcloud auth login --cred-file={file}"),
            format!("  or, for other programs: export GOOGLE_APPLICATION_CREDENTIALS={file}"),
        ];
        Ok(Plan { edits: vec![Edit::of(path, |_| Ok(document))?], advice, ..Plan::default() })
    }

    /// Vault runs a program without arguments of the user's, so there is a script for them.
    fn vault(&self) -> Result<Plan, Error> {
        let Some(role) = &self.args.vault_role else {
            return Err(unusable("the role is missing", "name it with --vault-role"));
        };
        let command = self.command(Read::BySystem, &["credential", "vault", "--role", role])?;
        let script = self.launcher("vault-credential")?.with_extension(SCRIPT.extension);
        let line = format!("token_helper = {:?}\n", written(&script));
        let mut plan = self.block(self.home.join(".vault"), &line)?;
        let Script { first_line, all_arguments, .. } = SCRIPT;
        let text = format!("{first_line}{command} {all_arguments}");
        plan.edits.push(Edit::of(script, |_| Ok(text))?.executable());
        Ok(plan)
    }

    fn npm(&self) -> Result<Plan, Error> {
        let launcher = self.launcher("pnpm-credential")?;
        let line = |host: &String| format!("//{host}/:tokenHelper={}\n", written(&launcher));
        let (hosts, advice) = self.plain_hosts()?;
        let lines: String = hosts.iter().map(line).collect();
        let mut plan =
            self.block(variable("NPM_CONFIG_USERCONFIG", self.home.join(".npmrc")), &lines)?;
        plan.launchers.push(launcher);
        plan.advice.extend(advice);
        Ok(plan)
    }

    fn terraform(&self) -> Result<Plan, Error> {
        let (folder, file) = match cfg!(windows) {
            true => (self.config_folder().join("terraform.d"), "terraform.rc"),
            false => (self.home.join(".terraform.d"), ".terraformrc"),
        };
        let end = launcher_end(self.profile());
        let lines = format!("credentials_helper \"{end}\" {{\n  args = []\n}}\n");
        let path = variable("TF_CLI_CONFIG_FILE", folder.with_file_name(file));
        let mut plan = self.block(path, &lines)?;
        let launcher = folder.join("plugins").join(format!("terraform-credentials-{end}"));
        plan.launchers.push(launcher.with_extension(EXE_EXTENSION));
        Ok(plan)
    }

    fn bazel(&self) -> Result<Plan, Error> {
        let launcher = self.launcher("bazel-credential")?;
        let program = written(&launcher);
        let line = |host: &String| {
            let flag = format!("--credential_helper={host}={program}");
            Some(format!("common {}\n", shlex::try_quote(&flag).ok()?))
        };
        let lines: String = self.hosts()?.iter().filter_map(line).collect();
        let mut plan = self.block(self.home.join(".bazelrc"), &lines)?;
        plan.launchers.push(launcher);
        Ok(plan)
    }

    fn go(&self) -> Result<Plan, Error> {
        let command = self.command(Read::BySystem, &["credential", "go"])?;
        let folder = match cfg!(target_os = "macos") {
            true => self.home.join("Library").join("Application Support"),
            false => self.config_folder(),
        };
        let path = variable("GOENV", folder.join("go").join("env"));
        self.block(path, &format!("GOAUTH={command}; netrc\n"))
    }

    fn keyring(&self) -> Result<Plan, Error> {
        let config = self.config_folder();
        let pip_file = if cfg!(windows) { "pip.ini" } else { "pip.conf" };
        let pip = variable("PIP_CONFIG_FILE", config.join("pip").join(pip_file));
        let uv = variable("UV_CONFIG_FILE", config.join("uv").join("uv.toml"));
        let name = block_name(name(self.protocol), self.profile());
        let pip = Edit::of(pip, |text| {
            let lines = match text.contains(GLOBAL) {
                true => "keyring-provider = subprocess\n".to_owned(),
                false => format!("{GLOBAL}keyring-provider = subprocess\n"),
            };
            Ok(with_block(text, &name, &lines, &Place::Behind(GLOBAL)))
        })?;
        let uv = Edit::of(uv, |text| {
            Ok(with_block(text, &name, "keyring-provider = \"subprocess\"\n", &Place::Top))
        })?;
        let mut plan = Plan { edits: vec![pip, uv], ..Plan::default() };
        plan.found_by_name(self.folder()?.join("keyring").with_extension(EXE_EXTENSION));
        plan.advice
            .push("Write the index with a user name: https://oauth2@HOST/simple/".to_owned());
        Ok(plan)
    }

    /// kubectl writes its settings itself, into a copy.
    fn kubernetes(&self) -> Result<Plan, Error> {
        let user = launcher_end(self.profile());
        let program = written(&program()?);
        let mut words = vec!["set-credentials".to_owned(), user.clone()];
        words.push(format!("--exec-command={program}"));
        words.push("--exec-api-version=client.authentication.k8s.io/v1".to_owned());
        let mode = if self.args.interactive { "IfAvailable" } else { "Never" };
        words.push(format!("--exec-interactive-mode={mode}"));
        words.push("--exec-provide-cluster-info=true".to_owned());
        let mut arguments = vec!["credential", "kubernetes"];
        if self.profile() != Global::DEFAULT_PROFILE {
            arguments.extend(["--profile", self.profile()]);
        }
        if self.args.interactive {
            arguments.push("--interactive");
        }
        words.extend(arguments.iter().map(|word| format!("--exec-arg={word}")));
        let path = variable("KUBECONFIG", self.home.join(".kube").join("config"));
        let edit = Edit::of(path, |text| kubectl(text, &words))?;
        let advice = format!("Use it with: kubectl config set-context --current --user={user}");
        Ok(Plan { edits: vec![edit], advice: vec![advice], ..Plan::default() })
    }

    fn block(&self, path: PathBuf, lines: &str) -> Result<Plan, Error> {
        let name = block_name(name(self.protocol), self.profile());
        let edit = Edit::of(path, |text| Ok(with_block(text, &name, lines, &Place::End)))?;
        Ok(Plan { edits: vec![edit], ..Plan::default() })
    }

    /// The command line of the helper, for a program that reads it so.
    fn command(&self, read: Read, words: &[&str]) -> Result<String, Error> {
        let program = written(&program()?);
        let mut all = vec![program.as_str()];
        if self.profile() != Global::DEFAULT_PROFILE {
            all.extend(["--profile", self.profile()]);
        }
        all.extend(words);
        let line = match read {
            Read::ByShell => shlex::try_join(all.iter().copied()).ok(),
            Read::BySystem => words::join(all.iter().copied()),
            Read::AtSpaces => {
                let line = all.join(" ");
                line.split_whitespace().eq(all.iter().copied()).then_some(line)
            }
        };
        let quote = if read == Read::BySystem && cfg!(windows) { '\'' } else { '"' };
        line.filter(|line| !line.contains([quote, '\\', '\n'])).ok_or_else(|| {
            unusable(
                "the path of latch cannot be written in these settings",
                "move latch to a plain path",
            )
        })
    }

    /// The launcher for this profile.
    fn launcher(&self, prefix: &str) -> Result<PathBuf, Error> {
        let launcher = self.folder()?.join(format!("{prefix}-{}", launcher_end(self.profile())));
        Ok(launcher.with_extension(EXE_EXTENSION))
    }

    /// The folder of most programs' settings.
    fn config_folder(&self) -> PathBuf {
        match cfg!(windows) {
            true => variable("APPDATA", self.home.join("AppData").join("Roaming")),
            false => variable("XDG_CONFIG_HOME", self.home.join(".config")),
        }
    }

    /// The folder of the launchers, which has to be in `PATH`.
    fn folder(&self) -> Result<PathBuf, Error> {
        if let Some(folder) = &self.args.launcher_dir {
            return std::path::absolute(folder)
                .map_err(|error| unusable(&error.to_string(), "name another folder"));
        }
        Ok(self.home.join(".local").join("bin"))
    }

    /// The origins that the settings are for: those that were named, else the profile's.
    fn origins(&self) -> Result<Vec<String>, Error> {
        let own = self.session.profile.api_origins.clone().unwrap_or_default();
        let asked: Vec<String> = self.args.hosts.clone();
        if asked.is_empty() {
            return match own.is_empty() {
                false => Ok(own),
                true => Err(unusable(
                    &format!("the profile {} names no host to answer for", self.profile()),
                    &format!(
                        "name one: latch profile add {} --api-origin https://HOST",
                        self.profile()
                    ),
                )),
            };
        }
        asked
            .into_iter()
            .map(|host| {
                let origin = if host.contains("://") { host } else { format!("https://{host}") };
                match own.iter().any(|own| {
                    *own == origin
                        || Url::parse(&origin).is_ok_and(|url| latchstring::is_allowed(own, &url))
                }) {
                    true => Ok(origin),
                    false => Err(unusable(
                        &format!("the profile {} does not answer for {origin}", self.profile()),
                        &format!(
                            "allow it: latch profile add {} --api-origin {origin}",
                            self.profile()
                        ),
                    )),
                }
            })
            .collect()
    }

    fn hosts(&self) -> Result<Vec<String>, Error> {
        let urls = self.origins()?.into_iter().filter_map(|origin| Url::parse(&origin).ok());
        Ok(urls.map(|url| authority(&url)).collect())
    }

    /// The hosts for a program that knows no patterns, and what the user still has to do.
    fn plain_hosts(&self) -> Result<(Vec<String>, Vec<String>), Error> {
        let (patterns, hosts): (Vec<String>, Vec<String>) =
            self.hosts()?.into_iter().partition(|host| host.contains('*'));
        let advice = patterns.first().map(|pattern| {
            format!("This program knows no pattern such as {pattern}: name its hosts with --host")
        });
        match (advice, hosts.is_empty()) {
            (Some(_), true) => Err(unusable(
                &format!("this program knows no pattern such as {}", patterns[0]),
                "name the hosts with --host",
            )),
            (advice, _) => Ok((hosts, advice.into_iter().collect())),
        }
    }
}

fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

/// Changes the helpers in docker's settings, and leaves the rest as it is.
fn docker(text: &str, change: impl FnOnce(&mut Map<String, Value>)) -> Result<String, Error> {
    let empty = json!({}).to_string();
    let text = if text.trim().is_empty() { &empty } else { text };
    let mut settings: Map<String, Value> = serde_json::from_str(text).map_err(|error| {
        unusable(&format!("config.json of docker cannot be read: {error}"), "correct it")
    })?;
    let helpers = settings.entry("credHelpers").or_insert_with(|| json!({}));
    if let Some(helpers) = helpers.as_object_mut() {
        change(helpers);
        if helpers.is_empty() {
            settings.remove("credHelpers");
        }
    }
    Ok(format!("{:#}\n", Value::Object(settings)))
}

/// Has kubectl change a copy of its settings, and returns it.
fn kubectl(text: &str, words: &[String]) -> Result<String, Error> {
    let failed = |reason: &str| {
        unusable(&format!("kubectl cannot write its settings: {reason}"), "install kubectl")
    };
    let change = || -> std::io::Result<Result<String, String>> {
        // In a folder of its own: kubectl shortens the paths of what lies below.
        let folder = tempfile::tempdir()?;
        let copy = folder.path().join("config");
        std::fs::write(&copy, text)?;
        let mut kubectl = std::process::Command::new("kubectl");
        kubectl.arg("--kubeconfig").arg(&copy).arg("config").args(words);
        let done = kubectl.stdin(std::process::Stdio::null()).output()?;
        match done.status.success() {
            true => std::fs::read_to_string(&copy).map(Ok),
            false => Ok(Err(String::from_utf8_lossy(&done.stderr).into_owned())),
        }
    };
    change().map_err(|error| failed(&error.to_string()))?.map_err(|said| failed(said.trim()))
}

/// Changes the registries in cargo's settings, and leaves the rest as it is.
fn cargo(text: &str, change: impl FnOnce(&mut Table)) -> Result<String, Error> {
    let mut document: DocumentMut = text.parse().map_err(|error| {
        unusable(&format!("config.toml of cargo cannot be read: {error}"), "correct it")
    })?;
    let mut implicit = Table::new();
    implicit.set_implicit(true);
    let registries = document.entry("registries").or_insert(Item::Table(implicit));
    if let Some(table) = registries.as_table_mut() {
        change(table);
    }
    Ok(document.to_string())
}

/// The path as settings have it. On Windows with slashes, because a backslash means something
/// else to most of these programs.
fn written(path: &Path) -> String {
    let path = path.display().to_string();
    if cfg!(windows) { path.replace('\\', "/") } else { path }
}

/// The file or folder that a variable of the program names, or else its usual place.
fn variable(name: &str, usual: PathBuf) -> PathBuf {
    let named = env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    named.filter(|path| Path::new(path).is_absolute()).unwrap_or(usual)
}

fn unusable(message: &str, remedy: &str) -> Error {
    Error::new(Code::InvalidConfiguration, message, remedy)
}
